"""Deep Style on VGG-19: the command's own way, and the loop of neural-style-pt until its loss is as low."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from apps.bench.peers.peer import Found, Setting
from cnn_core.benchmark import Timer, cpu_seconds

MOST = 300
"""Evaluations after which the loop gives up."""


def pictures(setting: Setting) -> tuple[Any, Any, Tensor, Tensor]:
    """The backbone, the options of `cnn-dream style`, content and style (3, H, W) in 0 to 255."""
    from apps.dream.data import find
    from apps.dream.model import load_backbone
    from apps.dream.verbs.common import SIDE
    from apps.dream.verbs.style import StyleOptions

    side = 64 if setting.quick else SIDE
    contents, styles = find("chelsea", side).tensor(), find("china", side).tensor()
    return load_backbone("vgg19"), StyleOptions(content="chelsea"), contents, styles


def here(setting: Setting) -> Found:
    """`cnn-dream style` with its defaults, and the lowest loss at the whole size."""
    from apps.dream.painting import paint

    backbone, options, content, painting = pictures(setting)
    with cpu_seconds() as spent:
        found = paint(
            backbone.model, content, [painting], coarse=options.coarse, steps=options.steps, start=options.start,
            colours=options.colours, content_layers=backbone.content, style_layers=backbone.style,
            style_weight=options.style_weight, precision="auto",
        )  # fmt: skip
    return Found(spent.cpu, float(found.fine.min()))


class Reached(Exception):
    """The loss is as low as asked for."""


def plain_loop(setting: Setting) -> Found:
    """torch's L-BFGS over the whole picture, the network cut behind its last layer; the loss is ours."""
    backbone, options, content, painting = pictures(setting)
    model = backbone.model.requires_grad_(False)
    spent, lowest = Timer(), float("inf")
    spent.start()
    seen: dict[str, Tensor] = {}
    layers = dict.fromkeys([*backbone.content, *backbone.style])
    handles = [
        model.get_submodule(name).register_forward_hook(lambda _, __, out, name=name: seen.__setitem__(name, out))
        for name in layers
    ]
    last = max(i for i, (name, _) in enumerate(model.named_children()) if name in layers)
    parts = list(model.children())[: last + 1]

    def look(x: Tensor) -> dict[str, Tensor]:
        for part in parts:
            x = part(x)
        return dict(seen)

    with torch.no_grad():
        kept = {name: look(content[None])[name] for name in backbone.content}
        grams = {name: _gram(look(painting[None])[name]) for name in backbone.style}
    free = content[None].clone().requires_grad_()
    solver = torch.optim.LBFGS(
        [free], max_iter=MOST, max_eval=MOST, history_size=100, tolerance_grad=-1.0, tolerance_change=-1.0
    )

    def closure() -> Tensor:
        nonlocal lowest
        solver.zero_grad()
        now = look(free)
        contents = [_distance(now[name], kept[name]) for name in backbone.content]
        styles = [_distance(_gram(now[name]), grams[name]) for name in backbone.style]
        loss = sum(contents) / len(contents) + options.style_weight * sum(styles) / len(styles)
        assert isinstance(loss, Tensor)
        lowest = min(lowest, float(loss.detach()))
        if setting.goal is not None and lowest <= setting.goal:
            raise Reached
        loss.backward()
        return loss

    with contextlib.suppress(Reached):
        solver.step(closure)
    for handle in handles:
        handle.remove()
    return Found(spent.cpu, lowest)


def _gram(h: Tensor) -> Tensor:
    flat = h.flatten(2)[0]
    return flat @ flat.T / flat.shape[1]


def _distance(found: Tensor, target: Tensor) -> Tensor:
    return functional.mse_loss(found, target, reduction="sum") / target.square().sum()
