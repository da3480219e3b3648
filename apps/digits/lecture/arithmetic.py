"""First half: what one filter, one pooling and flatten compute, with the numbers in the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from apps.digits.lecture.section import Claim, Section
from cnn_core.nn.summary import summary
from cnn_core.visual.arithmetic import figures, numbers

if TYPE_CHECKING:
    from cnn_core.runs import Run

PICTURE = np.array(
    [
        [1, 0, 0, 0, 0, 1],
        [0, 1, 0, 0, 1, 0],
        [0, 0, 1, 1, 0, 0],
        [1, 0, 0, 0, 1, 0],
        [0, 1, 0, 0, 1, 0],
        [0, 0, 1, 0, 1, 0],
    ]
)
DIAGONAL = np.array([[1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
UPRIGHT = np.array([[-1, 1, -1], [-1, 1, -1], [-1, 1, -1]])


def sections(run: Run) -> list[Section]:
    """From the first inner product to the network as a list of layers."""
    return [_convolution(), _colour(), _connection(), _pooling(), _network(run)]


def _convolution() -> Section:
    first, second = (numbers.inner_products(PICTURE, each) for each in (DIAGONAL, UPRIGHT))
    wide = numbers.inner_products(PICTURE, DIAGONAL, 2)
    strokes = int((first == first.max()).sum())
    return Section(
        "Convolution: one small pattern, looked for everywhere",
        "A filter is a small picture of a pattern. It is laid on every place of the input; products are summed. Where "
        "the pattern is, the sum is large. 'Diagonal' looks for strokes from top left to bottom right, 'upright' for "
        "upright ones. All sums together are the feature map; a map of a filter with stride s has "
        "⌊(m − n) / s⌋ + 1 places a side.",
        [
            ("diagonal", figures.convolution(PICTURE, DIAGONAL), "Filter 'diagonal' with stride 1."),
            ("places", figures.places(PICTURE, DIAGONAL), "The same, place by place: the frame is the filter."),
            ("upright", figures.convolution(PICTURE, UPRIGHT, place=(3, 3)), "Filter 'upright': another map."),
            ("stride", figures.convolution(PICTURE, DIAGONAL, stride=2, place=(0, 1)), "Stride 2: a smaller map."),
        ],
        [
            Claim(
                "the same pattern in different places is found by the same filter",
                strokes > 1,
                f"the largest sum, {first.max():.0f}, stands at {strokes} places",
            ),
            Claim(
                "a map has ⌊(m − n) / s⌋ + 1 places a side",
                first.shape == (numbers.output_side(6, 3),) * 2 and wide.shape == (numbers.output_side(6, 3, 2),) * 2,
                f"6, 3: {first.shape[0]} with stride 1, {wide.shape[0]} with stride 2",
            ),
            Claim(
                "different filters make different maps",
                not np.array_equal(first, second),
                f"{int((first != second).sum())} of {first.size} places differ",
            ),
        ],
    )


def _colour() -> Section:
    picture = np.stack([PICTURE, PICTURE.T, 1 - PICTURE])
    filter_cube = np.stack([DIAGONAL, UPRIGHT, -DIAGONAL])
    found = numbers.inner_products(picture, filter_cube)
    apart = sum(numbers.inner_products(p, w) for p, w in zip(picture, filter_cube, strict=True))
    return Section(
        "A colour picture is a cube, and so is its filter",
        "Red, green and blue are three planes. A filter has three planes as well; the sums of the planes are added, so "
        "one filter still makes one map. In the second layer the maps of the first take the place of the colours.",
        [("cube", figures.cube(picture, filter_cube, place=(1, 2)), "Three planes, three sums, one number.")],
        [
            Claim(
                "a filter of three channels makes one map, not three",
                found.ndim == 2 and np.array_equal(found, apart),
                f"27 weights, {found.shape[0]} x {found.shape[1]} numbers",
            )
        ],
    )


def _connection() -> Section:
    matrix = numbers.connections(PICTURE.shape, DIAGONAL)
    map_of = numbers.inner_products(PICTURE, DIAGONAL)
    outputs = len(matrix)
    joined = int((numbers.weight_numbers(PICTURE.shape, DIAGONAL.shape) >= 0).sum())
    return Section(
        "Convolution is a full connection with most weights left out and the others shared",
        f"Write the 36 pixels as one row: every number of the map is a neuron that is joined with 9 of them, and all "
        f"{outputs} neurons share the same 9 weights.",
        [("connection", figures.connection(PICTURE.shape, DIAGONAL), "A colour is a weight; white is no connection.")],
        [
            Claim(
                "the matrix computes the same as the filter",
                np.array_equal(matrix @ PICTURE.ravel(), map_of.ravel()),
                f"{outputs} of {outputs} numbers are equal",
            ),
            Claim(
                "far fewer parameters",
                DIAGONAL.size < joined < matrix.size,
                f"{matrix.size} weights of a full connection, {joined} of them used, {DIAGONAL.size} different ones",
            ),
        ],
    )


def _pooling() -> Section:
    maps = [numbers.inner_products(PICTURE, each) for each in (DIAGONAL, UPRIGHT)]
    pools = np.stack([numbers.pooled(each)[0] for each in maps])
    return Section(
        "Max pooling: the strongest of each group, 6 x 6 to 4 x 4 to 2 x 2",
        "Of each group of four numbers only the largest goes on (green); average pooling takes their mean. The picture "
        "becomes smaller and keeps one channel a filter. Flatten writes all that is left into one row, which dense "
        "layers read.",
        [
            ("pooling", figures.pooling(maps[0], kind="both"), "Groups in red, winners in green; the averages beside."),
            ("flatten", figures.flattening(pools), "Both pooled maps, and the row that they become."),
        ],
        [
            Claim(
                "a convolution and a pooling make 2 x 2 numbers a filter out of 6 x 6",
                pools.shape == (2, 2, 2),
                f"{PICTURE.size} numbers to {pools[0].size} a filter",
            )
        ],
    )


def _network(run: Run) -> Section:
    blank = torch.zeros(1, 28, 28, dtype=torch.uint8, device=next(run.model.parameters()).device)
    found = summary(run.model, blank)
    rows = [
        [layer.name, layer.kind, "x".join(map(str, layer.shape[1:])) if layer.shape else "", f"{layer.parameters:,}"]
        for layer in found.layers
    ]
    return Section(
        "The network, layer by layer",
        f"{found.parameters:,} parameters; convolutions and poolings by turns, then flatten, then dense layers.",
        tables=[(["layer", "kind", "output", "parameters"], rows)],
    )
