"""Test accuracy of presets of cnn-text, with linear models on the same splits. One thread.

    python -m apps.bench text-accuracy --data mr --presets rand best        10-fold cross-validation
    python -m apps.bench text-accuracy --data sst --seeds 5                 a data set with a test split of its own

Data without a split of their own: stratified, shuffled folds, equal texts in one fold; mean and standard deviation are
of the folds. Others: of the seeds. The test texts are asked once for each fold or seed, after training; where a preset
chooses its epoch, it does so on a part of the training texts (or the data set's own validation split).
"""

import json
import sys
from dataclasses import dataclass, replace
from typing import Any

from apps.text.app import APP
from apps.text.baselines import compare
from apps.text.verbs.folds import fit_once, fold_rows
from cnn_core import config as config_module
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.fetching.sources import available, load_manifest


@dataclass(frozen=True)
class Options:
    """Options of text-accuracy."""

    data: str = "movie-snippets"
    """Data set or file."""
    presets: tuple[str, ...] = tuple(APP.presets)
    """Presets of cnn-text."""
    k: int = 10
    """Folds, for data without a test split."""
    most: int = 0
    """How many of the folds; 0 is all."""
    seeds: int = 5
    """Seeds, for data with a test split."""
    first: int = 0
    """First seed, or the seed of all folds."""
    json: bool = False
    """Print one JSON object on standard output."""


def main(args: list[str]) -> int:
    """Train, measure, print."""
    options = config_module.parse(Options, args, prog="python -m apps.bench text-accuracy")
    for name in options.presets:
        if name not in APP.presets:
            raise UserError(f"unknown preset {name!r}; there are {', '.join(APP.presets)}")
    result = measure(options)
    print(json.dumps(result) if options.json else text(result))
    return 0


def measure(options: Options) -> dict[str, Any]:
    """For each preset, one row a fold or seed, and their mean and sample standard deviation."""
    import torch

    from cnn_core import benchmark

    torch.set_num_threads(1)
    split = options.data in available() and "test" in load_manifest(options.data).splits
    found: dict[str, Any] = {}
    linear: dict[str, Any] = {}
    for name in options.presets:
        config = replace(APP.presets[name], data=options.data)
        rows: list[dict[str, float]] = []
        for row in _seeds(config, options, not linear) if split else _folds(config, options, not linear):
            rows.append(row)
            print(json.dumps({"preset": name, **row}), file=sys.stderr, flush=True)
        accuracy = benchmark.summary([row["network"] for row in rows])
        cpu = benchmark.summary([row["cpu_seconds"] for row in rows])
        found[name] = {"rows": rows, "accuracy": vars(accuracy), "cpu_seconds": vars(cpu)}
        if not linear:
            names = [key for key in rows[0] if " " in key]
            linear = {key: vars(benchmark.summary([r[key] for r in rows if key in r])) for key in names}
    how = f"{options.seeds} seeds" if split else f"{options.most or options.k} of {options.k} folds"
    return {
        "data": options.data,
        "protocol": how,
        "presets": found,
        "linear": linear,
        "environment": benchmark.environment(),
    }


def _folds(config: Any, options: Options, linear: bool) -> Any:
    return fold_rows(APP, config, options.k, range(options.most or options.k), options.first, linear)


def _seeds(config: Any, options: Options, linear: bool) -> Any:
    """One row a seed; the linear models, which have none, in the first."""
    from apps.text.model import step
    from cnn_core.training import engine

    source = APP.load(config)
    for seed in range(options.first, options.first + options.seeds):
        model, fitted = fit_once(APP, config, source, seed)
        means = engine.evaluate(model, source.test, step=step(config), precision=config.fit.precision)
        row = {"seed": seed, "cpu_seconds": fitted.cpu_seconds, "network": means["accuracy"]}
        if linear and seed == options.first:
            vocabulary = source.fitted.vocabulary
            splits: Any = (source.train, source.test)
            train, test = ([vocabulary.tokenize(t) for t in split.texts] for split in splits)
            found = compare(train, source.train.targets.numpy(), test, source.test.targets.numpy())
            row |= {each.name: each.accuracy for each in found}
        yield row


def text(result: dict[str, Any]) -> str:
    """A row for each preset and each linear model."""

    def cell(value: dict[str, Any], scale: float = 100) -> str:
        return f"{scale * value['mean']:.2f}" + (f" ± {scale * value['sd']:.2f}" if value["n"] > 1 else "")

    rows = [[name, cell(found["accuracy"]), cell(found["cpu_seconds"], 1)] for name, found in result["presets"].items()]
    rows += [[name, cell(value), ""] for name, value in result["linear"].items()]
    head = [f"{result['data']}, {result['protocol']}", "test accuracy, %", "CPU-seconds"]
    return table(head, rows)
