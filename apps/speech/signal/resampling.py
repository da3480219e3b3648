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
    step = int(np.gcd(rate, target))
    if target // step > MOST_PHASES:
        step = 25
        rate, target = max(round(rate / step), 1) * step, round(target / step) * step
        step = int(np.gcd(rate, target))
    taken, made = int(rate // step), int(target // step)
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


@lru_cache(maxsize=8)
def _filter(taken: int, made: int) -> tuple[np.ndarray, int]:
    """(K, P) float32, the weights by which `taken` samples and their surroundings become `made`; samples before."""
    cutoff = min(taken, made) * ROLLOFF
    side = int(np.ceil(CROSSINGS * taken / cutoff))
    places = np.arange(-side, side + taken)[:, None] / taken - np.arange(made) / made
    places = np.clip(places * cutoff, -CROSSINGS, CROSSINGS)
    weights = np.sinc(places) * np.cos(places * np.pi / CROSSINGS / 2) ** 2 * (cutoff / taken)
    return weights.astype(np.float32), side
