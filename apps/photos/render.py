"""Draw one photograph, with a heat map over it, or a part of it. Letters: S side."""

from collections.abc import Sequence

import numpy as np

from cnn_core.drawing.heat import tinted

PALE = 0.55  # how much of the picture's contrast stays under a heat map


def render(pixels: np.ndarray, heat: np.ndarray | None = None) -> np.ndarray:
    """(3, S, S) uint8 as (S, S, 3); with `heat` (h, w), red where above zero, blue below, over a paler picture."""
    picture = np.ascontiguousarray(np.asarray(pixels, np.uint8).transpose(1, 2, 0))
    if heat is None:
        return picture
    pale = (255 - (255 - picture.astype(np.float32)) * PALE).round().astype(np.uint8)
    return tinted(pale, heat)


def patch(pixels: np.ndarray, box: Sequence[tuple[int, int]]) -> np.ndarray:
    """The part rows x columns of the picture; grey where it reaches beyond the edge."""
    (top, bottom), (left, right) = box
    height, width = pixels.shape[-2:]
    around = ((0, 0), (max(0, -top), max(0, bottom - height)), (max(0, -left), max(0, right - width)))
    inside = pixels[:, max(0, top) : bottom, max(0, left) : right]
    return render(np.pad(inside, around, constant_values=128))
