"""Test accuracy of a digits preset over seeds; the test set is read once for each seed, at the end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from apps.bench.figures.figure import Report, outcome
from apps.bench.figures.measure import figures_of, over_seeds
from apps.bench.options import BenchOptions, computing, known_preset
from apps.digits.app import APP
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    import torch

MEASURES = {"accuracy": ("accuracy", "%"), "loss": ("loss", "nats"), "cpu_seconds": ("training", "CPU-s")}


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of digits-accuracy."""

    preset: str = "fast"
    """Preset of cnn-digits."""
    seeds: int = 10
    """Number of seeds, from the first on."""
    first: int | None = None
    """First seed; --seed when left out."""
    validation: bool = False
    """Train on the first 50,000 and judge on the other 10,000 training pictures, for choosing recipes."""
    epochs: int = 0
    """Epochs instead of the preset's; 0 keeps them."""


parse = parser(Options, "Train a preset of cnn-digits with several seeds and read the test set once for each.")


def run(app: App | None, options: Options) -> Outcome:
    """Train and measure."""
    known_preset("--preset", options.preset, APP.presets)
    first = options.common.seed if options.first is None else options.first
    with computing(options.common) as place:
        rows = trained(options.preset, range(first, first + options.seeds), options, place)
        split = "validation" if options.validation else "test"
        figures = figures_of(options.preset, rows, MEASURES, split=split, parameters=rows[0]["parameters"])
        return outcome(Report("digits-accuracy", tuple(figures), {"rows": rows}))


def trained(preset: str, seeds: range, options: Options, place: torch.device | str = "cpu") -> list[dict[str, Any]]:
    """For each seed what the trained network scores, its parameters, and the seconds of its training."""
    import torch

    from cnn_core import runs
    from cnn_core.nn.summary import count_parameters
    from cnn_core.training import engine

    config = APP.presets[preset]
    if options.epochs:
        config = replace(config, fit=replace(config.fit, epochs=options.epochs))
    data = APP.load(config)
    train, test = data.train, data.test
    if options.validation:
        order = torch.arange(len(train))
        train, test = train.subset(order[:50_000]), train.subset(order[50_000:])

    def one(seed: int) -> dict[str, Any]:
        model = runs.build_seeded(APP, config, data.labels, seed).to(place)
        fit = engine.fit(model, train, config.fit, seed=seed, progress=False)
        found = engine.evaluate(model, test, precision=config.fit.precision)
        spent = {"cpu_seconds": fit.cpu_seconds, "seconds": fit.seconds}
        return {**spent, **found, "parameters": count_parameters(model)}

    return over_seeds(seeds, one)
