"""Words coloured by how much they spoke for an answer (red) or against it (blue): in a terminal, HTML, a picture."""

import html
from collections.abc import Sequence

import numpy as np

RED, BLUE = (214, 69, 65), (44, 123, 182)
END = "\x1b[0m"


def strengths(scores: Sequence[float] | np.ndarray) -> np.ndarray:
    """Scores in -1..1: the largest in size is 1."""
    values = np.asarray(scores, dtype=np.float64)
    largest = np.abs(values).max(initial=0)
    return values / largest if largest else values


def mixed(strength: float) -> tuple[int, int, int]:
    """White for 0, red for 1, blue for -1, and what lies between."""
    target, share = (RED if strength > 0 else BLUE), abs(strength) ** 0.8
    red, green, blue = (round(255 + share * (t - 255)) for t in target)
    return red, green, blue


def terminal(words: Sequence[str], scores: Sequence[float] | np.ndarray) -> str:
    """The words with 24-bit background colours."""
    parts = []
    for word, strength in zip(words, strengths(scores), strict=True):
        red, green, blue = mixed(strength)
        ink = 255 if 0.299 * red + 0.587 * green + 0.114 * blue < 140 else 0
        parts.append(f"\x1b[48;2;{red};{green};{blue};38;2;{ink};{ink};{ink}m{word}{END}")
    return " ".join(parts)


def marked(words: Sequence[str], scores: Sequence[float] | np.ndarray) -> str:
    """Without colours: +++ and --- around the strongest words, + and - around weaker ones."""
    parts = []
    for word, strength in zip(words, strengths(scores), strict=True):
        mark = ("+" if strength > 0 else "-") * (0 if abs(strength) < 0.15 else 1 if abs(strength) < 0.5 else 3)
        parts.append(f"{mark}{word}{mark}")
    return " ".join(parts)


def spans(words: Sequence[str], scores: Sequence[float] | np.ndarray) -> str:
    """HTML: one span a word, its score in the title."""
    parts = []
    for word, score, strength in zip(words, scores, strengths(scores), strict=True):
        red, green, blue = mixed(strength)
        ink = "#fff" if 0.299 * red + 0.587 * green + 0.114 * blue < 140 else "#111"
        style = f"background:rgb({red},{green},{blue});color:{ink}"
        parts.append(f'<span style="{style}" title="{score:+.4f}">{html.escape(word)}</span>')
    return " ".join(parts)
