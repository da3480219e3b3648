"""One text of a user's -> the numbers of its words; no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from apps.text.reading.files import decode, read_bytes
from apps.text.reading.form import Form
from apps.text.words.vocabulary import FittedText


def read(source: Path | bytes, fitted: FittedText) -> np.ndarray:
    """Word numbers (T,) int32 of one text: a whole file in the encoding of the training data, or bytes in UTF-8."""
    vocabulary = fitted.vocabulary
    if isinstance(source, bytes):
        text = decode(source, "standard input")
    else:
        text = decode(read_bytes(source), str(source), Form(encoding=fitted.form.encoding))
    return vocabulary.encode(vocabulary.tokenize(text))
