"""Texts with labels from one file. What is guessed, and what stands out, is said in the notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from apps.text.reading.checks import oddities, single_labels
from apps.text.reading.columns import find_columns
from apps.text.reading.form import AUTO, Form
from apps.text.reading.tables import read_table
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
