"""The user's own table with the answers beside its columns, as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.text.reading.tables import Table
from cnn_core.files import atomic, csv_cell


def write_answers(path: Path, table: Table, answers: Sequence[dict[str, Any]]) -> None:
    """Rows of `table` with the columns answer and probability, UTF-8 (RFC 4180, lines end at LF).

    Spreadsheets take cells that begin with = + - @ for formulas, so a ' stands before them (OWASP, CSV injection).
    Raises UserError where the file cannot be written.
    """
    rows = [[*row, *_answer(found)] for row, found in zip(table.rows, answers, strict=True)]
    if table.names:
        rows.insert(0, [*table.names, *_new_names(table.names)])
    with atomic(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([[csv_cell(cell) for cell in row] for row in rows])


def _answer(found: dict[str, Any]) -> list[str]:
    return [found["answer"] or "", f"{found['top'][0]['probability']:.4f}" if found["top"] else ""]


def _new_names(names: Sequence[str]) -> list[str]:
    """answer and probability, with a number where the table has such columns."""
    found = []
    for name in ("answer", "probability"):
        number = 1
        while (new := name if number == 1 else f"{name} {number}") in names:
            number += 1
        found.append(new)
    return found
