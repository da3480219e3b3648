"""summary: the layers of a preset, for a vocabulary and a text of a given size."""

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
    words: int = 20_000
    """Words of the vocabulary, which the training texts decide."""
    given: int = 50
    """Numbers a word of the given vectors, where the preset has such."""
    length: int = 30
    """Words of the text that goes through."""
    classes: int = 2
    """Number of classes."""


def parse(app: App, prog: str, args: Sequence[str]) -> Any:
    """Options whose defaults are those of the preset that --preset names."""
    return parse_preset(SummaryOptions, app, prog, args, "Layers, output shapes, parameters, multiply-adds.")


def run(app: App, options: Any) -> Outcome:
    """Build the network and walk through it."""
    for name, least in (("depth", 1), ("words", 1), ("given", 1), ("length", 1), ("classes", 2)):
        if getattr(options, name) < least:
            raise UserError(f"--{name} must be at least {least}, not {getattr(options, name)}")
    import torch

    from cnn_core.nn import network
    from cnn_core.verbs.views.common import children, shapes
    from cnn_core.visual import front_of

    words = " ".join(["<pad>", "<unk>", *(f"word{i}" for i in range(options.words))])
    kept = {"words": words, "given": options.given if options.config.vectors.source else 0}
    labels = tuple(str(i) for i in range(options.classes))
    model = app.keeping(kept).build(options.config, labels)
    example = torch.ones(1, options.length, dtype=torch.int32)
    table = network.summary(model.eval(), example, options.depth)
    found = shapes(model, front_of(model, example))
    data = {"preset": options.preset or app.default_preset, "parameters": network.count_parameters(model)}
    data["layers"] = [{"name": name, "shape": list(found[name])} for name in children(model) if name in found]
    return Outcome(data, table)
