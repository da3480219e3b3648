"""Test accuracy of a digits preset over seeds; the test set is read once for each seed, at the end."""

import json
import sys
from dataclasses import dataclass, replace
from typing import Any

from apps.digits.app import APP
from cnn_core import config as config_module
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError


@dataclass(frozen=True)
class Options:
    """Options of digits-accuracy."""

    preset: str = "fast"
    """Preset of cnn-digits."""
    seeds: int = 10
    """Number of seeds, from `first` on."""
    first: int = 0
    """First seed."""
    validation: bool = False
    """Train on the first 50,000 and judge on the other 10,000 training pictures, for choosing recipes."""
    epochs: int = 0
    """Epochs instead of the preset's; 0 keeps them."""
    json: bool = False
    """Print one JSON object on standard output."""


def main(args: list[str]) -> int:
    """Train, measure, print."""
    options = config_module.parse(Options, args, prog="python -m apps.bench digits-accuracy")
    if options.preset not in APP.presets:
        raise UserError(f"unknown preset {options.preset!r}; there are {', '.join(APP.presets)}")
    result = measure(options)
    print(json.dumps(result) if options.json else text(result))
    return 0


def measure(options: Options) -> dict[str, Any]:
    """One row a seed, and their mean and sample standard deviation."""
    import torch

    from cnn_core import benchmark
    from cnn_core.nn.summary import count_parameters
    from cnn_core.training import engine, runs

    torch.set_num_threads(1)
    config = APP.presets[options.preset]
    if options.epochs:
        config = replace(config, fit=replace(config.fit, epochs=options.epochs))
    data = APP.load(config)
    train, test = data.train, data.test
    if options.validation:
        order = torch.arange(len(train))
        train, test = train.subset(order[:50_000]), train.subset(order[50_000:])
    rows, parameters = [], 0
    for seed in range(options.first, options.first + options.seeds):
        model = runs.build_seeded(APP, config, data.labels, seed)
        parameters = count_parameters(model)
        fit = engine.fit(model, train, config.fit, seed=seed, progress=False)
        found = engine.evaluate(model, test, precision=config.fit.precision)
        rows.append({"seed": seed, "cpu_seconds": fit.cpu_seconds, "seconds": fit.seconds, **found})
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return {
        "preset": options.preset,
        "split": "validation" if options.validation else "test",
        "parameters": parameters,
        "rows": rows,
        "accuracy": vars(benchmark.summary([row["accuracy"] for row in rows])),
        "cpu_seconds": vars(benchmark.summary([row["cpu_seconds"] for row in rows])),
        "environment": benchmark.environment(),
    }


def text(result: dict[str, Any]) -> str:
    """The rows and their mean as a table."""
    rows = [[r["seed"], f"{r['accuracy']:.2%}", f"{r['loss']:.4f}", f"{r['cpu_seconds']:.2f}"] for r in result["rows"]]
    accuracy, cpu = result["accuracy"], result["cpu_seconds"]
    rows += [["mean", f"{accuracy['mean']:.3%}", "", f"{cpu['mean']:.2f}"]]
    rows += [["sd", f"{accuracy['sd']:.3%}", "", f"{cpu['sd']:.2f}"]]
    return table(["seed", f"{result['split']} accuracy", "loss", "CPU-seconds"], rows)
