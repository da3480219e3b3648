"""record: words spoken on request into folders that `train --preset adapt` takes, with level and clipping shown.

FOLDER/<word>/<speaker>-001.wav, ...        16 kHz, 16 bits
FOLDER/speakers.csv                         who speaks, for train --speakers
"""

import csv
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.console import counted, note
from cnn_core.errors import UserError
from cnn_core.files import atomic
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser

if TYPE_CHECKING:
    from apps.speech.verbs.live.sources import Blocks

SPEAKERS = "speakers.csv"
TOO_QUIET = -40.0  # dB of full scale that the peak of a word reaches
ABOVE_REST = 10.0  # dB by which the loudest 100 ms lie above the quietest
FULL, CLIPPED = 32_700, 3
"""From which sample value on the converter is full, and how many such samples in a row are clipping."""
EDGE = 0.06  # seconds at either end that a word must not reach
TRIES = 3
BAR = 30  # characters of the level


@dataclass(frozen=True, kw_only=True)
class RecordOptions(Shared):
    """Options of record."""

    folder: positional(Path)  # type: ignore[valid-type]
    """Folder that the recordings go to; what is there already stays."""
    words: tuple[str, ...] = ()
    """Words to speak, such as --words yes no stop."""
    like: Path | None = None
    """Run folder whose words are to be spoken, instead of --words."""
    takes: int = 10
    """Recordings of each word."""
    speaker: str = "me"
    """Who speaks."""
    take_seconds: float = 2.0
    """Length of a recording."""
    pause: float = 0.4
    """Seconds between the request and the beginning of a recording."""
    source: str = "microphone"
    """microphone, - for standard input, or a named pipe."""
    rate: int = 0
    """Samples a second of plain samples from a pipe; see listen."""
    format: Literal["auto", "s16le", "s16be", "u8", "s24le", "s32le", "f32le", "f64le"] = "auto"
    """How plain samples from a pipe are written; see listen."""


parse = parser(RecordOptions, "Record words from a microphone, one request after another, for training.")


class Ended(Exception):
    """There is no more sound."""


def run(app: App, options: RecordOptions) -> Outcome:
    """Ask for each word in random order, record it, judge the recording, and keep it or ask again."""
    from apps.speech.signal.audio import write_wav
    from apps.speech.verbs.live import sources

    words = _words(app, options)
    _check(options, words)
    order = [word for word in words for _ in range(options.takes)]
    random.Random(options.common.seed).shuffle(order)
    blocks = (
        sources.microphone()
        if options.source == "microphone"
        else sources.piped(options.source, options.format, options.rate, 1)
    )
    sound = Sound(blocks)
    kept: list[dict[str, Any]] = []
    given_up, stopped = 0, ""
    try:
        for number, word in enumerate(order, start=1):
            take = _take(word, f"{number} of {len(order)}", sound, options)
            if take is None:
                given_up += 1
                continue
            path = _next(options.folder, word, options.speaker)
            write_wav(path, take)
            kept.append({"word": word, "file": str(path), "peak": peak_of(take)})
    except Ended:
        stopped = "the sound ended"
    except KeyboardInterrupt:
        stopped = "stopped"
    if kept:
        _write_speakers(options.folder, options.speaker)
    data = {"folder": str(options.folder), "recordings": kept, "given_up": given_up, "wanted": len(order)}
    text = f"{counted(len(kept), 'recording')} of {len(order)} in {options.folder}"
    text += f" ({stopped})" if stopped else ""
    if given_up:
        text += f"; given up after {TRIES} tries: {given_up}"
    if kept:
        text += (
            f"\ntrain with them: {app.prog} train --preset adapt --init {options.like or 'RUN'} --data {options.folder}"
            f" --speakers {options.folder / SPEAKERS} --out RUN2"
        )
    return Outcome(data, text, status=0 if kept else 2)


def _words(app: App, options: RecordOptions) -> list[str]:
    if bool(options.words) == (options.like is not None):
        raise UserError("say which words are to be spoken: --words yes no, or --like RUN; one of them")
    if options.like is None:
        words = [part.strip() for word in options.words for part in word.split(",")]
    else:
        from apps.speech.detection.telling import SILENT
        from cnn_core.networks.record import read_record

        words = [str(word) for word in read_record(app, options.like)["labels"] if word not in SILENT]
    return list(dict.fromkeys(words))


def _check(options: RecordOptions, words: Sequence[str]) -> None:
    for name in (*words, options.speaker):
        if not name or name[0] in ".=+-@'" or re.search(r'[/\\:*?"<>|\x00-\x1f]', name) or len(name.encode()) > 80:
            raise UserError(f"{name!r} cannot be part of a file's name; choose another word or speaker")
    if options.takes < 1:
        raise UserError(f"--takes must be at least 1, not {options.takes}")
    if not 1 <= options.take_seconds <= 10:
        raise UserError(f"--take-seconds must be between 1 and 10, not {options.take_seconds:g}")
    if not 0 <= options.pause <= 10:
        raise UserError(f"--pause must be between 0 and 10, not {options.pause:g}")
    if options.folder.exists() and not options.folder.is_dir():
        raise UserError(f"{options.folder}: is no folder")


class Sound:
    """So many samples at a time of blocks that come as they please."""

    def __init__(self, blocks: "Blocks"):
        self.blocks, self.waiting = blocks, np.zeros(0, np.int16)

    def parts(self, seconds: float) -> Iterator[np.ndarray]:
        """The next `seconds` in pieces of at most 50 ms. Raises Ended where there are fewer."""
        from apps.speech.signal.audio import RATE

        left = round(seconds * RATE)
        while left > 0:
            size = min(RATE // 20, left)
            while len(self.waiting) < size:
                block = next(self.blocks, None)
                if block is None:
                    raise Ended
                self.waiting = np.concatenate([self.waiting, block[0]])
            yield self.waiting[:size]
            self.waiting = self.waiting[size:]
            left -= size


def _take(word: str, place: str, sound: Sound, options: RecordOptions) -> np.ndarray | None:
    """(samples,) int16 of the word, asked for until it can be used; None after TRIES."""
    for _ in range(TRIES):
        note(f"{place}: say  {word}")
        for _ in sound.parts(options.pause):
            pass
        parts = []
        for part in sound.parts(options.take_seconds):
            parts.append(part.copy())
            _show(part)
        take = np.concatenate(parts)
        _show(None)
        fault = fault_of(take)
        note(f"    peak {peak_of(take):.0f} dB" + (f": {fault}; once more" if fault else ""))
        if not fault:
            return take
    return None


def _show(part: np.ndarray | None) -> None:
    """The level of a piece as a bar on a terminal, full where it clips; None clears it."""
    if not sys.stderr.isatty():
        return
    level = 0.0 if part is None else min(max((peak_of(part) + 60) / 60, 0.0), 1.0)
    full = part is not None and is_clipped(part)
    bar = "" if part is None else "#" * round(level * BAR) + "." * (BAR - round(level * BAR)) + " CLIPPING" * full
    sys.stderr.write(f"\r\x1b[K{bar}")
    sys.stderr.flush()


def peak_of(samples: np.ndarray) -> float:
    """The largest sample in dB of full scale; -96 and less is silence."""
    peak = int(np.abs(samples.astype(np.int32)).max(initial=0))
    return float(20 * np.log10(max(peak, 0.5) / 32768))


def is_clipped(samples: np.ndarray) -> bool:
    """Whether several samples in a row have full scale."""
    full = np.abs(samples.astype(np.int32)) >= FULL
    return len(full) >= CLIPPED and bool(np.lib.stride_tricks.sliding_window_view(full, CLIPPED).all(1).any())


def fault_of(take: np.ndarray) -> str:
    """Why a recording (samples,) int16 should not be trained on; "" where nothing speaks against it."""
    from apps.speech.signal.audio import RATE

    if is_clipped(take):
        return "clipped: turn the microphone down, or speak from further away"
    if peak_of(take) < TOO_QUIET:
        return "too quiet: nothing was heard; is the microphone muted?"
    tenths = take[: len(take) // 1600 * 1600].reshape(-1, 1600).astype(np.float64)
    powers = 10 * np.log10(np.square(tenths).mean(1) + 1e-3)
    if powers.max() - powers.min() < ABOVE_REST:
        return "no word stands out from the noise"
    loudest = np.abs(take.astype(np.int32)).max()
    edge = round(EDGE * RATE)
    if max(np.abs(take[:edge].astype(np.int32)).max(), np.abs(take[-edge:].astype(np.int32)).max()) > loudest / 2:
        return "cut off: say the word after the request, and all of it"
    return ""


def _next(folder: Path, word: str, speaker: str) -> Path:
    """The file of the speaker's next recording of the word."""
    place, number = folder / word, 1
    while (path := place / f"{speaker}-{number:03d}.wav").exists():
        number += 1
    return path


def _write_speakers(folder: Path, speaker: str) -> None:
    """Add the speaker's recordings to the table of speakers; others' lines stay."""
    path = folder / SPEAKERS
    known: dict[str, str] = {}
    if path.exists():
        with path.open(encoding="utf-8-sig", newline="") as stream:
            known = {row["file"]: row["speaker"] for row in csv.DictReader(stream) if row.get("file")}
    for file in sorted(folder.glob(f"*/{speaker}-*.wav")):
        known.setdefault(file.relative_to(folder).as_posix(), speaker)
    with atomic(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "speaker"])
        writer.writerows(known.items())
