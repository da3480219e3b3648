"""Files to tables of cells: CSV, TSV, JSON, JSON lines, parquet, Excel, lines "label text" (also fastText's)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from apps.text.reading.delimited import EXPECTED, read_rows
from apps.text.reading.files import decode, lines_of, read_file
from apps.text.reading.form import AUTO, Form
from apps.text.reading.header import find_header
from apps.text.reading.label_lines import read_label_lines
from cnn_core.bounded import limit_of_packed, too_large
from cnn_core.errors import UserError, first_line
from cnn_core.optional import require

KINDS = (*EXPECTED, ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx")
"""Endings of files that are tables; any other file has a text a line."""
ROWS_AT_ONCE = 1024  # of a parquet file
CELL = 56  # bytes that an empty string takes
MOST_CELLS = 4_000_000  # of an Excel file, some 20 seconds


@dataclass(frozen=True)
class Table:
    """Rows of cells, all of one width, and the names of the columns; no names where the file does not say them."""

    path: Path
    rows: list[list[str]]
    names: list[str]
    form: Form = AUTO
    """How it was read; text and label are as the options say."""
    notes: tuple[str, ...] = ()
    """What was guessed, a few words each."""
    label_lines: bool = False
    """True for lines `label text`, which have no names of columns to remember."""

    def position(self, name: str, column: str) -> int | None:
        """Where the column is that the option `name` gives; None for "". Raises UserError where there is none."""
        if not column:
            return None
        found = self.find(column)
        if found is None:
            listed = ", ".join(name for name in self.names if name) or f"1 to {len(self.rows[0])}"
            raise UserError(f"{self.path}: {self.form.option(name)} {column}: no such column; the columns are {listed}")
        return found

    def find(self, column: str) -> int | None:
        """Where the column of that name or number is, or None."""
        if column in self.names:
            return self.names.index(column)
        return int(column) - 1 if column.isdecimal() and 1 <= int(column) <= len(self.rows[0]) else None

    def column_name(self, position: int) -> str:
        """The column as messages call it."""
        return f"column {self.names[position]!r}" if self.names else f"column {position + 1}"

    def column_key(self, position: int) -> str:
        """The column as an option names it: its name, or its number from 1."""
        return (self.names[position] if self.names else "") or str(position + 1)


def is_table(path: Path, kind: str, form: Form) -> bool:
    """Whether a file of that ending is a table of columns; any is for which an option gives a delimiter."""
    return kind in KINDS or bool(form.delimiter)


def read_table(path: Path, form: Form, trained: Form = AUTO, *, least: int = 2, blank: bool = False) -> Table:
    """The table in a file, by the ending of its name.

    `form` is what the options say, `trained` how the training data were read. With `blank`, blank lines of CSV are
    rows. Raises UserError with the file, and the line where one is to blame.
    """
    raw, kind = read_file(path)
    return table_of(path, raw, kind, form, trained, least=least, blank=blank)


def table_of(
    path: Path, raw: bytes, kind: str, form: Form, trained: Form = AUTO, *, least: int = 2, blank: bool = False
) -> Table:
    """The same of bytes with the ending of their name."""
    remembered = ""
    if kind == ".parquet":
        table = _parquet(path, raw)
    elif kind == ".xlsx":
        table = _with_header(_excel(path, raw, blank, form, trained), form, trained, blank)
    else:
        remembered = trained.encoding if not form.encoding else ""
        form = replace(form, encoding=form.encoding or remembered)
        text = decode(raw, str(path), form)
        if not text.strip():
            raise UserError(f"{path}: is empty")
        if kind in (".jsonl", ".ndjson"):
            table = _json_lines(path, text)
        elif kind == ".json":
            table = _json(path, text)
        elif is_table(path, kind, form):
            found = read_rows(path, text, kind, form, trained, least=least, blank=blank)
            taken = replace(form, delimiter=found.delimiter, quote=found.quote)
            line = f"quotation marks are part of the texts ({form.option('quote')} double reads them as quotes)"
            table = Table(path, found.cells, [], taken, (line,) * found.quote_guessed)
            table = _with_header(table, form, trained, blank)
        else:
            rows = read_label_lines(path, text, form.labels == "several")
            table = Table(path, rows, ["label", "text"], label_lines=True)
    if not table.rows:
        raise UserError(f"{path}: holds no texts")
    if remembered:
        table = replace(table, notes=(f"read as {remembered}, as the training data were", *table.notes))
    used = replace(table.form, text=form.text, label=form.label, encoding=form.encoding, prefix=form.prefix)
    return replace(table, form=replace(used, label_separator=form.label_separator, labels=form.labels))


def _with_header(table: Table, form: Form, trained: Form, whole: bool) -> Table:
    """The first row as the names of the columns, where it is a header; unless `whole`, without rows that repeat it."""
    header, guessed = find_header(table.rows, form, trained)
    notes = table.notes
    if not header and form.header == "auto" and trained.header == "auto" and not guessed:
        notes += ("no header",)
    if guessed:
        said = "names the columns" if header else "is a text"
        notes += (f"the first row {said} (if not: {form.option('header')} {'no' if header else 'yes'})",)
    table = replace(table, form=replace(table.form, header="yes" if header else "no"), notes=notes)
    if not header:
        return table
    rows = [row for row in table.rows[1:] if whole or row != table.rows[0]]
    if not rows:
        raise UserError(f"{table.path}: has a header and no rows")
    repeats = len(table.rows) - 1 - len(rows)
    if repeats:
        notes += (f"the header comes again in {repeats} rows, which are left out",)
    return replace(table, rows=rows, names=[cell.strip() for cell in table.rows[0]], notes=notes)


def _json_lines(path: Path, text: str) -> Table:
    objects: list[dict[str, Any]] = []
    for number, line in enumerate(lines_of(text), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise UserError(f"{path}: line {number} is not valid JSON") from None
        if not isinstance(value, dict):
            raise UserError(f"{path}: line {number} is not a JSON object")
        objects.append(value)
    return _objects(path, objects)


def _json(path: Path, text: str) -> Table:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"{path}: is not valid JSON; a file with one object a line is named .jsonl") from None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UserError(f"{path}: must hold a list of objects with a text and a label each")
    return _objects(path, value)


def _objects(path: Path, objects: list[dict[str, Any]]) -> Table:
    names = list(objects[0]) if objects else []
    for number, item in enumerate(objects, start=1):
        if set(item) != set(names):
            odd = sorted(set(item) ^ set(names))[0]
            raise UserError(f"{path}: object {number} and the first differ in the field {odd!r}")
    if objects and not names:
        raise UserError(f"{path}: its objects have no fields")
    return Table(path, [[_cell(item[name]) for name in names] for item in objects], names)


def _cell(value: Any) -> str:
    """A value as text; of bytes what they are in UTF-8, of dates and the like what Python calls them.

    Raises UnicodeDecodeError for other bytes.
    """
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if value is None else str(value)


def _parquet(path: Path, raw: bytes) -> Table:
    pyarrow = require("pyarrow", f"{path}: reading parquet")
    parquet = require("pyarrow.parquet", f"{path}: reading parquet")
    most, size, rows = limit_of_packed(len(raw)), 0, []
    try:
        file = parquet.ParquetFile(io.BytesIO(raw))
        groups = [file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)]
        if sum(groups) > most:
            raise too_large(str(path), most, "unpacks to more than")
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
            columns = [[_cell(value) for value in column.to_pylist()] for column in batch.columns]
            size += sum(len(cell) for column in columns for cell in column) + CELL * len(columns) * len(batch)
            if size > most:
                raise too_large(str(path), most, "unpacks to more than")
            rows += [list(row) for row in zip(*columns, strict=True)]
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path}: is not a readable parquet file ({first_line(error, 120)})") from None
    return Table(path, rows, list(file.schema_arrow.names))


def _excel(path: Path, raw: bytes, blank: bool, form: Form, trained: Form) -> Table:
    """One sheet of a workbook: that of the option, or of the training data, or the first with rows of several cells,
    or the first with any; formulas count as their last values."""
    openpyxl = require("openpyxl", f"{path}: reading Excel files")
    most = limit_of_packed(len(raw))
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if sum(member.file_size for member in archive.infolist()) > most:
                raise too_large(str(path), most, "unpacks to more than")
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
        sheets = [(sheet.title, _trimmed(_sheet_rows(path, sheet), blank)) for sheet in book.worksheets]
    except UserError:
        raise
    except Exception as error:  # what it raises for damaged files is of any kind
        raise UserError(f"{path}: is not a readable Excel file ({first_line(error, 120)})") from None
    filled = {title: rows for title, rows in sheets if rows}
    if not filled:
        raise UserError(f"{path}: is empty")
    listed = ", ".join(map(repr, filled))
    if form.sheet and form.sheet not in filled:
        raise UserError(f"{path}: {form.option('sheet')} {form.sheet}: no such sheet with cells; there are {listed}")
    tables = [title for title, rows in filled.items() if len(rows) > 1 and sum(map(bool, rows[1])) > 1]
    title = form.sheet or (trained.sheet if trained.sheet in filled else [*tables, *filled][0])
    said = len(filled) > 1 and title not in (form.sheet, trained.sheet)
    notes = (f"sheet {title!r} of {listed} (another: {form.option('sheet')})",) if said else ()
    return Table(path, filled[title], [], replace(AUTO, sheet=title), notes)


def _sheet_rows(path: Path, sheet: Any) -> Iterator[Sequence[Any]]:
    """The rows of a sheet, as far as its cells reach and not as it claims. Raises UserError where they are too many."""
    sheet.reset_dimensions()
    count = 0
    for row in sheet.iter_rows(values_only=True):
        count += 1 + len(row)
        if count > MOST_CELLS:
            raise UserError(f"{path}: has more than {MOST_CELLS:,} cells; save it as .csv")
        yield row


def _trimmed(rows: Iterable[Sequence[Any]], blank: bool) -> list[list[str]]:
    """The cells as text, without empty rows (with `blank`, without those at the end) and empty columns at the right."""
    cells = [[_number_or_text(value) for value in row] for row in rows]
    while cells and not any(cells[-1]):
        cells.pop()
    width = max((i + 1 for row in cells for i, cell in enumerate(row) if cell), default=0)
    return [(row + [""] * width)[:width] for row in cells if blank or any(row)]


def _number_or_text(value: Any) -> str:
    """The value of a cell as its owner sees it: 1 and not 1.0."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
