"""Draw one digit picture."""

import numpy as np


def render(pixels: np.ndarray) -> np.ndarray:
    """(28, 28) uint8, bright ink on black, as a picture (28, 28) uint8, dark ink on white."""
    return 255 - np.asarray(pixels, dtype=np.uint8)
