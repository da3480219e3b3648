"""Folders of recordings that tests read: short whistles, each of its own pitch."""

import numpy as np
import soundfile

from apps.speech.signal.audio import to_int16, write_wav


def whistle(seed, slope=0.0, seconds=0.5):
    """(samples,) int16 at 16 kHz; the seed draws the pitch, which rises by `slope` Hz a second."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(16_000 * seconds)) / 16_000
    start = generator.uniform(900, 1500)
    return to_int16(0.3 * np.sin(2 * np.pi * (start * time + slope / 2 * time**2)).astype(np.float32))


def fill(folder, names, suffix=".wav"):
    """One whistle a name; folder names are made."""
    for seed, name in enumerate(names):
        path = folder / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".wav":
            write_wav(path, whistle(seed))
        else:
            soundfile.write(path, whistle(seed), 16_000)
    return folder
