"""Pieces of ink in a picture: which of them are the digit, a frame drawn around it, the table's edge or specks.

A shape is what a reader takes for one sign: a piece of connected ink, with the pieces above, below and beside it that
are too near or too small to be signs of their own. Letters: H, W height and width of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LABEL_SIDE = 128  # longest side on which connected pieces are counted, pixels
NEAR = 0.35  # gap between two pieces of one digit, as a share of the taller one's height
SIGN = 0.4  # height of a sign of its own at least, as a share of the tallest one's


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels: rows `top` to `bottom`, columns `left` to `right`, the last ones not included."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    def join(self, other: Box) -> Box:
        """The smallest box around both."""
        left, top = min(self.left, other.left), min(self.top, other.top)
        return Box(left, top, max(self.right, other.right), max(self.bottom, other.bottom))

    def encloses(self, other: Box) -> bool:
        """Whether the other lies inside, no side on a side."""
        across = self.left < other.left and other.right < self.right
        return across and self.top < other.top and other.bottom < self.bottom


def label(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Connected pieces (8 neighbours) of a mask (H, W): (labels from 1 in reading order, their number).

    By runs of each row and a union-find over them (Rosenfeld and Pfaltz 1966).
    """
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    parents = list(range(len(rows)))

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = parents[parents[run]]
            run = parents[run]
        return run

    first = np.searchsorted(rows, np.arange(len(mask) + 1)).tolist()
    begins, stops = starts.tolist(), ends.tolist()
    for row in range(1, len(mask)):
        above, run = first[row - 1], first[row]
        while above < first[row] and run < first[row + 1]:
            if begins[run] <= stops[above] and begins[above] <= stops[run]:
                a, b = root(above), root(run)
                parents[max(a, b)] = min(a, b)
            if stops[above] < stops[run]:
                above += 1
            else:
                run += 1
    roots = [root(run) for run in range(len(rows))]
    numbers = {found: number for number, found in enumerate(dict.fromkeys(roots), start=1)}
    labels = np.zeros(mask.shape, np.int32)
    for run, (row, start, end) in enumerate(zip(rows.tolist(), begins, stops, strict=True)):
        labels[row, start:end] = numbers[roots[run]]
    return labels, len(numbers)


def main_pieces(mask: np.ndarray) -> np.ndarray:
    """The mask without specks, and without what hangs on the picture's edge where something else is left."""
    step = -(-max(mask.shape) // LABEL_SIDE)
    labels, pieces = label(_coarsen(mask, step))
    if not pieces:
        return mask
    areas = np.bincount(labels.reshape(-1), minlength=pieces + 1)[1:]
    sides = [labels[0], labels[-1], labels[:, 0], labels[:, -1]]
    along = np.max([np.bincount(side, minlength=pieces + 1)[1:] / len(side) for side in sides], axis=0)
    # What runs along most of a side is the table; a digit drawn up to the edge is kept where nothing else is left.
    table, inner = along > 0.5, np.where(along > 0, 0, areas)
    enough = 0.15 * max(np.where(table, 0, areas).max(), 0.005 * labels.size)
    chosen = inner if inner.max() >= enough else areas
    keep = chosen >= max(0.04 * chosen.max(), 1)
    foreground = np.concatenate([[False], keep])[labels]
    pixels = np.kron(foreground, np.ones((step, step), bool))[: mask.shape[0], : mask.shape[1]]
    return mask & pixels


def _coarsen(mask: np.ndarray, step: int) -> np.ndarray:
    height, width = (-(-side // step) * step for side in mask.shape)
    padded = np.zeros((height, width), bool)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(padded.reshape(height // step, step, width // step, step).any(axis=(1, 3)))


def without_frames(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """(the mask without frames drawn around other ink, how many there were)."""
    labels, pieces = label(mask)
    boxes = _boxes(labels, pieces)
    frames = [
        number
        for number, box in enumerate(boxes, start=1)
        if any(box.encloses(other) and other.height >= 0.2 * box.height for other in boxes)
        and _has_four_sides(labels[box.top : box.bottom, box.left : box.right] == number)
    ]
    return mask & ~np.isin(labels, frames), len(frames)


def _has_four_sides(piece: np.ndarray) -> bool:
    """Whether a piece, cropped to its box, runs along most of each side, which round digits do not."""
    band = max(2, round(0.06 * min(piece.shape)))
    sides = (piece[:band].any(0), piece[-band:].any(0), piece[:, :band].any(1), piece[:, -band:].any(1))
    return min(side.mean() for side in sides) > 0.85


def shapes(mask: np.ndarray) -> tuple[np.ndarray, list[Box]]:
    """Shapes in a mask (H, W): (labels (H, W) from 1, the box of each), left to right, then downwards."""
    labels, pieces = label(mask)
    groups: list[tuple[Box, list[int]]] = [(box, [n]) for n, box in enumerate(_boxes(labels, pieces), start=1)]
    while (pair := _belonging(groups)) is not None:
        (one, its), (other, others) = (groups.pop(place) for place in sorted(pair, reverse=True))
        groups.append((one.join(other), its + others))
    groups.sort(key=lambda group: (group[0].left, group[0].top))
    table = np.zeros(pieces + 1, np.int32)
    for number, (_, members) in enumerate(groups, start=1):
        table[members] = number
    return table[labels], [box for box, _ in groups]


def _belonging(groups: Sequence[tuple[Box, list[int]]]) -> tuple[int, int] | None:
    """Two groups that are parts of one shape, if there are any."""
    boxes = [box for box, _ in groups]
    for i, one in enumerate(boxes):
        for j in range(i):
            other = boxes[j]
            across = min(one.right, other.right) - max(one.left, other.left)
            gap = max(one.top, other.top) - min(one.bottom, other.bottom)
            near = gap <= NEAR * max(one.height, other.height)
            if across >= 0.4 * min(one.width, other.width) and near:
                return i, j
    tallest = max((box.height for box in boxes), default=0)
    for i, one in enumerate(boxes):
        if len(boxes) > 1 and one.height < SIGN * tallest:  # a speck, or the end of a stroke
            distances = [_apart(one, other) if j != i else np.inf for j, other in enumerate(boxes)]
            return i, int(np.argmin(distances))
    return None


def _apart(one: Box, other: Box) -> float:
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return float(np.hypot(max(across, 0), max(down, 0)))


def _boxes(labels: np.ndarray, pieces: int) -> list[Box]:
    rows, columns = np.nonzero(labels)
    which = labels[rows, columns]
    low = np.full((2, pieces + 1), max(labels.shape))
    high = np.full((2, pieces + 1), -1)
    for axis, values in enumerate((rows, columns)):
        np.minimum.at(low[axis], which, values)
        np.maximum.at(high[axis], which, values)
    return [Box(int(low[1, n]), int(low[0, n]), int(high[1, n]) + 1, int(high[0, n]) + 1) for n in range(1, pieces + 1)]
