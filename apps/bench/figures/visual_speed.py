"""How fast optima are found, against the way the usual tools find them. One CPU thread.

    python -m apps.bench visual-speed          about three minutes

Two comparisons, each on the same nets, starts, steps and rates on both sides:

- `lecture`: all 50 filters of the second convolution of the lecture's network, 128 steps. Baseline: one filter at a
  time, activations by a hook, the whole forward pass, a backward pass with the gradients of all weights, torch's Adam.
- `depth`: one filter at three depths of a net of VGG-19's shape, one picture: what stopping at the layer, frozen
  weights and a single filter of the last convolution save. Baseline: as above. The deeper the layer, the less there
  is to stop before.

Figures are images (or steps) per CPU second, measured in pairs, so that a slow spell of the machine hits both sides.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cnn_core import config as config_module
from cnn_core.benchmark import cpu_seconds, environment, one_thread, paired_ratio, summary
from cnn_core.nn.architecture import LECTURE
from cnn_core.nn.network import ConvNet
from cnn_core.visual import Pixels, filter, filters, optimize, values

FILTERS = LECTURE.channels[1]
DEPTHS = {"conv2_2": "8", "conv3_2": "13", "conv3_4": "17", "conv4_4": "26"}  # the ReLU behind it
VGG19 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512, 0)


def deep_net(seed: int = 0) -> nn.Sequential:
    """The convolutions of VGG-19 (Simonyan and Zisserman, 2015) with random weights; children "0", "1", ..."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    channels = 3
    for width in VGG19:
        if width == 0:
            layers.append(nn.MaxPool2d(2))
            continue
        conv = nn.Conv2d(channels, width, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # or nothing arrives at depth
        layers += [conv, nn.ReLU()]
        channels = width
    return nn.Sequential(*layers)


def usual_way(
    model: nn.Module, layer: nn.Module, goal: Callable[[Tensor], Tensor], start: Tensor, steps: int, rate: float
) -> Tensor:
    """One optimum (1, ...) as the usual tools find it: hook, whole net, all gradients."""
    seen: dict[str, Tensor] = {}

    def keep(module: nn.Module, args: Any, output: Tensor) -> None:
        seen["h"] = output

    handle = layer.register_forward_hook(keep)
    x = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        model.zero_grad()
        model(x)
        (-goal(seen["h"])).backward()
        optimizer.step()
        with torch.no_grad():
            x.clamp_(0, 1)
    handle.remove()
    return x.detach()


def lecture(rounds: int = 7, steps: int = 128, sample: int = 5, rate: float = 0.05) -> dict[str, Any]:
    """All filters of conv2; the baseline is timed on `sample` filters a round, others each round."""
    torch.manual_seed(0)
    model = ConvNet(LECTURE).eval()
    canvas, objectives = Pixels((1, 28, 28)), filters("conv2", range(FILTERS))
    start = canvas.start(1, torch.Generator().manual_seed(0))[0]
    target = model.get_submodule("conv2")
    optimize(model, objectives, canvas, steps=2)
    usual_way(model, target, lambda h: h[:, 0].sum(), start, 2, rate)
    slow, fast = [], []
    reached: dict[int, float] = {}
    found = None
    for round_ in range(rounds):
        units = [(round_ * sample + i) % FILTERS for i in range(sample)]
        with cpu_seconds() as spent:
            optima = [
                usual_way(model, target, lambda h, unit=unit: h[:, unit].sum(), start, steps, rate) for unit in units
            ]
        slow.append(sample / spent.cpu)
        after = values(model, [objectives[unit] for unit in units], torch.cat(optima))
        reached |= dict(zip(units, after.tolist(), strict=True))
        with cpu_seconds() as spent:
            found = optimize(model, objectives, canvas, steps=steps, rate=rate)
        fast.append(FILTERS / spent.cpu)
    assert found is not None
    # Filters that are zero everywhere at the start stay so in the baseline; here they are woken.
    alive = [unit for unit, value in reached.items() if value > 0]
    ratio = paired_ratio(fast, slow)
    return {
        "baseline": "one filter at a time: hook, whole forward pass, backward pass with weight gradients, torch Adam",
        "steps": steps,
        "images_per_cpu_second": summary(fast).mean,
        "baseline_images_per_cpu_second": summary(slow).mean,
        "ratio": ratio.median,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "activation": sum(float(found.after[unit]) for unit in alive) / len(alive),
        "baseline_activation": sum(reached[unit] for unit in alive) / len(alive),
        "filters_compared": len(alive),
    }


def depth(layer: str, rounds: int = 3, steps: int = 32, size: int = 96, rate: float = 0.05) -> dict[str, Any]:
    """One filter of a layer of VGG-19, one picture of size x size: no gain from batches, only from doing less."""
    model = deep_net().eval()
    canvas, goal = Pixels((3, size, size)), filter(layer, 0)
    start = canvas.start(1, torch.Generator().manual_seed(0))[0]
    target = model.get_submodule(layer)
    optimize(model, goal, canvas, steps=1)
    usual_way(model, target, lambda h: h[:, 0].sum(), start, 1, rate)
    slow, fast = [], []
    reached, found = torch.zeros(()), None
    for _ in range(rounds):
        with cpu_seconds() as spent:
            picture = usual_way(model, target, lambda h: h[:, 0].sum(), start, steps, rate)
        slow.append(steps / spent.cpu)
        reached = values(model, goal, picture)
        with cpu_seconds() as spent:
            found = optimize(model, goal, canvas, steps=steps, rate=rate)
        # Beside its steps it tries the model out and measures before and after: paid for here as well.
        fast.append(steps / spent.cpu)
    assert found is not None
    ratio = paired_ratio(fast, slow)
    return {
        "baseline": "hook, whole forward pass, backward pass with weight gradients, torch Adam",
        "steps": steps,
        "size": size,
        "steps_per_cpu_second": summary(fast).mean,
        "baseline_steps_per_cpu_second": summary(slow).mean,
        "ratio": ratio.median,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "activation": float(found.after),
        "baseline_activation": float(reached),
    }


@dataclass(frozen=True)
class Options:
    """Options of visual-speed."""

    rounds: int = 7
    """Turns of each way."""
    steps: int = 128
    """Steps of each optimum."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(rounds: int = 7, steps: int = 128) -> dict[str, Any]:
    """Both comparisons, one thread, and the machine they ran on."""
    with one_thread():
        return {
            "lecture": lecture(rounds, steps),
            "depth": {name: depth(layer) for name, layer in DEPTHS.items()},
            "environment": environment(),
        }


def main(args: list[str]) -> int:
    """Print the figures."""
    options = config_module.parse(Options, args, prog="cnn-bench visual-speed")
    result = run(options.rounds, options.steps)
    if options.json:
        print(json.dumps(result))
        return 0
    a = result["lecture"]
    print(
        f"lecture net, {FILTERS} filters of conv2, {a['steps']} steps, per CPU second: "
        f"{a['images_per_cpu_second']:.1f} images against {a['baseline_images_per_cpu_second']:.1f}; "
        f"ratio {a['ratio']:.1f} ({a['ratio_low']:.1f} to {a['ratio_high']:.1f}); "
        f"mean activation {a['activation']:.3f} against {a['baseline_activation']:.3f}"
    )
    for name, b in result["depth"].items():
        print(
            f"VGG-19's shape, a filter of {name}, {b['size']} x {b['size']}, per CPU second: "
            f"{b['steps_per_cpu_second']:.2f} steps against {b['baseline_steps_per_cpu_second']:.2f}; "
            f"ratio {b['ratio']:.1f} ({b['ratio_low']:.1f} to {b['ratio_high']:.1f}); "
            f"activation {b['activation']:.4g} against {b['baseline_activation']:.4g}"
        )
    print(result["environment"])
    return 0
