"""Attributions by gradients with respect to the input.

Letters: B inputs, S internal samples. Every function takes inputs (B, ...) of any shape and gives attributions of
the same shape. `target` is what is explained: a class number, one number for each input, an objective of
`objectives` (a filter, a neuron, a sum) or its short form ("conv2:7"), or None for the class that the model finds
most likely. `**reading` is a `Reading`: axes, extra inputs, the part of the output.

The model runs in eval semantics with frozen weights and is left as it was. All raise UserError for a class out of
range and for inputs that do not fit the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

import numpy as np
import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.visual.attribution.relu import guided_relu
from cnn_core.visual.attribution.targets import Target, gradient_of, layers_of, objectives_of, parts
from cnn_core.visual.modules.activations import Inputs, tapped
from cnn_core.visual.modules.subject import Reading, as_inputs, opened, standing_for
from cnn_core.visual.optimization.objectives import bind, shapeless


@dataclass(frozen=True)
class Attribution:
    """Attributions (B, ...), and for each input what is missing from their sum: sum - (f(x) - f(baseline)), (B,)."""

    values: Tensor
    gap: Tensor


def saliency(
    model: nn.Module, inputs: Inputs, target: Target = None, *, signed: bool = False, **reading: Unpack[Reading]
) -> Tensor:
    """|d f / d x| (Simonyan et al., 2014), or the gradient itself."""
    with opened(model, reading) as model:
        x = as_inputs(model, inputs, floats=True)
        gradient = gradient_of(model, x, objectives_of(model, x, target))
    return gradient if signed else gradient.abs()


def smooth_grad(
    model: nn.Module,
    inputs: Inputs,
    target: Target = None,
    *,
    samples: int = 32,
    noise: float = 0.15,
    signed: bool = False,
    batch: int = 64,
    seed: int = 0,
    **reading: Unpack[Reading],
) -> Tensor:
    """The mean saliency of noisy copies (Smilkov et al., 2017); `noise` is a part of each input's value range."""
    generator = torch.Generator().manual_seed(seed)
    with opened(model, reading) as model:
        x = as_inputs(model, inputs, floats=True)
        result = torch.zeros_like(x)
        for row, objective in enumerate(objectives_of(model, x, target)):
            spread = noise * float(x[row].max() - x[row].min())
            for count in parts(samples, batch):
                shift = torch.randn((count, *x.shape[1:]), generator=generator).to(x) * spread
                with standing_for(model, [row] * count):
                    gradient = gradient_of(model, x[row] + shift, [objective] * count)
                result[row] += (gradient if signed else gradient.abs()).sum(0)
    return result / samples


def integrated_gradients(
    model: nn.Module,
    inputs: Inputs,
    target: Target = None,
    *,
    baseline: Tensor | float = 0.0,
    steps: int = 64,
    batch: int = 64,
    **reading: Unpack[Reading],
) -> Attribution:
    """(x - baseline) times the mean gradient on the way from the baseline (Sundararajan et al., 2017).

    Gauss-Legendre quadrature. By completeness the attributions sum to f(x) - f(baseline); `gap` says how far off
    they are, in the units of f: when it is large, take more steps.
    """
    with opened(model, reading) as model:
        x = as_inputs(model, inputs, floats=True)
        base = torch.as_tensor(baseline).to(x).expand_as(x)
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        places = torch.from_numpy((nodes + 1) / 2).to(x)
        shares = torch.from_numpy(weights / 2).to(x)
        shape = (-1, *(1,) * (x.dim() - 1))
        objectives = objectives_of(model, x, target)
        result = torch.zeros_like(x)
        for row, objective in enumerate(objectives):
            first = 0
            for count in parts(steps, batch):
                at, share = places[first : first + count].view(shape), shares[first : first + count].view(shape)
                path = base[row] + at * (x[row] - base[row])
                with standing_for(model, [row] * count):
                    result[row] += (share * gradient_of(model, path, [objective] * count)).sum(0)
                first += count
        result *= x - base
        with tapped(model, layers_of(objectives), x, as_given=shapeless(objectives)) as run, torch.no_grad():
            evaluate = bind(objectives, run(x))
            difference = evaluate(run(x)) - evaluate(run(base))
        return Attribution(result, result.flatten(1).sum(1) - difference)


def guided_backprop(model: nn.Module, inputs: Inputs, target: Target = None, **reading: Unpack[Reading]) -> Tensor:
    """The gradient with every ReLU passing back positive gradients only (Springenberg et al., 2015).

    The same for the activations that take ReLU's place (ReLU6, leaky, GELU, SiLU, Hardswish, ...): they pass back the
    positive part of the gradient, times their own slope. Works for modules, functions and methods, in place or not.
    Raises UserError for a model without any, where it would silently be the plain gradient.
    """
    with opened(model, reading) as model:
        x = as_inputs(model, inputs, floats=True)
        objectives = objectives_of(model, x, target)
        with guided_relu() as met:
            gradient = gradient_of(model, x, objectives)
    if not met():
        raise UserError("guided backprop needs a model with ReLU activations; this one has none: use saliency")
    return gradient
