"""Attribution without gradients: what happens when a part of the input is hidden. Arguments as in `gradients`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Unpack

import numpy as np
import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.visual.attribution.targets import Target, layers_of, objectives_of
from cnn_core.visual.modules.activations import Inputs, tapped
from cnn_core.visual.modules.subject import Reading, as_inputs, opened, standing_for
from cnn_core.visual.optimization.objectives import bind, shapeless


def occlusion(
    model: nn.Module,
    inputs: Inputs,
    target: Target = None,
    *,
    window: Sequence[int],
    stride: Sequence[int] | None = None,
    fill: float = 0.0,
    batch: int = 64,
    **reading: Unpack[Reading],
) -> Tensor:
    """How much the target falls when a window is filled in (Zeiler and Fergus, 2014).

    `window` and `stride` (half the window by default) are for the last axes; a window over (H, W) of a (C, H, W)
    input covers all channels. A value under several windows gets their mean.
    """
    with opened(model, reading) as model:
        x = as_inputs(model, inputs, floats=True)
        axes = len(window)
        steps = [max(1, w // 2) for w in window] if stride is None else list(stride)
        space = x.shape[x.dim() - axes :]
        if (
            not 0 < axes < x.dim()
            or len(steps) != axes
            or any(w < 1 or w > n for w, n in zip(window, space, strict=True))
        ):
            raise UserError(f"window {tuple(window)} does not fit inputs of {tuple(x.shape[1:])}")
        if any(not 1 <= s <= w for s, w in zip(steps, window, strict=True)):
            raise UserError(
                f"stride {tuple(steps)} must be from 1 to the window {tuple(window)}, or parts stay uncovered"
            )
        counts = [math.ceil((n - w) / s) + 1 for n, w, s in zip(space, window, steps, strict=True)]
        places = [
            (..., *(slice(i * s, i * s + w) for i, s, w in zip(at, steps, window, strict=True)))
            for at in np.ndindex(*counts)
        ]
        objectives = objectives_of(model, x, target)
        result, covered = torch.zeros_like(x), torch.zeros_like(x[0])
        for place in places:
            covered[place] += 1
        with tapped(model, layers_of(objectives), x, as_given=shapeless(objectives)) as run, torch.no_grad():
            outputs = run(x)
            example = {name: h[:1] for name, h in outputs.items()}
            whole = bind(objectives, example)(outputs)
            for row, objective in enumerate(objectives):
                for first in range(0, len(places), batch):
                    part = places[first : first + batch]
                    hidden = x[row].expand(len(part), *x.shape[1:]).clone()
                    for i, place in enumerate(part):
                        hidden[i][place] = fill
                    with standing_for(model, [row] * len(part)):
                        drop = whole[row] - bind([objective] * len(part), example)(run(hidden))
                    for i, place in enumerate(part):
                        result[row][place] += drop[i]
        return result / covered
