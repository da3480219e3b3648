"""Draw a text as a strip of words, coloured by a heat; and a part of it."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from apps.text.words.vocabulary import FittedText
from cnn_core.drawing.heat import ink, strengths, tint

HEIGHT, SIZE, GAP, WIDTH = 24, 15, 5, 200  # pixels: of a line, of the letters, between words, of a strip


def render(words: np.ndarray, heat: np.ndarray | None = None, fitted: FittedText | None = None) -> np.ndarray:
    """Word numbers (T,), pads left out, as a picture (H, 200, 3) uint8 of lines of words.

    With `heat` (T,): red behind a word where it is above zero, blue where below. Without `fitted`,
    numbers are drawn.
    """
    numbers = np.asarray(words).astype(np.int64).ravel()
    shown = np.flatnonzero(numbers)
    vocabulary = fitted.vocabulary.words if fitted else None
    text = [vocabulary[n] if vocabulary else str(n) for n in numbers[shown]]
    heats = strengths(np.asarray(heat, np.float64).ravel()[shown]) if heat is not None else np.zeros(len(shown))
    return _strip(text, heats)


def words_of(words: np.ndarray, fitted: FittedText | None = None) -> str:
    """Word numbers (T,), pads left out, as the words themselves with blanks between; numbers without `fitted`."""
    numbers = np.asarray(words).astype(np.int64).ravel()
    vocabulary = fitted.vocabulary.words if fitted else None
    return " ".join(vocabulary[n] if vocabulary else str(n) for n in numbers[numbers != 0].tolist())


def patch(words: np.ndarray, box: Sequence[tuple[int, int]], fitted: FittedText | None = None) -> np.ndarray:
    """The words `start` to `stop` of a text, as one strip; the box may reach beyond its ends."""
    ((start, stop),) = box
    return render(np.asarray(words)[max(start, 0) : max(stop, 0)], fitted=fitted)


@cache
def _font() -> Any:
    """matplotlib's own font, which has the letters of most European languages; half a second to find it."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", SIZE)


def _strip(words: Sequence[str], heats: np.ndarray) -> np.ndarray:
    from PIL import Image, ImageDraw

    font = _font()
    widths = [round(font.getlength(word)) for word in words]
    places, left, line = [], GAP, 0
    for width in widths:
        if left + width + GAP > WIDTH and left > GAP:
            left, line = GAP, line + 1
        places.append((left, line))
        left += width + GAP + 4
    picture = Image.new("RGB", (WIDTH, (line + 1) * HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    for word, width, (x, row), heat in zip(words, widths, places, heats, strict=True):
        colour = tint(float(heat))
        top = row * HEIGHT
        draw.rectangle((x - 3, top + 2, x + width + 3, top + HEIGHT - 3), fill=colour)
        draw.text((x, top + 3), word, fill=ink(colour), font=font)
    return np.asarray(picture)
