"""Training through 3x3 and 5x5 convolutions by Winograd's algorithm, against PyTorch's direct ones, in fp32.

    cnn-bench winograd-speed          about two minutes

- one convolution: forward and backward, 32 boards of 19x19.
- Go: whole training steps of the preset `expert` of cnn-go: loss, backward pass and optimizer.

Figures are boards per CPU second, measured in pairs, so that a slow spell of the machine hits both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.bench.figures.figure import Figure, Report, outcome, rate
from apps.bench.figures.measure import in_turns
from apps.bench.options import BenchOptions, on_processor
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    from torch import nn

LAYERS = {"32 channels, 3x3": (32, 3), "64, 3x3": (64, 3), "96, 3x3": (96, 3), "128, 3x3": (128, 3), "96, 5x5": (96, 5)}
BOARDS = 32


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of winograd-speed."""

    rounds: int = 9
    """Turns of each way."""


parse = parser(Options, "Time convolutions by Winograd's algorithm beside direct ones, alone and in training.")


def run(app: App | None, options: Options) -> Outcome:
    """Single layers, then a whole network."""
    with on_processor(options.common):
        figures = [layer(name, *shape, options.rounds) for name, shape in LAYERS.items()]
        return outcome(Report("winograd-speed", (*figures, go(options.rounds))))


def layer(name: str, channels: int, kernel: int, rounds: int) -> Figure:
    """One convolution, ten times forward and backward in each round."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    conv = nn.Conv2d(channels, channels, kernel, padding="same", bias=False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.randn(BOARDS, channels, 19, 19).contiguous(memory_format=torch.channels_last).requires_grad_()
    slope = torch.randn_like(x)

    def work() -> None:
        torch.autograd.grad(conv(x), (x, conv.weight), slope)

    return _compared(f"convolution, {name}", conv, work, rounds, 10)


def go(rounds: int) -> Figure:
    """Whole steps of `expert` on random stones, four in each round."""
    import torch

    from apps.go import model
    from apps.go.config import PRESETS, planes_needed
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

    def work() -> None:
        step(net, batch)["objective"].backward()
        optimizer.step()
        optimizer.zero_grad()

    return _compared("Go: training expert", net, work, rounds, 4)


def _compared(name: str, module: nn.Module, work: Callable[[], None], rounds: int, steps: int) -> Figure:
    from cnn_core.nn.winograd import convolutions

    def repeat(fast: bool) -> int:
        with convolutions(module) if fast else nullcontext():
            for _ in range(steps):
                work()
        return steps * BOARDS

    rates = in_turns({"direct": lambda _: repeat(False), "winograd": lambda _: repeat(True)}, rounds)
    baseline = "PyTorch's convolutions (oneDNN)"
    return rate(name, "boards/CPU-s", rates["winograd"], baseline, rates["direct"], boards=BOARDS, precision="fp32")
