"""One filter at depth: steps per CPU-second of `visual.optimize` beside the usual way, for both programs on optima."""

from typing import Any

import torch
from torch import nn

from apps.bench.baselines.visual import usual_way
from apps.bench.figures.figure import Figure, rate
from apps.bench.figures.measure import in_turns
from cnn_core import visual
from cnn_core.training.inference import autocast

STEPS, RATE = 32, 0.05
USUAL = "hook, full pass"


class Stretched(nn.Module):
    """Pictures in 0 to 1 for a network that takes 0 to `high`."""

    def __init__(self, model: nn.Module, high: float):
        super().__init__()
        self.model, self.high = model, high

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, ...) in 0 to 1 -> what the network gives."""
        return self.model(x * self.high)


def at_depth(
    name: str,
    model: nn.Module,
    layer: str,
    *,
    rounds: int,
    size: int,
    high: float = 1.0,
    frozen: bool = False,
    precision: str = "fp32",
) -> Figure:
    """The first filter of `layer`, one picture of size x size in 0 to `high`; the same start, rate and rule for both.

    `precision` is that of `visual.optimize`; the usual way computes in fp32, and both are judged in fp32.
    `frozen` is for the usual way: whether its weights are frozen. The model's are put back as they were.
    """
    canvas, goal = visual.Pixels((3, size, size), 0, high), visual.filter(layer, 0)
    start = canvas.start(1, torch.Generator().manual_seed(0))[0]  # in 0 to 1, as Stretched takes it
    wrapped = Stretched(model, high).eval()
    learning = [parameter.requires_grad for parameter in model.parameters()]
    found: dict[str, torch.Tensor] = {}

    def usual(_: int) -> int:
        wrapped.requires_grad_(not frozen)
        target = model.get_submodule(layer)
        found["usual"] = high * usual_way(wrapped, target, lambda h: h[:, 0].sum(), start, STEPS, RATE)
        return STEPS

    def here(_: int) -> int:
        with autocast(precision, torch.device("cpu")):
            found["here"] = visual.optimize(model, goal, canvas, steps=STEPS, rate=RATE).inputs
        return STEPS

    rates = in_turns({"usual": usual, "here": here}, rounds)
    for parameter, learns in zip(model.parameters(), learning, strict=True):
        parameter.requires_grad_(learns)
    reached: dict[str, Any] = {f"activation_{way}": float(visual.values(model, goal, x)) for way, x in found.items()}
    baseline = f"{USUAL}, weights {'' if frozen else 'not '}frozen"
    conditions = {"size": size, "steps": STEPS, "precision": precision, **reached}
    return rate(name, "steps/CPU-s", rates["here"], baseline, rates["usual"], **conditions)
