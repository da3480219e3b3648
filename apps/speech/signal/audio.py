"""Recordings of any format and rate made into clips: one second at 16 kHz, int16.

libsndfile (package soundfile) decodes WAV, FLAC, OGG and MP3, a block at a time: what a header claims is not believed
before it is found. Letters: N clips, L samples of a clip.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from cnn_core import bounded, console
from cnn_core.errors import UserError
from cnn_core.optional import require

RATE = 16_000  # Hz
LENGTH = 16_000  # samples of a clip
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au")

LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000  # Hz of recordings
MOST = 256 << 20  # bytes of a decoded recording, 70 minutes of float32 at 16 kHz; for large files 20 times their size
BLOCK = 1 << 20  # samples decoded or resampled at once
MARGIN = 1 << 14  # samples beside a block that resampling may look at

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

    Raises UserError where it cannot be decoded, holds no samples, or samples that are not numbers; also where its rate
    lies outside 1 to 768 kHz, and where it is longer than `cnn_core.bounded` allows for a file of its size.
    """
    name = name or ("standard input" if isinstance(source, bytes) else str(source))
    soundfile = require("soundfile", "reading recordings")
    if isinstance(source, bytes) and not source:
        raise UserError(f"{name}: is empty")
    try:
        with soundfile.SoundFile(_Bytes(source) if isinstance(source, bytes) else str(source)) as file:
            promised, found_rate, header = file.frames, file.samplerate, str(file.extra_info)
            if not LOWEST_RATE <= found_rate <= HIGHEST_RATE:
                raise UserError(f"{name}: has {found_rate} samples a second; save it with 1000 to 768000")
            longest = _longest(source, found_rate, rate)
            samples = np.concatenate([np.zeros(0, np.float32), *_blocks(file, name, longest)])
    except (soundfile.SoundFileError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name}: {_reason(source, error)}") from error
    if len(samples) == 0:
        raise UserError(f"{name}: holds no samples")
    lengths = [(int(said), int(found)) for said, found in CUT.findall(header)]
    if len(samples) < promised or any(found < said < STREAM for said, found in lengths):
        raise UserError(f"{name}: truncated: shorter than its header says; only {len(samples)} samples are there")
    return resample(samples, found_rate, rate)


def _longest(source: Source, found: int, rate: int) -> int:
    """Samples that a recording may have, so that neither they nor those that it is resampled to take too much."""
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    most = bounded.limit_of_packed(size, MOST) // 4  # float32
    return int(most * min(1.0, found / rate))


def _blocks(file: Any, name: str, longest: int) -> Iterator[np.ndarray]:
    """The samples of an open file in blocks (samples,) float32, channels averaged."""
    count = 0
    while len(block := file.read(max(BLOCK // file.channels, 1), dtype="float32", always_2d=True)):
        finite = np.isfinite(block)
        if not finite.all():
            bad = count + int(np.flatnonzero(~finite.all(axis=1))[0])
            raise UserError(f"{name}: sample {bad} is not a number (NaN or infinite)")
        count += len(block)
        if count > longest:
            raise UserError(
                f"{name}: more than {longest / file.samplerate / 60:.0f} minutes of sound; cut it into parts, or set"
                f" {bounded.VARIABLE} to more than its bytes when decoded, such as 4G"
            )
        yield block.mean(axis=1)


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

    def resampled(part: np.ndarray) -> np.ndarray:
        return functional.resample(torch.from_numpy(np.ascontiguousarray(part)), int(rate), int(target)).numpy()

    if len(samples) <= BLOCK:
        return resampled(samples)
    # Of long recordings one block after the other, for the filter makes copies: with margins, which are cut off again.
    period, made = int(rate // np.gcd(rate, target)), int(target // np.gcd(rate, target))
    margin, block = -(-MARGIN // period) * period, -(-BLOCK // period) * period
    found = np.empty(-(-len(samples) * made // period), np.float32)
    for start in range(0, len(samples), block):
        before = min(margin, start)
        part = resampled(samples[start - before : start + block + margin])[before // period * made :]
        at = start // period * made
        length = min(block // period * made, len(found) - at)
        found[at : at + length] = part[:length]
    return found


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Floats in -1..1 as int16; louder ones, which float files may hold, are clipped."""
    found = np.empty(samples.shape, np.int16)
    for start in range(0, len(samples), BLOCK):
        found[start : start + BLOCK] = np.rint(np.clip(samples[start : start + BLOCK] * 32768.0, -32768, 32767))
    return found


def fit_clip(samples: np.ndarray, length: int = LENGTH) -> np.ndarray:
    """(length,) of (samples,) int16: the loudest stretch of a longer recording; a shorter one between zeros.

    A shorter one is laid with the middle of its energy in the middle, as far as it can be without cutting.
    """
    count = len(samples)
    if count == length:
        return samples
    if count > length:
        start = _loudest(samples, length)
        return samples[start : start + length].copy()
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    clip = np.zeros(length, np.int16)
    middle = int(np.searchsorted(energy, energy[-1] / 2)) if energy[-1] else count // 2
    start = min(max(length // 2 - middle, 0), length - count)
    clip[start : start + count] = samples
    return clip


def _loudest(samples: np.ndarray, length: int) -> int:
    """Where the loudest stretch begins; where a word fits in at many places, the middle one of them."""

    def windows() -> Iterator[np.ndarray]:
        for start in range(0, len(samples) - length + 1, BLOCK):
            part = samples[start : start + BLOCK + length - 1].astype(np.float64)
            energy = np.concatenate([[0.0], np.cumsum(part**2)])
            yield energy[length:] - energy[:-length]

    least = max(float(part.max()) for part in windows()) * (1 - 1e-9)
    left = sum(int((part >= least).sum()) for part in windows()) // 2
    for number, part in enumerate(windows()):
        best = np.flatnonzero(part >= least)
        if left < len(best):
            return number * BLOCK + int(best[left])
        left -= len(best)
    raise AssertionError("one of them is the loudest")


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
