"""Draw one clip: its spectrogram, with time in seconds and frequency in Hz, and what spoke for or against."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from apps.speech.config import FrontConfig
from apps.speech.signal import frames
from cnn_core.drawing.heat import tinted

WIDTH, HEIGHT = 202, 160  # pixels of the spectrogram: 2 a frame, 4 a band
LEFT, BOTTOM, TOP, RIGHT = 50, 20, 8, 12  # margins
SECONDS = (0.0, 0.5, 1.0)
HERTZ = {200: "200 Hz", 500: "500 Hz", 1000: "1 kHz", 2000: "2 kHz", 4000: "4 kHz", 8000: "8 kHz"}
INK, LINE = (34, 38, 43), (120, 125, 132)
DYNAMIC = 8.0  # natural logarithms below the loudest place that are shown: 70 dB


def render(input: np.ndarray, heat: np.ndarray | None = None) -> np.ndarray:
    """A clip (L,) int16 as a picture (H, W, 3) uint8: mel bands, the loud places dark.

    `heat` (bands, frames), smaller maps of both, or (frames,) alone, is laid over it: red spoke for, blue against.
    """
    energy = log_mel(np.asarray(input).reshape(-1))  # (40, T)
    low = max(energy.max() - DYNAMIC, energy.min())
    shade = np.clip((energy - low) / max(energy.max() - low, 1e-6), 0, 1)[::-1]  # low bands at the bottom
    grey = np.asarray(_resized(shade, Image.Resampling.NEAREST))[..., None]
    picture = np.clip(np.repeat(255 * (1 - 0.85 * grey), 3, axis=2), 0, 255).astype(np.uint8)
    if heat is not None:
        picture = tinted(picture, np.atleast_2d(np.asarray(heat, dtype=np.float32))[::-1], strength=0.65)
    return _framed(picture)


def patch(input: np.ndarray, box: Sequence[tuple[int, int]]) -> np.ndarray:
    """The part bands x frames, or frames alone, of a clip's spectrogram as (H, W) uint8; blank beyond the edge."""
    energy = log_mel(np.asarray(input).reshape(-1))
    low = max(energy.max() - DYNAMIC, energy.min())
    shade = np.clip((energy - low) / max(energy.max() - low, 1e-6), 0, 1)
    (bottom, top), (first, last) = box if len(box) == 2 else ((0, len(shade)), box[0])
    around = ((max(0, -bottom), max(0, top - len(shade))), (max(0, -first), max(0, last - shade.shape[1])))
    inside = shade[max(0, bottom) : max(top, 0), max(0, first) : max(last, 0)]
    grey = 255 * (1 - 0.85 * np.pad(inside, around))
    return grey[::-1].astype(np.uint8)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """(L,) int16 -> (40, T) log-mel energies, as the networks see them."""
    return frames.log_mel(samples, FrontConfig().floor)


def _resized(values: np.ndarray, how: Image.Resampling) -> Image.Image:
    return Image.fromarray(values.astype(np.float32)).resize((WIDTH, HEIGHT), how)


def _framed(plot: np.ndarray) -> np.ndarray:
    """The plot with its axes."""
    page = Image.new("RGB", (LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM), "white")
    page.paste(Image.fromarray(plot), (LEFT, TOP))
    draw = ImageDraw.Draw(page)
    draw.rectangle((LEFT - 1, TOP - 1, LEFT + WIDTH, TOP + HEIGHT), outline=LINE)
    font = ImageFont.load_default(12)
    for second in SECONDS:
        x = LEFT + round(second * (WIDTH - 2)) + 1  # the first frame is centred on 0 s
        draw.line((x, TOP + HEIGHT, x, TOP + HEIGHT + 3), fill=LINE)
        draw.text((x, TOP + HEIGHT + 4), f"{second:g} s", fill=INK, font=font, anchor="ma")
    for hertz, text in HERTZ.items():
        y = TOP + HEIGHT * (1 - mel(hertz) / mel(8000))
        draw.line((LEFT - 4, y, LEFT - 1, y), fill=LINE)
        draw.text((LEFT - 6, y), text, fill=INK, font=font, anchor="rm")
    return np.asarray(page)


def mel(hertz: float) -> float:
    """Frequency in mel (HTK)."""
    return 2595 * math.log10(1 + hertz / 700)
