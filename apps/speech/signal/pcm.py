"""Sound that flows: samples as they arrive through a pipe, behind a WAV header or none.

Programs that write WAV to a pipe (arecord, ffmpeg, sox) do not know its length and promise the largest, 0 or none: it
is then read until it ends. RIFF, RF64 and WAVE_FORMAT_EXTENSIBLE are understood (Microsoft, Multiple Channel Audio
Data and WAVE Files; EBU Tech 3306).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np

from apps.speech.signal.audio import HIGHEST_RATE, LOWEST_RATE, RATE, STREAM, to_int16
from apps.speech.signal.resampling import Resampler
from cnn_core.errors import UserError

CHUNK = 1 << 16  # bytes read at once, where so many are there
MOST_CHANNELS = 64
MOST_SKIPPED = 1 << 24  # bytes of chunks before the samples
BYTES = {"u8": 1, "s16le": 2, "s16be": 2, "s24le": 3, "s32le": 4, "f32le": 4, "f64le": 8}
_TYPES = {"u8": "u1", "s16le": "<i2", "s16be": ">i2", "s32le": "<i4", "f32le": "<f4", "f64le": "<f8"}
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


class NotPcm(Exception):
    """The stream is no WAV with plain samples; `read` holds what has been read of it."""

    def __init__(self, read: bytes):
        super().__init__("not PCM")
        self.read = read


@dataclass(frozen=True)
class Form:
    """How samples are written: one of BYTES, samples a second, channels; `size` bytes of them, None until the end."""

    kind: str
    rate: int
    channels: int = 1
    size: int | None = None

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return BYTES[self.kind] * self.channels


def samples_of(data: bytes, form: Form) -> np.ndarray:
    """Whole frames -> (samples,) float32, full scale 1, channels averaged."""
    if form.kind == "s24le":
        three = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
        values = ((three[:, 0] << 8 | three[:, 1] << 16 | three[:, 2] << 24) >> 8) / np.float32(1 << 23)
    else:
        found = np.frombuffer(data, _TYPES[form.kind])
        scale = {"u8": 128, "s16le": 1 << 15, "s16be": 1 << 15, "s32le": 1 << 31}.get(form.kind, 1)
        values = (found.astype(np.float64) - (128 if form.kind == "u8" else 0)) / scale
    values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
    return values.reshape(-1, form.channels).mean(1) if form.channels > 1 else values


def read_header(stream: IO[bytes], name: str) -> Form:
    """The form of a WAV stream, read up to its first sample.

    Raises NotPcm for anything else that may be a recording, UserError for a header that contradicts itself.
    """
    head = _exactly(stream, 12)
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        raise NotPcm(head)
    read, form, large = head, None, None
    while len(read) < MOST_SKIPPED:
        begin = _exactly(stream, 8)
        read += begin
        if len(begin) < 8:
            break
        kind, size = begin[:4], int.from_bytes(begin[4:], "little")
        if kind == b"data":
            if form is None:
                raise UserError(f"{name}: a WAV header without a format before its samples")
            if head[:4] == b"RF64":
                size = large or 0
            whole = size if 0 < size < STREAM or (head[:4] == b"RF64" and size) else None
            return Form(form.kind, form.rate, form.channels, whole)
        if size + size % 2 > MOST_SKIPPED - len(read):
            break
        body = _exactly(stream, size + size % 2)
        read += body
        if kind == b"fmt ":
            form = _format(body, read, name)
        elif kind == b"ds64" and len(body) >= 16:
            large = int.from_bytes(body[8:16], "little")
    raise NotPcm(read)


def _format(body: bytes, read: bytes, name: str) -> Form:
    if len(body) < 16:
        raise UserError(f"{name}: its WAV header is cut short")
    tag, channels, rate, _, align, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = int.from_bytes(body[24:26], "little")
    kinds = {(_PCM, 8): "u8", (_PCM, 16): "s16le", (_PCM, 24): "s24le", (_PCM, 32): "s32le"}
    kind = (kinds | {(_FLOAT, 32): "f32le", (_FLOAT, 64): "f64le"}).get((tag, bits))
    if kind is None:
        raise NotPcm(read)
    form = checked(Form(kind, rate, channels), name)
    if align != form.frame:
        raise UserError(f"{name}: a WAV header that says {align} bytes a frame and {bits} bits in {channels} channels")
    return form


def checked(form: Form, name: str) -> Form:
    """The form itself. Raises UserError for rates and channels that no recording has."""
    if not LOWEST_RATE <= form.rate <= HIGHEST_RATE:
        raise UserError(
            f"{name}: {form.rate} samples a second; between {LOWEST_RATE} and {HIGHEST_RATE} are understood"
        )
    if not 1 <= form.channels <= MOST_CHANNELS:
        raise UserError(f"{name}: {form.channels} channels; between 1 and {MOST_CHANNELS} are understood")
    return form


def flowing(stream: IO[bytes], form: Form) -> Iterator[np.ndarray]:
    """(samples,) int16 at 16 kHz, as much as is there each time; waits for the next ones, and ends with the stream."""
    resampler = Resampler(form.rate, RATE)
    waiting, left = b"", form.size
    while left is None or left > 0:
        data = _some(stream, CHUNK if left is None else min(CHUNK, left))
        if not data:
            break
        left = None if left is None else left - len(data)
        waiting += data
        whole = len(waiting) // form.frame * form.frame
        found = resampler.feed(samples_of(waiting[:whole], form))
        waiting = waiting[whole:]
        if len(found):
            yield to_int16(found)
    found = resampler.finish()
    if len(found):
        yield to_int16(found)


def _some(stream: IO[bytes], most: int) -> bytes:
    """What is there, at most `most` bytes, at least one unless the stream has ended."""
    read1 = getattr(stream, "read1", None)
    return (read1(most) if read1 else stream.read(most)) or b""


def _exactly(stream: IO[bytes], count: int) -> bytes:
    """`count` bytes, fewer where the stream ends."""
    found = b""
    while len(found) < count and (data := _some(stream, count - len(found))):
        found += data
    return found
