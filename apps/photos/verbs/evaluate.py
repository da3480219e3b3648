"""evaluate: the shared verb, which may leave out pictures that cannot be read."""

from dataclasses import dataclass, replace
from typing import Any

from apps.photos.config import PhotosConfig
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs import evaluate as shared
from cnn_core.verbs.common import parser


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(shared.EvaluateOptions):
    """Options of evaluate."""

    skip_bad: bool = False
    """Leave out pictures in --data that cannot be read."""


parse = parser(EvaluateOptions, shared.ABOUT)


def run(app: App, options: EvaluateOptions) -> Outcome:
    """The shared verb; the run's own data are read as in training."""
    if not options.skip_bad:
        return shared.run(app, options)
    if not options.data:
        raise UserError("--skip-bad is for --data; the run's data are read as in training")

    def load(config: PhotosConfig, *fitted: Any, **named: Any) -> Any:
        return app.load(replace(config, skip_bad=True), *fitted, **named)

    return shared.run(replace(app, load=load), options)
