"""Tables as text: aligned columns for a terminal, Markdown, or the CSV file beside a picture."""

import csv
import io
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from cnn_core.console import visible
from cnn_core.errors import UserError
from cnn_core.files import atomic, csv_cell


def beside(picture: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """Write the numbers behind a picture as a CSV file of the same name beside it; the file.

    Raises UserError where it cannot be written.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[csv_cell(cell) for cell in row] for row in (header, *rows)])
    path = picture.with_suffix(".csv")
    try:
        with atomic(path) as part:
            part.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def table(header: Sequence[str], rows: Sequence[Sequence[object]], *, markdown: bool = False) -> str:
    """Rows under a header, numbers to the right, text to the left; no trailing spaces, no final newline.

    Floats are printed to four significant digits (format them yourself for more), None as a dash. Wide East
    Asian characters take two columns; control characters are written as escapes. Raises ValueError for a row of another
    length than the header.
    """
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} cells, the header {len(header)}")
    cells = [[_text(value) for value in row] for row in rows]
    names = [visible(name) for name in header]
    if markdown:
        names, *cells = ([text.replace("|", "\\|") for text in row] for row in (names, *cells))
    right = [_numeric([row[c] for row in rows]) for c in range(len(header))]
    widths = [max(_width(line[c]) for line in (names, *cells)) for c in range(len(header))]
    if markdown:
        widths = [max(3, width) for width in widths]

    def line(texts: Sequence[str]) -> str:
        padded = [
            " " * (width - _width(text)) + text if flush else text + " " * (width - _width(text))
            for text, width, flush in zip(texts, widths, right, strict=True)
        ]
        return f"| {' | '.join(padded)} |" if markdown else "  ".join(padded).rstrip()

    if markdown:
        rule = ["-" * (width - 1) + ":" if flush else "-" * width for width, flush in zip(widths, right, strict=True)]
    else:
        rule = ["─" * width for width in widths]
    return "\n".join([line(names), line(rule), *(line(row) for row in cells)])


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return visible(str(value))


def _numeric(column: Sequence[object]) -> bool:
    """Numbers, or strings that begin like one and hold a figure: "99.10 ± 0.07", "3.2 ms", "-1"."""
    filled = [value for value in column if value is not None]
    return bool(filled) and all(
        isinstance(value, int | float)
        or (isinstance(value, str) and value[:1] in "+-.0123456789" and any(c.isdigit() for c in value[:3]))
        for value in filled
    )


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
