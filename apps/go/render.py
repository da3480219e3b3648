"""Draw what the network takes: one position as a board, with a heat map over it, or a part of it."""

from collections.abc import Sequence

import numpy as np

from apps.go.board_picture import draw
from apps.go.rules.points import parse

CELL = 24  # pixels of a square
TABLE = (236, 233, 228)  # what lies beyond the board's edge
AGE_PLANE = 2
READABLE, LARGE = 36, 26
"""Pixels of a square on a sheet with coordinates, up to 13x13 and above."""


def board_of(planes: np.ndarray) -> tuple[np.ndarray, int | None]:
    """Stones (size, size), 0 empty, 1 black, 2 white, and the last move if known, of planes (P, size, size)."""
    stones = planes[0] & 3  # 1 own, 2 the opponent's
    white = bool(planes[0].flat[0] & 4)
    board = np.where(stones > 0, 3 - stones, 0) if white else stones
    newest = np.flatnonzero(planes[AGE_PLANE] == 1) if len(planes) > AGE_PLANE else []
    return board.astype(np.int8), int(newest[0]) if len(newest) else None


def render(planes: np.ndarray, heat: np.ndarray | None = None) -> np.ndarray:
    """A position (P, size, size) uint8 (`rules.encode`) as a picture (24 * size, 24 * size, 3) uint8, row 0 below.

    `heat` (size, size) is laid over it: red where it is above zero, blue where below.
    """
    board, last = board_of(np.asarray(planes))
    return draw(board, last=last, heat=heat, cell=CELL, coordinates=False)


def marked(planes: np.ndarray, label: str, heat: np.ndarray | None = None) -> np.ndarray:
    """The same larger and with coordinates, and with a ring on the point named by `label`; a pass has none."""
    board, last = board_of(np.asarray(planes))
    size = len(board)
    cell = READABLE if size <= 13 else LARGE
    return draw(board, last=last, asked=parse(label, size), heat=heat, cell=cell)


def patch(planes: np.ndarray, box: Sequence[tuple[int, int]]) -> np.ndarray:
    """The part rows x columns of the board; grey where it reaches beyond the edge."""
    size = planes.shape[-1]
    (bottom, top), (left, right) = box
    picture = render(planes)[::-1]  # the lowest row first, as rows are counted
    out = np.empty(((top - bottom) * CELL, (right - left) * CELL, 3), np.uint8)
    out[:] = TABLE
    rows, columns = (max(bottom, 0), min(top, size)), (max(left, 0), min(right, size))
    if rows[0] < rows[1] and columns[0] < columns[1]:
        inside = picture[rows[0] * CELL : rows[1] * CELL, columns[0] * CELL : columns[1] * CELL]
        down, across = (rows[0] - bottom) * CELL, (columns[0] - left) * CELL
        out[down : down + inside.shape[0], across : across + inside.shape[1]] = inside
    return out[::-1].copy()
