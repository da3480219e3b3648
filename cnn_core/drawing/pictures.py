"""Read and write picture files: PNG, JPEG, GIF, BMP, TIFF, WebP, PPM; orientation tags respected, errors in one line.

Other formats of Pillow's are not opened: a PostScript file, say, would run a program of its author's in Ghostscript.

Pixels are uint8 (H, W, 3), RGB.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import bounded
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.files import atomic

if TYPE_CHECKING:
    from PIL import Image

READ = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
DECODED = 256 * bounded.MIB  # of a picture with 4 bytes a pixel: 67 million pixels
DEPTHS = [(1 << bits) - 1 for bits in (8, 10, 12, 14, 16)]
STRIP = 1 << 20  # pixels converted at once
OTHERS = (
    (re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"), "a PostScript (EPS) file"),
    (re.compile(rb"(?s).{0,1024}?%PDF-"), "a PDF file"),
    (re.compile(rb"(?s).{4}ftyp(?:avif|avis)"), "an AVIF picture"),
    (re.compile(rb"(?s).{4}ftyp(?:hei|hev|mif1|msf1)"), "a HEIC picture"),
    (re.compile(rb"(?s)(?:\xef\xbb\xbf)?\s*<(?:\?xml|!DOCTYPE svg|!--|svg).{0,4000}?"), "an SVG drawing"),
    (re.compile(rb"8BPS"), "a Photoshop file"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "a JPEG XL picture"),
    (re.compile(rb"\0\0\0\x0cjP|\xff\x4f\xff\x51"), "a JPEG 2000 picture"),
)
"""First bytes -> what the file is, for the message."""
WRITTEN = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}

ENLARGED = 100_000_000  # pixels that a picture may be enlarged to


def opened(source: str | Path | bytes, *, side: int = 0) -> Image.Image:
    """The picture of a file or of its bytes, decoded and turned as its orientation tag says.

    With `side`, a JPEG may come at a half, quarter or eighth of its size, never below `side`, and any picture of more
    than 4 times `side` reduced by a whole number to no less than twice. Of an animation, the first frame. Raises
    UserError where the file is missing, is not a picture, is damaged or cut short, of a format not in `READ`, or has
    more than 67 million pixels (CNN_SUITE_READ_LIMIT raises that, at 4 bytes a pixel).
    """
    from PIL import Image, ImageOps, UnidentifiedImageError  # only when a picture is read

    name = "standard input" if isinstance(source, bytes) else str(source)
    most = bounded.limit(DECODED) // 4
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # a smaller limit stands below
            warnings.simplefilter("ignore", UserWarning)  # odd metadata of a picture that can be read all the same
            stream = io.BytesIO(source) if isinstance(source, bytes) else Path(source)
            with Image.open(stream, formats=READ) as image:
                if side:
                    image.draft(None, (side, side))
                if image.format == "WEBP":  # its decoder holds the picture four times
                    most = most * 4 // 5
                if image.width * image.height > most:
                    raise _too_many(name, most)
                image.load()
                if getattr(image, "n_frames", 1) > 1:
                    note(f"{name}: only the first of its pictures is used")
                found = _reduced(image, side) if side and max(image.size) >= 4 * side else image
                ImageOps.exif_transpose(found, in_place=True)
                return found
    except Image.DecompressionBombError as error:
        raise _too_many(name, most) from error
    except UnidentifiedImageError as error:
        raise UserError(f"{name}: {_what(source)}") from error
    except MemoryError as error:
        raise UserError(f"{name}: more than fits into the memory; make a smaller copy and give that") from error
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror or 'truncated or damaged picture'})") from error
    except (SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, ArithmeticError) as error:
        raise UserError(f"{name}: damaged picture ({error})") from error  # what Pillow's decoders raise


def size_of(source: str | Path | bytes) -> tuple[int, int]:
    """(width, height) in pixels of a picture that `opened` reads, turned as its orientation tag says."""
    from PIL import ExifTags, Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else Path(source), formats=READ) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            return (image.height, image.width) if turned else (image.width, image.height)


def _too_many(name: str, most: int) -> UserError:
    return UserError(
        f"{name}: more than {most // 10**6} million pixels; make a smaller copy and give that, or set"
        f" {bounded.VARIABLE} to 4 bytes for each pixel"
    )


def _what(source: str | Path | bytes) -> str:
    """What a file is that cannot be read as a picture."""
    if isinstance(source, bytes):
        head = source[:4096]
    else:
        with Path(source).open("rb") as stream:
            head = stream.read(4096)
    for begins, what in OTHERS:
        if begins.match(head) and (what != "an SVG drawing" or b"<svg" in head):
            return f"{what}, which is not read here; save it as PNG"
    return "not a picture (PNG, JPEG, ...)"


def _reduced(image: Image.Image, side: int) -> Image.Image:
    """The picture at a whole fraction of its size, at least twice `side`; a strip at a time, transparency kept."""
    from PIL import ExifTags, Image

    factor = max(image.size) // (2 * side)
    # Colours are averaged as far as they are seen.
    mode = "RGBa" if image.has_transparency_data else {"P": "RGB", "1": "L"}.get(image.mode, image.mode)
    grey = mode.startswith(("I", "F"))
    small = Image.new("F" if grey else mode, (-(-image.width // factor), -(-image.height // factor)))
    for top, strip in _strips(image, factor):
        part = strip.convert("RGBA").convert("RGBa") if mode == "RGBa" else strip
        part = Image.fromarray(_whole_numbers(strip)) if grey else part.convert(mode)
        small.paste(part.reduce(factor), (0, top // factor))
    found = small.convert("RGBA") if mode == "RGBa" else small
    if grey and not image.mode.startswith("F"):
        found = found.convert("I")
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = image.getexif().get(ExifTags.Base.Orientation, 1)
    found.info["exif"] = turned.tobytes()
    return found


def _strips(image: Image.Image, multiple: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """(first row, part of the picture) in parts of about STRIP pixels and a `multiple` of rows."""
    rows = max(STRIP // max(image.width, 1) // multiple, 1) * multiple
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _whole_numbers(image: Image.Image) -> np.ndarray:
    """Values (H, W) float32 of a picture of 16 or 32 bits; what is not a number, or is below zero, is 0."""
    return np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=0.0, neginf=0.0).clip(min=0)


def brightest(image: Image.Image) -> float:
    """What stands for white in a picture of 16 or 32 bits: the largest number of as few bits as hold its values.

    These are 8, 10, 12, 14 or 16 bits, as cameras and scanners have them. Of larger numbers it is the largest one, of
    floats too, but at least 1.
    """
    top = max(float(_whole_numbers(strip).max(initial=0)) for _, strip in _strips(image))
    if image.mode.startswith("F"):
        return max(top, 1.0)
    return next((float(white) for white in DEPTHS if top <= white), top)


def colour(image: Image.Image) -> np.ndarray:
    """A picture of any mode as (H, W, 3) uint8: grey is repeated, 16 bits become 8, what is transparent white."""
    from PIL import Image

    found = np.empty((image.height, image.width, 3), np.uint8)
    deep = image.mode.startswith(("I", "F"))
    top = brightest(image) if deep else 255.0
    for row, strip in _strips(image):
        part = found[row : row + strip.height]
        if deep:
            part[:] = (_whole_numbers(strip) * (255 / top)).round().astype(np.uint8)[..., None]
            continue
        if strip.has_transparency_data:
            whole = strip.convert("RGBA")
            strip = Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole)
        part[:] = np.asarray(strip.convert("RGB"))
    return found


def shrunk(pixels: np.ndarray, side: int) -> np.ndarray:
    """The picture with its longer side at most `side` pixels; a smaller one, and `side` 0, as it is."""
    return scaled(pixels, side) if side < max(pixels.shape[:2]) else pixels


def scaled(pixels: np.ndarray, side: int) -> np.ndarray:
    """The picture with its longer side `side` pixels long; as it is for 0. Raises UserError for too many."""
    from PIL import Image

    height, width = pixels.shape[:2]
    if not side or max(height, width) == side:
        return pixels
    factor = side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if size[0] * size[1] > ENLARGED:
        raise UserError(f"a picture of {size[0]} x {size[1]} pixels is too large; {ENLARGED:,} pixels at most")
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


def as_png(value: Any) -> bytes:
    """A PNG file of a PIL image, or of an array (H, W), (H, W, 3) or (H, W, 4), uint8 or floats from 0 to 1.

    Raises UserError for anything else.
    """
    from PIL import Image

    if not isinstance(value, Image.Image):
        array = np.asarray(value)
        if array.dtype == bool or np.issubdtype(array.dtype, np.floating):
            if not array.size or not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
                raise UserError("a picture of floats must hold values from 0 to 1")
            array = np.round(array.astype(np.float64) * 255).astype(np.uint8)
        if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
            raise UserError(
                "a picture is an array (H, W), (H, W, 3) or (H, W, 4), uint8 or floats from 0 to 1, not"
                f" {array.dtype} of shape {array.shape}"
            )
        value = Image.fromarray(array)
    stream = io.BytesIO()
    value.save(stream, "PNG")
    return stream.getvalue()
