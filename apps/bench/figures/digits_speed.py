"""CPU-seconds of preset fast, to train and to reach 99 %, beside a plain loop; and inference speed.

    cnn-bench digits-speed          about ten minutes, nearly all of it the baseline

The baseline is the network and the recipe of PyTorch's own MNIST example (conv 32, conv 64, max pool, dropout,
dense 128; 1,199,882 parameters; Adadelta, learning rate 1 falling by .7 an epoch, batch 64) in a plain
DataLoader loop. It reads one picture at a time from memory, without torchvision's PIL step, which favours it.
Only training counts, neither loading nor evaluation; the baseline is evaluated four times an epoch.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.bench.figures.digits_accuracy import Options as AccuracyOptions
from apps.bench.figures.digits_accuracy import trained
from apps.bench.figures.figure import Figure, Report, outcome, over_runs
from apps.bench.options import BenchOptions, on_processor
from apps.digits.app import APP
from cnn_core.app import App
from cnn_core.console import note
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    from cnn_core.training.data import Split

GOAL = 0.99
ROUNDS = 5  # of inference
EXAMPLE = "PyTorch's MNIST example, DataLoader"


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of digits-speed."""

    seeds: int = 10
    """Seeds of preset fast."""
    epochs: int = 8
    """Epochs after which the baseline gives up."""


parse = parser(Options, "Time preset fast to 99 % on the test set, beside PyTorch's MNIST example; and inference.")


def run(app: App | None, options: Options) -> Outcome:
    """Measure all."""
    seed = options.common.seed
    with on_processor(options.common):
        fast = trained("fast", range(seed, seed + options.seeds), AccuracyOptions())
        data = APP.load(APP.presets["fast"])
        baseline = list(plain_loop(data.train, data.test, options.epochs, seed + 1))
        figures = [to_goal(fast, baseline), *inference(data, options.common.threads)]
        enough = sum(row["accuracy"] >= GOAL for row in fast)
        notes = (f"{enough} of {len(fast)} seeds of preset fast are at {GOAL:.0%} or above",)
        return outcome(Report("digits-speed", tuple(figures), {"fast": fast, "baseline": baseline}, notes))


def plain_loop(train: Split, test: Split, epochs: int, seed: int = 1) -> Iterator[dict[str, float]]:
    """Training CPU-seconds so far and test accuracy, four times an epoch, until the goal or the last epoch."""
    import torch
    from torch.nn import functional
    from torch.utils.data import DataLoader

    from apps.bench.baselines.digits import ExampleNet, Pictures, accuracy
    from apps.bench.baselines.loop import plain_steps
    from cnn_core.benchmark import cpu_seconds

    torch.manual_seed(seed)
    model = ExampleNet()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    tests = DataLoader(Pictures(test), batch_size=1000)
    loader = DataLoader(Pictures(train), batch_size=64, shuffle=True)
    total = 0.0
    for _ in range(epochs):
        batches = iter(loader)
        while True:
            with cpu_seconds() as spent:
                count = plain_steps(model, optimizer, islice(batches, -(-len(loader) // 4)), loss=functional.nll_loss)
            if not count:
                break
            total += spent.cpu
            row = {"cpu_seconds": total, "accuracy": accuracy(model, tests)}
            note(json.dumps(row))
            yield row
            if row["accuracy"] >= GOAL:
                return
        schedule.step()


def to_goal(fast: list[dict[str, Any]], baseline: list[dict[str, float]]) -> Figure:
    """CPU-seconds of preset fast; those of the baseline until it is at the goal, if it gets there."""
    figure = over_runs("", "digits to 99 %", "CPU-s", [row["cpu_seconds"] for row in fast])
    needed = next((row["cpu_seconds"] for row in baseline if row["accuracy"] >= GOAL), None)
    ratio = None if needed is None else needed / figure.value
    name = EXAMPLE if needed is not None else f"{EXAMPLE} (not at {GOAL:.0%} after {baseline[-1]['cpu_seconds']:.0f})"
    return replace(figure, baseline=name, baseline_value=needed, ratio=ratio)


def inference(data: Any, threads: int = 1) -> Iterator[Figure]:
    """onnxruntime beside PyTorch on the network of preset fast: one picture, and a batch of 2,000."""
    from cnn_core import runs
    from cnn_core.benchmark import inference_speed
    from cnn_core.exporting.graph import export_onnx
    from cnn_core.training import engine

    config = APP.presets["fast"]
    model = runs.build_seeded(APP, config, data.labels, 0)
    engine.fit(model, data.train, config.fit, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fast.onnx"
        export_onnx(model.eval(), data.test.inputs[:2], path, check_inputs=data.test.inputs[:100])
        torch_row, onnx_row = inference_speed(model, path, data.test.inputs[:2000], threads=threads, rounds=ROUNDS)
    one, it = onnx_row["latency_ms"], torch_row["latency_ms"]
    percentiles = ("p10", "p90", "p99")
    spans = {f"{who}_{p}": row[p] for who, row in (("onnxruntime", one), ("pytorch", it)) for p in percentiles}
    yield Figure(
        "one digit, onnxruntime", "ms", one["median"], runs=one["n"], baseline="PyTorch", baseline_value=it["median"],
        ratio=it["median"] / one["median"], conditions=spans,
    )  # fmt: skip
    for key, unit in (("inputs_per_cpu_second", "pictures/CPU-s"), ("inputs_per_second", "pictures/s")):
        here, other = onnx_row[key], torch_row[key]
        yield Figure(
            f"{onnx_row['batch']:,} digits, onnxruntime", unit, here, runs=ROUNDS, baseline="PyTorch",
            baseline_value=other, ratio=here / other,
        )  # fmt: skip
