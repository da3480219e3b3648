"""Recordings of any format and rate made into clips: one second at 16 kHz, int16.

libsndfile (package soundfile) decodes WAV, FLAC, OGG and MP3, a block at a time: what a header claims is not believed
before it is found. L is the number of samples of a clip.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO, Any

import numpy as np

from apps.speech.signal.codecs import HEAD, undecodable, way_out
from apps.speech.signal.resampling import resample
from cnn_core import bounded
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.optional import require

RATE = 16_000  # Hz
LENGTH = 16_000  # samples of a clip
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au")

LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000  # Hz of recordings
MOST = 256 << 20  # bytes of a decoded recording, 70 minutes of float32 at 16 kHz; for large files 20 times their size
BLOCK = 1 << 20  # samples decoded at once

Source = Path | bytes

# What libsndfile reports of a file that is shorter than its header promises. Programs that write to a pipe promise the
# largest possible length.
CUT = re.compile(r"^\s*(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
STREAM = 0x7FFF0000

LONGEST = 3600.0  # seconds of a recording that is read for one word
OVER = 256.0  # times full scale: floats that large are integers that nobody scaled
OUT_OF_PHASE = "the channels cancel each other, so only the louder one is read (reported once only)"
_noted_out_of_phase = Event()


class _Bytes(io.BytesIO):
    """Bytes in which a damaged header may ask for a negative offset."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return super().seek(0, io.SEEK_END)


@dataclass(frozen=True, eq=False)
class Recording:
    """A decoded recording."""

    samples: np.ndarray
    """(samples,) float32 in -1..1, one channel."""
    seconds: float
    """Its length."""
    out_of_phase: bool
    """Whether its channels cancel each other, so that only the louder one was taken."""


def read(source: Source) -> np.ndarray:
    """One recording, a file or its bytes, as a clip (L,) int16; of a longer one the second with the most energy.

    Raises UserError as `decode` does, and for a recording of more than an hour.
    """
    return fit_clip(to_int16(read_recording(source, longest=LONGEST)))


def read_recording(source: Source, rate: int = RATE, name: str = "", longest: float = math.inf) -> np.ndarray:
    """A whole recording as (samples,) float32 in -1..1 at `rate` Hz, channels averaged.

    Raises UserError as `decode` does. Notes the first recording whose channels cancel each other.
    """
    recording = decode(source, rate, name, longest)
    if recording.out_of_phase and not _noted_out_of_phase.is_set():
        _noted_out_of_phase.set()
        note(f"{name or name_of(source)}: {OUT_OF_PHASE}")
    return recording.samples


def decode(source: Source, rate: int = RATE, name: str = "", longest: float = math.inf) -> Recording:
    """A whole recording at `rate` Hz, its channels averaged, or the louder one where they cancel each other.

    Raises UserError, beginning with `name`, where it cannot be decoded, is longer than `longest` seconds, holds no
    samples, or samples that are not numbers or far beyond full scale.
    """
    name = name or name_of(source)
    soundfile = require("soundfile", "reading recordings")
    if isinstance(source, bytes) and not source:
        raise UserError(f"{name}: is empty")
    try:
        with soundfile.SoundFile(_Bytes(source) if isinstance(source, bytes) else str(source)) as file:
            promised, found_rate, header = file.frames, file.samplerate, str(file.extra_info)
            if not LOWEST_RATE <= found_rate <= HIGHEST_RATE:
                raise UserError(f"{name}: has {found_rate} samples a second; save it with 1000 to 768000")
            if promised > longest * found_rate:
                raise UserError(
                    f"{name}: lasts {promised / found_rate / 60:.0f} minutes, and one word is expected; use"
                    " `cnn-speech listen`, or cut it into words"
                )
            blocks = list(_blocks(file, name, _most(source, found_rate, rate, file.channels)))
            samples = np.concatenate([np.zeros((0, file.channels), np.float32), *blocks])
    except (soundfile.SoundFileError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name}: {_reason(source, error)}") from error
    if len(samples) == 0:
        raise UserError(f"{name}: holds no samples")
    lengths = [(int(expected), int(found)) for expected, found in CUT.findall(header)]
    if len(samples) < promised or any(found < expected < STREAM for expected, found in lengths):
        raise UserError(f"{name}: truncated: shorter than its header says, with only {len(samples)} samples")
    peak = max(float(samples.max()), -float(samples.min()))
    if peak > OVER:
        raise UserError(
            f"{name}: its float samples reach {peak:.0f}, and full scale is 1; divide them by 32768 if they are 16-bit"
            " integers"
        )
    mono, out_of_phase = mix(samples)
    return Recording(resample(mono, found_rate, rate), len(samples) / found_rate, out_of_phase)


def _most(source: Source, found: int, rate: int, channels: int) -> int:
    """Samples that a recording may have, so that neither they nor those that it is resampled to take too much."""
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    most = bounded.limit_of_packed(size, MOST) // (4 * channels)  # float32
    return int(most * min(1.0, found / rate))


def _blocks(file: Any, name: str, most: int) -> Iterator[np.ndarray]:
    """The samples of an open file in blocks (samples, channels) float32; codecs that cannot seek are read so too."""
    count = 0
    while len(block := file.read(max(BLOCK // file.channels, 1), dtype="float32", always_2d=True)):
        finite = np.isfinite(block)
        if not finite.all():
            bad = count + int(np.flatnonzero(~finite.all(axis=1))[0])
            raise UserError(f"{name}: sample {bad} is not a number (NaN or infinite)")
        count += len(block)
        if count > most:
            raise UserError(
                f"{name}: more than {most / file.samplerate / 60:.0f} minutes of sound; cut it into parts, or set"
                f" {bounded.VARIABLE} to more than its bytes when decoded, such as 4G"
            )
        yield block


def name_of(source: Source) -> str:
    """What messages call a recording."""
    return "standard input" if isinstance(source, bytes) else str(source)


def mix(samples: np.ndarray) -> tuple[np.ndarray, bool]:
    """(samples, channels) -> (samples,) their mean, and False; the loudest channel, and True, where they cancel.

    They cancel where the mean has less than a tenth of the energy that independent channels would give. If a wrongly
    wired plug inverts one of two channels, the mean contains only noise.
    """
    mean = samples.mean(axis=1)
    channels = samples.shape[1]
    if channels == 1:
        return mean, False
    energies = np.einsum("sc,sc->c", samples, samples, dtype=np.float64)
    if np.einsum("s,s->", mean, mean, dtype=np.float64) >= 0.1 * energies.sum() / channels**2:
        return mean, False
    return np.ascontiguousarray(samples[:, int(energies.argmax())]), bool(energies.any())


def _reason(source: Source, error: Exception) -> str:
    if isinstance(source, Path):
        if source.is_symlink() and not source.exists():
            return f"is a link to a missing file ({source.readlink()})"
        if not source.exists():
            return "no such file"
        if source.is_dir():
            return "is a folder, not a recording"
        if not os.access(source, os.R_OK):
            return "no permission to read it"
        if source.stat().st_size == 0:
            return "is empty"
        with source.open("rb") as stream:
            head = stream.read(HEAD)
    else:
        head = source[:HEAD]
    codec = undecodable(head)
    if codec:
        return f"holds {codec}, which libsndfile cannot decode; {way_out(source if isinstance(source, Path) else None)}"
    text = str(getattr(error, "error_string", "") or error).strip().rstrip(".")
    return f"cannot be read as a recording ({text})"


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Floats in -1..1 as int16; louder ones, which float files may hold, are clipped."""
    found = np.empty(samples.shape, np.int16)
    for start in range(0, len(samples), BLOCK):
        found[start : start + BLOCK] = np.rint(np.clip(samples[start : start + BLOCK] * 32768.0, -32768, 32767))
    return found


def second_at(samples: np.ndarray, first: int) -> np.ndarray:
    """(L,) int16: the second of (samples,) int16 from `first` on, which may be negative; zeros beyond the ends."""
    clip = np.zeros(LENGTH, np.int16)
    part = samples[max(first, 0) : max(first + LENGTH, 0)]
    clip[max(-first, 0) : max(-first, 0) + len(part)] = part
    return clip


def fit_clip(samples: np.ndarray, length: int = LENGTH) -> np.ndarray:
    """(length,) of (samples,) int16: the loudest stretch of a longer recording, or a shorter one padded with zeros.

    A shorter one is centred on the middle of its energy, as far as possible without cutting it.
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


def write_wav(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    """Write (samples,) int16 as a WAV file, atomically."""
    from cnn_core.files import atomic

    with atomic(path) as part:
        _write_wav(part, samples, rate)


def _write_wav(target: Path | IO[bytes], samples: np.ndarray, rate: int) -> None:
    require("soundfile", "writing recordings").write(target, samples, rate, subtype="PCM_16", format="WAV")


UNSCALED = 256.0
"""Floats beyond this are no loud recording but whole numbers that were not scaled."""


def as_wav(value: Any) -> bytes:
    """A WAV file of (samples (N,) or (N, channels), samples a second): int16, or floats from -1 to 1.

    Raises UserError for anything else.
    """
    if not isinstance(value, tuple) or len(value) != 2:
        raise UserError("a recording is a file, or (samples, samples a second)")
    samples, rate = np.asarray(value[0]), int(value[1])
    if np.issubdtype(samples.dtype, np.floating):
        if not np.isfinite(samples).all():
            raise UserError("a recording holds samples that are not finite")
        if samples.size and (largest := float(np.abs(samples).max())) > UNSCALED:
            raise UserError(
                f"a recording holds floats up to {largest:,.0f}, which should lie from -1 to 1: divide them by 32768,"
                " or give int16"
            )
        samples = to_int16(samples)
    if samples.dtype != np.int16 or samples.ndim not in (1, 2) or not len(samples) or rate < 1:
        raise UserError(f"a recording is int16 or floats from -1 to 1, not {samples.dtype} of shape {samples.shape}")
    stream = io.BytesIO()
    _write_wav(stream, samples, rate)
    return stream.getvalue()
