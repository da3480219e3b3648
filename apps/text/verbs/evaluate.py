"""evaluate: as in every app, with what can be said about the form of other data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from apps.text.reading.form import NOTHING, FormOptions
from cnn_core import config as config_module
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
    if options.texts != NOTHING:
        if not options.data:
            raise UserError("--texts options say how --data is to be read; name other data with --data")

        def load(config: Any, fitted: Any = None) -> Any:
            from apps.text import data

            return data.load(config, fitted, options.texts)

        app = replace(app, load=load)
    from cnn_core import runs

    config = config_module.from_json(app.config, runs.read_record(app, options.run)["config"], f"{options.run}")
    if not app.several_labels(config):
        return shared.run(app, options)
    from apps.text.verbs.several import evaluate
    from cnn_core.training import device

    trained = runs.restore(app, options.run, device.choose(options.common.device, options.common.threads))
    config = replace(trained.config, data=options.data) if options.data else trained.config
    return evaluate(trained, trained.app.load(config), options.out or options.run / "evaluation")
