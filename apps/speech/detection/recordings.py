"""Long recordings made of utterances, with what is said where: rooms, music, noise, overdriven microphones between.

Sounds without words stand between the words: tones, sirens, hum, clicks, melodies, noise. Their makers share nothing
with those of the training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from apps.speech.detection.marks import Mark
from apps.speech.detection.utterances import Utterance
from apps.speech.signal.audio import RATE

CHUNK = 48  # words of a piece
CONDITIONS = ("quiet", "noise", "quiet", "music", "quiet", "overdriven")
SOUNDS = ("tones", "siren", "hum", "clicks", "melody", "hiss")
SOUND_SECONDS = 20.0  # after the words of each piece
GAP = (0.3, 1.3)  # seconds between two words
Generator = np.random.Generator


def pieces(utterances: Sequence[Utterance], seed: int = 0) -> Iterator[tuple[np.ndarray, list[Mark]]]:
    """Recordings (samples,) int16 at 16 kHz of some two minutes each with their marks, the words in random order."""
    order = np.random.default_rng(seed).permutation(len(utterances))
    for number, first in enumerate(range(0, len(order), CHUNK)):
        generator = np.random.default_rng([seed, number])
        condition = CONDITIONS[number % len(CONDITIONS)]
        chosen = [utterances[row] for row in order[first : first + CHUNK]]
        words, marks = _words(chosen, condition, generator)
        kind = SOUNDS[number % len(SOUNDS)]
        loud = sound(kind, SOUND_SECONDS, generator) * 10 ** (generator.uniform(-30, -6) / 20)
        start = len(words) / RATE
        marks.append(Mark("", start, start + SOUND_SECONDS, "", kind))
        together = np.concatenate([words, loud])
        together += sound("noise", len(together) / RATE, generator)[: len(together)] * 10 ** (-65 / 20)
        yield (np.clip(together, -1, 1) * 32767).astype(np.int16), marks


def _words(chosen: Sequence[Utterance], condition: str, generator: Generator) -> tuple[np.ndarray, list[Mark]]:
    """Floats of full scale 1, words at levels of their own over what `condition` says."""
    parts, marks, at = [], [], 0
    peaks = []
    for each in chosen:
        gap = int(generator.uniform(*GAP) * RATE)
        peak = 10 ** (generator.uniform(-22, -6) / 20)
        word = each.samples / max(int(np.abs(each.samples.astype(np.int32)).max()), 1) * peak
        if condition == "overdriven":  # by 14 dB
            word = np.clip(word, -peak / 5, peak / 5)
        parts += [np.zeros(gap), word]
        marks.append(Mark(each.word, (at + gap) / RATE, (at + gap + len(word)) / RATE, each.speaker, condition))
        at += gap + len(word)
        peaks.append(peak)
    line = np.concatenate([*parts, np.zeros(RATE)])
    if condition in ("noise", "music"):
        ratio = generator.uniform(10, 20)  # dB, of the words' mean power to that of the rest
        power = np.mean([np.square(part).mean() for part in parts[1::2]])
        rest = sound("noise" if condition == "noise" else "melody", len(line) / RATE, generator)[: len(line)]
        line = line + rest * np.sqrt(power * 10 ** (-ratio / 10) / max(np.square(rest).mean(), 1e-12))
    return line, marks


def sound(kind: str, seconds: float, generator: Generator) -> np.ndarray:
    """(samples,) floats with 1 as the loudest: one of SOUNDS."""
    count = round(seconds * RATE) + 1
    time = np.arange(count) / RATE
    made = {
        "tones": _tones,
        "siren": _siren,
        "hum": _hum,
        "clicks": _clicks,
        "melody": _melody,
        "hiss": _noise,
        "noise": _noise,
    }
    found = made[kind](time, generator)
    return found / max(float(np.abs(found).max()), 1e-9)


def _tones(time: np.ndarray, generator: Generator) -> np.ndarray:
    """A steady tone for two seconds each, some with overtones, short pauses between."""
    found = np.zeros(len(time))
    for start in range(0, len(time), 2 * RATE):
        part = time[start : start + round(generator.uniform(0.5, 1.9) * RATE)]
        pitch = np.exp(generator.uniform(np.log(120), np.log(5000)))
        for k in range(1, int(generator.integers(2, 5))):
            found[start : start + len(part)] += np.sin(2 * np.pi * pitch * k * part) / k**2
    return found


def _siren(time: np.ndarray, generator: Generator) -> np.ndarray:
    low, high, rate = generator.uniform(300, 700), generator.uniform(900, 2500), generator.uniform(0.3, 3)
    pitch = low + (high - low) * (0.5 + 0.5 * np.sin(2 * np.pi * rate * time))
    return np.sin(2 * np.pi * np.cumsum(pitch) / RATE)


def _hum(time: np.ndarray, generator: Generator) -> np.ndarray:
    base = generator.choice([50.0, 60.0, 100.0, 120.0])
    return sum(
        (generator.random() / k * np.sin(2 * np.pi * base * k * time + generator.uniform(0, 6)) for k in range(1, 16)),
        start=np.zeros(len(time)),
    )


def _clicks(time: np.ndarray, generator: Generator) -> np.ndarray:
    """Keys, knocks and a metronome: bursts of 2 to 60 ms."""
    found = np.zeros(len(time))
    at = 0.0
    while (at := at + generator.exponential(0.3)) < time[-1] - 0.1:
        size = round(generator.uniform(0.002, 0.06) * RATE)
        burst = generator.standard_normal(size) * np.exp(-np.arange(size) / (size / 4))
        found[round(at * RATE) : round(at * RATE) + size] += burst * generator.uniform(0.1, 1)
    return found


def _melody(time: np.ndarray, generator: Generator) -> np.ndarray:
    """Plucked strings (Karplus & Strong 1983), two to five notes a second, over a bass."""
    found = np.zeros(len(time))
    root, speed = generator.uniform(130, 300), generator.uniform(2, 5)
    for note in range(int(time[-1] * speed)):
        start = round(note / speed * RATE)
        pitch = root * 2 ** (generator.choice([0, 2, 4, 5, 7, 9, 12, -12]) / 12)
        period = round(RATE / pitch)
        rows = min(len(time) - start, RATE) // period
        line = generator.uniform(-1, 1, period)
        string = np.empty((rows, period))
        for row in range(rows):
            string[row] = line
            line = 0.498 * (line + np.roll(line, 1))
        found[start : start + rows * period] += string.ravel()
    return found


def _noise(time: np.ndarray, generator: Generator) -> np.ndarray:
    """Noise that falls by 0 to 6 dB an octave and swells slowly."""
    spectrum = np.fft.rfft(generator.standard_normal(len(time)))
    frequency = np.maximum(np.fft.rfftfreq(len(time), 1 / RATE), 40.0)
    found = np.fft.irfft(spectrum * frequency ** generator.uniform(-1, 0), len(time))
    return found * (1 + 0.5 * np.sin(2 * np.pi * generator.uniform(0.1, 1) * time))
