"""Corpus: decoded pictures with classes and splits, as arrays; and the splits that are trained on.

Letters: N pictures, S side, C classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from torch import Tensor

from apps.photos.corpora.copies import groups_of, near_copies
from apps.photos.corpora.listing import TEST, TRAIN, VALIDATION
from cnn_core.console import counted, note
from cnn_core.errors import UserError
from cnn_core.fetching.decoded import Arrays
from cnn_core.fetching.mapped import Values, rows_of
from cnn_core.training.data import Dataset, Split, picked, samples_of
from cnn_core.training.holdout import hold_out

TEST_SHARE = 0.2
PIXELS_AT_ONCE = 1 << 22  # of a batch in evaluation: the first maps of a backbone are 32 times as large


@dataclass(frozen=True)
class Photos(Split):
    """Pictures (N, 3, S, S) uint8; near-copies of one another have one number in `copies` (N,)."""

    copies: Tensor
    repeated: Tensor
    """(N,) bool: whether a near-copy of the picture is among the training pictures; all False of these themselves."""

    def subset(self, index: Tensor) -> Self:
        """See Split."""
        own = {"copies": picked(self.copies, index), "repeated": picked(self.repeated, index)}
        return replace(super().subset(index), **own)

    def groups(self) -> Sequence[int]:
        """Near-copies stay on one side."""
        return self.copies.tolist()

    def evaluation_batches(self, batch_size: int):
        """See Split; fewer of large pictures at once."""
        pixels = self.inputs.shape[-1] * self.inputs.shape[-2]
        return super().evaluation_batches(max(1, min(batch_size, PIXELS_AT_ONCE // max(pixels, 1))))


@dataclass(frozen=True)
class Corpus:
    """All pictures of a data set."""

    name: str
    labels: tuple[str, ...]
    images: Values
    """(N, 3, S, S) uint8."""
    targets: np.ndarray
    """(N,) int64."""
    parts: np.ndarray
    """(N,) uint8: TRAIN, TEST or VALIDATION."""
    copies: np.ndarray
    """(N,) int64, equal for near-copies."""
    skipped: tuple[str, ...] = ()
    """Why files were left out."""

    def arrays(self) -> Arrays:
        """As arrays, for the cache."""
        words = json.dumps({"name": self.name, "labels": self.labels, "skipped": self.skipped})
        numbers = {name: getattr(self, name) for name in ("images", "targets", "parts", "copies")}
        return numbers | {"text": np.frombuffer(words.encode(), np.uint8)}

    @staticmethod
    def of_arrays(arrays: Mapping[str, Values]) -> Corpus:
        """The corpus of these arrays."""
        words = json.loads(np.asarray(arrays["text"]).tobytes())
        numbers = {name: np.asarray(arrays[name]) for name in ("targets", "parts", "copies")}
        skipped = tuple(words["skipped"])
        return Corpus(words["name"], tuple(words["labels"]), arrays["images"], **numbers, skipped=skipped)

    def dataset(self) -> Dataset:
        """Training, test and, where the data have one, validation split."""
        validation = self.split(VALIDATION) if (self.parts == VALIDATION).any() else None
        return Dataset(self.name, self.split(TRAIN), self.split(TEST), self.labels, validation)

    def split(self, part: int) -> Photos:
        """The pictures of one part."""
        rows = np.flatnonzero(self.parts == part)
        repeated = np.isin(self.copies[rows], self.copies[self.parts == TRAIN]) & (part != TRAIN)
        values = (rows_of(self.images, rows), self.targets[rows], self.copies[rows], repeated)
        return Photos(*map(samples_of, values))


def divided(
    name: str,
    labels: tuple[str, ...],
    images: Values,
    targets: np.ndarray,
    parts: np.ndarray,
    *,
    given: bool,
    seed: int = 0,
    skipped: tuple[str, ...] = (),
) -> Corpus:
    """The corpus, near-copies found. With `given` the splits are as they are, and copies across them are counted; else
    a fifth of each class is set aside for testing, near-copies on one side.

    Raises UserError where there is too little to train and to test.
    """
    copies = groups_of(len(images), near_copies(images))
    many = len(copies) - len(np.unique(copies))
    if given:
        across = np.isin(copies[parts == TEST], copies[parts == TRAIN]).sum()
        if across:
            note(
                f"{name}: {across:,} of {(parts == TEST).sum():,} test pictures have a near-copy among the training"
                " pictures; `evaluate` tells the accuracy without them too"
            )
    else:
        try:
            held = hold_out(targets, TEST_SHARE, seed, copies)
        except UserError as error:
            raise UserError(f"{name}: too few different pictures to train and to test ({error})") from None
        parts = np.where(held, TEST, parts).astype(np.uint8)
        note(
            f"{name}: no test/ folder: {held.sum():,} of {counted(len(held), 'picture')} set aside for testing"
            f" (seed {seed}, by class, near-copies on one side)"
        )
    if many:
        classes = [np.unique(targets[copies == group]) for group in np.unique(copies[_later(copies)])]
        contrary = sum(len(each) > 1 for each in classes)
        label = f"; {counted(contrary, 'group')} of them with different labels" if contrary else ""
        note(f"{name}: {many:,} of {counted(len(copies), 'picture')} are near-copies of another one{label}")
    return Corpus(name, labels, images, targets, parts, copies, skipped)


def _later(copies: np.ndarray) -> np.ndarray:
    """(N,) bool: pictures that are not the first of their group."""
    return copies != np.arange(len(copies))
