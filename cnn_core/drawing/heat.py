"""Heat: how strongly each place spoke for an answer (red) or against it (blue), in the same two colours everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FOR, AGAINST = (214, 39, 40), (31, 100, 220)  # told apart with every common colour vision
DARK = 140  # luminance below which letters are white


def strengths(heat: Sequence[float] | NDArray, *, cut: float = 1.0) -> NDArray[np.float64]:
    """Heat as -1 to 1: the largest size becomes 1, or with `cut` 0.99 the top percent, lest one place dim the rest."""
    values = np.asarray(heat, dtype=np.float64)
    sizes = np.abs(values)
    if not sizes.size:
        return values
    most = float(sizes.max())
    top = max(float(np.quantile(sizes, cut)), most * 0.2) if cut < 1 else most
    return np.clip(values / top, -1, 1) if top else values


def tint(strength: float) -> tuple[int, int, int]:
    """A colour behind letters on white: white for 0, red for 1, blue for -1, and what lies between."""
    target, share = (FOR if strength > 0 else AGAINST), abs(strength) ** 0.8
    red, green, blue = (round(255 + share * (t - 255)) for t in target)
    return red, green, blue


def ink(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever can be read on `colour`."""
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]  # ITU-R BT.601
    return (255, 255, 255) if luminance < DARK else (17, 17, 17)


def tinted(picture: NDArray[np.uint8], heat: NDArray, *, strength: float = 0.75) -> NDArray[np.uint8]:
    """A signed heat map (h, w) over a picture (H, W) or (H, W, 3): red above zero, blue below; (H, W, 3) uint8.

    The largest size is full colour (the top percent is cut); the heat is enlarged to the picture.
    """
    from PIL import Image  # only when something is drawn

    height, width = picture.shape[:2]
    size = strengths(np.asarray(heat, dtype=np.float32), cut=0.99).astype(np.float32)
    size = np.asarray(Image.fromarray(size).resize((width, height), Image.Resampling.BILINEAR))[..., None]
    colour = picture.astype(np.float32)
    colour = np.repeat(colour[..., None], 3, axis=2) if colour.ndim == 2 else colour
    weight = strength * np.abs(size)
    return ((1 - weight) * colour + weight * np.where(size > 0, FOR, AGAINST)).round().clip(0, 255).astype(np.uint8)
