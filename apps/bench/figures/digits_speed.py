"""CPU-seconds of preset fast, to train and to reach 99 %, beside a plain loop; and inference speed. One thread.

    python -m apps.bench digits-speed          about ten minutes, nearly all of it the baseline

The baseline is the network and the recipe of PyTorch's own MNIST example (conv 32, conv 64, max pool, dropout,
dense 128; 1,199,882 parameters; Adadelta, learning rate 1 falling by .7 an epoch, batch 64) in a plain
DataLoader loop. It reads one picture at a time from memory, without torchvision's PIL step, which favours it.
Only training counts, neither loading nor evaluation; the baseline is evaluated four times an epoch.
"""

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from apps.bench.figures.digits_accuracy import Options as AccuracyOptions
from apps.bench.figures.digits_accuracy import measure, text
from apps.digits.app import APP
from cnn_core import benchmark
from cnn_core import config as config_module
from cnn_core.drawing.tables import table
from cnn_core.export import export_onnx
from cnn_core.training import engine, runs
from cnn_core.training.data import Split

GOAL = 0.99


@dataclass(frozen=True)
class Options:
    """Options of digits-speed."""

    seeds: int = 10
    """Seeds of preset fast."""
    epochs: int = 8
    """Epochs after which the baseline gives up."""
    json: bool = False
    """Print one JSON object on standard output."""


class ExampleNet(nn.Module):
    """The network of PyTorch's MNIST example, (B, 1, 28, 28) -> (B, 10) log-probabilities."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.drop1, self.drop2 = nn.Dropout(0.25), nn.Dropout(0.5)
        self.dense1, self.dense2 = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits as log-probabilities."""
        x = functional.relu(self.conv2(functional.relu(self.conv1(x))))
        x = self.drop1(functional.max_pool2d(x, 2)).flatten(1)
        x = self.drop2(functional.relu(self.dense1(x)))
        return functional.log_softmax(self.dense2(x), 1)


class Pictures(Dataset):
    """One normalised picture at a time."""

    def __init__(self, split: Split):
        self.split = split

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        picture = self.split.inputs[index].float().div(255).sub(0.1307).div(0.3081)
        return picture[None], self.split.targets[index]


def plain_loop(train: Split, test: Split, epochs: int, seed: int = 1) -> list[dict[str, float]]:
    """Training CPU-seconds and test accuracy, four times an epoch, until the goal or the last epoch."""
    torch.manual_seed(seed)
    model = ExampleNet()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    tests = DataLoader(Pictures(test), batch_size=1000)
    loader = DataLoader(Pictures(train), batch_size=64, shuffle=True)
    quarter, spent, found = -(-len(loader) // 4), 0.0, []
    for _ in range(epochs):
        start = time.process_time()
        for i, (x, y) in enumerate(loader, start=1):
            model.train()
            optimizer.zero_grad()
            functional.nll_loss(model(x), y).backward()
            optimizer.step()
            if i % quarter and i < len(loader):
                continue
            spent += time.process_time() - start
            found.append({"cpu_seconds": spent, "accuracy": _accuracy(model, tests)})
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
            if found[-1]["accuracy"] >= GOAL:
                return found
            start = time.process_time()
        schedule.step()
    return found


@torch.no_grad()
def _accuracy(model: nn.Module, tests: DataLoader) -> float:
    model.eval()
    return sum(int((model(x).argmax(1) == y).sum()) for x, y in tests) / len(tests.dataset)  # type: ignore[arg-type]


def main(args: list[str]) -> int:
    """Measure all and print the ratio."""
    options = config_module.parse(Options, args, prog="python -m apps.bench digits-speed")
    torch.set_num_threads(1)
    fast = measure(AccuracyOptions("fast", options.seeds))
    data = APP.load(APP.presets["fast"])
    baseline = plain_loop(data.train, data.test, options.epochs)
    reached = [row for row in baseline if row["accuracy"] >= GOAL]
    ours = [row["cpu_seconds"] for row in fast["rows"]]
    enough = sum(row["accuracy"] >= GOAL for row in fast["rows"])
    result: dict[str, Any] = {"fast": fast, "baseline": baseline, "seeds_at_goal": enough}
    result["ratio"] = reached[0]["cpu_seconds"] / benchmark.summary(ours).mean if reached else None
    result["inference"] = _inference(data)
    print(json.dumps(result) if options.json else _text(result))
    return 0


def _inference(data: Any) -> list[dict[str, Any]]:
    """PyTorch and onnxruntime on the network of preset fast."""
    config = APP.presets["fast"]
    model = runs.build_seeded(APP, config, data.labels, 0)
    engine.fit(model, data.train, config.fit, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fast.onnx"
        export_onnx(model.eval(), data.test.inputs[:2], path, check_inputs=data.test.inputs[:100])
        return benchmark.inference_speed(model, path, data.test.inputs[:2000], threads=1)


def _text(result: dict[str, Any]) -> str:
    cpu, accuracy = result["fast"]["cpu_seconds"], result["fast"]["accuracy"]
    last = result["baseline"][-1]
    rows = [
        ["preset fast", f"{accuracy['mean']:.3%} ± {accuracy['sd']:.3%}", f"{cpu['mean']:.2f} ± {cpu['sd']:.2f}"],
        ["PyTorch's MNIST example, plain loop", f"{last['accuracy']:.2%}", f"{last['cpu_seconds']:.1f}"],
    ]
    parts = [text(result["fast"]), table(["training", "test accuracy", "CPU-seconds"], rows)]
    if result["ratio"] is None:
        parts.append(
            f"the baseline did not reach {GOAL:.0%}; at least {last['cpu_seconds'] / cpu['mean']:.0f} times more"
        )
    else:
        parts.append(
            f"CPU-seconds to {GOAL:.0%}: the baseline takes {result['ratio']:.0f} times as many "
            f"({result['seeds_at_goal']} of {accuracy['n']} seeds of preset fast are at {GOAL:.0%} or above)"
        )
    speeds = [
        [
            r["runtime"],
            *(f"{r['latency_ms'][what]:.2f}" for what in ("median", "p99")),
            *(f"{r[what]:.0f}" for what in ("inputs_per_second", "inputs_per_cpu_second")),
        ]
        for r in result["inference"]
    ]
    header = ["runtime", "ms for one (median)", "ms (p99)", "inputs/s (batch)", "inputs per CPU-second"]
    parts.append(table(header, speeds))
    return "\n\n".join(parts)
