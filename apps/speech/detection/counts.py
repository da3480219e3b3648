"""Words told against marks: hits, misses and false alarms an hour over thresholds, with intervals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.speech.detection.marks import Mark
from apps.speech.detection.telling import Rule, Scores, Told, told
from cnn_core.metrics.classes import wilson_interval

NEAR = 0.75  # seconds between a word's centre and the middle of the second that is told
THRESHOLDS = (*(number / 50 for number in range(15, 50)), 0.985, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
ELSEWHERE = "no mark"


@dataclass(frozen=True, eq=False)
class Heard:
    """One recording as a network heard it."""

    scores: Scores
    marks: tuple[Mark, ...]
    seconds: float


@dataclass(frozen=True)
class Point:
    """What is told at one threshold."""

    threshold: float
    words: int
    """Marks of listed words."""
    hits: int
    false_alarms: int
    hours: float
    delay: float | None
    """Median seconds from a word's end to its being told."""

    @property
    def alarms_per_hour(self) -> float:
        """False alarms an hour."""
        return self.false_alarms / self.hours

    def to_json(self) -> dict[str, object]:
        """With 95 % intervals: Wilson's of the hit rate, the exact one of a Poisson count (Garwood 1936)."""
        low, high = poisson_interval(self.false_alarms)
        hits = list(wilson_interval(self.hits, self.words)) if self.words else None
        return {
            **vars(self),
            "misses": self.words - self.hits,
            "hit_rate": self.hits / self.words if self.words else None,
            "hit_rate_interval": hits,
            "alarms_per_hour": self.alarms_per_hour,
            "alarms_per_hour_interval": [low / self.hours, high / self.hours],
        }


@dataclass(frozen=True)
class Matched:
    """The marks that were hit, with the words that hit them, and the words told where none of them was said."""

    hits: tuple[tuple[Mark, Told], ...]
    missed: tuple[Mark, ...]
    alarms: tuple[tuple[Told, Mark | None], ...]
    """Each with what was heard there, if that is marked."""


def match(found: Sequence[Told], marks: Sequence[Mark], labels: Sequence[str]) -> Matched:
    """Each word told hits the nearest mark of the same word within .75 s that was not hit before, or is an alarm."""
    targets = [mark for mark in marks if mark.word in labels]
    middles = np.array([mark.centre for mark in targets])
    free = np.ones(len(targets), bool)
    hits, alarms = [], []
    starts = [mark.start for mark in marks]
    for each in found:
        near = [
            row
            for row in np.flatnonzero(np.abs(middles - each.middle) <= NEAR).tolist()
            if free[row] and targets[row].word == each.word
        ]
        if near:
            row = min(near, key=lambda row: abs(middles[row] - each.middle))
            free[row] = False
            hits.append((targets[row], each))
        else:
            alarms.append((each, _heard_at(each.middle, marks, starts)))
    missed = tuple(mark for mark, left in zip(targets, free, strict=True) if left)
    return Matched(tuple(hits), missed, tuple(alarms))


def _heard_at(time: float, marks: Sequence[Mark], starts: Sequence[float]) -> Mark | None:
    """The mark around `time`, or the nearest one within .75 s of its ends."""
    around = range(max(int(np.searchsorted(starts, time)) - 2, 0), len(marks))
    best, distance = None, NEAR
    for row in around:
        mark = marks[row]
        if mark.start - time > NEAR:
            break
        away = max(mark.start - time, time - mark.end, 0.0)
        if away < distance:
            best, distance = mark, away
    return best


def matches(heard: Sequence[Heard], labels: Sequence[str], threshold: float, rule: Rule) -> list[Matched]:
    """Of every recording at one threshold."""
    return [match(told(each.scores, labels, threshold, rule), each.marks, labels) for each in heard]


def curve(heard: Sequence[Heard], labels: Sequence[str], rule: Rule) -> list[Point]:
    """A point for each of THRESHOLDS, rising."""
    hours = sum(each.seconds for each in heard) / 3600
    points = []
    for threshold in THRESHOLDS:
        found = matches(heard, labels, threshold, rule)
        delays = [said.time - mark.end for each in found for mark, said in each.hits]
        hits = len(delays)
        words = hits + sum(len(each.missed) for each in found)
        alarms = sum(len(each.alarms) for each in found)
        points.append(Point(threshold, words, hits, alarms, hours, float(np.median(delays)) if delays else None))
    return points


def chosen(points: Sequence[Point], alarms_per_hour: float) -> Point:
    """The lowest threshold from which on there are at most so many false alarms an hour; else the highest there is."""
    best = points[-1]
    for point in reversed(points):
        if point.alarms_per_hour > alarms_per_hour:
            break
        best = point
    return best


def by(found: Sequence[Matched], field: str) -> list[dict[str, object]]:
    """Hits and misses by the `word`, `speaker` or `condition` of the marks, the fewest hits first."""
    hits = Counter(getattr(mark, field) for each in found for mark, _ in each.hits)
    words = hits + Counter(getattr(mark, field) for each in found for mark in each.missed)
    rows = []
    for name, count in words.items():
        low, high = wilson_interval(hits[name], count)
        rows.append({field: name, "words": count, "hits": hits[name], "hit_rate_interval": [low, high]})
    return sorted(rows, key=lambda row: (row["hits"] / row["words"], str(row[field])))  # type: ignore[operator]


def causes(found: Sequence[Matched], field: str) -> list[tuple[str, int]]:
    """False alarms by the `word` or `condition` of what was heard, the most first."""
    counts = Counter(getattr(mark, field) or "-" if mark else ELSEWHERE for each in found for _, mark in each.alarms)
    return counts.most_common()


def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a Poisson rate of which `count` events were seen (Garwood 1936)."""
    tail = (1 - confidence) / 2

    def below(rate: float, most: int) -> float:  # P(X <= most)
        return math.fsum(math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) for k in range(most + 1))

    def solve(most: int, share: float) -> float:  # P(X <= most) falls as the rate rises
        low, high = 1e-12, 10.0 + 3 * most
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if below(middle, most) > share else (low, middle)
        return (low + high) / 2

    return (solve(count - 1, 1 - tail) if count else 0.0), solve(count, tail)
