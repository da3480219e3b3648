"""The 8 ways to turn and mirror a square, as tables; no torch. Number 0 leaves it as it is.

Letters: G = 8 symmetries.
"""

from functools import cache

import numpy as np

SYMMETRIES = 8


@cache
def places(side: int) -> np.ndarray:
    """(G, side * side) int64, read-only: where each symmetry puts the points of a square."""
    points = np.arange(side * side).reshape(side, side)
    turned = [np.rot90(points, g % 4) for g in range(SYMMETRIES)]
    come = np.stack(
        [(t.T if g >= 4 else t).ravel() for g, t in enumerate(turned)]
    )  # the point that comes to each place
    found = np.argsort(come, axis=1)
    found.flags.writeable = False
    return found


@cache
def group() -> tuple[np.ndarray, np.ndarray]:
    """(G,) the symmetry that undoes each, and (G, G) the one that acts like the second, then the first."""
    moved = places(2)  # enough to tell them apart
    number = {row.tobytes(): g for g, row in enumerate(moved)}
    undo = np.array([number[np.argsort(row).tobytes()] for row in moved])
    product = np.array([[number[first[second].tobytes()] for second in moved] for first in moved])
    return undo, product
