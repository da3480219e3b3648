"""Texts with labels from one file. What is guessed, and what stands out, is said in the notes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from apps.text.reading.checks import oddities, single_labels
from apps.text.reading.columns import find_columns
from apps.text.reading.form import AUTO, Form
from apps.text.reading.tables import read_table
from apps.text.reading.texts import Texts
from cnn_core.errors import UserError


def read_labelled(path: Path, form: Form, trained: Form = AUTO) -> Texts:
    """Texts with labels from a file; `form` is what the options say, `trained` how the training data were read.

    Raises UserError with the file, and the line where one is to blame: empty, not in the encoding, ragged, no such
    column, rows without a label or with several.
    """
    table = read_table(path, form, trained)
    text, label, guesses = find_columns(table, trained)
    cells = [row[label].strip() for row in table.rows]
    missing = [number for number, name in enumerate(cells, start=1) if not name]
    if missing:
        raise UserError(f"{path}: {len(missing)} of {len(cells)} rows have no label (first: row {missing[0]})")
    labels = single_labels(str(path), cells, form)
    texts = [row[text] for row in table.rows]
    guesses += table.notes
    notes = (f"{path}: {', '.join(guesses)} (name others with --texts.text and --texts.label)",) if guesses else ()
    notes += tuple(f"{path}: {line}" for line in oddities(texts, labels))
    taken = table.form
    if not table.label_lines:
        taken = replace(taken, text=table.column_key(text), label=table.column_key(label))
    return Texts(texts, labels, notes, taken)
