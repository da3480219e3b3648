"""Words of sound that flows, each with the second of sound in which it lies.

Letters: W windows, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from apps.speech.detection.detector import Smoothing, Teller, Word
from apps.speech.signal.audio import LENGTH, RATE, second_at
from apps.speech.signal.frames import HOP
from apps.speech.verbs.live.sources import Blocks
from apps.speech.verbs.windows import AT_ONCE, probabilities

if TYPE_CHECKING:
    from cnn_core.exporting.session import ExportedRun
    from cnn_core.runs import Run

KEPT = 4 * RATE
"""Samples of the past that are kept: a word lies at most so far behind when it is told."""


class Scorer(Protocol):
    """Says what a network hears in sound that comes in pieces."""

    @property
    def labels(self) -> Sequence[str]:
        """The C classes."""
        ...

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """(samples,) int16 more -> (W, C) probabilities of the windows that they complete; NaN where too quiet."""
        ...

    def finish(self) -> np.ndarray:
        """(W, C) of what is left at the end."""
        ...


class Windowed:
    """A window of a second, every `stride` seconds, each computed anew."""

    def __init__(self, run: Run | ExportedRun, stride: float, quiet: float):
        self.run, self.stride, self.quiet, self.labels = run, stride, quiet, run.labels
        self.step = max(round(stride * 100), 1) * HOP
        self.waiting = np.zeros(0, np.int16)
        self.windows = 0

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """See Scorer."""
        self.waiting = np.concatenate([self.waiting, samples])
        parts = [np.zeros((0, len(self.labels)))]
        while (ready := (len(self.waiting) - LENGTH) // self.step + 1) > 0:
            ready = min(ready, AT_ONCE)
            heard = self.waiting[: (ready - 1) * self.step + LENGTH]
            parts.append(probabilities(self.run, heard, self.stride, self.quiet))
            self.waiting = self.waiting[ready * self.step :]
            self.windows += ready
        return np.concatenate(parts)

    def finish(self) -> np.ndarray:
        """Sound of less than a second is one window."""
        if self.windows or not len(self.waiting):
            return np.zeros((0, len(self.labels)))
        return probabilities(self.run, self.waiting, self.stride, self.quiet)


class Ear:
    """Hears blocks of sound and tells words; `seconds` and `lost` count what came, and gaps before blocks."""

    def __init__(self, scorer: Scorer, options: Smoothing):
        self.scorer, self.teller = scorer, Teller(scorer.labels, options)
        self.past, self.samples, self.lost = np.zeros(0, np.int16), 0, 0

    @property
    def seconds(self) -> float:
        """Sound heard so far."""
        return self.samples / RATE

    def words(self, blocks: Blocks) -> Iterator[Word]:
        """Each word as soon as its peak lies behind."""
        for block, lost in blocks:
            self.lost += lost
            self.samples += len(block)
            self.past = np.concatenate([self.past, block])[-max(KEPT, len(block) + KEPT) :]
            for row in self.scorer.feed(block):
                yield from self.teller.take(row)
            self.past = self.past[-KEPT:]
        for row in self.scorer.finish():
            yield from self.teller.take(row)
        yield from self.teller.finish()

    def second_of(self, word: Word) -> np.ndarray:
        """(L,) int16: the second in which the word that was just told lies; zeros where it is beyond the sound."""
        return second_at(self.past, round(word.start * RATE) - (self.samples - len(self.past)))
