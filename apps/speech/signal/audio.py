"""Recordings of any format and rate made into clips: one second at 16 kHz, int16.

libsndfile (package soundfile) decodes WAV, FLAC, OGG and MP3. Letters: N clips, L samples of a clip.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cnn_core import console
from cnn_core.errors import UserError
from cnn_core.optional import require

RATE = 16_000  # Hz
LENGTH = 16_000  # samples of a clip
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au")

Source = Path | bytes

# What libsndfile says of a file whose sound is shorter than its header promises; programs that write to a pipe
# promise the largest length there is.
CUT = re.compile(r"^\s*(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
STREAM = 0x7FFF0000


class _Bytes(io.BytesIO):
    """Bytes in which a damaged file may ask for a place before the first."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return super().seek(0, io.SEEK_END)


def read(source: Path | bytes) -> np.ndarray:
    """One recording, a file or its bytes, as a clip (L,) int16; of a longer one the second with the most energy.

    Raises UserError where it cannot be decoded, holds no samples, or samples that are not numbers.
    """
    return fit_clip(to_int16(read_recording(source)))


def read_recording(source: Path | bytes, rate: int = RATE, name: str = "") -> np.ndarray:
    """A whole recording as (samples,) float32 in -1..1 at `rate` Hz, channels averaged.

    Raises UserError where it cannot be decoded, holds no samples, or samples that are not numbers.
    """
    name = name or ("standard input" if isinstance(source, bytes) else str(source))
    soundfile = require("soundfile", "reading recordings")
    if isinstance(source, bytes) and not source:
        raise UserError(f"{name}: is empty")
    try:
        with soundfile.SoundFile(_Bytes(source) if isinstance(source, bytes) else str(source)) as file:
            promised, found_rate, header = file.frames, file.samplerate, str(file.extra_info)
            samples = file.read(dtype="float32", always_2d=True)  # (samples, channels)
    except (soundfile.SoundFileError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name}: {_reason(source, error)}") from error
    if len(samples) == 0:
        raise UserError(f"{name}: holds no samples")
    lengths = [(int(said), int(found)) for said, found in CUT.findall(header)]
    if len(samples) < promised or any(found < said < STREAM for said, found in lengths):
        raise UserError(f"{name}: truncated: shorter than its header says; only {len(samples)} samples are there")
    if not np.isfinite(samples).all():
        bad = int(np.flatnonzero(~np.isfinite(samples).all(axis=1))[0])
        raise UserError(f"{name}: sample {bad} is not a number (NaN or infinite)")
    return resample(samples.mean(axis=1), found_rate, rate)


def _reason(source: Path | bytes, error: Exception) -> str:
    if isinstance(source, Path):
        if not source.exists():
            return "no such file"
        if source.is_dir():
            return "is a folder, not a recording"
        if source.stat().st_size == 0:
            return "is empty"
    text = str(getattr(error, "error_string", "") or error).strip().rstrip(".")
    return f"cannot be read as a recording ({text})"


def resample(samples: np.ndarray, rate: int, target: int = RATE) -> np.ndarray:
    """(samples,) float32 from `rate` to `target` Hz by windowed sinc interpolation (Smith 1984, torchaudio's filter).

    Rates that share no large divisor are rounded to 0.2 %: exact ones would need filters of thousands of phases.
    """
    if rate == target:
        return samples
    import torch

    step = np.gcd(rate, target)
    if target // step > 640:
        step = 25
        rate, target = max(round(rate / step), 1) * step, round(target / step) * step
    functional = require("torchaudio.functional", "resampling")
    found = functional.resample(torch.from_numpy(np.ascontiguousarray(samples)), int(rate), int(target))
    return found.numpy()


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Floats in -1..1 as int16; louder ones, which float files may hold, are clipped."""
    return np.rint(np.clip(samples * 32768.0, -32768, 32767)).astype(np.int16)


def fit_clip(samples: np.ndarray, length: int = LENGTH) -> np.ndarray:
    """(length,) of (samples,) int16: the loudest stretch of a longer recording; a shorter one between zeros.

    A shorter one is laid with the middle of its energy in the middle, as far as it can be without cutting.
    """
    count = len(samples)
    if count == length:
        return samples
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    clip = np.zeros(length, np.int16)
    if count > length:
        windows = energy[length:] - energy[:-length]
        best = np.flatnonzero(windows >= windows.max() * (1 - 1e-9))  # a word may fit in at many places
        start = int(best[len(best) // 2])
        clip[:] = samples[start : start + length]
        return clip
    middle = int(np.searchsorted(energy, energy[-1] / 2)) if energy[-1] else count // 2
    start = min(max(length // 2 - middle, 0), length - count)
    clip[start : start + count] = samples
    return clip


def read_clips(
    sources: Sequence[Source], names: Sequence[str], label: str, progress: bool = True, threads: int | None = None
) -> np.ndarray:
    """Clips (N, L) int16 of many recordings, decoded by several threads (libsndfile works outside Python's lock).

    `names` stand for the recordings in messages. Raises UserError naming the first that cannot be read.
    """
    clips = np.zeros((len(sources), LENGTH), np.int16)

    def decode(row: int) -> None:
        clips[row] = fit_clip(to_int16(read_recording(sources[row], name=names[row])))

    require("soundfile", "reading recordings")
    with ThreadPoolExecutor(threads) as pool:
        done = pool.map(decode, range(len(sources)))
        for _ in console.progress(label, over=done, total=len(sources), unit="clip", show=progress):
            pass
    return clips


def write_wav(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    """Write (samples,) int16 as a WAV file, atomically."""
    from cnn_core.files import atomic

    with atomic(path) as part:
        require("soundfile", "writing recordings").write(part, samples, rate, subtype="PCM_16", format="WAV")
