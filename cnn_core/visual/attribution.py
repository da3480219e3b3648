"""Which part of one input made the model answer as it did.

Letters: B inputs, S internal samples. Every function takes inputs (B, ...) of any shape and gives attributions of
the same shape. `target` is what is explained: a class number, one number for each input, an objective of
`objectives` (a filter, a neuron, a sum), or None for the class that the model finds most likely.

The model runs in eval semantics with frozen weights and is left as it was. All raise UserError for a class out of
range and for inputs that do not fit the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnn_core.errors import UserError
from cnn_core.visual.activations import device_and_dtype, record, tapped
from cnn_core.visual.optimization.objectives import OUTPUT, Objective, bind, logit
from cnn_core.visual.relu import guided_relu

Target = int | Tensor | Sequence[int] | Objective | None


@dataclass(frozen=True)
class Attribution:
    """Attributions (B, ...), and for each input what is missing from their sum: sum - (f(x) - f(baseline)), (B,)."""

    values: Tensor
    gap: Tensor


def saliency(model: nn.Module, inputs: Tensor, target: Target = None, *, signed: bool = False) -> Tensor:
    """|d f / d x| (Simonyan et al., 2014), or the gradient itself."""
    x = _floats(model, inputs)
    gradient = _gradient(model, x, _objectives(model, x, target))
    return gradient if signed else gradient.abs()


def smooth_grad(
    model: nn.Module,
    inputs: Tensor,
    target: Target = None,
    *,
    samples: int = 32,
    noise: float = 0.15,
    signed: bool = False,
    batch: int = 64,
    seed: int = 0,
) -> Tensor:
    """The mean saliency of noisy copies (Smilkov et al., 2017); `noise` is a part of each input's value range."""
    x = _floats(model, inputs)
    generator = torch.Generator().manual_seed(seed)
    result = torch.zeros_like(x)
    for row, objective in enumerate(_objectives(model, x, target)):
        spread = noise * float(x[row].max() - x[row].min())
        for count in _parts(samples, batch):
            shift = torch.randn((count, *x.shape[1:]), generator=generator).to(x) * spread
            gradient = _gradient(model, x[row] + shift, [objective] * count)
            result[row] += (gradient if signed else gradient.abs()).sum(0)
    return result / samples


def integrated_gradients(
    model: nn.Module,
    inputs: Tensor,
    target: Target = None,
    *,
    baseline: Tensor | float = 0.0,
    steps: int = 64,
    batch: int = 64,
) -> Attribution:
    """(x - baseline) times the mean gradient on the way from the baseline (Sundararajan et al., 2017).

    Gauss-Legendre quadrature. By completeness the attributions sum to f(x) - f(baseline); `gap` says how far off
    they are, in the units of f: when it is large, take more steps.
    """
    x = _floats(model, inputs)
    base = torch.as_tensor(baseline).to(x).expand_as(x)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    places = torch.from_numpy((nodes + 1) / 2).to(x)
    shares = torch.from_numpy(weights / 2).to(x)
    shape = (-1, *(1,) * (x.dim() - 1))
    objectives = _objectives(model, x, target)
    result = torch.zeros_like(x)
    for row, objective in enumerate(objectives):
        first = 0
        for count in _parts(steps, batch):
            at, share = places[first : first + count].view(shape), shares[first : first + count].view(shape)
            path = base[row] + at * (x[row] - base[row])
            result[row] += (share * _gradient(model, path, [objective] * count)).sum(0)
            first += count
    result *= x - base
    with tapped(model, _layers(objectives), x) as run, torch.no_grad():
        evaluate = bind(objectives, run(x[:1]))
        difference = evaluate(run(x)) - evaluate(run(base))
    return Attribution(result, result.flatten(1).sum(1) - difference)


def guided_backprop(model: nn.Module, inputs: Tensor, target: Target = None) -> Tensor:
    """The gradient with every ReLU passing back positive gradients only (Springenberg et al., 2015).

    Works for modules, functions and methods, in place or not. Raises UserError for a model without ReLU, where it
    would silently be the plain gradient.
    """
    x = _floats(model, inputs)
    objectives = _objectives(model, x, target)
    with guided_relu() as met:
        gradient = _gradient(model, x, objectives)
    if not met():
        raise UserError("guided backprop needs a model with ReLU activations; this one has none: use saliency")
    return gradient


def grad_cam(model: nn.Module, inputs: Tensor, layer: str, target: Target = None, *, resized: bool = True) -> Tensor:
    """Grad-CAM (Selvaraju et al., 2017): where in the input a layer's maps speak for the target.

    The layer's maps, weighted by their mean gradients, summed, negative parts cut off: (B, 1, ...) at the input's
    places, or at the layer's own with `resized` False. Raises UserError for a layer without places, such as a
    dense one.
    """
    x = _floats(model, inputs)
    objectives = _objectives(model, x, target)
    x.requires_grad_()
    with tapped(model, [layer, *_layers(objectives)], x) as run:
        outputs = run(x)
        maps = outputs[layer]
        if maps.dim() < 3:
            raise UserError(f"layer {layer!r} has no places (its output is {tuple(maps.shape[1:])}): use a convolution")
        score = bind(objectives, {name: h[:1].detach() for name, h in outputs.items()})(outputs)
        (gradient,) = torch.autograd.grad(score.sum(), maps, allow_unused=True)
        if gradient is None:
            raise UserError(f"the target does not depend on layer {layer!r}: choose a layer before it")
    weights = gradient.flatten(2).mean(2).view(*gradient.shape[:2], *(1,) * (maps.dim() - 2))
    heat = F.relu((weights * maps.detach()).sum(1, keepdim=True))
    space = x.shape[2:] if x.dim() >= maps.dim() else x.shape[1:]
    if 2 < maps.dim() < x.dim():  # the layer has the last axes only (bands became channels): the same for the others
        heat = heat.unflatten(1, (1,) * (1 + x.dim() - maps.dim()))
    # A front end may have changed the axes: then the input has no places of the map's kind.
    if not resized or len(space) != heat.dim() - 2 or 1 in space:
        return heat
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(space)]
    return F.interpolate(heat, size=space, mode=mode, align_corners=False)


def occlusion(
    model: nn.Module,
    inputs: Tensor,
    target: Target = None,
    *,
    window: Sequence[int],
    stride: Sequence[int] | None = None,
    fill: float = 0.0,
    batch: int = 64,
) -> Tensor:
    """How much the target falls when a window is filled in (Zeiler and Fergus, 2014).

    `window` and `stride` (half the window by default) are for the last axes; a window over (H, W) of a (C, H, W)
    input covers all channels. A value under several windows gets their mean.
    """
    x = _floats(model, inputs)
    axes = len(window)
    steps = [max(1, w // 2) for w in window] if stride is None else list(stride)
    space = x.shape[x.dim() - axes :]
    if not 0 < axes < x.dim() or len(steps) != axes or any(w < 1 or w > n for w, n in zip(window, space, strict=True)):
        raise UserError(f"window {tuple(window)} does not fit inputs of {tuple(x.shape[1:])}")
    if any(not 1 <= s <= w for s, w in zip(steps, window, strict=True)):
        raise UserError(f"stride {tuple(steps)} must be from 1 to the window {tuple(window)}, or parts stay uncovered")
    counts = [math.ceil((n - w) / s) + 1 for n, w, s in zip(space, window, steps, strict=True)]
    places = [
        (..., *(slice(i * s, i * s + w) for i, s, w in zip(at, steps, window, strict=True)))
        for at in np.ndindex(*counts)
    ]
    objectives = _objectives(model, x, target)
    result, covered = torch.zeros_like(x), torch.zeros_like(x[0])
    for place in places:
        covered[place] += 1
    with tapped(model, _layers(objectives), x) as run, torch.no_grad():
        example = run(x[:1])
        whole = bind(objectives, example)(run(x))
        for row, objective in enumerate(objectives):
            for first in range(0, len(places), batch):
                part = places[first : first + batch]
                hidden = x[row].expand(len(part), *x.shape[1:]).clone()
                for i, place in enumerate(part):
                    hidden[i][place] = fill
                drop = whole[row] - bind([objective] * len(part), example)(run(hidden))
                for i, place in enumerate(part):
                    result[row][place] += drop[i]
    return result / covered


def _parts(total: int, batch: int) -> list[int]:
    return [min(batch, total - first) for first in range(0, total, batch)]


def _layers(objectives: Sequence[Objective]) -> list[str]:
    return list(dict.fromkeys(layer for objective in objectives for layer in objective.layers))


def _floats(model: nn.Module, inputs: Tensor) -> Tensor:
    """A copy in the model's floating type: gradients need one, pixels often come as bytes."""
    device, dtype = device_and_dtype(model)
    return inputs.detach().to(device, dtype, copy=True)


def _objectives(model: nn.Module, x: Tensor, target: Any) -> list[Objective]:
    """One objective for each input."""
    if isinstance(target, Objective):
        return [target] * len(x)
    if target is None:
        scores = record(model, x, OUTPUT)[OUTPUT]
        if scores.dim() != 2:
            raise UserError(f"the model's output {tuple(scores.shape)} is not a list of classes: name a target")
        target = scores.argmax(1)
    classes = target.tolist() if isinstance(target, Tensor) else target
    if isinstance(classes, int):
        return [logit(classes)] * len(x)
    if len(classes) != len(x):
        raise UserError(f"{len(classes)} targets for {len(x)} inputs: give one, or one for each")
    return [logit(int(number)) for number in classes]


def _gradient(model: nn.Module, x: Tensor, objectives: Sequence[Objective]) -> Tensor:
    x = x.detach().requires_grad_()
    with tapped(model, _layers(objectives), x) as run:
        outputs = run(x)
        score: Callable[[dict[str, Tensor]], Tensor] = bind(
            objectives, {name: h[:1].detach() for name, h in outputs.items()}
        )
        values = score(outputs)
        if not values.requires_grad:
            raise UserError("the target does not depend on the input by a differentiable path")
        (gradient,) = torch.autograd.grad(values.sum(), x)
    return gradient
