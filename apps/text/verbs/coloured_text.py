"""Words coloured by how much they spoke for an answer (red) or against it (blue): in a terminal."""

from collections.abc import Sequence

import numpy as np

from cnn_core.console import visible
from cnn_core.drawing.heat import ink, strengths, tint

END = "\x1b[0m"


def terminal(words: Sequence[str], scores: Sequence[float] | np.ndarray) -> str:
    """The words with 24-bit background colours."""
    parts = []
    for word, strength in zip(words, strengths(scores), strict=True):
        colour = tint(float(strength))
        back, letters = (";".join(map(str, rgb)) for rgb in (colour, ink(colour)))
        parts.append(f"\x1b[48;2;{back};38;2;{letters}m{visible(word)}{END}")
    return " ".join(parts)


def marked(words: Sequence[str], scores: Sequence[float] | np.ndarray) -> str:
    """Without colours: +++ and --- around the strongest words, + and - around weaker ones."""
    parts = []
    for word, strength in zip(words, strengths(scores), strict=True):
        mark = ("+" if strength > 0 else "-") * (0 if abs(strength) < 0.15 else 1 if abs(strength) < 0.5 else 3)
        parts.append(f"{mark}{visible(word)}{mark}")
    return " ".join(parts)
