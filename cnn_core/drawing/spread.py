"""Labels moved apart until none lies over another, each as near to its place as may be. Letters: N labels."""

import numpy as np
from numpy.typing import NDArray

RINGS = 24  # places tried on each side of a label's own


def spread(places: NDArray, sizes: NDArray) -> NDArray[np.float64]:
    """Middles (N, 2) of boxes of `sizes` (N, 2) near `places` (N, 2), in one unit, that do not overlap.

    One after the other takes the free place that is nearest to its own, so the first stay where they are: the most
    important come first.
    """
    sizes = np.asarray(sizes, np.float64)
    found = np.array(places, np.float64)
    steps = np.mgrid[-RINGS : RINGS + 1, -RINGS : RINGS + 1].reshape(2, -1).T * sizes.mean(0) / (4, 2)
    steps = steps[np.argsort((steps**2).sum(1), kind="stable")]  # the nearest first
    for number in range(1, len(found)):
        need = (sizes[number] + sizes[:number]) / 2 * (1 + 1e-9)  # distance at which it touches each before it
        further = 1.0
        while True:
            tried = found[number] + steps * further
            over = (np.abs(tried[:, None] - found[None, :number]) < need).all(2).any(1)
            if not over.all():
                found[number] = tried[int(np.argmin(over))]
                break
            further *= 2
    return found
