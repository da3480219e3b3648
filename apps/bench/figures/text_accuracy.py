"""Test accuracy of presets of cnn-text, with linear models on the same splits.

    cnn-bench text-accuracy --data mr --presets rand best        10-fold cross-validation
    cnn-bench text-accuracy --data sst --seeds 5                 a data set with a test split of its own

Data without a split of their own: stratified, shuffled folds, equal texts in one fold; mean and standard deviation are
of the folds. Others: of the seeds. The test texts are asked once for each fold or seed, after training; where a preset
chooses its epoch, it does so on a part of the training texts (or the data set's own validation split).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from apps.bench.figures.figure import Figure, Report, outcome, over_runs
from apps.bench.figures.measure import figures_of
from apps.bench.options import BenchOptions, known_preset, on_processor
from apps.text.app import APP
from cnn_core.app import App
from cnn_core.console import note
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

MEASURES = {"network": ("test accuracy", "%"), "cpu_seconds": ("training", "CPU-s")}


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
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
    first: int | None = None
    """First seed, or the seed of all folds; --seed when left out."""


parse = parser(Options, "Train presets of cnn-text over folds or seeds, beside linear models on the same splits.")


def run(app: App | None, options: Options) -> Outcome:
    """For each preset, one row a fold or seed, and their mean and standard deviation."""
    for name in options.presets:
        known_preset("--presets", name, APP.presets)

    from cnn_core.fetching.sources import available, load_manifest

    split = options.data in available() and "test" in load_manifest(options.data).splits
    first = options.common.seed if options.first is None else options.first
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    linear: list[Figure] = []
    with on_processor(options.common):
        for name in options.presets:
            config = replace(APP.presets[name], data=options.data)
            with_linear = not linear
            found = (
                _seeds(config, range(first, first + options.seeds), with_linear)
                if split
                else _folds(config, options, first, with_linear)
            )
            details[name] = rows = _told(name, found)
            figures += figures_of(name, rows, MEASURES, data=options.data)
            linear = linear or _linear(rows, options.data)
        how = f"{options.seeds} seeds" if split else f"{options.most or options.k} of {options.k} folds"
        return outcome(Report("text-accuracy", (*figures, *linear), details, (f"{options.data}, {how}",)))


def _told(preset: str, found: Iterable[dict[str, float]]) -> list[dict[str, float]]:
    rows = []
    for row in found:
        rows.append(row)
        note(json.dumps({"preset": preset, **row}))
    return rows


def _linear(rows: list[dict[str, float]], data: str) -> list[Figure]:
    """Models other than the network, whose names have a space; those without chance stand in one row only."""
    names = [key for key in rows[0] if " " in key]
    found = {name: [100 * row[name] for row in rows if name in row] for name in names}
    return [over_runs(name, *MEASURES["network"], values, data=data) for name, values in found.items()]


def _folds(config: Any, options: Options, seed: int, linear: bool) -> Iterable[dict[str, float]]:
    from apps.text.verbs.folds import fold_rows

    return (row for row, _ in fold_rows(APP, config, options.k, range(options.most or options.k), seed, linear))


def _seeds(config: Any, seeds: range, linear: bool) -> Iterator[dict[str, float]]:
    """One row a seed; the linear models, which have none, in the first."""
    from apps.text.baselines import compare
    from apps.text.model import step
    from apps.text.verbs.folds import fit_once
    from cnn_core.training import engine

    source = APP.load(config)
    for seed in seeds:
        model, fitted = fit_once(APP, config, source, seed)
        means = engine.evaluate(model, source.test, step=step(config), precision=config.fit.precision)
        row = {"seed": seed, "cpu_seconds": fitted.cpu_seconds, "network": means["accuracy"]}
        if linear and seed == seeds[0]:
            vocabulary = source.fitted.vocabulary
            splits: Any = (source.train, source.test)
            train, test = ([vocabulary.tokenize(t) for t in split.texts] for split in splits)
            found = compare(train, source.train.targets.numpy(), test, source.test.targets.numpy())
            row |= {each.name: each.accuracy for each in found}
        yield row
