"""evaluate: the shared verb, with options that describe the folder of --data."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from apps.speech.config import SpeechConfig
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs import evaluate as shared
from cnn_core.verbs.common import parser


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(shared.EvaluateOptions):
    """Options of evaluate."""

    speakers: str = ""
    """CSV file with the columns file and speaker, for the folder that --data names."""
    layout: Literal["auto", "word/speaker", "speaker/word"] = "auto"
    """What two levels of folders in --data stand for; auto recognizes it where it can."""
    skip_bad: bool = False
    """Leave out recordings in --data that cannot be read."""
    recording: str = ""
    """A long recording, a folder of them, or `synthetic`: words told in it, false alarms an hour, the threshold."""
    truth: Path | None = None
    """CSV file with the columns file, word, start, end (seconds), speaker, condition; without it no word of the list is
    said in the recordings."""
    alarms_per_hour: float = 0.5
    """False alarms an hour that the threshold is to allow."""
    hours: float = 1.0
    """Length of the synthetic recording, about."""


parse = parser(
    EvaluateOptions, "Accuracy with its interval, by word, speaker and noise, confusion, calibration, worst mistakes."
)


def run(app: App, options: EvaluateOptions) -> Outcome:
    """The shared verb. The run's data are read as in training, other data by the options."""
    if options.recording:
        from apps.speech.verbs import recording

        return recording.run(app, options)
    for name, default in (("truth", None), ("alarms_per_hour", 0.5), ("hours", 1.0)):
        if getattr(options, name) != default:
            raise UserError(f"--{name.replace('_', '-')} belongs to --recording")
    given = {"speakers": options.speakers, "layout": options.layout, "skip_bad": options.skip_bad}
    described = options != replace(options, speakers="", layout="auto", skip_bad=False)
    if not options.data and described:
        raise UserError("--speakers, --layout and --skip-bad are for --data; the run's data are read as in training")
    if not described and (not options.data or _is_data_of_run(app, options)):
        return shared.run(app, options)

    def load(config: SpeechConfig) -> Any:
        return app.load(replace(config, **given))

    return shared.run(replace(app, load=load), options)


def _is_data_of_run(app: App, options: EvaluateOptions) -> bool:
    from cnn_core import runs

    data = runs.read_record(app, options.run)["config"].get("data", "")
    return Path(data).expanduser().resolve() == Path(options.data).expanduser().resolve()
