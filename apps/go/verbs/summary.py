"""summary: the layers of a preset, as Keras prints them."""

from collections.abc import Sequence
from typing import Any

from apps.go.rules.points import labels
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.verbs.common import Outcome, parse_preset
from cnn_core.verbs.summary import SummaryOptions


def parse(app: App, prog: str, args: Sequence[str]) -> Any:
    """Options whose defaults are those of the preset that --preset names."""
    about = "Layers, output shapes, parameters, multiply-adds on a board of --size."
    return parse_preset(SummaryOptions, app, prog, args, about)


def run(app: App, options: Any) -> Outcome:
    """Build the network and walk through it."""
    if options.depth < 1:
        raise UserError(f"--depth must be at least 1, not {options.depth}")
    import torch

    from apps.go.front import planes_needed
    from cnn_core.nn import network

    config = options.config
    model = app.build(config, labels(config.size, config.passes))
    example = torch.zeros(1, planes_needed(config.features), config.size, config.size, dtype=torch.uint8)
    table = network.summary(model, example, options.depth)
    data = {"preset": options.preset or app.default_preset, "parameters": network.count_parameters(model)}
    data["layers"] = [name for name, _ in model.named_children()]
    return Outcome(data, table)
