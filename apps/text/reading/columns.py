"""Which column of a table holds the texts and which the labels: named by the user, or guessed and said."""

from dataclasses import dataclass
from pathlib import Path

from cnn_core.console import note
from cnn_core.errors import UserError

TEXT_NAMES = ("text", "sentence", "review", "content", "tweet", "message", "comment", "question", "body", "snippet",
              "document", "headline", "title", "description")  # fmt: skip
LABEL_NAMES = (
    "label",
    "class",
    "category",
    "sentiment",
    "target",
    "polarity",
    "topic",
    "intent",
    "rating",
    "stars",
    "y",
)


@dataclass(frozen=True)
class Columns:
    """Names (or numbers from 1) of the columns; "" is for guessing."""

    text: str = ""
    label: str = ""
    quiet: bool = False
    """Do not say what was guessed: it was said when the run began."""


def choose(
    path: Path, rows: list[list[str]], names: list[str], columns: Columns, labelled: bool = True
) -> tuple[int, int]:
    """Positions of the text and the label column; takes a header away from `rows` where there is one.

    `names` are the columns' names where the file's form has them. Raises UserError for a column that does not exist
    and where nothing can be guessed.
    """
    named = any(names)
    if not named:
        names = _header(rows, columns)
        if names:
            del rows[0]
            if not rows:
                raise UserError(f"{path}: has a header and no rows")
    width = len(rows[0])
    text = _position(path, "texts.text", columns.text, names, width)
    label = _position(path, "texts.label", columns.label, names, width) if labelled else -1
    guessed = []
    if labelled and label is None:
        label = _guess_label(rows, names, text)
        if label is None:
            raise UserError(
                f"{path}: no column looks like labels ({', '.join(_called(names, i) for i in range(width))});"
                " name it with --texts.label"
            )
        guessed.append(f"labels from {_called(names, label)}")
    if text is None:
        text = _guess_text(rows, names, label)
        guessed.append(f"texts from {_called(names, text)}")
    if text == label:
        raise UserError(f"{path}: texts and labels cannot be the same column {_called(names, text)}")
    if guessed and not columns.quiet and sorted(names) != ["label", "text"]:
        note(f"{path}: {', '.join(reversed(guessed))} (name others with --texts.text and --texts.label)")
    return text, label if label is not None else -1


def _header(rows: list[list[str]], columns: Columns) -> list[str]:
    """The first row where it is a header: it names a wanted column, or a usual one. Else nothing."""
    first = [cell.strip() for cell in rows[0]]
    wanted = {name for name in (columns.text, columns.label) if name and not name.isdigit()}
    usual = {*TEXT_NAMES, *LABEL_NAMES} & {cell.lower() for cell in first}
    if wanted & set(first) or (usual and len(set(first)) == len(first)):
        return first
    return []


def _called(names: list[str], position: int) -> str:
    named = position < len(names) and names[position]
    return f"column {names[position]!r}" if named else f"column {position + 1}"


def _position(path: Path, option: str, wanted: str, names: list[str], width: int) -> int | None:
    if not wanted:
        return None
    if wanted in names:
        return names.index(wanted)
    if wanted.isdigit() and 1 <= int(wanted) <= width:
        return int(wanted) - 1
    known = ", ".join(name for name in names if name) or f"1 to {width}"
    raise UserError(f"{path}: --{option} {wanted}: no such column; there are {known}")


def _guess_label(rows: list[list[str]], names: list[str], text: int | None) -> int | None:
    lower = [name.lower() for name in names]
    for usual in LABEL_NAMES:
        if usual in lower and lower.index(usual) != text:
            return lower.index(usual)
    found: list[tuple[int, int]] = []
    for column in range(len(rows[0])):
        kinds = len({row[column] for row in rows})
        if column != text and 2 <= kinds <= max(2, len(rows) // 3):  # labels recur, numbers of rows do not
            found.append((kinds, column))
    return min(found)[1] if found else None


def _guess_text(rows: list[list[str]], names: list[str], label: int | None) -> int:
    lower = [name.lower() for name in names]
    for usual in TEXT_NAMES:
        if usual in lower and lower.index(usual) != label:
            return lower.index(usual)
    others = [column for column in range(len(rows[0])) if column != label]
    if not others:
        return label or 0
    return max(others, key=lambda column: sum(len(row[column]) for row in rows))
