"""One picture file of any size and kind -> a square of RGB, uint8. Letters: H height, W width, S side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from apps.photos.config import Frame
from cnn_core.drawing import pictures

LONGEST = 8  # sides: of a longer picture the far ends are seen no sharper


def read(source: str | Path | bytes, side: int, frame: Frame) -> np.ndarray:
    """A picture file, or its bytes, as (3, side, side) uint8: turned as its orientation tag says, transparency on
    white, 16 bits as 8, of an animation the first frame. Raises UserError as `cnn_core.drawing.pictures.opened`."""
    image = pictures.opened(source, side=side * _stretch(source))
    return framed(pictures.colour(image), side, frame)


def framed(pixels: np.ndarray, side: int, frame: Frame) -> np.ndarray:
    """(H, W, 3) uint8 -> (3, side, side) uint8, scaled with antialiasing."""
    from PIL import Image

    height, width = pixels.shape[:2]
    if frame == "crop" and height != width:
        edge = min(height, width)
        top, left = (height - edge) // 2, (width - edge) // 2
        pixels = pixels[top : top + edge, left : left + edge]
    elif frame == "pad" and height != width:
        edge = max(height, width)
        above, before = (edge - height) // 2, (edge - width) // 2
        around = ((above, edge - height - above), (before, edge - width - before), (0, 0))
        pixels = np.pad(pixels, around, mode="edge")
    if pixels.shape[:2] != (side, side):
        image = Image.fromarray(np.ascontiguousarray(pixels))
        pixels = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _stretch(source: str | Path | bytes) -> int:
    """How many times as long as high, or as high as long, a picture is; 1 where its head cannot be read."""
    from PIL import Image

    try:
        width, height = pictures.size_of(source)
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError, IndexError, Image.DecompressionBombError):
        return 1  # `opened` says what is wrong
    return min(max(width, height) // max(min(width, height), 1) + 1, LONGEST)
