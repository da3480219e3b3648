"""The figures of the lecture's first half, for any small arrays: a teacher's own 6 x 6.

Letters: C channels, M and N the sides of picture and filter. All give a matplotlib figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cnn_core.errors import UserError
from cnn_core.visual.arithmetic import numbers
from cnn_core.visual.arithmetic.cells import CHANNELS, WINDOW, WINNER, Sheet, number, products

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 16  # rows and columns that are still readable


def convolution(
    picture: ArrayLike,
    filter: ArrayLike,
    *,
    stride: int = 1,
    bias: float = 0.0,
    place: tuple[int, int] = (0, 0),
    title: str = "",
) -> Figure:
    """A picture (M, M), a filter (N, N), the feature map, and the inner product at one `place` of it written out.

    Raises UserError for arrays that do not fit, more than 16 rows or columns, and a place outside.
    """
    x, w = _plane(picture, "picture"), _plane(filter, "filter")
    found = numbers.inner_products(x, w, stride, bias)
    _inside(place, found.shape)
    rows = max(x.shape[0], w.shape[0], found.shape[0])
    text = products(_window(x, w, place, stride), w, bias)
    columns = max(x.shape[1] + w.shape[1] + found.shape[1] + 5, len(text) * 0.19 + 2)
    sheet = Sheet(columns, rows + 3.6, title)
    top = (1.0, 1.0 + (rows - w.shape[0]) / 2, 1.0 + (rows - found.shape[0]) / 2)
    left = (1.0, x.shape[1] + 2.5, x.shape[1] + w.shape[1] + 4.0)
    sheet.grid(x, left[0], top[0], name=f"picture {_size(x)}")
    sheet.sign(left[1] - 0.75, 1 + rows / 2, "*")
    sheet.grid(w, left[1], top[1], name=f"filter {_size(w)}", tint="#7a4fa3")
    sheet.sign(left[2] - 0.75, 1 + rows / 2, "=")
    sheet.grid(found, left[2], top[2], name=f"feature map {_size(found)}")
    row, column = place
    sheet.frame(left[0] + column * stride, top[0] + row * stride, w.shape[1], w.shape[0])
    sheet.frame(left[2] + column, top[2] + row, 1, 1)
    sheet.words(1, rows + 1.9, f"at row {row}, column {column}:  {text}")
    sides = [f"⌊({m} − {n}) / {stride}⌋ + 1 = {k}" for m, n, k in zip(x.shape, w.shape, found.shape, strict=True)]
    shown = f"side: {sides[0]}" if sides[0] == sides[1] else f"rows: {sides[0]};  columns: {sides[1]}"
    sheet.words(1, rows + 2.8, shown)
    return sheet.figure


def places(picture: ArrayLike, filter: ArrayLike, *, stride: int = 1, title: str = "") -> Figure:
    """The filter at every place of the picture, step by step, with its inner product there."""
    x, w = _plane(picture, "picture"), _plane(filter, "filter")
    found = numbers.inner_products(x, w, stride)
    if found.size > 2 * MOST:
        raise UserError(f"{found.size} places are too many to draw one by one; {2 * MOST} at most")
    size = 0.55
    width, height = x.shape[1] * size + 0.9, x.shape[0] * size + 1.6
    sheet = Sheet(found.shape[1] * width + 0.6, found.shape[0] * height + 0.3, title)
    for (row, column), value in np.ndenumerate(found):
        left, top = 0.6 + column * width, 0.9 + row * height
        sheet.grid(x, left, top, name=f"{number(value)}", size=size)
        box = (left + column * stride * size, top + row * stride * size)
        sheet.frame(*box, w.shape[1] * size, w.shape[0] * size, thickness=1.6)
    return sheet.figure


def cube(picture: ArrayLike, filter: ArrayLike, *, place: tuple[int, int] = (0, 0), title: str = "") -> Figure:
    """A colour picture (C, M, M) and its cube filter (C, N, N): the sum over channels at one place, and the map."""
    x, w = numbers.as_cube(picture, "picture"), numbers.as_cube(filter, "filter")
    found = numbers.inner_products(x, w)
    _inside(place, found.shape)
    _readable(x[0])
    row, column = place
    rows = x.shape[1] + 2.2
    sheet = Sheet(x.shape[2] + w.shape[2] + found.shape[1] + 14, rows * len(x) + 1.2, title)
    sums = []
    for channel, (plane, weights) in enumerate(zip(x, w, strict=True)):
        top = 1 + channel * rows
        tint = CHANNELS[channel % len(CHANNELS)]
        sheet.grid(plane, 1, top, name=f"channel {channel}", tint=tint)
        sheet.frame(1 + column, top + row, w.shape[2], w.shape[1])
        left = x.shape[2] + 2.5
        sheet.grid(weights, left, top + (x.shape[1] - w.shape[1]) / 2, name="its filter", tint=tint)
        sums.append(float((plane[row : row + w.shape[1], column : column + w.shape[2]] * weights).sum()))
        sheet.words(left + w.shape[2] + 0.8, top + x.shape[1] / 2, f"sum {number(sums[-1])}")
    middle = rows * len(x) / 2
    left = x.shape[2] + w.shape[2] + 6.5
    total = " + ".join(number(value) if value >= 0 else f"({number(value)})" for value in sums)
    sheet.words(left, middle - found.shape[0] / 2 - 1.6, f"{total} = {number(found[row, column])}")
    sheet.grid(found, left, middle - found.shape[0] / 2, name="one feature map")
    sheet.frame(left + column, middle - found.shape[0] / 2 + row, 1, 1)
    return sheet.figure


def connection(shape: tuple[int, int], filter: ArrayLike, *, stride: int = 1, title: str = "") -> Figure:
    """The convolution as a full connection with most weights zero and the others shared: one colour, one weight."""
    from matplotlib import colormaps

    from cnn_core.drawing import report

    w = _plane(filter, "filter")
    which = numbers.weight_numbers(shape, w.shape, stride)
    outputs, inputs = which.shape
    if inputs > MOST * MOST:
        raise UserError(f"a connection of {inputs} pixels is too large to draw; {MOST * MOST} at most")
    figure = report.new_figure(max(5.0, inputs * 0.2 + 1.4), outputs * 0.2 + 1.4)
    axes = figure.add_subplot()
    shades = colormaps["tab20"]
    image = np.ones((outputs, inputs, 3))
    for number_of in range(w.size):
        image[which == number_of] = shades(number_of % 20)[:3]
    axes.imshow(image, interpolation="nearest", aspect="auto")
    for (row, column), value in np.ndenumerate(which):
        if value >= 0:
            axes.text(column, row, number(w.ravel()[value]), ha="center", va="center", fontsize=6)
    axes.set_xticks(np.arange(-0.5, inputs), minor=True)
    axes.set_yticks(np.arange(-0.5, outputs), minor=True)
    axes.grid(which="minor", color="#dddddd", linewidth=0.4)
    axes.tick_params(which="minor", length=0)
    axes.set(xlabel=f"{inputs} pixels", ylabel=f"{outputs} places of the feature map")
    joined = int((which >= 0).sum())
    counts = f"{joined} connections of {inputs} x {outputs} = {inputs * outputs}, sharing {w.size} weights"
    axes.set_title(title or counts, fontsize=10)
    return figure


def pooling(
    values: ArrayLike, *, size: int = 2, stride: int | None = None, kind: str = "max", title: str = ""
) -> Figure:
    """A feature map, its groups, the winner of each marked, and the pooled map. `kind`: max, average or both."""
    x = _plane(values, "feature map")
    kinds = ("max", "average") if kind == "both" else (kind,)
    step = size if stride is None else stride
    results = {each: numbers.pooled(x, size, step, each) for each in kinds}
    first, winners = next(iter(results.values()))
    sheet = Sheet(x.shape[1] + len(kinds) * (first.shape[1] + 1.8) + 2.5, x.shape[0] + 2.4, title)
    sheet.grid(x, 1, 1, name=f"feature map {_size(x)}")
    for row, column in np.ndindex(first.shape):
        sheet.frame(1 + column * step, 1 + row * step, size, size, WINDOW, 1.6)
        if "max" in kinds:
            sheet.frame(1 + winners[row, column][1] + 0.1, 1 + winners[row, column][0] + 0.1, 0.8, 0.8, WINNER, 1.6)
    left = x.shape[1] + 2.8
    for each, (result, _) in results.items():
        sheet.grid(result, left, 1 + (x.shape[0] - first.shape[0]) / 2, name=f"{each} {_size(result)}")
        left += first.shape[1] + 1.8
    return sheet.figure


def flattening(maps: ArrayLike, *, title: str = "") -> Figure:
    """Feature maps (C, H, W) written one after another into one row, as the dense layers take them."""
    cube_of = numbers.as_cube(maps, "feature map")
    flat = cube_of.reshape(1, -1)
    if flat.size > 4 * MOST:
        raise UserError(f"{flat.size} values are too many to draw in a row; {4 * MOST} at most")
    width = cube_of.shape[2] + 1.2
    sheet = Sheet(max(flat.size + 2, len(cube_of) * width + 1), cube_of.shape[1] + 4.2, title)
    for channel, plane in enumerate(cube_of):
        tint = CHANNELS[channel % len(CHANNELS)]
        sheet.grid(plane, 1 + channel * width, 1, name=f"map {channel}", tint=tint)
        part = plane.reshape(1, -1)
        sheet.grid(part, 1 + channel * plane.size, cube_of.shape[1] + 2.6, tint=tint)
    sheet.words(1, cube_of.shape[1] + 2.1, f"flatten: {'x'.join(map(str, cube_of.shape))} → {flat.size}", 8.5)
    return sheet.figure


def _plane(values: ArrayLike, what: str) -> np.ndarray:
    cube_of = numbers.as_cube(values, what)
    if len(cube_of) != 1:
        raise UserError(f"this {what} has {len(cube_of)} channels: `cube` draws these")
    _readable(cube_of[0])
    return cube_of[0]


def _readable(plane: np.ndarray) -> None:
    if max(plane.shape) > MOST:
        raise UserError(f"{_size(plane)} cells are too many to read; {MOST} a side at most")


def _inside(place: tuple[int, int], shape: tuple[int, ...]) -> None:
    if len(place) != 2 or not all(0 <= i < n for i, n in zip(place, shape, strict=True)):
        raise UserError(f"place {place}: the feature map has rows 0 to {shape[0] - 1}, columns 0 to {shape[1] - 1}")


def _window(x: np.ndarray, w: np.ndarray, place: tuple[int, int], stride: int) -> np.ndarray:
    top, left = place[0] * stride, place[1] * stride
    return x[top : top + w.shape[0], left : left + w.shape[1]]


def _size(plane: np.ndarray) -> str:
    return f"{plane.shape[0]} x {plane.shape[1]}"
