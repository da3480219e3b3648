"""One filter's optimum at depth: ours until it is as strong as lucent's."""

from __future__ import annotations

import contextlib
import importlib

import torch
from torch import Tensor, nn

from apps.bench.baselines.visual import deep_net
from apps.bench.peers.peer import Found, Setting
from cnn_core import visual
from cnn_core.benchmark import Timer

LAYER, FILTER = "12", 0  # conv3_2: behind its ReLU a picture that a filter does not like gives no gradient at all
SIZE, STEPS, RATE = 96, 128, 0.05
PARTS = ("objectives", "param", "render")
OBJECTIVE = visual.filter(LAYER, FILTER)


def network() -> nn.Module:
    """VGG-19's shape, random weights that are frozen."""
    return deep_net().eval().requires_grad_(False)


class Reached(Exception):
    """The goal is reached: the ascent need not go on."""


def here(setting: Setting) -> Found:
    """`visual.optimize`, stopped at the first step that reaches the goal."""
    model, spent, best = network(), Timer(), -float("inf")
    goal = float("inf") if setting.goal is None else setting.goal

    def watch(_: int, inputs: Tensor, values: Tensor) -> None:
        nonlocal best
        best = max(best, float(values.max()))
        if best >= goal:
            raise Reached

    spent.start()
    with contextlib.suppress(Reached):
        visual.optimize(
            model, OBJECTIVE, visual.Pixels((3, SIZE, SIZE)), steps=8 if setting.quick else STEPS, rate=RATE,
            seed=setting.seed, watch=watch,
        )  # fmt: skip
    return Found(spent.cpu, best)


def lucent_way(setting: Setting) -> Found:
    """lucent's `render_vis` with its Fourier picture, Adam at .05, without transforms, which would hide the value."""
    objectives, param, render = (importlib.import_module(f"lucent.optvis.{name}") for name in PARTS)
    model, spent = network(), Timer()
    spent.start()
    images = render.render_vis(
        model, objectives.channel(LAYER, FILTER), lambda: param.image(SIZE),
        thresholds=(8 if setting.quick else STEPS,), transforms=[], preprocess=False, show_image=False,
        progress=False, verbose=False, fixed_image_size=SIZE,  # else it enlarges pictures below 224
    )  # fmt: skip
    spent.stop()
    picture = torch.from_numpy(images[-1]).permute(0, 3, 1, 2).float()
    return Found(spent.cpu, float(visual.values(model, OBJECTIVE, picture)))
