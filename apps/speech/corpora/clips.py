"""Clips with their words, speakers and splits, from which data sets are made.

Letters: N clips, L samples of a clip.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.fetching.decoded import Arrays
from cnn_core.fetching.mapped import Values, rows_of
from cnn_core.training.data import Dataset, Split, picked, samples_of, together

TRAIN, VALIDATION, TEST = range(3)


@dataclass(frozen=True)
class Clips(Split):
    """A split of clips (N, L) int16 with its speakers: `speakers` (N,) int64, indices into `names`."""

    speakers: Tensor
    names: tuple[str, ...]

    def subset(self, index: Tensor) -> Clips:
        """The clips at `index`."""
        return replace(super().subset(index), speakers=picked(self.speakers, index))


@dataclass(frozen=True, eq=False)
class Corpus:
    """All clips of a data set. `parts` (N,) is the official split of each."""

    name: str
    labels: tuple[str, ...]
    clips: Values  # (N, L) int16
    targets: np.ndarray  # (N,) int64
    parts: np.ndarray  # (N,) uint8: TRAIN, VALIDATION or TEST
    speakers: np.ndarray  # (N,) int64, into `names`
    names: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    """A message for each unreadable recording that was left out, beginning with its name."""

    def arrays(self) -> Arrays:
        """As arrays, for the cache."""
        words = {"name": self.name, "labels": self.labels, "names": self.names, "skipped": self.skipped}
        text = np.frombuffer(json.dumps(words).encode(), np.uint8)
        numbers = {name: getattr(self, name) for name in ("clips", "targets", "parts", "speakers")}
        return numbers | {"text": text}

    @staticmethod
    def of_arrays(arrays: Mapping[str, Values]) -> Corpus:
        """The corpus of these arrays."""
        words = json.loads(np.asarray(arrays["text"]).tobytes())
        numbers = {name: np.asarray(arrays[name]) for name in ("targets", "parts", "speakers")}
        names, skipped = tuple(words["names"]), tuple(words["skipped"])
        return Corpus(words["name"], tuple(words["labels"]), arrays["clips"], names=names, skipped=skipped, **numbers)

    def split(self, which: np.ndarray) -> Clips:
        """The clips where `which` (N,) bool is true."""
        rows = np.flatnonzero(which)
        clips, targets, speakers = (
            samples_of(rows_of(values, rows)) for values in (self.clips, self.targets, self.speakers)
        )
        return Clips(clips, targets, speakers, self.names)

    def dataset(self, split: str = "official") -> Dataset:
        """The official splits, or for speaker:NAME all clips of that speaker for testing and no validation.

        Raises UserError that lists the speakers if there is none of that name.
        """
        if split == "official":
            validation = self.split(self.parts == VALIDATION)
            data = Dataset(
                self.name,
                self.split(self.parts == TRAIN),
                self.split(self.parts == TEST),
                self.labels,
                validation if len(validation) else None,
            )
            _note_missing(data)
            return data
        name = split.removeprefix("speaker:")
        if name not in self.names:
            speakers = ", ".join(self.names[:12]) + (" …" if len(self.names) > 12 else "")
            raise UserError(
                f"split {split}: nobody in {self.name} is called {name} (speakers: {speakers or 'unknown'})"
            )
        left_out = self.speakers == self.names.index(name)
        if left_out.all():
            raise UserError(f"split {split}: {name} is the only speaker of {self.name}, so nothing is left to train on")
        data = Dataset(f"{self.name} ({split})", self.split(~left_out), self.split(left_out), self.labels)
        _note_missing(data)
        return data


def _note_missing(data: Dataset) -> None:
    """Note words without a training clip, and words without a test clip."""
    for split, purpose in ((data.train, "training"), (data.test, "test")):
        counts = np.bincount(split.targets.numpy(), minlength=len(data.labels))
        missing = [label for label, count in zip(data.labels, counts, strict=True) if not count]
        if missing:
            which = ", ".join(missing[:10]) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
            note(f"{data.name}: these words have no {purpose} clip: {which}")


def numbered(names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Names (N,) as numbers (N,) int64 into the sorted names."""
    distinct = sorted(set(names))
    index = {name: number for number, name in enumerate(distinct)}
    return np.array([index[name] for name in names], np.int64), tuple(distinct)


def few(clips: Clips, shots: int, seed: int = 0) -> Clips:
    """`shots` clips of each word, drawn by `seed`."""
    generator = np.random.default_rng(seed)
    targets = clips.targets.numpy()
    rows = [generator.permutation(np.flatnonzero(targets == word))[:shots] for word in np.unique(targets)]
    return clips.subset(torch.from_numpy(np.sort(np.concatenate(rows))))


def join(first: Clips, second: Clips) -> Clips:
    """Both, with `first` repeated until it is about a third of all, so that a few real clips count for something."""
    times = max(round(len(second) / (2 * len(first))), 1)
    repeated = first.subset(torch.arange(len(first)).repeat(times))
    speakers = torch.cat([repeated.speakers, second.speakers + len(first.names)])
    targets = torch.cat([repeated.targets, second.targets])
    return Clips(together(repeated.inputs, second.inputs), targets, speakers, first.names + second.names)


def renumbered(corpus: Corpus, labels: tuple[str, ...], other: str) -> Corpus:
    """The corpus with its words numbered as in `labels`. Raises UserError where the words differ."""
    if set(corpus.labels) != set(labels):
        only = sorted(set(corpus.labels) ^ set(labels))
        raise UserError(f"also {corpus.name}: its words are not those of {other} ({', '.join(only[:6])})")
    index = np.array([labels.index(label) for label in corpus.labels])
    return replace(corpus, labels=labels, targets=index[corpus.targets])


def counted(corpus: Corpus) -> list[tuple[str, int, int, int]]:
    """For each word: clips to train, to validate, to test."""
    table = np.zeros((len(corpus.labels), 3), np.int64)
    np.add.at(table, (corpus.targets, corpus.parts), 1)
    return [(label, int(a), int(b), int(c)) for label, (a, b, c) in zip(corpus.labels, table, strict=True)]
