"""A table of speakers: a CSV file with the columns file and speaker."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from cnn_core.console import note
from cnn_core.errors import UserError


def find(table: str, folder: Path) -> Path:
    """The file `table`, or the file of that name in `folder`. Raises UserError if neither exists."""
    path = Path(table).expanduser()
    for place in (path, folder / path):
        if place.is_file():
            return place
    raise UserError(f"--speakers {table}: no such file, nor one in {folder}")


def read_speakers(table: Path, folder: Path, recordings: Sequence[Path]) -> list[str]:
    """The speaker of each recording. Paths, in `recordings` and in the column `file`, are relative to `folder`.

    Raises UserError for an unreadable table, a row without file or speaker, a file with two speakers, and recordings
    that are not in the table.
    """
    speaker_of: dict[str, str] = {}
    for number, file, speaker in _rows(table):
        if not file or not speaker:
            raise UserError(f"{table}: row {number} names no {'speaker' if file else 'file'}")
        name = _normal(file, folder)
        if speaker_of.setdefault(name, speaker) != speaker:
            raise UserError(f"{table}: row {number}: {file} has two speakers, {speaker_of[name]} and {speaker}")
    names = [_normal(path.as_posix(), folder) for path in recordings]
    missing = [name for name in names if name not in speaker_of]
    if missing:
        raise UserError(
            f"{table}: names no speaker for {len(missing)} of the {len(names)} recordings in {folder} (first:"
            f" {missing[0]}); its paths must be relative to that folder"
        )
    extra = sorted(speaker_of.keys() - set(names))
    if extra:
        note(f"{table}: files that are not recordings in {folder}: {len(extra)} (first: {extra[0]})")
    return [speaker_of[name] for name in names]


def _rows(table: Path) -> list[tuple[int, str, str]]:
    """(row number, file, speaker) of each row; the header is optional in a table of two columns."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{table}: cannot be read as a table in UTF-8 ({error})") from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=delimiter)]
    except csv.Error as error:
        raise UserError(f"{table}: cannot be read as CSV ({error})") from error
    header = [cell.casefold() for cell in rows[0]] if rows else []
    columns, start = (0, 1), 0
    if "file" in header and "speaker" in header:
        columns, start = (header.index("file"), header.index("speaker")), 1
    elif len(header) != 2:
        raise UserError(f"{table}: needs a first row with the columns file and speaker")
    found = []
    for number, row in enumerate(rows[start:], start=start + 1):
        if any(row):
            file, speaker = (row[column] if column < len(row) else "" for column in columns)
            found.append((number, file, speaker))
    return found


def _normal(name: str, folder: Path) -> str:
    """A path in the form that is compared: relative, with slashes, accents composed (macOS decomposes them)."""
    path = Path(name.replace("\\", "/"))
    if path.is_absolute() and path.is_relative_to(folder.resolve()):
        path = path.relative_to(folder.resolve())
    return unicodedata.normalize("NFC", path.as_posix())
