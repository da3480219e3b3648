"""evaluate: the shared verb; what is said about the recordings of --data is not what was said about the run's."""

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
    """What the two levels of folders in --data are; auto recognizes it."""
    skip_bad: bool = False
    """Leave out recordings in --data that cannot be read."""


parse = parser(
    EvaluateOptions, "Accuracy with its interval, by word, speaker and noise, confusion, calibration, worst mistakes."
)


def run(app: App, options: EvaluateOptions) -> Outcome:
    """The shared verb. Without --data, or with the run's own, the run's --speakers, --layout and --skip-bad hold."""
    given = {"speakers": options.speakers, "layout": options.layout, "skip_bad": options.skip_bad}
    says_something = options != replace(options, speakers="", layout="auto", skip_bad=False)
    if not options.data and says_something:
        raise UserError(
            "--speakers, --layout and --skip-bad are for --data; the run's own recordings stay as they were"
        )
    if not says_something and (not options.data or _is_own(app, options)):
        return shared.run(app, options)

    def load(config: SpeechConfig) -> Any:
        return app.load(replace(config, **given))

    return shared.run(replace(app, load=load), options)


def _is_own(app: App, options: EvaluateOptions) -> bool:
    from cnn_core import runs

    data = runs.read_record(app, options.run)["config"].get("data", "")
    return Path(data).expanduser().resolve() == Path(options.data).expanduser().resolve()
