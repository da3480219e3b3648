"""evaluate: as in every app, with what can be said about the form of other data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from apps.text.reading.form import NOTHING, FormOptions
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs import evaluate as shared
from cnn_core.verbs.common import parser


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(shared.EvaluateOptions):
    """Options of evaluate."""

    texts: FormOptions = field(default_factory=FormOptions)
    """How --data is to be read, where that is not as the training data were."""


parse = parser(EvaluateOptions, shared.ABOUT)


def run(app: App, options: EvaluateOptions) -> Outcome:
    """Measure; the run's own data are read as in training."""
    if options.texts == NOTHING:
        return shared.run(app, options)
    if not options.data:
        raise UserError("--texts options say how --data is to be read; name other data with --data")

    def load(config: Any, fitted: Any = None) -> Any:
        from apps.text import data

        return data.load(config, fitted, options.texts)

    return shared.run(replace(app, load=load), options)
