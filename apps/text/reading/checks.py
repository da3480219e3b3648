"""What stands out in texts with labels: several labels a text (refused), and oddities that are worth a line."""

from __future__ import annotations

import ast
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from apps.text.reading.form import Form
from apps.text.reading.tokenizers import normal_form
from cnn_core.errors import UserError

SEPARATORS = (",", ";", "|")
JOINERS = ("/", "+", "&", " ")
"""They stand in names more often: they count as separators where every part is a label of other texts."""
MISSING = ("nan", "none", "null", "na", "n/a", "<na>")
"""What programs write where a value is missing."""


def single_labels(where: str, labels: Sequence[str], form: Form) -> list[str]:
    """The labels, lists with one label replaced by it.

    Raises UserError with an example where texts have several labels: a list, or `a,b` beside `a` and `b`.
    """
    found = []
    for number, label in enumerate(labels, start=1):
        parts = _listed(label)
        if parts is None:
            found.append(label)
            continue
        if len(parts) > 1:
            raise _several(where, number, label, form)
        found.append("".join(parts))
    if form.label_separator == "auto":
        combined = _combined(set(found))
        for number, label in enumerate(found, start=1):
            if label in combined:
                raise _several(where, number, label, form, named=True)
    return found


def _several(where: str, number: int, label: str, form: Form, named: bool = False) -> UserError:
    option = form.option("label_separator")
    out = f"; where {label!r} is the name of one class, give {option} none" if named else ""
    return UserError(
        f"{where}: row {number} has several labels ({label}), and a text can have one alone: give one label a text, or"
        f" {form.option('labels')} several{out}"
    )


def label_sets(labels: Sequence[str]) -> list[str]:
    """For each cell, its labels as a sorted JSON list: of a list its parts, else what stands between , ; or |.

    The separator is the first of these that stands in any cell.
    """
    lists = [_listed(label) for label in labels]
    plain = [cell for cell, parts in zip(labels, lists, strict=True) if parts is None]
    mark = next((mark for mark in SEPARATORS if any(mark in cell for cell in plain)), "")
    found = []
    for cell, parts in zip(labels, lists, strict=True):
        if parts is None:
            parts = cell.split(mark) if mark else [cell]
        found.append(set_of(parts))
    return found


def set_of(labels: Iterable[str]) -> str:
    """Labels as one string: a sorted JSON list, without empty ones and repetitions."""
    return json.dumps(sorted({label.strip() for label in labels} - {""}), ensure_ascii=False)


def _listed(label: str) -> list[str] | None:
    """The parts of a JSON or Python list of strings; None for any other label."""
    if not (label.startswith("[") and label.endswith("]")):
        return None
    try:
        value: Any = ast.literal_eval(label)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return [str(part).strip() for part in value] if isinstance(value, list) else None


def _combined(labels: set[str]) -> set[str]:
    """The labels that are made of others: a part of theirs is a label alone, or stands in another combination."""
    found = set()
    for mark in (*SEPARATORS, *JOINERS):
        parts = {label: [part.strip() for part in label.split(mark)] for label in labels if mark in label}
        parts = {label: each for label, each in parts.items() if len(set(each)) > 1 and all(each)}
        if mark in JOINERS:
            found |= {label for label, each in parts.items() if labels.issuperset(each)}
            continue
        uses = Counter(part for each in parts.values() for part in set(each))
        found |= {label for label, each in parts.items() if any(part in labels or uses[part] > 1 for part in each)}
    return found


def oddities(texts: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """A few words each about texts that are empty, labels that may be missing or differ in case alone, and equal texts
    with different labels."""
    found = []
    empty = [number for number, text in enumerate(texts, start=1) if not text.strip()]
    if empty:
        found.append(f"{len(empty)} of {len(texts)} texts are empty (first: row {empty[0]})")
    counts = Counter(labels)
    for label in counts:
        if label.lower() in MISSING:
            found.append(
                f"{counts[label]} of {len(labels)} labels are {label!r}, which is a class here, not a missing label"
            )
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in counts:
        spellings[label.casefold()].append(label)
    for names in spellings.values():
        if len(names) > 1:
            listed = ", ".join(f"{name!r} ({counts[name]})" for name in names)
            found.append(f"the classes {listed} differ in case alone")
    answers: dict[str, set[str]] = defaultdict(set)
    rows = Counter[str]()
    for text, label in zip(texts, labels, strict=True):
        form = normal_form(text)
        if form:
            answers[form].add(label)
            rows[form] += 1
    contradicted = [form for form, each in answers.items() if len(each) > 1]
    if contradicted:
        count = sum(rows[form] for form in contradicted)
        example = contradicted[0] if len(contradicted[0]) <= 40 else contradicted[0][:39] + "…"
        classes = ", ".join(sorted(answers[contradicted[0]]))
        found.append(f"{count} of {len(texts)} texts occur with different labels ({example!r}: {classes})")
    return tuple(found)
