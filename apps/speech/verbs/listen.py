"""listen: words in a long recording or from a microphone, with their times.

A window of one second slides over the sound, and probabilities are averaged over half a second. A word is reported
when its mean passes a threshold, and then nothing more for half a second, as in TensorFlow's reference for Speech
Commands.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnn_core import bounded
from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.console import counted, note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import existing
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Answering, parser

if TYPE_CHECKING:
    import numpy as np

    from cnn_core.exporting.session import ExportedRun
    from cnn_core.runs import Run

LONG = 120.0
"""Seconds of sound from which on PyTorch, whose windows share their frames, has made up for its start."""
SILENT = ("silence", "unknown")  # classes that are not words


@dataclass(frozen=True, kw_only=True)
class ListenOptions(Answering):
    """Options of listen."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    recording: positional(str) = "microphone"  # type: ignore[valid-type]
    """A file of any length, - for standard input, or microphone."""
    stride: float = 0.03
    """Seconds from one window to the next, in steps of 0.01."""
    average: float = 0.5
    """Seconds over which probabilities are averaged."""
    threshold: float = 0.7
    """Mean probability above which a word is reported."""
    suppress: float = 0.5
    """Seconds after a word in which nothing is reported."""
    least: int = 4
    """Smallest number of windows that are averaged."""
    quiet: float = -50.0
    """Windows whose loudest 100 ms stay below this level (dB of full scale) count as silence."""
    seconds: float = 0.0
    """Seconds to listen to the microphone; 0 listens until Ctrl-C."""


@dataclass(frozen=True)
class Word:
    """A detected word and the second of sound in which it lies, in seconds from the beginning."""

    word: str
    start: float
    end: float
    probability: float


parse = parser(ListenOptions, "Find words in a long recording, with their times; or listen to a microphone.")


def run(app: App, options: ListenOptions) -> Outcome:
    """Slide a window over the sound and report the words."""
    _check(options)
    file = options.recording not in ("microphone", "-")
    if file:
        existing(Path(options.recording))

    from apps.speech.signal.audio import RATE, read_recording, to_int16
    from cnn_core.exporting.session import ExportedRun
    from cnn_core.verbs.answers import opened

    trained = opened(app, options)
    if options.recording == "microphone":
        return _microphone(trained, options)
    source = Path(options.recording) if file else bounded.standard_input()
    samples = to_int16(read_recording(source))
    if isinstance(trained, ExportedRun) and options.engine == "auto" and len(samples) > LONG * RATE:
        trained = opened(app, replace(options, engine="torch"))
    begin = time.process_time()
    words = hear(trained, samples, options)
    cpu = max(time.process_time() - begin, 1e-9)
    length = len(samples) / RATE
    rows = [[f"{w.start:.2f}", f"{w.end:.2f}", w.word, f"{w.probability:.3f}"] for w in words]
    data = {"run": str(options.run), "recording": options.recording, "seconds": length, "cpu_seconds": cpu}
    data["words"] = [vars(word) for word in words]
    text = table(["from s", "to s", "word", "probability"], rows) if rows else "no words heard"
    return Outcome(
        data, f"{text}\n\n{length:.1f} s of sound in {cpu:.2f} CPU-seconds: {length / cpu:.0f} times real time"
    )


def _check(options: ListenOptions) -> None:
    for name in ("stride", "average"):
        if not 0.01 <= getattr(options, name) <= 10:
            raise UserError(f"--{name} must be between 0.01 and 10 seconds, not {getattr(options, name):g}")
    if not 0 < options.threshold <= 1:
        raise UserError(f"--threshold must be between 0 and 1, not {options.threshold:g}")
    if options.suppress < 0 or options.seconds < 0:
        raise UserError("--suppress and --seconds must be at least 0")
    if options.least < 1:
        raise UserError(f"--least must be at least 1, not {options.least}")


def hear(run: "Run | ExportedRun", samples: "np.ndarray", options: ListenOptions) -> list[Word]:
    """The words in (samples,) int16 at 16 kHz."""
    from apps.speech.verbs.windows import probabilities

    detector = Detector(run.labels, options)
    answers = probabilities(run, samples, options.stride, options.quiet)
    return [word for row in answers if (word := detector.take(row)) is not None]


class Detector:
    """Smoothing and suppression: takes the probabilities of one window after another."""

    def __init__(self, labels: Sequence[str], options: ListenOptions):
        self.labels, self.options = labels, options
        self.stride = max(round(options.stride * 100), 1) / 100
        self.recent: list[tuple[float, Any]] = []  # (time of the window's end, probabilities)
        self.windows = 0
        self.blocked_until = 0.0
        self.last = ""

    def take(self, probabilities: Any) -> Word | None:
        """The word to report after this window, if any."""
        import numpy as np

        options = self.options
        now = 1.0 + self.windows * self.stride
        self.windows += 1
        silent = bool(np.isnan(probabilities).any())
        self.recent.append((now, np.zeros(len(self.labels)) if silent else probabilities))
        self.recent = [entry for entry in self.recent if entry[0] > now - options.average - 1e-9]
        if len(self.recent) < min(options.least, max(round(options.average / self.stride), 1)):
            return None
        mean = np.mean([entry[1] for entry in self.recent], axis=0)
        best = int(mean.argmax())
        word = self.labels[best]
        if mean[best] < options.threshold or word in SILENT:
            self.last = ""  # the word is over: the same one may come again
            return None
        if now < self.blocked_until or word == self.last:
            return None
        self.blocked_until, self.last = now + options.suppress, word
        return Word(word, round(now - 1.0, 3), round(now, 3), float(mean[best]))


def _microphone(trained: "Run | ExportedRun", options: ListenOptions) -> Outcome:
    """Listen until Ctrl-C, or for so many seconds; words are reported as they come."""
    import numpy as np

    from apps.speech.signal.audio import LENGTH, RATE
    from apps.speech.verbs.windows import probabilities

    detector = Detector(trained.labels, options)
    step = round(detector.stride * RATE)
    words: list[Word] = []
    window = np.zeros(LENGTH, np.int16)
    lost = 0
    try:
        for count, (block, overflowed) in enumerate(_blocks(step), start=1):
            if count == 1:
                note("listening; stop with Ctrl-C")
            if overflowed:
                if not lost:
                    note("sound was lost: the network is slower than the microphone; try a larger --stride")
                lost += 1
            window = np.concatenate([window[len(block) :], block])
            if count * step >= LENGTH:
                word = detector.take(probabilities(trained, window, options.stride, options.quiet)[0])
                if word is not None:
                    words.append(word)
                    note(f"{word.start:8.2f} s  {word.word}  {word.probability:.2f}")
            if options.seconds and count * step >= options.seconds * RATE:
                break
    except KeyboardInterrupt:
        note("")
    data = {"run": str(options.run), "recording": "microphone", "words": [vars(word) for word in words]}
    text = f"{counted(len(words), 'word')} heard"
    if lost:
        text += f"; blocks of {step / RATE:g} s before which sound was lost: {lost} (later times are too early)"
    return Outcome(data | {"lost_blocks": lost}, text)


def _blocks(step: int) -> Iterator[tuple[Any, bool]]:
    """Blocks (step,) int16 from the microphone, and whether sound was lost before each (PortAudio's overflow)."""
    from apps.speech.signal.audio import RATE
    from cnn_core.optional import require

    sounddevice = require("sounddevice", "listening to a microphone")
    opened = False
    try:
        with sounddevice.InputStream(samplerate=RATE, channels=1, dtype="int16", blocksize=step) as stream:
            opened = True
            while True:
                block, overflowed = stream.read(step)
                yield block[:, 0], bool(overflowed)
    except sounddevice.PortAudioError as error:
        if opened:
            raise UserError(f"the microphone stopped ({error}); connect it and start again") from error
        raise UserError(f"no microphone can be opened ({error}); name a recording instead") from error
