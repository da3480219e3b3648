"""Inputs that excite a unit most, found by gradient ascent on the raw input, through the front end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cnn_core import visual
from cnn_core.errors import UserError
from cnn_core.visual.optimization.config import MaximizeConfig, Maximized
from cnn_core.visual.optimization.objectives import Objective

if TYPE_CHECKING:
    from cnn_core.runs import Run

ROBUST = {"none": (), "gentle": visual.GENTLE, "strong": visual.STRONG}


def maximize_raw(
    like: Tensor,
    run: Run,
    objectives: list[Objective],
    config: MaximizeConfig,
    *,
    seed: int = 0,
    progress: bool = False,
) -> Maximized:
    """Inputs of the shape and type of `like` (H, W), (C, H, W), (C, T) or (T,), in the range of that type.

    Whole numbers range over their type, floats over what `like` holds. Raises UserError where the front end lets no
    gradient through, as one that looks up words or moves, and for options that the shape does not allow.
    """
    shape, low, high = tuple(like.shape), *value_range(like)
    plane = shape if len(shape) == 3 else (1, *shape)  # canvases have channels
    penalties = [
        penalty(weight, unit=high - low)
        for penalty, weight in ((visual.L1, config.l1), (visual.L2, config.l2), (visual.TotalVariation, config.tv))
        if weight
    ]
    try:
        found = visual.optimize(
            run.model,
            objectives,
            (visual.Fourier if config.fourier else visual.Pixels)(plane, low, high),
            steps=config.steps,
            penalties=penalties,
            transforms=ROBUST[config.robust],
            copies=config.copies,
            variety=1.0 if config.copies > 1 else 0.0,
            seed=seed,
            progress=progress,
            cache=True,
        )
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(
            f"the front end of {run.app.prog} takes no floats or lets no gradient through, so its inputs cannot be"
            f" optimised; give the app a `maximize` of its own ({reason})"
        ) from error
    inputs = found.inputs if like.is_floating_point() else found.inputs.round().clamp(low, high)
    inputs = inputs.to(like.dtype).reshape(-1, *shape)
    each = [objective for objective in objectives for _ in range(config.copies)]
    after = visual.values(run.model, each, inputs.float().reshape(-1, *plane))  # of the very inputs that are shown
    return Maximized(list(inputs.cpu().numpy()), found.before.tolist(), after.tolist())


def value_range(like: Tensor) -> tuple[float, float]:
    """The lowest and highest value of inputs such as `like`: of its type; of floats, what it holds."""
    if like.dtype == torch.bool:
        return 0.0, 1.0
    if not like.is_floating_point():
        limits = torch.iinfo(like.dtype)
        return float(limits.min), float(limits.max)
    low, high = float(like.min()), float(like.max())
    return (low, high) if high > low else (low, low + 1.0)
