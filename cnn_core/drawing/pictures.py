"""Read and write picture files: any of Pillow's formats, orientation tags respected, errors in one line.

Pixels are uint8 (H, W, 3), RGB.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.files import atomic

if TYPE_CHECKING:
    from PIL import Image

WRITTEN = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def opened(source: str | Path | bytes, *, side: int = 0) -> Image.Image:
    """The picture of a file or of its bytes, decoded and turned as its orientation tag says.

    With `side`, a JPEG may come at a half, quarter or eighth of its size, never below `side`. Of an animation, the
    first frame. Raises UserError where the file is missing, is not a picture, is damaged or cut short, or has more
    pixels than Pillow takes for safe.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError  # only when a picture is read

    name = "standard input" if isinstance(source, bytes) else str(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)  # odd metadata of a picture that can be read all the same
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else Path(source)) as image:
                if side:
                    image.draft(None, (side, side))
                image.load()
                if getattr(image, "n_frames", 1) > 1:
                    note(f"{name}: only the first of its pictures is used")
                return ImageOps.exif_transpose(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        most = (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise UserError(f"{name}: more than {most} million pixels; make a smaller copy and give that") from error
    except UnidentifiedImageError as error:
        raise UserError(f"{name}: not a picture (PNG, JPEG, ...)") from error
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror or 'truncated or damaged picture'})") from error
    except (SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, ArithmeticError) as error:
        raise UserError(f"{name}: damaged picture ({error})") from error  # what Pillow's decoders raise


def colour(image: Image.Image) -> np.ndarray:
    """A picture of any mode as (H, W, 3) uint8: grey is repeated, 16 bits become 8, what is transparent white."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=0.0, neginf=0.0).clip(min=0)
        top = float(values.max(initial=0))
        # Whole numbers are of 16 bits, unless the values show that they are of 8 or 32.
        least = 1.0 if image.mode == "F" else 255.0 if top <= 255 else 65535.0
        top = max(top, least)
        grey = (values * (255 / top)).round().astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        whole = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole)
    return np.array(image.convert("RGB"))


def shrunk(pixels: np.ndarray, side: int) -> np.ndarray:
    """The picture with its longer side at most `side` pixels; a smaller one, and `side` 0, as it is."""
    from PIL import Image

    height, width = pixels.shape[:2]
    if not side or max(height, width) <= side:
        return pixels
    factor = side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def kind_of(path: str | Path) -> str:
    """The format that the ending of `path` asks for. Raises UserError for one that is not written here."""
    ending = Path(path).suffix.lower()
    if ending not in WRITTEN:
        raise UserError(f"{path}: pictures are written as {', '.join(WRITTEN)}, not {ending or 'without an ending'}")
    return WRITTEN[ending]


def save(pixels: np.ndarray, path: str | Path, *, quality: int = 92) -> Path:
    """Write a picture, whole or not at all; the ending names the format. Raises UserError as `kind_of` does."""
    from PIL import Image

    kind = kind_of(path)
    options = {} if kind == "PNG" else {"quality": quality}
    with atomic(path) as part:
        Image.fromarray(pixels).save(part, format=kind, **options)
    return Path(path)
