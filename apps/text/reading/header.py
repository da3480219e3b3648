"""Whether the first row of a table names its columns."""

from __future__ import annotations

from collections.abc import Sequence

from apps.text.reading.form import Form

TEXT_NAMES = ("text", "sentence", "review", "content", "tweet", "message", "comment", "question", "body", "snippet",
              "document", "headline", "title", "description")  # fmt: skip
LABEL_NAMES = ("label", "class", "category", "sentiment", "target", "polarity", "topic", "intent", "rating", "stars",
               "y", "labels")  # fmt: skip
MOST_LETTERS, MOST_WORDS = 40, 3  # of a name


def find_header(rows: Sequence[Sequence[str]], form: Form, trained: Form) -> tuple[bool, bool]:
    """(whether the first row is a header, whether that was guessed).

    Certain are what an option says, a name that an option or the training data use, and the usual names. Guessed is
    from the columns: one that holds numbers below a word, or labels that come again and again below a word that
    comes nowhere else.
    """
    if form.header != "auto":
        return form.header == "yes", False
    first = [cell.strip() for cell in rows[0]]
    named = {name for each in (form, trained) for name in (each.text, each.label) if name and not name.isdigit()}
    if named & set(first):
        return True, False
    alone = len(first) == 1 and len(rows) > 1 and first[0].lower() in TEXT_NAMES
    if alone and any(len(row[0].split()) > 1 for row in rows[1:]):
        return True, trained.header == "no"
    if _different(first) and any(
        cell.lower() in (*TEXT_NAMES, *LABEL_NAMES)
        and all(row[i].strip() != cell or row == rows[0] for row in rows[1:])
        for i, cell in enumerate(first)
    ):
        return True, trained.header == "no"
    found = len(rows) >= 3 and _are_names(first, rows[1:])
    if trained.header == "no":  # a first row that is plainly no text has names all the same
        return found, found
    return found, found or _first_label_alone(first, rows[1:])


def _are_names(first: list[str], below: Sequence[Sequence[str]]) -> bool:
    if not _different(first):
        return False
    if any(_number(cell) or len(cell) > MOST_LETTERS or len(cell.split()) > MOST_WORDS for cell in first):
        return False
    columns = [[row[i].strip() for row in below] for i in range(len(first))]
    if any(any(column) and all(_number(cell) for cell in column if cell) for column in columns):
        return True
    labels = [i for i, column in enumerate(columns) if any(column) and recurring(column)]
    return bool(labels) and all(_alone(first[i], columns[i]) for i in labels)


def _different(first: list[str]) -> bool:
    """Whether the columns' names differ; columns without a name, as spreadsheets leave them, do not count."""
    names = [cell for cell in first if cell]
    return len(names) > 1 and len(set(names)) == len(names)


def _first_label_alone(first: list[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the first row was a near thing: taken as a text, with a label that comes nowhere else."""
    columns = [[row[i].strip() for row in below] for i in range(len(first))]
    return any(recurring(column) and _alone(first[i], column) for i, column in enumerate(columns))


def recurring(column: Sequence[str]) -> bool:
    """Whether the values of a column come again, as labels do and texts and numbers of rows do not."""
    return 1 <= len(set(column)) <= max(2, len(column) // 3) and len(set(column)) < len(column)


def _alone(cell: str, column: Sequence[str]) -> bool:
    return cell.casefold() not in {other.casefold() for other in column}


def _number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
