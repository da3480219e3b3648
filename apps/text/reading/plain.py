"""Texts without labels, to predict: a column of a table, or the lines of any other file, in the file's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from apps.text.reading.columns import guess_text
from apps.text.reading.files import decode, lines_of, read_file
from apps.text.reading.form import AUTO, Form
from apps.text.reading.label_lines import unlabelled
from apps.text.reading.tables import Table, is_table, table_of
from cnn_core.errors import UserError


@dataclass(frozen=True)
class PlainTexts:
    """The texts of a file, one for each row, empty ones too, and the table that they stand in."""

    texts: list[str]
    table: Table
    notes: tuple[str, ...] = ()
    """What was guessed about the file, one line each."""


def read_plain(path: Path, form: Form, trained: Form = AUTO, labels: Sequence[str] = ()) -> PlainTexts:
    """The texts of a file; `form` is what the options say, `trained` how the training data were read,
    `labels` the classes of the run, which may stand before the texts of a file of lines.

    Raises UserError where the file cannot be read, or has no column as that of the training.
    """
    raw, kind = read_file(path)
    if not is_table(path, kind, form):
        remembered = trained.encoding if not form.encoding else ""
        lines = lines_of(decode(raw, str(path), replace(form, encoding=form.encoding or remembered)))
        notes = (f"{path}: read as {remembered}, as the training data were",) if remembered else ()
        texts, cut = unlabelled(lines, labels)
        if cut:
            notes += (f"{path}: its lines begin with classes of the network, which are not part of the texts",)
        return PlainTexts(texts, Table(path, [[line] for line in lines], ["text"]), notes)
    table = table_of(path, raw, kind, form, trained, least=1, blank=True)
    text, guesses = _text_column(table, trained)
    guesses += table.notes
    notes = (f"{path}: {', '.join(guesses)}; see {form.option('text')}",) if guesses else ()
    return PlainTexts([row[text] for row in table.rows], table, notes)


def _text_column(table: Table, trained: Form) -> tuple[int, tuple[str, ...]]:
    given = table.position("text", table.form.text)
    if given is not None:
        return given, ()
    if not trained.text:
        text = 0 if len(table.rows[0]) == 1 else guess_text(table, None)
        return text, (f"texts from {table.column_name(text)}",)
    found = table.find(trained.text)
    if found is not None:
        return found, ()
    if len(table.rows[0]) == 1:
        return 0, ()
    columns = ", ".join(table.column_name(i) for i in range(len(table.rows[0])))
    raise UserError(
        f"{table.path}: has no column {trained.text!r}, from which the run learned its texts ({columns});"
        f" name the column of the texts with {table.form.option('text')}"
    )
