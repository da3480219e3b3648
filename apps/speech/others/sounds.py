"""Sounds without words: rooms, hum, tones, clicks, chords and noise of every colour, at all levels; numpy alone.

Letters: N clips, L samples of a clip.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from apps.speech.signal.audio import LENGTH, RATE

Generator = np.random.Generator
TIME = np.arange(LENGTH) / RATE
LEVELS = (-75.0, -6.0)
"""Of the loudest sample, in dB of full scale."""


def silence(count: int, seed: int = 0) -> np.ndarray:
    """(count, L) int16: the kinds of KINDS in turn, alone or over the noise of a room; some are digital silence."""
    found = np.zeros((count, LENGTH), np.int16)
    for row in range(count):
        generator = np.random.default_rng([seed, row])
        if row % 25 == 24:
            continue  # digital silence
        sound = KINDS[row % len(KINDS)](generator)
        if generator.random() < 0.5:
            sound = _scaled(sound) + _scaled(room(generator)) * 10 ** generator.uniform(-2, 0)
        level = 10 ** (generator.uniform(*LEVELS) / 20)
        found[row] = np.clip(np.rint(_scaled(sound) * level * 32767), -32768, 32767)
    return found


def room(generator: Generator) -> np.ndarray:
    """Noise as of a room: falling by 3 to 9 dB an octave, with the hum of the mains now and then."""
    sound = _coloured(generator, generator.uniform(-1.5, -0.5))
    return _scaled(sound) + (_scaled(hum(generator)) * generator.uniform(0, 0.3) if generator.random() < 0.4 else 0)


def noise(generator: Generator) -> np.ndarray:
    """Noise of any colour, in a band or not, swelling or not."""
    sound = _coloured(generator, generator.uniform(-1.2, 0.6))
    if generator.random() < 0.3:
        sound = sound * np.interp(TIME, np.linspace(0, 1, 6), generator.random(6))
    return sound


def hum(generator: Generator) -> np.ndarray:
    """The mains, 50 or 60 Hz, or a motor, with harmonics."""
    base = generator.choice([50.0, 60.0, generator.uniform(30, 300)])
    parts = [
        generator.random() / (1 + k / 4) * np.sin(2 * np.pi * base * k * TIME + generator.uniform(0, 6.3))
        for k in range(1, int(generator.integers(3, 25)))
    ]
    return np.sum(parts, axis=0)


def tones(generator: Generator) -> np.ndarray:
    """One to three tones, steady, swept, switched or beating: alarms, dial tones, whistles."""
    sound = np.zeros(LENGTH)
    for _ in range(int(generator.integers(1, 4))):
        first = np.exp(generator.uniform(np.log(100), np.log(6000)))
        last = first * np.exp(generator.uniform(-0.7, 0.7)) if generator.random() < 0.4 else first
        phase = 2 * np.pi * np.cumsum(np.linspace(first, last, LENGTH)) / RATE
        part = np.sin(phase)
        if generator.random() < 0.3:
            part = np.sign(part)  # a buzzer
        if generator.random() < 0.4:
            part = part * (np.sin(2 * np.pi * generator.uniform(1, 12) * TIME + generator.uniform(0, 6.3)) > 0)
        sound += part * generator.random()
    return sound


def clicks(generator: Generator) -> np.ndarray:
    """Clicks, knocks and keys: short decaying bursts, now and then or in a row."""
    sound = np.zeros(LENGTH)
    for _ in range(int(generator.integers(1, 15))):
        start, size = int(generator.integers(0, LENGTH - 100)), int(generator.integers(10, 2500))
        burst = generator.standard_normal(min(size, LENGTH - start))
        place = np.arange(len(burst))
        if generator.random() < 0.5:
            burst = np.sin(2 * np.pi * generator.uniform(80, 3000) * place / RATE)
        sound[start : start + len(burst)] += burst * np.exp(-place / (size / 6)) * generator.random()
    return sound


def chords(generator: Generator) -> np.ndarray:
    """Notes of a chord, plucked or bowed, one after another or together: something like music."""
    sound, root = np.zeros(LENGTH), generator.uniform(80, 500)
    for step in generator.choice([0, 3, 4, 5, 7, 9, 10, 12, 16, 19], int(generator.integers(2, 6)), replace=False):
        pitch, start = root * 2 ** (step / 12), generator.uniform(0, 0.8)
        since = np.clip(TIME - start, 0, None)
        envelope = np.exp(-since * generator.uniform(0, 8)) * (1 - np.exp(-since * 80)) * (start <= TIME)
        for k in range(1, int(generator.integers(2, 9))):
            if pitch * k < RATE / 2:
                sound += envelope * np.sin(2 * np.pi * pitch * k * TIME) / k ** generator.uniform(0.5, 2)
    return sound


KINDS: tuple[Callable[[Generator], np.ndarray], ...] = (room, noise, hum, tones, clicks, chords)


def parts(clips: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """(count, L) int16: the first or the last half, about, of words (N, L), at a place of its own."""
    found = np.zeros((count, LENGTH), np.int16)
    for row in range(count):
        generator = np.random.default_rng([seed, 1, row])
        clip = clips[generator.integers(len(clips))]
        loud = np.flatnonzero(np.abs(clip.astype(np.int32)) > 0.03 * max(int(np.abs(clip.astype(np.int32)).max()), 1))
        if len(loud) < RATE // 10:
            continue
        first, last = int(loud[0]), int(loud[-1]) + 1
        cut = first + int((last - first) * generator.uniform(0.35, 0.55))
        piece = (clip[first:cut] if generator.random() < 0.5 else clip[cut:last]).astype(np.float32)
        edge = min(160, len(piece) // 4)
        piece[:edge] *= np.linspace(0, 1, edge)
        piece[len(piece) - edge :] *= np.linspace(1, 0, edge)
        start = int(generator.integers(0, LENGTH - len(piece) + 1))
        found[row, start : start + len(piece)] = piece
    return found


def babble(clips: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """(count, L) int16: three to seven voices at once, of clips (N, L)."""
    found = np.zeros((count, LENGTH), np.int16)
    for row in range(count):
        generator = np.random.default_rng([seed, 2, row])
        mixed = np.zeros(LENGTH, np.float64)
        for _ in range(int(generator.integers(3, 8))):
            clip = clips[generator.integers(len(clips))].astype(np.float64)
            mixed += np.roll(clip, int(generator.integers(-LENGTH // 2, LENGTH // 2))) * generator.uniform(0.3, 1)
        found[row] = _scaled(mixed) * generator.uniform(1000, 30_000)
    return found


def _coloured(generator: Generator, slope: float) -> np.ndarray:
    frequency = np.maximum(np.fft.rfftfreq(LENGTH, 1 / RATE), 30.0)
    spectrum = np.fft.rfft(generator.standard_normal(LENGTH)) * frequency**slope
    if generator.random() < 0.25:
        middle = np.exp(generator.uniform(np.log(100), np.log(6000)))
        spectrum = spectrum * np.exp(-(np.log(frequency / middle) ** 2) / generator.uniform(0.1, 2))
    return np.fft.irfft(spectrum, LENGTH)


def _scaled(sound: np.ndarray) -> np.ndarray:
    """With 1 as the loudest sample."""
    return sound / max(float(np.abs(sound).max()), 1e-9)
