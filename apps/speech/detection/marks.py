"""What is said where in recordings, as a CSV file with a header says it.

    file,word,start,end,speaker,condition
    kitchen.wav,yes,12.31,12.80,ann,music

Needed are `word` and `start` (seconds); `end` defaults to the start, `file` may be left out for a single recording. A
word that is not of the network's list, or none, marks something else: false alarms there are counted under its name.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cnn_core import bounded
from cnn_core.errors import UserError

COLUMNS = ("file", "word", "start", "end", "speaker", "condition")


@dataclass(frozen=True)
class Mark:
    """A stretch of a recording, in seconds from its beginning, and what is heard there."""

    word: str
    start: float
    end: float
    speaker: str = ""
    condition: str = ""

    @property
    def centre(self) -> float:
        """The middle, in seconds."""
        return (self.start + self.end) / 2


def read_marks(path: Path, files: Sequence[str]) -> dict[str, list[Mark]]:
    """The marks of each of `files`, names relative to their folder. Raises UserError, naming the line, for bad ones."""
    try:
        text = bounded.read_bytes(path, bounded.JSON).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV file ({error})") from error
    header = [name.strip().lower() for name in rows[0]] if rows else []
    lacking = [name for name in ("word", "start", *(("file",) if len(files) > 1 else ())) if name not in header]
    if lacking:
        raise UserError(f"{path}: its first line must name the columns {', '.join(COLUMNS)}; {lacking[0]} is missing")
    found: dict[str, list[Mark]] = {name: [] for name in files}
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        cells = dict(zip(header, (cell.strip() for cell in row), strict=False))
        start = _seconds(cells.get("start", ""), f"{path}: line {number}: start")
        end = _seconds(cells["end"], f"{path}: line {number}: end") if cells.get("end") else start
        if end < start:
            raise UserError(f"{path}: line {number}: ends at {end:g} s, before its start at {start:g} s")
        name = cells.get("file") or (files[0] if len(files) == 1 else "")
        if name not in found:
            raise UserError(
                f"{path}: line {number}: {name or 'no file'!r} is none of the recordings (first: {files[0]})"
            )
        mark = Mark(cells.get("word", ""), start, end, cells.get("speaker", ""), cells.get("condition", ""))
        found[name].append(mark)
    return {name: sorted(marks, key=lambda mark: mark.start) for name, marks in found.items()}


def _seconds(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UserError(f"{where}: {cell!r} is no time in seconds")
    return value
