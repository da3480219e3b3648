"""Changes of training labels: a CSV file that `review` writes and `train --labels` applies to a copy of the labels.

    sample,digest,label,own,believed,probability,decision,to
    17,5f0c...,cat,0.0012,dog,0.9701,change,dog

`sample` is the number in the training data, from 0; `digest`, of its input, tells whether the data are the same.
The decision is keep, change (to the label in `to`), drop, or nothing as long as nobody has looked.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from cnn_core import bounded
from cnn_core.errors import UserError
from cnn_core.files import atomic

if TYPE_CHECKING:
    from torch import Tensor

    from cnn_core.training.data import Dataset, Split

Decision = Literal["", "keep", "change", "drop"]
DECISIONS = get_args(Decision)
COLUMNS = ("sample", "digest", "label", "own", "believed", "probability", "decision", "to")
KEPT = "label-changes.csv"
"""The file in a run folder of what was changed before its training."""
LIMIT = 64 * bounded.MIB


@dataclass(frozen=True)
class Row:
    """One sample of the list."""

    sample: int
    digest: str
    label: str
    own: str = ""
    """Probability of the label, as written."""
    believed: str = ""
    probability: str = ""
    decision: Decision = ""
    to: str = ""


def digest_of(value: Tensor) -> str:
    """16 hexadecimal digits of one input: its type, its shape and its numbers."""
    array = value.detach().cpu().contiguous().numpy()
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()[:16]


def sample_digest(split: Split, sample: int) -> str:
    """The digest of the input of one sample, as evaluation sees it."""
    return digest_of(split.plain().take(slice(sample, sample + 1))[0][0])


def as_csv(rows: Iterable[Row]) -> str:
    """The rows as the text of a CSV file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)
    return text.getvalue()


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write the rows, whole or not at all. Raises UserError where the system refuses."""
    text = as_csv(rows)
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8")


def read(path: str | Path) -> list[Row]:
    """The rows of a file. Raises UserError, with the line, where it is not such a list."""
    try:
        text = bounded.read_bytes(Path(path), LIMIT).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a CSV file in UTF-8 (byte {error.start})") from error
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""))
        missing = [
            name for name in ("sample", "digest", "label", "decision", "to") if name not in (reader.fieldnames or ())
        ]
        if missing:
            raise UserError(
                f"{path}: not a list of changed labels as `review` writes it ({', '.join(missing)} missing)"
            )
        rows = [_row(path, reader.line_num, each) for each in reader]
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV file ({error})") from error
    numbers = [row.sample for row in rows]
    twice = next((n for n in numbers if numbers.count(n) > 1), None) if len({*numbers}) < len(numbers) else None
    if twice is not None:
        raise UserError(f"{path}: sample {twice} stands there twice")
    return rows


def _row(path: str | Path, line: int, values: Mapping[str, Any]) -> Row:
    given = {name: str(values.get(name) or "").strip() for name in COLUMNS}
    number, decision = given.pop("sample"), given.pop("decision").lower()
    if not number.isascii() or not number.isdecimal() or len(number) > 12:
        raise UserError(f"{path}: line {line}: sample {number!r} is not a number from 0")
    if decision not in DECISIONS:
        raise UserError(f"{path}: line {line}: decision {decision!r}; there are keep, change, drop, or nothing")
    if decision == "change" and not given["to"]:
        raise UserError(f"{path}: line {line}: change to which label? the column `to` is empty")
    return Row(int(number), decision=cast(Decision, decision), **given)


@dataclass(frozen=True)
class Applied:
    """A data set with changed training labels."""

    source: Dataset
    changed: int
    dropped: int
    samples: Tensor | None = None
    """(N,) the number of each sample that is left, in the data as they were; None where all are."""

    def sample(self, place: int) -> int:
        """The number in the data as they were of a sample that is left."""
        return place if self.samples is None else int(self.samples[place])


def applied(source: Dataset, rows: Iterable[Row], name: str) -> Applied:
    """The changes applied to a copy of the training labels; `name` is that of the list in messages.

    Raises UserError where the list belongs to other data, and where a class would lose all of its samples.
    """
    import torch

    train, rows = source.train, [*rows]
    if not rows:
        return Applied(source, 0, 0)
    if train.targets.dim() != 1:
        raise UserError(f"{name}: labels are changed where a sample has one; here it may have several")
    targets, left = train.targets[:].clone(), torch.ones(len(train), dtype=torch.bool)
    numbers = {label: number for number, label in enumerate(source.labels)}
    changed = 0
    for row in rows:
        if row.decision not in ("change", "drop"):
            continue
        same = row.sample < len(train) and source.label_of(train.targets[row.sample]) == row.label
        if not same or sample_digest(train, row.sample) != row.digest:
            raise UserError(f"{name}: sample {row.sample} is another one in {source.name}; the list is of other data")
        if row.decision == "drop":
            left[row.sample] = False
        elif row.to not in numbers:
            raise UserError(f"{name}: sample {row.sample}: {row.to!r} is no class of {source.name}")
        else:
            changed += row.to != row.label
            targets[row.sample] = numbers[row.to]
    empty = {*train.targets.tolist()} - {*targets[left].tolist()}
    if empty:
        raise UserError(f"{name}: leaves no sample of the class {source.labels[min(empty)]!r}")
    samples = left.nonzero()[:, 0]
    relabelled = replace(train, targets=targets)
    kept = relabelled if bool(left.all()) else relabelled.subset(samples)
    return Applied(replace(source, train=kept), changed, int((~left).sum()), samples)
