"""Training through 3x3 and 5x5 convolutions by Winograd's algorithm, against PyTorch's direct ones: one thread, fp32.

    python -m apps.bench winograd-speed          about two minutes

- `layers`: forward and backward through one convolution, 32 boards of 19x19.
- `go`: whole training steps of the preset `expert` of cnn-go: planes, loss, backward pass and optimizer.

Figures are boards per CPU second, measured in pairs, so that a slow spell of the machine hits both sides.
"""

import json
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from cnn_core import config as config_module
from cnn_core.benchmark import cpu_seconds, environment, one_thread, paired_ratio, summary
from cnn_core.nn.winograd import convolutions

LAYERS = {"32 channels, 3x3": (32, 3), "64, 3x3": (64, 3), "96, 3x3": (96, 3), "128, 3x3": (128, 3), "96, 5x5": (96, 5)}
BOARDS = 32


def layer(channels: int, kernel: int, rounds: int, steps: int = 10) -> dict[str, Any]:
    """One convolution, `steps` times forward and backward in each round."""
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, channels, kernel, padding="same", bias=False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.randn(BOARDS, channels, 19, 19).contiguous(memory_format=torch.channels_last).requires_grad_()
    slope = torch.randn_like(x)

    def work(count: int) -> None:
        for _ in range(count):
            torch.autograd.grad(conv(x), (x, conv.weight), slope)

    return _compared(conv, work, rounds, steps)


def go(rounds: int, steps: int = 4) -> dict[str, Any]:
    """Whole steps of `expert` on random stones."""
    from apps.go import model
    from apps.go.config import PRESETS
    from apps.go.front import planes_needed
    from apps.go.records import foresight
    from apps.go.rules.points import labels
    from cnn_core.training.data import Batch
    from cnn_core.training.optim import make_optimizer

    torch.manual_seed(0)
    config = PRESETS["expert"]
    net = model.build(config, labels(config.size, config.passes)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    step, optimizer = model.step(config), make_optimizer(net, config.fit)
    planes = planes_needed(config.features) + foresight.PLANES
    inputs = torch.randint(0, 3, (BOARDS, planes, config.size, config.size), dtype=torch.uint8)
    batch = Batch(inputs, torch.randint(0, config.size**2, (BOARDS,)), BOARDS)

    def work(count: int) -> None:
        for _ in range(count):
            step(net, batch)["objective"].backward()
            optimizer.step()
            optimizer.zero_grad()

    return _compared(net, work, rounds, steps)


def _compared(module: nn.Module, work: Any, rounds: int, steps: int) -> dict[str, Any]:
    rates: dict[bool, list[float]] = {False: [], True: []}
    for round_ in range(rounds + 1):  # the first one warms up
        for fast in (False, True):
            with convolutions(module) if fast else nullcontext(), cpu_seconds() as spent:
                work(steps if round_ else 1)
            if round_:
                rates[fast].append(steps * BOARDS / spent.cpu)
    ratio = paired_ratio(rates[True], rates[False])
    return {
        "baseline": "PyTorch's convolutions (oneDNN)",
        "boards_per_cpu_second": summary(rates[True]).mean,
        "baseline_boards_per_cpu_second": summary(rates[False]).mean,
        "ratio": ratio.median,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
    }


@dataclass(frozen=True)
class Options:
    """Options of winograd-speed."""

    rounds: int = 9
    """Turns of each way."""
    json: bool = False
    """Print one JSON object on standard output."""


def main(args: list[str]) -> int:
    """Print the figures."""
    options = config_module.parse(Options, args, prog="cnn-bench winograd-speed")
    with one_thread():
        found = {
            "layers": {name: layer(*shape, options.rounds) for name, shape in LAYERS.items()},
            "go": go(options.rounds),
            "environment": environment(),
        }
    if options.json:
        print(json.dumps(found))
        return 0
    rows = {f"one convolution, {name}": each for name, each in found["layers"].items()}
    for name, row in {**rows, "training steps of the Go preset expert": found["go"]}.items():
        print(
            f"{name}, boards per CPU second: {row['boards_per_cpu_second']:,.0f} against "
            f"{row['baseline_boards_per_cpu_second']:,.0f} of {row['baseline']}; "
            f"ratio {row['ratio']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
        )
    print(found["environment"])
    return 0
