"""What is explained, for each input, and its gradient."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.visual.modules.activations import record, tapped
from cnn_core.visual.optimization.notation import as_objective
from cnn_core.visual.optimization.objectives import OUTPUT, Objective, bind, logit, shapeless

Target = int | str | Tensor | np.ndarray | Sequence[int] | Objective | None


def objectives_of(model: nn.Module, x: Tensor, target: Target) -> list[Objective]:
    """One objective for each input. Raises UserError where the model's output is no list of classes."""
    if isinstance(target, Objective | str):
        return [as_objective(target)] * len(x)
    if target is None:
        scores = record(model, x, OUTPUT)[OUTPUT]
        if scores.dim() != 2:
            raise UserError(f"the model's output {tuple(scores.shape)} is not a list of classes: name a target")
        target = scores.argmax(1)
    classes: Any = target.tolist() if isinstance(target, Tensor | np.ndarray | np.generic) else target
    if isinstance(classes, numbers.Integral):
        return [logit(int(classes))] * len(x)
    if len(classes) != len(x):
        raise UserError(f"{len(classes)} targets for {len(x)} inputs: give one, or one for each")
    return [logit(int(number)) for number in classes]


def layers_of(objectives: Sequence[Objective]) -> list[str]:
    """The layers that they look at, each once."""
    return list(dict.fromkeys(layer for objective in objectives for layer in objective.layers))


def gradient_of(model: nn.Module, x: Tensor, objectives: Sequence[Objective]) -> Tensor:
    """d f / d x (B, ...). Raises UserError where the target does not depend on the input."""
    x = x.detach().requires_grad_()
    with tapped(model, layers_of(objectives), x, as_given=shapeless(objectives)) as run:
        outputs = run(x)
        score: Callable[[dict[str, Tensor]], Tensor] = bind(
            objectives, {name: h[:1].detach() for name, h in outputs.items()}
        )
        values = score(outputs)
        if not values.requires_grad:
            raise UserError("the target does not depend on the input by a differentiable path")
        (gradient,) = torch.autograd.grad(values.sum(), x)
    return gradient


def parts(total: int, batch: int) -> list[int]:
    """`total` in numbers of at most `batch`."""
    return [min(batch, total - first) for first in range(0, total, batch)]
