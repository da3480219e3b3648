"""Lines "label text", and fastText's "__label__x text"."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from apps.text.reading.files import lines_of
from cnn_core.errors import UserError

FASTTEXT = "__label__"


def read_label_lines(path: Path, text: str, several: bool = False) -> list[list[str]]:
    """(label, text) of each line that is not blank. Where the first line is marked as fastText does, all must be.

    With `several`, the label of a marked line is a JSON list of all its labels, wherever in the line they stand.

    Raises UserError with the line that has no label, or several, and where unmarked lines begin with so many different
    words that these are not labels.
    """
    lines = [(number, line.strip()) for number, line in enumerate(lines_of(text), start=1) if line.strip()]
    if lines and lines[0][1].startswith(FASTTEXT):
        return [_several(path, number, line) if several else _marked(path, number, line) for number, line in lines]
    rows = [[*line.split(maxsplit=1), ""][:2] for _, line in lines]
    labels = {label for label, rest in rows if rest}
    for (number, _), (label, rest) in zip(lines, rows, strict=True):
        if not rest and label not in labels:  # the label of other lines is one, with an empty text
            raise UserError(f"{path}: line {number} is one word; lines must be `label text`")
        if label.startswith(FASTTEXT):
            raise UserError(f"{path}: line {number} begins with {FASTTEXT}, and the first line does not")
    kinds = {label for label, _ in rows}
    if len(kinds) > max(20, len(rows) ** 0.5):
        raise UserError(
            f"{path}: lines must be `label text`, and {len(rows)} lines begin with {len(kinds)} different words;"
            f" give labels (`{FASTTEXT}x text` where there are hundreds of classes), or a table with columns"
            " (.csv, .jsonl, or --texts.delimiter tab)"
        )
    return rows


def unlabelled(lines: Sequence[str], labels: Sequence[str]) -> tuple[list[str], bool]:
    """(lines without fastText's labels, or without the label of a line `label text`; whether it was the latter).

    The first words of lines are labels where all of them are `labels`, and not all the same one.
    """
    cut = [line.split(maxsplit=1) for line in lines]
    first = {words[0] for words in cut if words}
    if len(first) > 1 and first <= {*labels}:
        return [words[1] if len(words) > 1 else "" for words in cut], True
    return [_unmarked(line) for line in lines], False


def _unmarked(line: str) -> str:
    while line.startswith(FASTTEXT):
        line = line.partition(" ")[2].lstrip() if " " in line else ""
    return line


def _several(path: Path, number: int, line: str) -> list[str]:
    labels = [word.removeprefix(FASTTEXT) for word in line.split() if word.startswith(FASTTEXT)]
    if not labels:
        raise UserError(f"{path}: line {number} has no {FASTTEXT}, as the first line does")
    return [json.dumps(labels), " ".join(word for word in line.split() if not word.startswith(FASTTEXT))]


def _marked(path: Path, number: int, line: str) -> list[str]:
    label, rest = [*line.split(maxsplit=1), ""][:2]
    if not label.startswith(FASTTEXT):
        raise UserError(f"{path}: line {number} does not begin with {FASTTEXT}, as the first line does")
    others = [word for word in rest.split() if word.startswith(FASTTEXT)]
    if others:
        raise UserError(
            f"{path}: line {number} has several labels ({label}, {', '.join(others)}); a text can have one alone:"
            " leave the others out, or give --texts.labels several"
        )
    return [label.removeprefix(FASTTEXT), rest]
