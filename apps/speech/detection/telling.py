"""From probabilities of windows to words told, at any threshold, as `listen` tells them.

Letters: W windows, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SILENT = ("silence", "unknown")  # classes that are not words
WINDOW = 1.0  # seconds
SETTLED = 0.09
"""Seconds without a higher mean after which a peak is believed."""
PATIENCE = 0.5
"""Seconds after the crossing in which a peak is awaited."""


@dataclass(frozen=True)
class Rule:
    """How probabilities become words; the defaults are those of `listen`. Times in seconds."""

    stride: float = 0.03
    average: float = 0.5
    suppress: float = 0.5
    least: int = 4
    quiet: float = -50.0


@dataclass(frozen=True)
class Told:
    """A word, the middle of the second in which it lies, when it was told, and its highest mean probability."""

    word: str
    middle: float
    time: float
    probability: float = 0.0


@dataclass(frozen=True, eq=False)
class Scores:
    """The likeliest class after each window and its mean probability; -1 and 0 where too little was heard."""

    best: np.ndarray
    """(W,) int64."""
    mean: np.ndarray
    """(W,) float64."""
    stride: float
    """Seconds from one window to the next."""


def lag(average: float, stride: float) -> float:
    """Seconds from the middle of the windows that a mean is of to the last of them."""
    return _count(average, stride) * stride / 2 - stride / 2


def _count(average: float, stride: float) -> int:
    return max(int(np.floor((average + 1e-9) / stride)) + 1, 1)


def smoothed(probabilities: np.ndarray, rule: Rule) -> Scores:
    """Means over `average` seconds of (W, C); windows that were too quiet, NaN, count as 0 for every class."""
    stride = max(round(rule.stride * 100), 1) / 100
    count = _count(rule.average, stride)
    values = np.nan_to_num(probabilities, nan=0.0)
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values]), axis=0)
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(ends - count, 0)
    means = (sums[ends] - sums[begins]) / (ends - begins)[:, None]
    best = means.argmax(1)
    mean = means[np.arange(len(means)), best]
    early = ends < min(rule.least, max(round(rule.average / stride), 1))
    return Scores(np.where(early, -1, best), np.where(early, 0.0, mean), stride)


def told(scores: Scores, labels: Sequence[str], threshold: float, rule: Rule) -> list[Told]:
    """The words told where the mean probability reaches `threshold`, each at its peak.

    After a word nothing is told for `suppress` seconds, and not the same one before the mean has fallen below.
    """
    words = np.array([label not in SILENT for label in labels])
    is_above = (scores.mean >= threshold) & (scores.best >= 0) & words[scores.best]
    crossings: list[int] = []
    last, before, blocked_until = -1, -2, 0.0
    for place in np.flatnonzero(is_above).tolist():
        if place != before + 1:
            last = -1  # in between it fell below, or something else was heard
        before = place
        now = WINDOW + place * scores.stride
        word = int(scores.best[place])
        if now < blocked_until or word == last:
            continue
        last, blocked_until = word, now + rule.suppress
        crossings.append(place)
    behind = lag(rule.average, scores.stride)
    found = []
    for place in crossings:
        peak, end = _peak(scores, is_above, place)
        middle = max(WINDOW / 2 + peak * scores.stride - behind, WINDOW / 2)
        time = WINDOW + end * scores.stride
        found.append(Told(labels[int(scores.best[place])], middle, time, float(scores.mean[peak])))
    return found


def _peak(scores: Scores, is_above: np.ndarray, crossing: int) -> tuple[int, int]:
    """Where the mean of the word that crossed the threshold is highest, and where this is known."""
    settled, patience = (max(int(np.ceil(each / scores.stride - 1e-6)), 1) for each in (SETTLED, PATIENCE))
    peak = place = crossing
    while place + 1 < len(scores.mean):
        place += 1
        if not is_above[place] or scores.best[place] != scores.best[crossing]:
            break
        if scores.mean[place] > scores.mean[peak]:
            peak = place
        if place - peak >= settled or place - crossing >= patience:
            break
    return peak, place
