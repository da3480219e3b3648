"""summary: the layers of a preset, as Keras prints them."""

from collections.abc import Sequence
from typing import Any

from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.verbs.common import Outcome, parse_preset
from cnn_core.verbs.summary import SummaryOptions

CLASSES = 12  # as in the task that published numbers of parameters are for


def parse(app: App, prog: str, args: Sequence[str]) -> Any:
    """Options whose defaults are those of the preset that --preset names."""
    about = f"Layers, output shapes, parameters, multiply-adds, for {CLASSES} words."
    return parse_preset(SummaryOptions, app, prog, args, about)


def run(app: App, options: Any) -> Outcome:
    """Build the network and walk through it."""
    if options.depth < 1:
        raise UserError(f"--depth must be at least 1, not {options.depth}")
    import torch

    from apps.speech.signal.audio import LENGTH
    from cnn_core.nn import network

    model = app.build(options.config, tuple(map(str, range(CLASSES))))
    table = network.summary(model, torch.zeros(1, LENGTH, dtype=torch.int16), options.depth)
    name = options.preset or app.default_preset
    return Outcome({"preset": name, "classes": CLASSES, "parameters": network.count_parameters(model)}, table)
