"""Where sound flows from: standard input, a named pipe or a file of plain samples, a microphone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from apps.speech.signal import pcm
from apps.speech.signal.audio import RATE, name_of, read_recording, to_int16
from cnn_core import bounded
from cnn_core.errors import UserError
from cnn_core.optional import require

BLOCK = 480  # samples that are taken from a microphone at once: 30 ms
Blocks = Iterator[tuple[np.ndarray, bool]]
"""(samples,) int16 at 16 kHz, and whether sound was lost before them."""


def piped(recording: str, kind: str, rate: int, channels: int) -> Blocks:
    """Standard input (-), or a file or pipe, as it flows: WAV, or plain samples where `kind` or `rate` say which.

    What is neither is read to its end and decoded. Raises UserError as `decode` does.
    """
    name = "standard input" if recording == "-" else recording
    with ExitStack() as stack:
        stream = sys.stdin.buffer if recording == "-" else stack.enter_context(Path(recording).open("rb"))
        if kind != "auto" or rate:
            form = pcm.Form("s16le" if kind == "auto" else kind, rate or RATE, channels)
            yield from ((block, False) for block in pcm.flowing(stream, pcm.checked(form, name)))
            return
        try:
            form = pcm.read_header(stream, name)
        except pcm.NotPcm as other:
            most = bounded.limit(bounded.STANDARD_INPUT)
            data = other.read + stream.read(most + 1)
            if len(data) > most:
                raise bounded.too_large(name, most) from None
            yield to_int16(read_recording(data, name=name if data else name_of(data))), False
            return
        yield from ((block, False) for block in pcm.flowing(stream, form))


def is_pipe(recording: str) -> bool:
    """Whether the path is one that sound may flow from: a named pipe or a device."""
    path = Path(recording)
    return path.is_fifo() or path.is_char_device()


def microphone() -> Blocks:
    """Blocks of 30 ms. Raises UserError without sounddevice, PortAudio or a microphone, and where it goes away."""
    sounddevice: Any = require("sounddevice", "listening to a microphone")
    opened = False
    try:
        with sounddevice.InputStream(samplerate=RATE, channels=1, dtype="int16", blocksize=BLOCK) as stream:
            opened = True
            while True:
                block, overflowed = stream.read(BLOCK)
                yield block[:, 0], bool(overflowed)
    except sounddevice.PortAudioError as error:
        if opened:
            raise UserError(f"the microphone stopped ({error}); connect it and start again") from error
        raise UserError(
            f"no microphone can be opened ({error}); name a recording, or pipe one: arecord -f S16_LE -r 16000 |"
            " cnn-speech listen RUN -"
        ) from error


def within(blocks: Blocks, seconds: float) -> Blocks:
    """The blocks of the first `seconds`; all of them for 0."""
    left = round(seconds * RATE)
    for block, lost in blocks:
        yield (block[:left] if seconds else block), lost
        left -= len(block)
        if seconds and left <= 0:
            return
