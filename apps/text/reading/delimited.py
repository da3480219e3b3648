"""CSV and TSV text to rows: the delimiter, whether quotation marks quote, and lines that do not fit.

RFC 4180, and the tab-separated files of GLUE and SST, in which a quotation mark is a part of the text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from apps.text.reading.files import unified
from apps.text.reading.form import Form
from cnn_core.errors import UserError

Quote = Literal["none", "double"]
HEAD = 50  # rows that the delimiter is guessed from
LAST = "\ue0ff\ue0fe"  # a line put after the last one: an open quotation mark swallows it
EXPECTED = {".csv": "", ".tsv": "\t", ".tab": "\t"}
"""The delimiter by the ending of the name; "" is guessed."""


@dataclass(frozen=True)
class Rows:
    """Cells by row, and how the text was cut into them."""

    cells: list[list[str]]
    delimiter: str
    quote: Quote
    quote_guessed: bool = False
    """True where quotation marks were found not to quote, and no option says so."""


def read_rows(
    path: Path, text: str, kind: str, form: Form, trained: Form, *, least: int = 2, blank: bool = False
) -> Rows:
    """The rows of a text with at least `least` columns; with `blank`, blank lines are rows of empty cells.

    `kind` is the ending of the name, `form` what the options say, `trained` how the training data were read, which
    counts where it fits.
    Raises UserError for rows of different widths, a quotation mark that is never closed, and too few columns.
    """
    text = unified(text)
    delimiter = form.separator() or _delimiter(text, EXPECTED.get(kind, ""), trained.separator())
    if form.quote != "auto":
        quote, guessed = form.quote, False
    elif trained.quote != "auto" and trained.separator() == delimiter:
        quote, guessed = trained.quote, False
    else:
        guessed = _marks_are_text(text, delimiter)
        quote = "none" if guessed else "double"
    rows: list[list[str]] = []
    width = 0
    limit = csv.field_size_limit(max(len(text), 1))
    try:
        for line, row in _cut(text, delimiter, quote):
            if row == [LAST]:
                break
            if any(LAST in cell for cell in row):
                raise UserError(
                    f"{path}: a quotation mark in line {line} is never closed; where quotation marks are part of the"
                    f" texts, give {form.option('quote')} none"
                )
            if not any(cell.strip() for cell in row):
                if blank:
                    rows.append([])
                continue
            width = width or len(row)
            if len(row) != width:
                hint = (
                    f"or, where quotation marks are part of the texts, give {form.option('quote')} none"
                    if quote == "double" and '"' in text
                    else f"another one can be named with {form.option('delimiter')}"
                )
                raise UserError(
                    f"{path}: line {line} has {len(row)} columns, and the first has {width};"
                    f" put texts that hold the separator in double quotes, {hint}"
                )
            rows.append(row)
    except csv.Error as error:
        raise UserError(f"{path}: {error}") from None
    finally:
        csv.field_size_limit(limit)
    if not width:
        raise UserError(f"{path}: is empty")
    if width < least:
        raise UserError(
            f"{path}: has one column only; texts and labels need two (separated by , ; | or tab,"
            f" or {form.option('delimiter')})"
        )
    return Rows([row or [""] * width for row in rows], delimiter, quote, guessed)


def _cut(text: str, delimiter: str, quote: Quote, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """(number of its last line, cells) of each row, and at the end ([LAST]); lines end at LF alone."""
    lines = text.removesuffix("\n").split("\n")
    if quote == "none":
        yield from ((number, line.split(delimiter) if line else []) for number, line in enumerate(lines, start=1))
        yield len(lines) + 1, [LAST]
        return
    # The csv module ends a row at a CR, too; another character takes its place inside.
    spare = next(c for c in map(chr, range(0xE000, 0xF8FF)) if c not in text and c not in LAST)
    carriage = "\r" in text
    given = (f"{line}\n" for line in chain(lines, [LAST]))
    reader = csv.reader(
        (line.replace("\r", spare) for line in given) if carriage else given, delimiter=delimiter, strict=strict
    )
    for row in reader:
        yield reader.line_num, [cell.replace(spare, "\r") for cell in row] if carriage else row


def _delimiter(text: str, expected: str, trained: str) -> str:
    """The delimiter of the training data where the first line has it, that of the file's kind, or the likeliest."""
    first = text[:20_000].split("\n", 1)[0]
    if trained and trained in first and (not expected or trained == expected):
        return trained
    if expected:
        return expected
    even = []
    for mark in ",;\t|":
        try:
            widths = [
                len(row) for _, row in islice(_cut(text[:20_000], mark, "double"), HEAD) if row and LAST not in row[-1]
            ]
        except csv.Error:
            continue
        if len(text) > 20_000:  # the last row may be cut
            widths = widths[:-1] or widths
        if widths and min(widths) == max(widths) > 1:
            even.append(mark)
    return max(even or ",;\t|", key=lambda mark: (first.count(mark), mark == ","))


def _marks_are_text(text: str, delimiter: str) -> bool:
    """Whether quotation marks belong to the texts: read as quotes, they swallow line ends or are not closed, and
    without them each line has the same number of columns; of a TSV, where a mark joins whole rows."""
    if '"' not in text:
        return False
    swallowed: list[str] = []
    broken = False
    limit = csv.field_size_limit(max(len(text), 1))
    try:
        for _, row in _cut(text, delimiter, "double", strict=True):
            swallowed += [cell for cell in row if "\n" in cell]
    except csv.Error:
        broken = True
    finally:
        csv.field_size_limit(limit)
    if not (broken or swallowed):
        return False
    widths = {line.count(delimiter) for line in text.split("\n") if line.strip()}
    if len(widths) == 1 and widths != {0}:
        return True
    width = text.lstrip("\n").split("\n", 1)[0].count(delimiter)
    joined = [
        delimiter in cell and all(line.count(delimiter) == width for line in cell.split("\n")[1:-1])
        for cell in swallowed
    ]
    return delimiter == "\t" and 2 * sum(joined) > len(joined)
