"""listen: words in a recording, or in sound as it flows from a pipe or a microphone, with their times.

A window of one second slides over the sound, and probabilities are averaged over half a second. A word is reported
when its mean passes a threshold, and then nothing more for half a second, as in TensorFlow's reference for Speech
Commands; what is reported of it is its peak.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from apps.speech.detection.detector import THRESHOLD, Detector, Teller, Word
from apps.speech.detection.kept import kept_threshold
from apps.speech.detection.telling import SILENT
from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.console import counted, json_text, note, visible
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import existing
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Answering, parser

if TYPE_CHECKING:
    import numpy as np

    from apps.speech.verbs.live.actions import Alarms, Commands
    from apps.speech.verbs.live.sources import Blocks
    from cnn_core.exporting.session import ExportedRun
    from cnn_core.runs import Run

__all__ = ["SILENT", "THRESHOLD", "Detector", "ListenOptions", "Word", "hear", "parse", "run"]

LONG = 120.0
"""Seconds of sound from which on PyTorch, whose windows share their frames, has made up for its start."""


@dataclass(frozen=True, kw_only=True)
class ListenOptions(Answering):
    """Options of listen."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    recording: positional(str) = "microphone"  # type: ignore[valid-type]
    """A file of any length; - for standard input or a named pipe, heard as the sound flows; or microphone."""
    rate: int = 0
    """Samples a second of plain samples without a header, from a pipe or a file; 16000 when --format is given alone."""
    format: Literal["auto", "s16le", "s16be", "u8", "s24le", "s32le", "f32le", "f64le"] = "auto"
    """How plain samples are written; auto reads a WAV header, or takes s16le where --rate is given."""
    channels: int = 1
    """Channels of plain samples."""
    exec: str = ""
    """Command to run at each word, such as --exec 'notify-send {word}': never through a shell, {word} one argument."""
    save_alarms: Path | None = None
    """Folder for the sound of every word told, a WAV file each; move the wrong ones to the folder of --negatives."""
    stride: float = 0.03
    """Seconds from one window to the next, in steps of 0.01; of a `stream` network always 0.08."""
    average: float = 0.5
    """Seconds over which probabilities are averaged."""
    threshold: float = 0.0
    """Mean probability above which a word is reported; 0 takes the one that `evaluate --recording` chose, else 0.7."""
    suppress: float = 0.5
    """Seconds after a word in which nothing is reported."""
    least: int = 4
    """Smallest number of windows that are averaged."""
    quiet: float = -50.0
    """Windows whose loudest 100 ms stay below this level (dB of full scale) count as silence."""
    seconds: float = 0.0
    """Seconds to listen to a pipe or the microphone; 0 listens to the end, or until Ctrl-C."""

    @property
    def plain(self) -> bool:
        """Whether the sound is plain samples without a header."""
        return self.rate > 0 or self.format != "auto"


parse = parser(ListenOptions, "Find words in a recording, with their times; or listen to a pipe or a microphone.")


def run(app: App, options: ListenOptions) -> Outcome:
    """Slide a window over the sound and report the words."""
    _check(options)
    from apps.speech.verbs.live import actions, sources, steps

    if options.recording not in ("microphone", "-"):
        existing(Path(options.recording))
        flows = options.plain or sources.is_pipe(options.recording)
    else:
        flows = True
    commands = actions.Commands(options.exec) if options.exec else None
    alarms = actions.Alarms(options.save_alarms) if options.save_alarms else None

    from apps.speech.signal.audio import RATE, read_recording, second_at, to_int16
    from cnn_core.exporting.session import ExportedRun
    from cnn_core.verbs.answers import opened

    trained = opened(app, options)
    options = replace(
        options,
        threshold=options.threshold or kept_threshold(options.run) or THRESHOLD,
        stride=steps.stride_of(trained.config, options.stride),
    )
    if flows:
        return _live(trained, options, commands, alarms)
    if options.seconds:
        raise UserError("--seconds is for a pipe or the microphone; a recording is heard whole")
    samples = to_int16(read_recording(Path(options.recording)))
    if isinstance(trained, ExportedRun) and options.engine == "auto" and len(samples) > LONG * RATE:
        trained = opened(app, replace(options, engine="torch"))
    begin = time.process_time()
    words = hear(trained, samples, options)
    cpu = max(time.process_time() - begin, 1e-9)
    length = len(samples) / RATE
    rows = [[f"{w.start:.2f}", f"{w.end:.2f}", w.word, f"{w.probability:.3f}"] for w in words]
    data = {"run": str(options.run), "recording": options.recording, "seconds": length, "cpu_seconds": cpu}
    data["words"] = []
    for word in words:
        clip = second_at(samples, round(word.start * RATE))
        data["words"].append(_acted(word, clip, commands, alarms))
    if commands:
        commands.finish()
    text = table(["from s", "to s", "word", "probability"], rows) if rows else "no words heard"
    return Outcome(
        data, f"{text}\n\n{length:.1f} s of sound in {cpu:.2f} CPU-seconds: {length / cpu:.0f} times real time"
    )


def _check(options: ListenOptions) -> None:
    for name in ("stride", "average"):
        if not 0.01 <= getattr(options, name) <= 10:
            raise UserError(f"--{name} must be between 0.01 and 10 seconds, not {getattr(options, name):g}")
    if not 0 <= options.threshold <= 1:
        raise UserError(f"--threshold must be between 0 and 1, not {options.threshold:g}")
    if options.suppress < 0 or options.seconds < 0 or options.rate < 0:
        raise UserError("--suppress, --seconds and --rate must be at least 0")
    if options.least < 1:
        raise UserError(f"--least must be at least 1, not {options.least}")
    if options.channels != 1 and not options.plain:
        raise UserError("--channels is about plain samples: give their --rate or --format too")
    if options.plain and options.recording == "microphone":
        raise UserError("--rate and --format are about plain samples from a pipe or a file: name it, - for a pipe")


def hear(run: "Run | ExportedRun", samples: "np.ndarray", options: ListenOptions) -> list[Word]:
    """The words in (samples,) int16 at 16 kHz."""
    from apps.speech.verbs.windows import probabilities

    teller = Teller(run.labels, options)
    answers = probabilities(run, samples, options.stride, options.quiet)
    return [word for row in answers for word in teller.take(row)] + teller.finish()


def _acted(word: Word, clip: "np.ndarray", commands: "Commands | None", alarms: "Alarms | None") -> dict[str, Any]:
    """What --json says of a word, after all that is to be done about it."""
    told: dict[str, Any] = dict(vars(word))
    if alarms:
        path = alarms.save(word, clip)
        told["saved"] = None if path is None else str(path)
    if commands:
        commands.run(word)
    return told


def _live(
    trained: "Run | ExportedRun", options: ListenOptions, commands: "Commands | None", alarms: "Alarms | None"
) -> Outcome:
    """Report each word as it comes, to the end of the sound, or until Ctrl-C; with --json one line of JSON each."""
    import sys

    from apps.speech.verbs.live import hearing, sources, steps

    if trained.config.streams:
        scorer = steps.Steps(trained, options.quiet)
    else:
        scorer = hearing.Windowed(trained, options.stride, options.quiet)
    heard = hearing.Ear(scorer, options)
    if options.recording == "microphone":
        blocks = sources.microphone()
    else:
        blocks = sources.piped(options.recording, options.format, options.rate, options.channels)
    count = 0
    try:
        for word in heard.words(_watched(sources.within(blocks, options.seconds), options.recording)):
            told = _acted(word, heard.second_of(word), commands, alarms)
            line = f"{word.start:8.2f} s  {visible(word.word)}  {word.probability:.2f}"
            print(json_text(told, sys.stdout) if options.common.json else line, flush=True)  # noqa: T201
            count += 1
    except KeyboardInterrupt:
        note("")
    finally:
        if commands:
            commands.finish()
    said = f"{counted(count, 'word')} in {heard.seconds:.1f} s of sound"
    if heard.lost:
        said += f"; blocks before which sound was lost: {heard.lost} (later times are too early)"
    note(said)
    return Outcome(None, "")


def _watched(blocks: "Blocks", recording: str) -> "Blocks":
    """The blocks; said are the beginning of what a microphone gives, and the first gap at once."""
    begun = recording != "microphone"
    said = False
    for block, lost in blocks:
        if not begun:
            note("listening; stop with Ctrl-C")
            begun = True
        if lost and not said:
            note("sound was lost: the network is slower than the microphone; try a larger --stride")
            said = True
        yield block, lost
