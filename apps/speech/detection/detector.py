"""Words told one window after another, as sound flows: smoothing, suppression, and the peak of each word.

Letters: C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from apps.speech.detection.telling import PATIENCE, SETTLED, SILENT, WINDOW, lag

THRESHOLD = 0.7  # of runs that were not measured on recordings


class Smoothing(Protocol):
    """What of the options of `listen` says how probabilities become words."""

    @property
    def stride(self) -> float:
        """Seconds from one window to the next."""
        ...

    @property
    def average(self) -> float:
        """Seconds over which probabilities are averaged."""
        ...

    @property
    def threshold(self) -> float:
        """Mean above which a word is told; 0 is THRESHOLD."""
        ...

    @property
    def suppress(self) -> float:
        """Seconds after a word in which nothing is told."""
        ...

    @property
    def least(self) -> int:
        """Smallest number of windows that are averaged."""
        ...


@dataclass(frozen=True)
class Word:
    """A word that was heard, and the second of sound in which it lies, in seconds from the beginning."""

    word: str
    start: float
    end: float
    probability: float
    time: float = 0.0
    """When it was told."""


class Detector:
    """Smoothing and suppression: takes the probabilities of one window after another, tells a word at its crossing."""

    def __init__(self, labels: Sequence[str], options: Smoothing):
        self.labels, self.options = labels, options
        self.threshold = options.threshold or THRESHOLD
        self.stride = max(round(options.stride * 100), 1) / 100
        self.recent: list[tuple[float, np.ndarray]] = []  # (time of the window's end, probabilities)
        self.windows = 0
        self.blocked_until = 0.0
        self.last = ""
        self.above: tuple[str, float] | None = None
        """The word whose mean is above the threshold after the last window, and this mean."""

    @property
    def now(self) -> float:
        """Where the last window ends."""
        return WINDOW + (self.windows - 1) * self.stride

    def take(self, probabilities: np.ndarray) -> Word | None:
        """The word whose mean passes the threshold with this window (C,), if any; NaN is a window that is too quiet."""
        options = self.options
        self.windows += 1
        now = self.now
        silent = bool(np.isnan(probabilities).any())
        self.recent.append((now, np.zeros(len(self.labels)) if silent else probabilities))
        self.recent = [entry for entry in self.recent if entry[0] > now - options.average - 1e-9]
        self.above = None
        if len(self.recent) < min(options.least, max(round(options.average / self.stride), 1)):
            return None
        mean = np.mean([entry[1] for entry in self.recent], axis=0)
        best = int(mean.argmax())
        word = self.labels[best]
        if mean[best] < self.threshold or word in SILENT:
            self.last = ""  # the word is over: the same one may come again
            return None
        self.above = (word, float(mean[best]))
        if now < self.blocked_until or word == self.last:
            return None
        self.blocked_until, self.last = now + options.suppress, word
        return Word(word, round(now - WINDOW, 3), round(now, 3), float(mean[best]), round(now, 3))


class Teller:
    """The same words, each with the probability and the place of its peak, told once the peak lies behind."""

    def __init__(self, labels: Sequence[str], options: Smoothing):
        self.detector = Detector(labels, options)
        self.lag = lag(options.average, self.detector.stride)
        self.word: tuple[str, float, float, float] | None = None  # word, crossing, peak's time, peak

    def take(self, probabilities: np.ndarray) -> list[Word]:
        """The words that are over with this window (C,), at most two."""
        found = []
        crossing = self.detector.take(probabilities)
        now, above = self.detector.now, self.detector.above
        if self.word is not None:
            word, crossed, peaked, peak = self.word
            if above is None or above[0] != word or crossing is not None:
                found += self.finish()
            else:
                if above[1] > peak:
                    peaked, peak = now, above[1]
                self.word = (word, crossed, peaked, peak)
                if now >= peaked + SETTLED - 1e-9 or now >= crossed + PATIENCE - 1e-9:
                    found += self.finish()
        if crossing is not None:
            self.word = (crossing.word, now, now, crossing.probability)
        return found

    def finish(self) -> list[Word]:
        """The word of which the peak may still have been to come, if there is one."""
        if self.word is None:
            return []
        word, _, peaked, peak = self.word
        self.word = None
        middle = max(peaked - WINDOW / 2 - self.lag, WINDOW / 2)
        start, end = round(middle - WINDOW / 2, 3), round(middle + WINDOW / 2, 3)
        return [Word(word, start, end, peak, round(self.detector.now, 3))]
