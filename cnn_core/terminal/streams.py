"""Standard streams that take whatever is written: closed ones, and outputs that know less than Unicode."""

from __future__ import annotations

import codecs
import os
import sys
from typing import Any

PLAIN = "cnn_core.plain"
_DRAWN = {
    "─": "-", "│": "|", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+",
    "╭": "+", "╮": "+", "╰": "+", "╯": "+", "═": "=", "█": "#", "▓": "%", "▒": "*", "░": ".", "▀": "#", "▄": "#",
    "→": "->", "←": "<-", "…": "...", "–": "-", "—": "-", "−": "-", "×": "x", "·": ".", "±": "+-", "≥": ">=",
    "≤": "<=", "≈": "~", "“": '"', "”": '"', "‘": "'", "’": "'", "\xa0": " ", "●": "*", "○": "o", "√": "sqrt",
}  # fmt: skip


def prepare() -> None:
    """Give closed streams a place that swallows or holds nothing; on outputs without Unicode, lines and signs are drawn
    in ASCII and other characters written as \\uXXXX, which JSON understands."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 (as long as the process lives)
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif not knows_unicode(stream) and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=PLAIN)


def knows_unicode(stream: Any) -> bool:
    """Whether every character can be written to the stream."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_as_ascii, error.object[error.start : error.end])), error.end


def _as_ascii(character: str) -> str:
    code = ord(character)
    if character in _DRAWN:
        return _DRAWN[character]
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000  # a pair of surrogates, as JSON has it
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


codecs.register_error(PLAIN, _plain)
