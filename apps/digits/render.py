"""Draw one digit picture, with a heat map over it, or a part of it."""

from collections.abc import Sequence

import numpy as np

from cnn_core.drawing.heat import tinted


def render(pixels: np.ndarray, heat: np.ndarray | None = None) -> np.ndarray:
    """(28, 28) uint8, bright ink on black, as a picture (28, 28) uint8, dark ink on white.

    With `heat` (28, 28), (28, 28, 3): red where it is above zero, blue where below, over pale ink.
    """
    picture = 255 - np.asarray(pixels, dtype=np.uint8)
    if heat is None:
        return picture
    return tinted(255 - (255 - picture) // 2, heat)


def patch(pixels: np.ndarray, box: Sequence[tuple[int, int]]) -> np.ndarray:
    """The part rows x columns of the picture; blank where it reaches beyond the edge."""
    (top, bottom), (left, right) = box
    height, width = pixels.shape
    around = ((max(0, -top), max(0, bottom - height)), (max(0, -left), max(0, right - width)))
    inside = pixels[max(0, top) : bottom, max(0, left) : right]
    return render(np.pad(inside, around))
