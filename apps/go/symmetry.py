"""The 8 symmetries of a square board, as tables of points. Number 0 leaves it as it is."""

from functools import cache

import numpy as np

COUNT = 8


@cache
def tables(size: int) -> np.ndarray:
    """(8, size * size + 1) int64: where symmetry k puts a point; a pass stays a pass."""
    points = np.arange(size * size).reshape(size, size)
    found = np.empty((COUNT, size * size + 1), np.int64)
    for k in range(COUNT):
        turned = np.rot90(points, k % 4)
        source = (turned.T if k >= 4 else turned).ravel()  # the point that comes to each place
        found[k, source] = np.arange(size * size)
        found[k, -1] = size * size
    found.flags.writeable = False
    return found


@cache
def sources(size: int) -> np.ndarray:
    """(8, size * size) int64: which point symmetry k puts at a place; `plane.flat[sources[k]]` is the turned plane."""
    found = np.argsort(tables(size)[:, :-1], axis=1)
    found.flags.writeable = False
    return found
