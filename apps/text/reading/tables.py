"""Texts and labels from one file: CSV, TSV, JSON, JSON lines, parquet, or lines "label text" (also fastText's).

Columns that are not named are guessed, and the notes say what was guessed.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cnn_core.console import note
from cnn_core.errors import UserError

TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet")
FASTTEXT = "__label__"
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
TEXT_NAMES = ("text", "sentence", "review", "content", "tweet", "message", "comment", "question", "body", "snippet",
              "document", "headline", "title", "description")  # fmt: skip
LABEL_NAMES = ("label", "class", "category", "sentiment", "target", "polarity", "topic", "intent", "rating", "stars",
               "y")  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """Names (or numbers from 1) of the columns of texts and labels; "" is guessed."""

    text: str = ""
    label: str = ""


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


@dataclass(frozen=True)
class Table:
    """Rows of cells, all of one width, and the names of the columns; no names where the file does not say them."""

    path: Path
    rows: list[list[str]]
    names: list[str]

    def position(self, option: str, column: str) -> int | None:
        """Where the column is that an option names; None for "". Raises UserError where there is none."""
        width = len(self.rows[0])
        if not column:
            return None
        if column in self.names:
            return self.names.index(column)
        if column.isdigit() and 1 <= int(column) <= width:
            return int(column) - 1
        listed = ", ".join(name for name in self.names if name) or f"1 to {width}"
        raise UserError(f"{self.path}: --{option} {column}: no such column; the columns are {listed}")

    def column_name(self, position: int) -> str:
        """The column as messages call it."""
        return f"column {self.names[position]!r}" if self.names else f"column {position + 1}"


def read_labelled(path: Path, columns: Columns, encoding: str = "") -> Texts:
    """Texts with labels from a file.

    Raises UserError with the file, and the line where one is to blame: empty, not in the encoding, ragged, no such
    column, rows without a label.
    """
    table = read_table(path, columns, encoding)
    text, label = table.position("texts.text", columns.text), table.position("texts.label", columns.label)
    guesses = []
    if label is None:
        label = _guess_label(table, text)
        guesses.append(f"labels from {table.column_name(label)}")
    if text is None:
        text = _guess_text(table, label)
        guesses.insert(0, f"texts from {table.column_name(text)}")
    if text == label:
        raise UserError(f"{path}: texts and labels cannot be the same column {table.column_name(text)}")
    labels = [row[label].strip() for row in table.rows]
    missing = [number for number, name in enumerate(labels, start=1) if not name]
    if missing:
        raise UserError(f"{path}: {len(missing)} of {len(labels)} rows have no label (first: row {missing[0]})")
    return Texts([row[text] for row in table.rows], labels, _notes(table, guesses))


def read_plain(path: Path, columns: Columns, encoding: str = "") -> list[str]:
    """Texts without labels, to predict: a column of a table, or the lines of any other file. Notes what it guesses."""
    if path.suffix.lower() not in TABLES:
        return decode(read_bytes(path), str(path), encoding).splitlines()
    table = read_table(path, columns, encoding)
    text = table.position("texts.text", columns.text)
    if text is None:
        text = _guess_text(table, None)
        for line in _notes(table, [f"texts from {table.column_name(text)}"]):
            note(line)
    return [row[text] for row in table.rows]


def _notes(table: Table, guesses: list[str]) -> tuple[str, ...]:
    if not guesses or sorted(table.names) == ["label", "text"]:
        return ()
    return (f"{table.path}: {', '.join(guesses)} (name others with --texts.text and --texts.label)",)


def _guess_label(table: Table, text: int | None) -> int:
    usual = _usual(table, LABEL_NAMES, text)
    if usual is not None:
        return usual
    repeating: list[tuple[int, int]] = []  # labels recur, numbers of rows do not
    for column in range(len(table.rows[0])):
        kinds = len({row[column] for row in table.rows})
        if column != text and 2 <= kinds <= max(2, len(table.rows) // 3):
            repeating.append((kinds, column))
    if not repeating:
        columns = ", ".join(table.column_name(column) for column in range(len(table.rows[0])))
        raise UserError(f"{table.path}: no column looks like labels ({columns}); name it with --texts.label")
    return min(repeating)[1]


def _guess_text(table: Table, label: int | None) -> int:
    usual = _usual(table, TEXT_NAMES, label)
    if usual is not None:
        return usual
    others = [column for column in range(len(table.rows[0])) if column != label]
    longest = max(others, key=lambda column: sum(len(row[column]) for row in table.rows), default=label)
    return longest or 0


def _usual(table: Table, names: Iterable[str], taken: int | None) -> int | None:
    """The column that has the first of these names, in any case; not the one already taken."""
    lower = [name.lower() for name in table.names]
    positions = (lower.index(name) for name in names if name in lower)
    return next((position for position in positions if position != taken), None)


# Files to tables


def read_table(path: Path, columns: Columns, encoding: str = "") -> Table:
    """The table in a file, by the ending of its name; a first row that is a header gives the names of the columns."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        table = _parquet(path)
    else:
        text = decode(read_bytes(path), str(path), encoding)
        if not text.strip():
            raise UserError(f"{path}: is empty")
        if kind in (".jsonl", ".ndjson"):
            table = _json_lines(path, text)
        elif kind == ".json":
            table = _json(path, text)
        elif kind in (".csv", ".tsv", ".tab"):
            table = _with_header(_csv(path, text, "" if kind == ".csv" else "\t"), columns)
        else:
            table = _label_lines(path, text)
    if not table.rows:
        raise UserError(f"{path}: holds no texts")
    return table


def _with_header(table: Table, columns: Columns) -> Table:
    """The first row as names, where it names a column that an option does, or has a usual name."""
    first = [cell.strip() for cell in table.rows[0]]
    options = {name for name in (columns.text, columns.label) if not name.isdigit()} & set(first)
    usual = {*TEXT_NAMES, *LABEL_NAMES} & {cell.lower() for cell in first}
    if not (options - {""} or (usual and len(set(first)) == len(first))):
        return table
    if len(table.rows) == 1:
        raise UserError(f"{table.path}: has a header and no rows")
    return replace(table, rows=table.rows[1:], names=first)


def _csv(path: Path, text: str, delimiter: str) -> Table:
    if not delimiter:
        head = text[:20_000].split("\n", 1)[0]
        delimiter = max(",;\t|", key=lambda mark: (head.count(mark), mark == ","))
    limit = csv.field_size_limit(max(len(text), 1))
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if rows and len(row) != len(rows[0]):
                raise UserError(
                    f"{path}: line {reader.line_num} has {len(row)} columns, and the first has {len(rows[0])};"
                    " put texts that hold the separator in double quotes"
                )
            rows.append(row)
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num}: {error}") from None
    finally:
        csv.field_size_limit(limit)
    if len(rows[0]) < 2:
        raise UserError(f"{path}: has one column only; texts and labels need two (separated by , ; | or tab)")
    return Table(path, rows, [])


def _json_lines(path: Path, text: str) -> Table:
    objects: list[dict[str, Any]] = []
    for number, line in enumerate(text.splitlines(), start=1):
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
    return Table(path, [[_cell(item[name]) for name in names] for item in objects], names)


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parquet(path: Path) -> Table:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UserError(f"{path}: parquet needs the package pyarrow: pip install pyarrow") from None
    try:
        table = parquet.read_table(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UserError(f"{path}: is not a readable parquet file ({reason})") from None
    columns = [[_cell(value) for value in table.column(i).to_pylist()] for i in range(table.num_columns)]
    return Table(path, [list(row) for row in zip(*columns, strict=True)], list(table.column_names))


def _label_lines(path: Path, text: str) -> Table:
    """Lines "label text", the label marked as fastText does or not."""
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        label, _, rest = line.strip().partition(" ")
        if not rest and not label.startswith(FASTTEXT):  # a marked label may have a text without words
            raise UserError(f"{path}: line {number} is one word; lines must be `label text`")
        rows.append([label.removeprefix(FASTTEXT), rest.strip()])
    kinds = {row[0] for row in rows}
    if len(kinds) > max(20, len(rows) ** 0.5):
        raise UserError(
            f"{path}: lines must be `label text`, and {len(rows)} lines begin with {len(kinds)} different words;"
            " give labels, or a table with columns (.csv, .jsonl)"
        )
    return Table(path, rows, ["label", "text"])


# Bytes to text


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
