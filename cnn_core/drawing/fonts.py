"""Fonts for labels in any script: those of the figures, then what is installed of others; no torch."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from cnn_core.console import note

OWN = "DejaVu Sans"  # comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew
OTHERS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "SimHei",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Arial Unicode MS",
)
MISSING = r"Glyph (\d+) .*missing from (?:current )?font"


@cache
def families() -> list[str]:
    """Names of fonts in the order in which each character is looked for."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return [OWN, *(name for name in OTHERS if name in installed)]


@contextmanager
def missing_characters_told(path: Path) -> Iterator[None]:
    """What no font has is drawn as a box; one note says so in place of a warning for each character."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    found = [re.match(MISSING, str(each.message)) for each in caught]
    for each, match in zip(caught, found, strict=True):
        if not match:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    lost = "".join(dict.fromkeys(chr(int(match[1])) for match in found if match))
    if lost:
        note(f"{path}: no font installed here has {lost[:12]}; boxes stand for these characters")
