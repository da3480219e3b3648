"""Photos on the page: how a picture is framed, the first filters in colour, and what each class would look like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from apps.photos.fitted import FittedPhotos
from apps.photos.maximize import maximize
from apps.playground.domains.page import Page
from apps.playground.graph import graph_of
from cnn_core import visual
from cnn_core.runs import Run
from cnn_core.verbs.views.common import children
from cnn_core.visual.optimization.config import MaximizeConfig

STEPS = 64
MOST = 12
"""Classes whose optimum is searched: of many the first."""
LARGEST = 64
"""Side up to which an optimum is searched: a page for larger pictures has none, they take minutes."""
FLAT = nn.Dropout | nn.Flatten | nn.Identity | nn.Linear


def page(run: Run, examples: bool) -> Page:
    """The graph; framing, layers with maps; as the parts `filters` (M, 3, h, w) and `classes` (K, 3, S, S), uint8, the
    colours of the first filters around grey and the optima of the first classes, whose shapes the card tells."""
    fitted = run.fitted
    assert isinstance(fitted, FittedPhotos)
    example = torch.zeros(1, 3, fitted.side, fitted.side)
    names = [name for name in children(run.model) if not isinstance(run.model.get_submodule(name), FLAT)]
    found = visual.record(run.model, example, names)
    layers = [name for name in names if found[name].dim() == 4 and found[name].shape[-1] > 1]
    graph, _ = graph_of(run, layers)
    card: dict[str, Any] = {"side": fitted.side, "frame": fitted.frame, "mean": list(fitted.mean), "layers": layers}
    parts: dict[str, bytes] = {}
    first = _first_filters(run.model)
    if first is not None and layers:
        parts["filters"], card["filters"] = first.numpy().tobytes(), [layers[0], *first.shape]
    if fitted.side <= LARGEST:
        count = min(len(run.labels), MOST)
        config = replace(MaximizeConfig(steps=STEPS), fourier=True, robust="gentle")
        best = maximize(run, visual.logits(range(count)), config)
        parts["classes"], card["optima"] = b"".join(x.tobytes() for x in best.inputs), count
    return graph, card, parts


def _first_filters(model: nn.Module) -> torch.Tensor | None:
    """(M, 3, h, w) uint8: the first convolution's weights around grey, each filter to its own largest; None where it
    sees no colours."""
    conv = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
    if conv is None or conv.in_channels != 3:
        return None
    weight = conv.weight.detach().float().cpu()
    largest = weight.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    return (127.5 + 127.5 * weight / largest).round().to(torch.uint8)
