"""Draw one picture, with a heat map over it."""

import numpy as np

from cnn_core.drawing.heat import tinted


def render(pixels: np.ndarray, heat: np.ndarray | None = None) -> np.ndarray:
    """(H, W, 3) uint8 as it is; with `heat` (h, w), over a pale grey copy: red where above zero, blue where below."""
    picture = np.asarray(pixels, dtype=np.uint8)
    if heat is None:
        return picture
    grey = picture.mean(2, keepdims=True).repeat(3, axis=2)
    return tinted((96 + 0.6 * grey).astype(np.uint8), heat)
