"""Texts and labels from a user's file or folder, in any of the usual forms and any encoding.

CSV, TSV, JSON, JSON lines, parquet; text files whose lines are "label text" or "__label__x text" (fastText); a
folder with one folder of texts for each class, or with one file for each class, a text a line. Columns that are not
named are guessed, and what was guessed is said.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.text.reading.columns import Columns, choose
from cnn_core.console import note
from cnn_core.errors import UserError

TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet")
LINES = (".txt", ".text", ".label", ".data", "")
FASTTEXT = "__label__"
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Texts:
    """Texts and the names of their classes, in the order of the source."""

    texts: list[str]
    labels: list[str]

    def __len__(self) -> int:
        return len(self.texts)


def read_texts(path: Path, columns: Columns, encoding: str = "") -> Texts:
    """Texts with labels from a file or a folder of class folders or class files.

    Raises UserError with the file, and the line where there is one: empty, undecodable, ragged, no such column,
    labels that are missing.
    """
    if path.is_dir():
        return _folder(path, encoding, columns.quiet)
    rows, names, first = _table(path, encoding)
    if not rows:
        raise UserError(f"{path}: holds no texts")
    text, label = choose(path, rows, names, columns)
    texts, labels = [row[text] for row in rows], [row[label].strip() for row in rows]
    missing = [number for number, name in enumerate(labels) if not name]
    if missing:
        raise UserError(f"{path}: {len(missing)} of {len(rows)} rows have no label (first: row {missing[0] + first})")
    return Texts(texts, labels)


def read_plain(path: Path, columns: Columns, encoding: str = "") -> list[str]:
    """Texts alone, for predicting: a column of a table, or the lines of any other file."""
    if path.suffix.lower() not in TABLES:
        return decode(read_bytes(path), str(path), encoding).splitlines()
    rows, names, _ = _table(path, encoding)
    if not rows:
        raise UserError(f"{path}: holds no texts")
    text, _ = choose(path, rows, names, columns, labelled=False)
    return [row[text] for row in rows]


def read_bytes(path: Path) -> bytes:
    """The bytes of a file; UserError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def decode(raw: bytes, name: str, encoding: str = "") -> str:
    """Text of the bytes: in `encoding`, in what a byte order mark says, or in UTF-8.

    Raises UserError that names the file, the line and the byte which does not fit.
    """
    if encoding:
        try:
            codecs.lookup(encoding)
        except (LookupError, ValueError):
            raise UserError(f"--texts.encoding {encoding}: no encoding of that name; try utf-8 or latin-1") from None
    marked = next((codec for mark, codec in MARKS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding or marked)
    except (UnicodeDecodeError, UnicodeError) as error:
        start = getattr(error, "start", 0)
        line, byte = raw[:start].count(b"\n") + 1, raw[start : start + 1].hex()
        hint = "another --texts.encoding" if encoding else "the right --texts.encoding, such as latin-1 or cp1252"
        raise UserError(f"{name}: byte 0x{byte} in line {line} is no {encoding or marked}; give {hint}") from None
    except LookupError:
        raise UserError(f"--texts.encoding {encoding}: is no encoding of text; try utf-8 or latin-1") from None


def _table(path: Path, encoding: str) -> tuple[list[list[str]], list[str], int]:
    """Rows of strings, names of the columns ("" where unknown), and the number of the first row in the file."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        return *_parquet(path), 1
    text = decode(read_bytes(path), str(path), encoding)
    if not text.strip():
        raise UserError(f"{path}: is empty")
    if kind in (".jsonl", ".ndjson"):
        return *_objects(path, enumerate(text.splitlines(), start=1)), 1
    if kind == ".json":
        return *_json(path, text), 1
    if kind in (".csv", ".tsv", ".tab"):
        return _csv(path, text, "\t" if kind != ".csv" else "")
    return _lines(path, text), ["label", "text"], 1


def _csv(path: Path, text: str, delimiter: str) -> tuple[list[list[str]], list[str], int]:
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
    return rows, [""] * len(rows[0]), 1


def _objects(path: Path, lines: Any) -> tuple[list[list[str]], list[str]]:
    found: list[dict[str, Any]] = []
    for number, line in lines:
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise UserError(f"{path}: line {number} is no JSON") from None
        if not isinstance(value, dict):
            raise UserError(f"{path}: line {number} is no JSON object")
        found.append(value)
    return _from_objects(path, found)


def _json(path: Path, text: str) -> tuple[list[list[str]], list[str]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"{path}: is no JSON; for one object a line name it .jsonl") from None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UserError(f"{path}: must hold a list of objects with a text and a label each")
    return _from_objects(path, value)


def _from_objects(path: Path, objects: list[dict[str, Any]]) -> tuple[list[list[str]], list[str]]:
    if not objects:
        raise UserError(f"{path}: holds no texts")
    names = list(objects[0])
    for number, item in enumerate(objects, start=1):
        if set(item) != set(names):
            odd = sorted(set(item) ^ set(names))[0]
            raise UserError(f"{path}: object {number} and the first differ in the field {odd!r}")
    return [[_cell(item[name]) for name in names] for item in objects], names


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parquet(path: Path) -> tuple[list[list[str]], list[str]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UserError(f"{path}: parquet needs the package pyarrow: pip install pyarrow") from None
    try:
        table = parquet.read_table(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UserError(f"{path}: no readable parquet file ({reason})") from None
    columns = [[_cell(value) for value in table.column(i).to_pylist()] for i in range(table.num_columns)]
    return [list(row) for row in zip(*columns, strict=True)], list(table.column_names)


def _lines(path: Path, text: str) -> list[list[str]]:
    """Lines "label text", the label marked as fastText does or not."""
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        label, _, rest = line.strip().partition(" ")
        if not rest and label.startswith(FASTTEXT):
            rest = " "  # a text without words
        if not rest:
            raise UserError(f"{path}: line {number} is one word; lines must be `label text`")
        rows.append([label.removeprefix(FASTTEXT), rest.strip()])
    kinds = {row[0] for row in rows}
    if len(kinds) > max(20, len(rows) ** 0.5):
        raise UserError(
            f"{path}: lines must be `label text`, and {len(rows)} lines begin with {len(kinds)} different words;"
            " give labels, or a table with columns (.csv, .jsonl)"
        )
    return rows


def _folder(path: Path, encoding: str, quiet: bool) -> Texts:
    classes = [entry for entry in sorted(path.iterdir()) if not entry.name.startswith(".")]
    folders = [entry for entry in classes if entry.is_dir()]
    texts: list[str] = []
    labels: list[str] = []
    if len(folders) >= 2:
        for folder in folders:
            files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
            texts += [decode(read_bytes(file), str(file), encoding) for file in files]
            labels += [folder.name] * len(files)
    else:
        files = [entry for entry in classes if entry.is_file()]
        stems = {file.stem for file in files}
        for file in files:
            lines = [line for line in decode(read_bytes(file), str(file), encoding).splitlines() if line.strip()]
            texts += lines
            labels += [file.stem if len(stems) == len(files) else file.name.removeprefix(file.stem + ".")] * len(lines)
        if len(files) >= 2 and not quiet:
            note(f"{path}: each of the {len(files)} files is a class, each line a text")
    if len(set(labels)) < 2:
        raise UserError(
            f"{path}: needs a folder of texts, or a file with a text a line, for each of at least two classes"
        )
    return Texts(texts, labels)
