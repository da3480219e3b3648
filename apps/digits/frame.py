"""A photo, scan or drawing of one digit made into what MNIST's digits are: 28 x 28, bright ink on black.

MNIST fitted each digit into a 20 x 20 box, its aspect ratio kept, with anti-aliasing, and laid its centre of mass in
the middle of 28 x 28 (LeCun et al. 1998). Before that the ink of a picture has to be found: uneven light is taken
out by a smooth surface fitted to the paper, noise is cut off, specks and the table's edge are left out.
Letters: H, W height and width of the working picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from apps.digits.shapes import Box, main_pieces, shapes, without_frames
from cnn_core.console import note
from cnn_core.drawing import pictures
from cnn_core.errors import UserError

SIZE, BOX = 28, 20  # pixels
WORKING = 512  # longest side on which ink is looked for, pixels
LEAST_CONTRAST = 14.0  # grey levels of 255 by which ink differs from paper at least
THIN, USUAL = 1.1, 1.7  # stroke widths in pixels of the 20 x 20 box; MNIST's median is 2.0


@dataclass(frozen=True)
class Found:
    """What was found in a picture: digits (28, 28) uint8 in MNIST's form, and where each is.

    `boxes` are (left, top, right, bottom) in pixels of the picture; `remarks` say what was left out or joined.
    """

    digits: list[np.ndarray]
    boxes: list[tuple[int, int, int, int]]
    remarks: tuple[str, ...] = ()


def read(path: str | Path | bytes) -> np.ndarray:
    """Read one digit's picture, a file or its bytes, as (28, 28) uint8, prepared as MNIST was.

    A picture that is in MNIST's form already is given back as it is, or inverted where it is dark on white. What is
    left out or read as one is said in a note. Raises UserError where the file is not a picture, is too large, or shows
    no ink.
    """
    found = find(path)
    if found.remarks:
        note(f"{_name(path)}: {'; '.join(found.remarks)}")
    return found.digits[0]


def find(path: str | Path | bytes, *, many: bool = False) -> Found:
    """The digit of a picture, or with `many` each of its separate shapes, left to right. Raises UserError as `read`."""
    # JPEG decodes at half or quarter size for nothing, and a photo has far more pixels than are used.
    image = pictures.opened(path, side=2 * WORKING)
    remarks = ["its colours are read as shades of grey"] if _is_coloured(image) else []
    grey = _grey(image)  # (H, W) float32, 0 to 255
    width, height = pictures.size_of(path) if many else image.size
    for whole in (grey, 255 - grey):
        if not many and _is_prepared(whole):
            return Found([np.rint(whole).astype(np.uint8)], [(0, 0, width, height)], tuple(remarks))
    paper = _paper_of_crop(grey)
    margin = 0
    if paper is not None:  # the ground is looked for along the edges, so there has to be some
        remarks.append("is cropped to its ink; with some paper around it, it is read more surely")
        margin = max(grey.shape) // 8
        grey = np.pad(grey, margin, constant_values=paper)
    ink = _ink(grey)
    if ink is None:
        raise UserError(f"{_name(path)}: {_nothing(grey)}")
    if ink.frames:
        remarks.append("the frame drawn around the ink is left out")
    labels, boxes = shapes(ink.mask)

    def place(box: Box) -> tuple[int, int, int, int]:  # in pixels of the picture
        across, down = width / (grey.shape[1] - 2 * margin), height / (grey.shape[0] - 2 * margin)
        left, right = ((side - margin) * across for side in (box.left, box.right))
        top, bottom = ((side - margin) * down for side in (box.top, box.bottom))
        return max(int(left), 0), max(int(top), 0), min(ceil(right), width), min(ceil(bottom), height)

    if many:
        parts = [_cropped(ink.values * _grow(labels == number + 1, 2)) for number in range(len(boxes))]
        return Found([frame(part) for part in parts], [place(box) for box in boxes], tuple(remarks))
    if len(boxes) > 1:
        remarks.append(f"has {len(boxes)} separate shapes; they are read as one; --digits many reads them one by one")
    box = boxes[0]
    for other in boxes[1:]:
        box = box.join(other)
    return Found([frame(_cropped(ink.values * _grow(ink.mask, 2)))], [place(box)], tuple(remarks))


def _name(path: str | Path | bytes) -> str:
    return "standard input" if isinstance(path, bytes) else str(path)


def _paper_of_crop(grey: np.ndarray) -> float | None:
    """Brightness of the paper in a picture that is cropped to its ink, else None.

    Such a picture has two brightnesses and little between (Otsu 1979), and the rarer one lies on all four edges, as a
    table's edge or a frame does too, but not along most of them.
    """
    counts, edges = np.histogram(grey, 64, (0, 255))
    levels, total = (edges[:-1] + edges[1:]) / 2, grey.size
    below = np.cumsum(counts)[:-1]
    sums = np.cumsum(counts * levels)
    mean = sums[-1] / total
    spread = float((counts * (levels - mean) ** 2).sum() / total)
    between = (mean * below - sums[:-1]) ** 2 / np.maximum(below * (total - below), 1)  # 0 where one side is empty
    between[(below == 0) | (below == total)] = 0
    if spread < LEAST_CONTRAST**2 or between.max() < 0.85 * spread:
        return None
    dark = grey < edges[int(between.argmax()) + 1]
    paper = dark if dark.mean() > 0.5 else ~dark
    sides = [~side for side in (paper[0], paper[-1], paper[:, 0], paper[:, -1])]
    if not all(side.any() for side in sides) or np.concatenate(sides).mean() > 0.7:
        return None
    return float(np.median(grey[paper]))


def _nothing(grey: np.ndarray) -> str:
    """Why no ink was found."""
    low, high = (float(np.percentile(grey, share)) for share in (1, 99))
    if high - low < 2 * LEAST_CONTRAST:
        return "no ink found: the picture is empty or of one brightness"
    return f"no ink found: nothing stands out of its noise (brightness {low:.0f} to {high:.0f} of 255 all over)"


def _is_coloured(image: Image.Image) -> bool:
    """Whether more than a hundredth of the picture has strong colours."""
    if image.mode in ("1", "L", "LA", "La") or image.mode.startswith(("I", "F")):
        return False
    small = image.convert("RGBA")
    small.thumbnail((128, 128))
    values = np.asarray(small, np.int16)
    return bool(((np.ptp(values[..., :3], axis=-1) > 64) & (values[..., 3] > 64)).mean() > 0.01)


def _grey(image: Image.Image) -> np.ndarray:
    """(H, W) float32 in 0 to 255, at most WORKING on the longest side, transparency laid on a plain ground."""
    if image.mode.startswith(("I", "F")):  # 16 and 32 bits: stretched to their range
        values = np.asarray(image, np.float32)
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        top = max(float(values.max(initial=0)), 1.0)
        if image.mode != "F" and top > 255:
            top = pictures.brightest(image)
        return _shrink(Image.fromarray(np.clip(values, 0, None) * np.float32(255 / top)))
    if image.has_transparency_data:
        # Ink of an unknown colour on nothing: white paper under dark ink, black under bright.
        colour = np.asarray(image.convert("RGBA"), np.float32)
        alpha = colour[..., 3] / 255
        grey = colour[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
        mean = float((grey * alpha).sum() / max(alpha.sum(), 1e-6))
        ground = 255.0 if mean < 128 else 0.0
        return _shrink(Image.fromarray(grey * alpha + ground * (1 - alpha)))
    return _shrink(image.convert("L").convert("F"))


def _shrink(image: Image.Image) -> np.ndarray:
    factor = max(image.size) / WORKING
    if factor > 1:
        size = (max(1, round(image.width / factor)), max(1, round(image.height / factor)))
        image = image.resize(size, Image.Resampling.BOX)
    return np.asarray(image, np.float32)


def _is_prepared(grey: np.ndarray) -> bool:
    """Whether the picture is in MNIST's form: 28 x 28, black ground, box of 20, centre of mass in the middle."""
    if grey.shape != (SIZE, SIZE) or np.median(grey) > 0 or grey.max() < 128:
        return False
    rows, columns = np.nonzero(grey.any(axis=1))[0], np.nonzero(grey.any(axis=0))[0]
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    return side <= BOX and all(abs(centre - SIZE / 2) <= 1 for centre in _centre_of_mass(grey))


@dataclass(frozen=True)
class _Ink:
    """Ink (H, W) float32 in 0 to 1, where the digit's is (H, W) bool, and how many frames around it were left out."""

    values: np.ndarray
    mask: np.ndarray
    frames: int


def find_ink(grey: np.ndarray) -> np.ndarray | None:
    """Ink of one digit in a grey picture (H, W) of any polarity: (h, w) float32 in 0 to 1, cropped to the ink.

    None where nothing stands out of the ground.
    """
    ink = _ink(grey)
    return None if ink is None else _cropped(ink.values * _grow(ink.mask, 2))


def _ink(grey: np.ndarray) -> _Ink | None:
    height, width = grey.shape
    if min(height, width) < 3:
        return None
    residual = _blur(grey - ground(grey))
    signal = -residual if -residual.min() >= residual.max() else residual
    level = _paper_noise(signal)
    if level > max(4.0, 3 * _grain(signal)):
        # The edge of a shadow, which no smooth surface follows.
        signal = _flatten(signal)
        level = _paper_noise(signal)
    peak = float(np.median(signal[signal >= 0.6 * signal.max()]))
    if peak < max(LEAST_CONTRAST, 7 * level):
        return None
    floor = max(0.18 * peak, 3.5 * level)
    mask, frames = without_frames(main_pieces(signal > max(0.4 * peak, floor)))
    if not mask.any():
        return None
    return _Ink(np.clip((signal - floor) / (0.92 * peak - floor), 0, 1), mask, frames)


def _cropped(ink: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(ink.any(axis=1))[0], np.nonzero(ink.any(axis=0))[0]
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def frame(ink: np.ndarray) -> np.ndarray:
    """Lay cropped ink (h, w) in 0 to 1 into MNIST's form: (28, 28) uint8."""
    scale = BOX / max(ink.shape)
    ink = _thicken(ink, scale)
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    shrink = Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BICUBIC
    small = np.clip(np.asarray(Image.fromarray(ink).resize(size, shrink)), 0, None)
    small = np.clip(small / max(float(np.percentile(small[small > 0], 95)), 1e-6), 0, 1)
    picture = np.zeros((SIZE, SIZE), np.float32)
    corner = []
    for centre, side in zip(_centre_of_mass(small), small.shape, strict=True):
        # MNIST's centres of mass lie at 14.0 +- 0.5, counted from the first pixel's middle.
        corner.append(min(max(round(SIZE / 2 - centre), 0), SIZE - side))
    top, left = corner
    picture[top : top + small.shape[0], left : left + small.shape[1]] = small
    return np.rint(255 * picture).astype(np.uint8)


def _centre_of_mass(values: np.ndarray) -> tuple[float, float]:
    total = float(values.sum())
    rows, columns = np.arange(values.shape[0]), np.arange(values.shape[1])
    return float(values.sum(axis=1) @ rows) / total, float(values.sum(axis=0) @ columns) / total


def ground(grey: np.ndarray) -> np.ndarray:
    """The paper's brightness everywhere (H, W): a quadratic surface, fitted again and again to what lies near it.

    Sums are einsum's and systems are of 6 unknowns: for larger ones BLAS wakes a thread on every processor, and these
    then wait in busy loops for several times what the fit takes.
    """
    height, width = grey.shape
    small = np.asarray(Image.fromarray(grey).resize((min(width, 48), min(height, 48)), Image.Resampling.BOX))
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, side) for side in small.shape), indexing="ij")
    terms = np.stack([np.ones_like(rows), rows, columns, rows * columns, rows**2, columns**2]).reshape(6, -1)
    values = small.reshape(-1).astype(np.float64)
    # The frame of the picture is paper more surely than its middle is.
    edge = np.maximum(abs(rows), abs(columns)).reshape(-1)
    fitted = np.zeros(6)
    fitted[0] = float(np.median(values[edge > 0.8]))
    residual = values - fitted[0]
    for round_ in range(12):
        spread = 1.4826 * float(np.median(abs(residual[edge > 0.7]))) + 2.0
        # At first only a plane: bends must not follow the ink.
        used = terms[:3] if round_ < 4 else terms
        weight = np.maximum(1 - (residual / (4 * spread)) ** 2, 0) ** 2  # Tukey's biweight
        if weight.sum() < 0.05 * len(weight):
            break
        squares, right = np.einsum("ik,jk,k->ij", used, used, weight), np.einsum("ik,k,k->i", used, values, weight)
        fitted = np.zeros(6)
        fitted[: len(used)] = np.linalg.lstsq(squares, right, rcond=None)[0]
        residual = values - np.einsum("ik,i->k", terms, fitted)
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    level, slope, tilt, twist, bend, curl = fitted
    surface = level + (slope + bend * down) * down + (tilt + twist * down + curl * across) * across
    return surface.astype(np.float32)


def _paper_noise(signal: np.ndarray) -> float:
    """Standard deviation of the paper, robustly; the ink, which may fill most of the picture, is left out."""
    paper = signal[signal < 0.4 * signal.max()]
    return 1.4826 * float(np.median(abs(paper - np.median(paper)))) if paper.size else 0.0


def _grain(signal: np.ndarray) -> float:
    """Standard deviation of the noise alone, from differences between pixels that lie close together."""
    differences = signal[:, 3:] - signal[:, :-3] if signal.shape[1] > 3 else signal
    return 1.4826 / np.sqrt(2) * float(np.median(abs(differences)))


def _flatten(signal: np.ndarray) -> np.ndarray:
    """Bright ink (H, W) without its ground: an opening, wider than any stroke but for one that fills the picture."""
    step = max(1, round(max(signal.shape) / 64))
    low = Image.fromarray(_darkest(signal, step))
    shift = float(np.asarray(low).min())
    # Pillow's rank filters take 8 bits: a shadow is coarse enough for that.
    coarse = Image.fromarray(np.clip(np.asarray(low) - shift, 0, 255).astype(np.uint8))
    opened = coarse.filter(ImageFilter.MinFilter(5)).filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.BoxBlur(1))
    size = (low.width * step, low.height * step)
    ground = Image.fromarray(np.asarray(opened, np.float32) + shift).resize(size, Image.Resampling.BILINEAR)
    return signal - np.asarray(ground)[: signal.shape[0], : signal.shape[1]]


def _darkest(values: np.ndarray, step: int) -> np.ndarray:
    """Smallest value in each square of `step` pixels."""
    height, width = (-(-side // step) * step for side in values.shape)
    padded = np.pad(values, ((0, height - values.shape[0]), (0, width - values.shape[1])), mode="edge")
    return padded.reshape(height // step, step, width // step, step).min(axis=(1, 3))


def _blur(values: np.ndarray) -> np.ndarray:
    """Binomial 3 x 3 filter (Pillow's filters take no floats)."""
    if max(values.shape) <= 100:  # a stroke may be one pixel wide
        return values
    padded = np.pad(values, 1, mode="edge")
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16


def _grow(mask: np.ndarray, pixels: int) -> np.ndarray:
    grown = Image.fromarray(mask.astype(np.uint8)).filter(ImageFilter.MaxFilter(2 * pixels + 1))
    return np.asarray(grown, np.float32)


def _thicken(ink: np.ndarray, scale: float) -> np.ndarray:
    """Widen strokes that would be hair-thin in the box: MNIST's writers used pens, users draw with a mouse."""
    mask = np.pad(ink > 0.5, 1)
    edges = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    stroke = 2 * np.count_nonzero(mask) / max(edges, 1) * scale  # pixels of the box
    radius = round((USUAL - stroke) / 2 / scale)
    if stroke >= THIN or radius < 1:
        return ink
    padded = np.pad(ink, radius)
    widened = Image.fromarray(np.rint(255 * padded).astype(np.uint8)).filter(ImageFilter.MaxFilter(2 * radius + 1))
    return np.asarray(widened, np.float32) / 255
