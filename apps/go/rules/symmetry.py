"""The 8 symmetries of a square board, as tables of points. Number 0 leaves it as it is."""

from functools import cache

import numpy as np

from cnn_core.nn.symmetry import SYMMETRIES, places

COUNT = SYMMETRIES


@cache
def tables(size: int) -> np.ndarray:
    """(8, size * size + 1) int64: where symmetry k puts a point; a pass stays a pass."""
    found = np.pad(places(size), ((0, 0), (0, 1)), constant_values=size * size)
    found.flags.writeable = False
    return found


@cache
def sources(size: int) -> np.ndarray:
    """(8, size * size) int64: which point symmetry k puts at a place; `plane.flat[sources[k]]` is the turned plane."""
    found = np.argsort(places(size), axis=1)
    found.flags.writeable = False
    return found
