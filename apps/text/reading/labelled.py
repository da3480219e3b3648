"""Texts with labels from one file. What is guessed, and what stands out, is said in the notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from apps.text.reading.checks import label_sets, oddities, set_of, single_labels
from apps.text.reading.columns import find_columns
from apps.text.reading.form import AUTO, Form
from apps.text.reading.tables import Table, read_table
from cnn_core.errors import UserError


@dataclass(frozen=True)
class Texts:
    """N texts and the names of their classes, in the order of the source."""

    texts: list[str]
    labels: list[str]
    notes: tuple[str, ...] = ()
    """What was guessed about the source or stands out in it, one line each."""
    form: Form = AUTO
    """How the file was read."""

    def __len__(self) -> int:
        return len(self.texts)

    def subset(self, chosen: np.ndarray) -> Texts:
        """The texts where `chosen` (N,) bool is true; the notes stay with the whole."""
        index = np.flatnonzero(chosen).tolist()
        return Texts([self.texts[i] for i in index], [self.labels[i] for i in index], form=self.form)


def read_labelled(path: Path, form: Form, trained: Form = AUTO, classes: Sequence[str] = ()) -> Texts:
    """Texts with labels from a file; `form` is what the options say, `trained` how the training data were read.

    Of data that a run is tested on, `classes` are the run's: they help to find the labels.
    Raises UserError with the file, and the line where one is to blame: empty, not in the encoding, ragged, no such
    column, rows without a label or with several.
    """
    table = read_table(path, form, trained)
    if form.labels == "several":
        return _with_several(path, table, form, trained, classes)
    text, label, guesses = find_columns(table, trained, classes)
    cells = [row[label].strip() for row in table.rows]
    missing = [number for number, name in enumerate(cells, start=1) if not name]
    if missing:
        raise UserError(f"{path}: {len(missing)} of {len(cells)} rows have no label (first: row {missing[0]})")
    labels = single_labels(str(path), cells, form)
    texts = [row[text] for row in table.rows]
    hint = " (name others with --texts.text and --texts.label)" if guesses else ""
    guesses += table.notes
    notes = (f"{path}: {', '.join(guesses)}{hint}",) if guesses else ()
    notes += tuple(f"{path}: {line}" for line in oddities(texts, labels))
    taken = table.form
    if not table.label_lines:
        taken = replace(taken, text=table.column_key(text), label=table.column_key(label))
    return Texts(texts, labels, notes, taken)


def _with_several(path: Path, table: Table, form: Form, trained: Form, classes: Sequence[str]) -> Texts:
    """Texts with any number of labels: of one column, or of columns of 0 and 1 that the option of the label names."""
    given = form.label or trained.label
    names = [name.strip() for name in given.split(",")]
    if len(names) > 1 and not table.names.count(given):
        places = [table.position("label", name) for name in names]
        text = table.position("text", form.text or trained.text)
        if text is None:
            others = [i for i in range(len(table.rows[0])) if i not in places]
            if not others:
                raise UserError(f"{path}: has no column of texts beside {given}")
            text = max(others, key=lambda i: sum(len(row[i]) for row in table.rows))
        cells = [[row[place].strip() for place in places if place is not None] for row in table.rows]
        for number, row in enumerate(cells, start=1):
            if not {*row} <= {"0", "1", "0.0", "1.0", "True", "False", "true", "false", ""}:
                odd = next(cell for cell in row if cell not in ("0", "1", ""))
                raise UserError(f"{path}: row {number} of the columns {given} has {odd!r}, and they must hold 0 or 1")
        labels = [
            set_of(name for name, cell in zip(names, row, strict=True) if cell in ("1", "1.0", "True", "true"))
            for row in cells
        ]
        key, guesses = given, () if form.text or trained.text else (f"texts from {table.column_name(text)}",)
    else:
        text, label, guesses = find_columns(table, trained, classes)
        labels, key = label_sets([row[label].strip() for row in table.rows]), table.column_key(label)
    texts = [row[text] for row in table.rows]
    notes = (f"{path}: {', '.join(guesses)}",) if guesses else ()
    empty = sum(label == "[]" for label in labels)
    if empty:
        notes += (f"{path}: {empty} of {len(labels)} texts have no label",)
    taken = table.form if table.label_lines else replace(table.form, text=table.column_key(text), label=key)
    return Texts(texts, labels, notes, taken)
