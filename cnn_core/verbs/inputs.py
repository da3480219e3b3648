"""The user's own inputs: files one by one or in folders, read all, with one list of those that cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from cnn_core import bounded
from cnn_core.app import App
from cnn_core.console import counted, note
from cnn_core.errors import UserError
from cnn_core.files import existing, files_in, others_in

T = TypeVar("T")
LISTED = 8  # bad files named in one message


def names_of(app: App, given: Sequence[str]) -> list[str]:
    """The inputs one by one; folders give their files with the app's endings, sorted, hidden ones left out.

    Files of other kinds in a folder are counted in a note. Raises UserError where nothing is named or found.
    """
    names: list[str] = []
    for name in given:
        if name == "-" or existing(Path(name)).is_file():
            names.append(name)
            continue
        found = [str(path) for path in files_in(Path(name), app.suffixes)]
        others = Counter(path.suffix.lower() or "without an ending" for path in others_in(Path(name), app.suffixes))
        if not found:
            raise UserError(f"{name}: holds no {app.what}s ({' '.join(app.suffixes)}){_kinds(others, '; it has ')}")
        if others:
            left = counted(sum(others.values()), "file")
            note(f"{name}: {left} of other kinds left out{_kinds(others, ': ')}; read are {' '.join(app.suffixes)}")
        names += found
    if not names:
        raise UserError(f"name the {app.what}s to read: files, folders, or - for standard input")
    return names


def _kinds(others: Counter[str], before: str) -> str:
    kinds = [f"{count} {kind}" for kind, count in others.most_common(4)]
    return before + ", ".join(kinds + ["…"] * (len(others) > 4)) if others else ""


def read_all(
    names: Sequence[str], read: Callable[[Path | bytes], T], what: str, skip_bad: bool
) -> tuple[list[str], list[T]]:
    """Read every input; the names and values of those that can be read, in order.

    `read` takes a path, or the bytes of standard input for "-". Raises UserError with a list of all that cannot be
    read; with `skip_bad` they are said in notes, and the error is raised only where nothing else is left.
    """
    good: list[str] = []
    values: list[T] = []
    bad: list[str] = []
    for name in names:
        try:
            values.append(read(bounded.standard_input() if name == "-" else Path(name)))
            good.append(name)
        except UserError as error:
            bad.append(str(error))
    if bad and len(names) == 1:
        raise UserError(bad[0])
    if bad and not (skip_bad and good):
        listed = "; ".join(bad[:LISTED]) + (f"; and {len(bad) - LISTED} more" if len(bad) > LISTED else "")
        advice = "; --skip-bad answers the others" if good else ""
        raise UserError(f"{len(bad)} of {counted(len(names), what)} cannot be read: {listed}{advice}")
    for line in bad:
        note(f"left out: {line}")
    return good, values
