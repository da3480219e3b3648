"""summary: the layers of a preset, as Keras prints them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.verbs.common import FromPreset, Outcome, parse_preset


@dataclass(frozen=True, kw_only=True)
class SummaryOptions(FromPreset):
    """Options of summary beside the configuration."""

    depth: int = 1
    """1 shows the layers, 2 opens the blocks."""


def parse(app: App, prog: str, args: Sequence[str]) -> Any:
    """Options whose defaults are those of the preset that --preset names."""
    return parse_preset(SummaryOptions, app, prog, args, "Layers, output shapes, parameters, multiply-adds.")


def run(app: App, options: Any) -> Outcome:
    """Build the network and walk through it."""
    if options.depth < 1:
        raise UserError(f"--depth must be at least 1, not {options.depth}")
    import torch

    from cnn_core.nn import network

    net = options.config.net
    labels = tuple(str(i) for i in range(net.classes))
    model = app.build(options.config, labels)
    example = torch.zeros(1, *net.input_shape)
    table = network.summary(model, example, options.depth)
    data = {"preset": options.preset or app.default_preset, "parameters": network.count_parameters(model)}
    data["layers"] = [
        {"name": layer.name, "kind": layer.kind, "shape": list(layer.shape)} for layer in network.layers(net)
    ]
    return Outcome(data, table)
