"""How fast optima are found, against the way the usual tools find them.

    cnn-bench visual-speed          about three minutes

Two comparisons, each on the same nets, starts, steps and rates on both sides:

- all 50 filters of the second convolution of the lecture's network, 128 steps. Baseline: one filter at a
  time, activations by a hook, the whole forward pass, a backward pass with the gradients of all weights, torch's Adam.
- one filter at four depths of a net of VGG-19's shape, one picture: what stopping at the layer, frozen
  weights and a single filter of the last convolution save. Baseline: as above. The deeper the layer, the less there
  is to stop before.

Figures are images (or steps) per CPU second, measured in pairs, so that a slow spell of the machine hits both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.bench.figures.figure import Figure, Report, outcome, rate
from apps.bench.figures.measure import in_turns
from apps.bench.options import BenchOptions, on_processor
from cnn_core.app import App
from cnn_core.nn.architecture import LECTURE
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    from torch import Tensor

FILTERS = LECTURE.channels[1]
DEPTHS = {"conv2_2": "8", "conv3_2": "13", "conv3_4": "17", "conv4_4": "26"}  # the ReLU behind it


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of visual-speed."""

    rounds: int = 7
    """Turns of each way."""
    steps: int = 128
    """Steps of each optimum."""


parse = parser(Options, "Time optima of a small network, all in one batch, and at depth, beside the usual way.")


def run(app: App | None, options: Options) -> Outcome:
    """Both comparisons."""
    from apps.bench.baselines.visual import deep_net
    from apps.bench.figures.optima import at_depth

    with on_processor(options.common):
        figures = [lecture(options.rounds, options.steps)]
        model = deep_net().eval()
        rounds = min(options.rounds, 3)
        for name, layer in DEPTHS.items():
            figures.append(at_depth(f"VGG-19's shape, a filter of {name}", model, layer, rounds=rounds, size=96))
        return outcome(Report("visual-speed", tuple(figures)))


def lecture(rounds: int = 7, steps: int = 128, sample: int = 5, speed: float = 0.05) -> Figure:
    """All filters of conv2; the baseline is timed on `sample` filters a round, others each round."""
    import torch

    from apps.bench.baselines.visual import usual_way
    from cnn_core.nn.network import ConvNet
    from cnn_core.visual import Pixels, filters, optimize, values

    torch.manual_seed(0)
    model = ConvNet(LECTURE).eval()
    canvas, objectives = Pixels((1, 28, 28)), filters("conv2", range(FILTERS))
    start = canvas.start(1, torch.Generator().manual_seed(0))[0]
    target = model.get_submodule("conv2")
    pictures: dict[int, Tensor] = {}
    after: dict[int, Tensor] = {}

    def one_by_one(turn: int) -> int:
        units = [(turn * sample + i) % FILTERS for i in range(sample)]
        for unit in units:
            pictures[unit] = usual_way(model, target, lambda h, unit=unit: h[:, unit].sum(), start, steps, speed)
        return len(units)

    def together(turn: int) -> int:
        after[turn] = optimize(model, objectives, canvas, steps=steps, rate=speed).after
        return FILTERS

    rates = in_turns({"one by one": one_by_one, "together": together}, rounds)
    reached = values(model, [objectives[unit] for unit in pictures], torch.cat(list(pictures.values())))
    # Filters that are zero everywhere at the start stay so in the baseline; here they are not left so.
    alive = {unit: float(value) for unit, value in zip(pictures, reached, strict=True) if value > 0}
    conditions = {
        "steps": steps,
        "filters_compared": len(alive),
        "activation": sum(float(after[rounds - 1][unit]) for unit in alive) / len(alive),
        "baseline_activation": sum(alive.values()) / len(alive),
    }
    baseline = "one at a time, hook, full pass"
    return rate(
        f"x* of {FILTERS} filters", "images/CPU-s", rates["together"], baseline, rates["one by one"], **conditions
    )
