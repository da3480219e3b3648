"""The picture that a unit of a digit network likes best."""

import torch

from cnn_core import visual
from cnn_core.training.runs import Run
from cnn_core.visual.optimization.config import MaximizeConfig, Maximized
from cnn_core.visual.optimization.objectives import Objective

SIDE = 28
ROBUST = {"none": (), "gentle": visual.GENTLE, "strong": visual.STRONG}


def maximize(
    run: Run, objectives: list[Objective], config: MaximizeConfig, *, seed: int = 0, progress: bool = False
) -> Maximized:
    """Pictures (28, 28) uint8 in the data's own range, found by gradient ascent on the pixels as `config` says."""
    canvas = (visual.Fourier if config.fourier else visual.Pixels)((1, SIDE, SIDE), 0, 255)
    penalties = [
        kind(weight, unit=255)
        for kind, weight in ((visual.L1, config.l1), (visual.L2, config.l2), (visual.TotalVariation, config.tv))
        if weight
    ]
    found = visual.optimize(
        run.model,
        objectives,
        canvas,
        steps=config.steps,
        penalties=penalties,
        transforms=ROBUST[config.robust],
        copies=config.copies,
        variety=1.0 if config.copies > 1 else 0.0,
        seed=seed,
        progress=progress,
        cache=True,
    )
    pixels = found.inputs.round().clamp(0, 255).to(torch.uint8)[:, 0]
    each = [objective for objective in objectives for _ in range(config.copies)]
    after = visual.values(run.model, each, pixels.float())  # of the very picture that is shown
    return Maximized(list(pixels.cpu().numpy()), found.before.tolist(), after.tolist())
