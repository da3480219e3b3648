"""Pictures that excite a unit most, searched in decorrelated colour (Olah et al. 2017), through the front end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from apps.photos.fitted import FittedPhotos
from cnn_core import visual
from cnn_core.verbs.views.raw_inputs import ROBUST
from cnn_core.visual.optimization.config import MaximizeConfig, Maximized
from cnn_core.visual.optimization.objectives import Objective

if TYPE_CHECKING:
    from cnn_core.runs import Run


def maximize(
    run: Run, objectives: list[Objective], config: MaximizeConfig, *, seed: int = 0, progress: bool = False
) -> Maximized:
    """Pictures (3, S, S) uint8. Without `fourier` all frequencies weigh alike; with it low ones more: smoother."""
    fitted = run.fitted
    assert isinstance(fitted, FittedPhotos)
    shape = (3, fitted.side, fitted.side)
    kinds = ((visual.L1, config.l1), (visual.L2, config.l2), (visual.TotalVariation, config.tv))
    found = visual.optimize(
        run.model,
        objectives,
        visual.Fourier(shape, 0, 255, decay=1.0 if config.fourier else 0.0, colour=True),
        steps=config.steps,
        penalties=[penalty(weight, unit=255) for penalty, weight in kinds if weight],
        transforms=ROBUST[config.robust],
        copies=config.copies,
        variety=1.0 if config.copies > 1 else 0.0,
        seed=seed,
        progress=progress,
        cache=True,
    )
    inputs = found.inputs.round().clamp(0, 255).to(torch.uint8)
    each = [objective for objective in objectives for _ in range(config.copies)]
    after = visual.values(run.model, each, inputs.float())  # of the very pictures that are shown
    return Maximized(list(inputs.cpu().numpy()), found.before.tolist(), after.tolist())
