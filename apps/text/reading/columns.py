"""Which columns of a table hold the texts and the labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from apps.text.reading.form import Form
from apps.text.reading.header import LABEL_NAMES, TEXT_NAMES
from apps.text.reading.tables import Table
from cnn_core.errors import UserError


def find_columns(table: Table, trained: Form, classes: Sequence[str] = ()) -> tuple[int, int, tuple[str, ...]]:
    """(column of the texts, column of the labels, what was guessed): as the options say, as in the training data,
    by the usual names, else by what the cells look like; `classes` are those of a run that is tested.

    Raises UserError for a column that does not exist, where none looks like labels, and where both are the same.
    """
    form = table.form
    text, label = table.position("text", form.text), table.position("label", form.label)
    guesses = []
    if label is None and trained.label:
        label = table.find(trained.label)
        if label is None:
            guesses.append(f"no column {trained.label!r} of labels as in the training data")
    if text is None and trained.text:
        text = table.find(trained.text)
        if text is None:
            guesses.append(f"no column {trained.text!r} of texts as in the training data")
    text_guessed, label_guessed = text is None, label is None
    others: list[int] = []
    if label is None:
        label, others = guess_label(table, text, classes)
    if text is None:
        text = guess_text(table, label)
    if text == label:
        raise UserError(f"{table.path}: texts and labels cannot be the same column {table.column_name(text)}")
    if text_guessed:
        guesses.append(f"texts from {table.column_name(text)}")
    if label_guessed:
        like = [table.column_name(other) for other in others if other != text]
        also = f" (as well could be {', '.join(like[:4])})" if like else ""
        guesses.append(f"labels from {table.column_name(label)}{also}")
    return text, label, () if sorted(table.names) == ["label", "text"] else tuple(guesses)


def guess_label(table: Table, text: int | None, classes: Sequence[str] = ()) -> tuple[int, list[int]]:
    """(the column of labels, others with as few values): all cells are `classes`, or they recur, as texts do not.

    Raises UserError where no column looks like labels.
    """
    usual = _usual(table, LABEL_NAMES, text)
    if usual is not None:
        return usual, []
    inside = [
        i for i in range(len(table.rows[0])) if i != text and {row[i].strip() for row in table.rows} <= {*classes}
    ]
    if inside:
        return inside[0], inside[1:]
    repeating: list[tuple[int, int]] = []
    for column in range(len(table.rows[0])):
        kinds = len({row[column] for row in table.rows})
        if column != text and 2 <= kinds <= max(2, len(table.rows) // 3):
            repeating.append((kinds, column))
    if not repeating:
        columns = ", ".join(table.column_name(column) for column in range(len(table.rows[0])))
        option = table.form.option("label")
        raise UserError(f"{table.path}: no column looks like labels ({columns}); name it with {option}")
    kinds, found = min(repeating)
    return found, [column for other, column in repeating if other == kinds and column != found]


def guess_text(table: Table, label: int | None) -> int:
    """The column of texts: of a usual name, else the one with the longest cells; not that of the labels."""
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
