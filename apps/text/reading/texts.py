"""Texts with labels as values; and bytes to text, in any encoding."""

from __future__ import annotations

import codecs
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnn_core.errors import UserError

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Texts:
    """N texts and the names of their classes, in the order of the source."""

    texts: list[str]
    labels: list[str]
    notes: tuple[str, ...] = ()
    """What was guessed about the source, one line each."""

    def __len__(self) -> int:
        return len(self.texts)

    def subset(self, chosen: np.ndarray) -> Texts:
        """The texts where `chosen` (N,) bool is true; the notes stay with the whole."""
        index = np.flatnonzero(chosen).tolist()
        return Texts([self.texts[i] for i in index], [self.labels[i] for i in index])


def normal_form(text: str) -> str:
    """The text with compatible characters (Unicode's NFKC), case and white space folded.

    Texts of one normal form count as equal: they stay on one side of a split, whatever the tokenizer makes of them.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. Raises UserError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def decode(raw: bytes, name: str, encoding: str = "") -> str:
    """Text of the bytes: in `encoding`, in what a byte order mark says, or in UTF-8.

    Raises UserError that names the file, the line and the byte that does not fit.
    """
    if encoding:
        try:
            codecs.lookup(encoding)
        except (LookupError, ValueError):
            raise UserError(f"--texts.encoding {encoding}: unknown encoding; try utf-8 or latin-1") from None
    marked = next((codec for mark, codec in MARKS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding or marked)
    except (UnicodeDecodeError, UnicodeError) as error:
        start = getattr(error, "start", 0)
        line, byte = raw[:start].count(b"\n") + 1, raw[start : start + 1].hex()
        hint = "another --texts.encoding" if encoding else "the right --texts.encoding, such as latin-1 or cp1252"
        raise UserError(
            f"{name}: byte 0x{byte} in line {line} is not valid {encoding or marked}; give {hint}"
        ) from None
    except LookupError:
        raise UserError(f"--texts.encoding {encoding}: is not an encoding of text; try utf-8 or latin-1") from None
