"""Recordings of one rate made into another: windowed sinc interpolation, one numpy filter for training and prediction.

The filter is torchaudio's (Smith 1984): a sinc of 6 zero crossings on either side, 1 % below the lower Nyquist
frequency, under a Hann window. Letters: P phases, K samples that one of them sees.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

CROSSINGS, ROLLOFF = 6, 0.99
MOST_PHASES = 640
AT_ONCE = 1 << 19  # samples under the filter at a time: 2 MB


def resample(samples: np.ndarray, rate: int, target: int) -> np.ndarray:
    """(N,) float32 from `rate` to `target` Hz -> (ceil(N * target / rate),) float32.

    Rates that share no large divisor are rounded to 0.2 %: exact ones would need filters of thousands of phases.
    """
    if rate == target or not len(samples):
        return samples
    taken, made, rate, target = _ratio(rate, target)
    kernel, before = _filter(taken, made)
    width, periods = len(kernel), -(-len(samples) // taken)
    found = np.empty((periods, made), np.float32)
    rows = max(AT_ONCE // width, 1)
    for start in range(0, periods, rows):
        count = min(rows, periods - start)
        first = start * taken - before
        last = first + (count - 1) * taken + width
        beyond = (max(-first, 0), max(last - len(samples), 0))  # zeros there
        part = np.pad(samples[max(first, 0) : max(last, 0)], beyond)
        found[start : start + count] = np.lib.stride_tricks.sliding_window_view(part, width)[::taken] @ kernel
    return found.reshape(-1)[: -(-len(samples) * made // taken)]


class Resampler:
    """The same filter over sound that flows: `feed` gives what is known so far, `finish` the rest.

    Together they are what `resample` gives of the whole, to rounding.
    """

    def __init__(self, rate: int, target: int):
        self.taken, self.made, rate, target = _ratio(rate, target)
        self.same = self.taken == self.made
        self.kernel, before = (np.ones((1, 1), np.float32), 0) if self.same else _filter(self.taken, self.made)
        self.waiting = np.zeros(before, np.float32)
        self.fed = self.given = 0

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """(N,) float32 more -> (M,) float32."""
        self.fed += len(samples)
        if self.same:
            return samples
        self.waiting = np.concatenate([self.waiting, samples])
        width = len(self.kernel)
        periods = max((len(self.waiting) - width) // self.taken + 1, 0)
        if not periods:
            return np.zeros(0, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self.waiting, width)[:: self.taken][:periods]
        found = (windows @ self.kernel).reshape(-1)
        self.waiting = self.waiting[periods * self.taken :]
        self.given += len(found)
        return found

    def finish(self) -> np.ndarray:
        """The end, behind which zeros are taken to follow."""
        if self.same:
            return np.zeros(0, np.float32)
        left = -(-self.fed * self.made // self.taken) - self.given
        fed = self.fed
        found = self.feed(np.zeros(len(self.kernel) + self.taken, np.float32))
        self.fed = fed
        return found[:left]


def _ratio(rate: int, target: int) -> tuple[int, int, int, int]:
    """Samples taken and made of a period, and the rates that they stand for, rounded where they share no divisor."""
    step = int(np.gcd(rate, target))
    if target // step > MOST_PHASES:
        step = 25
        rate, target = max(round(rate / step), 1) * step, round(target / step) * step
        step = int(np.gcd(rate, target))
    return int(rate // step), int(target // step), rate, target


@lru_cache(maxsize=8)
def _filter(taken: int, made: int) -> tuple[np.ndarray, int]:
    """(K, P) float32, the weights by which `taken` samples and their surroundings become `made`; samples before."""
    cutoff = min(taken, made) * ROLLOFF
    side = int(np.ceil(CROSSINGS * taken / cutoff))
    places = np.arange(-side, side + taken)[:, None] / taken - np.arange(made) / made
    places = np.clip(places * cutoff, -CROSSINGS, CROSSINGS)
    weights = np.sinc(places) * np.cos(places * np.pi / CROSSINGS / 2) ** 2 * (cutoff / taken)
    return weights.astype(np.float32), side
