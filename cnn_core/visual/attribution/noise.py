"""Any attribution, over noisy copies of the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.visual.attribution.gradients import Attribution
from cnn_core.visual.attribution.targets import Target, objectives_of
from cnn_core.visual.modules.activations import Inputs
from cnn_core.visual.modules.subject import Reading, Subject, as_inputs, opened, standing_for


def noise_tunnel(
    method: Callable[..., Tensor | Attribution],
    model: nn.Module,
    inputs: Inputs,
    *layers: str,
    target: Target = None,
    kind: str = "mean",
    samples: int = 16,
    noise: float = 0.15,
    seed: int = 0,
    **options: Any,
) -> Tensor:
    """`method(model, copies, *layers, target, **options)` over noisy copies of each input, brought together.

    Args:
        method: a function of this package: saliency, integrated_gradients, layer_cam, ...
        model: any module.
        inputs: (B, ...).
        *layers: the layer, for methods that take one.
        target: of the inputs themselves; None is the class found for each without noise.
        kind: "mean" (SmoothGrad, Smilkov et al., 2017), "square" (the mean of squares: SmoothGrad squared, Hooker et
            al., 2019) or "variance" (VarGrad, Adebayo et al., 2018).
        samples: copies of each input.
        noise: standard deviation, as a part of each input's value range.
        seed: of the noise.
        **options: of the method, and a `Reading`.

    Raises:
        UserError: an unknown kind, fewer samples than 1, and what the method raises.

    """
    if kind not in ("mean", "square", "variance") or samples < 1:
        raise UserError(f"kind must be mean, square or variance and samples at least 1, not {kind!r} and {samples}")
    reading: Any = {name: options.pop(name) for name in Reading.__annotations__ if name in options}
    generator = torch.Generator().manual_seed(seed)
    with opened(model, reading) as model:
        x = as_inputs(model, inputs, floats=True)
        results = []
        for row, objective in enumerate(objectives_of(model, x, target)):
            spread = noise * float(x[row].max() - x[row].min())
            copies = x[row] + spread * torch.randn((samples, *x.shape[1:]), generator=generator).to(x)
            found = []
            # One copy at a time where rows have inputs of their own: a method may take its rows apart itself.
            for part in copies.split(1 if isinstance(model, Subject) else samples):
                with standing_for(model, [row] * len(part)):
                    given = method(model, part, *layers, target=objective, **options)
                found.append(given.values if isinstance(given, Attribution) else given)
            values = torch.cat(found)
            mean, square = values.mean(0), values.square().mean(0)
            results.append({"mean": mean, "square": square, "variance": square - mean.square()}[kind])
        return torch.stack(results)
