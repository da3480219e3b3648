"""What planes, pooling and symmetries are worth in Go: the same recipe, one thing changed, over seeds.

    python -m apps.bench go-accuracy                                          the games that are shipped, 9x9
    python -m apps.bench go-accuracy --preset expert --data GAMES --size 19 --epoch-samples 40000

Variants change one thing of the preset: the planes (`stones`, `history`, `gonn`, `tactics`, `alphago`), pooling between
the convolutions (`max`, `avg`: the same layers on a board of half the size, put back to its size before the head and
added to the first layer's output), no symmetries while training (`fixed`), no global bias (`local`), weights not tied
over the symmetries (`free`). Measured on the test games, whole; `8` is the same network averaged over the 8
symmetries. One thread. Equal positions, so pooled networks spend less: their CPU-seconds stand beside.
"""

import json
import sys
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

import torch

from apps.go.app import APP
from apps.go.config import GoConfig
from apps.go.model import averaged, step
from apps.go.verbs.move_metrics import measure
from cnn_core import config as config_module
from cnn_core.benchmark import environment, one_thread
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.training import engine, runs

PLANES = ("stones", "history", "gonn", "tactics", "alphago")
VARIANTS = ("preset", *PLANES, "max", "avg", "fixed", "local", "free")


@dataclass(frozen=True)
class Options:
    """Options of go-accuracy."""

    preset: str = "small"
    """Configuration to start from."""
    variants: tuple[str, ...] = ("preset", "stones", "history", "max", "avg")
    """What to train; see above."""
    data: str = ""
    """Another data set, folder or archive than the preset's."""
    size: int = 0
    """Another board size than the preset's."""
    epochs: int = 0
    """Another number of epochs than the preset's."""
    epoch_samples: int = 0
    """Another number of positions in an epoch than the preset's."""
    seeds: int = 3
    """Networks of each variant."""
    measured: int = 0
    """Largest number of test positions; 0 takes all."""
    json: bool = False
    """Print one JSON object on standard output."""


def changed(config: GoConfig, variant: str) -> GoConfig:
    """The configuration with one thing changed. Raises UserError for an unknown variant."""
    if variant == "preset":
        return config
    if variant in PLANES:
        return replace(config, features=variant)  # type: ignore[arg-type]
    if variant in ("max", "avg"):
        return replace(config, net=replace(config.net, pool=variant))  # type: ignore[arg-type]
    if variant == "fixed":
        return replace(config, symmetries=False)
    if variant == "local":
        return replace(config, net=replace(config.net, global_every=0))
    if variant == "free":
        return replace(config, net=replace(config.net, tied=False))
    raise UserError(f"--variants {variant}: unknown; there are {', '.join(VARIANTS)}")


def main(args: list[str]) -> int:
    """Train, measure and print."""
    options = config_module.parse(Options, args, prog="python -m apps.bench go-accuracy")
    if options.preset not in APP.presets:
        raise UserError(f"--preset {options.preset}: unknown; there are {', '.join(APP.presets)}")
    base: GoConfig = APP.presets[options.preset]
    base = replace(base, data=options.data or base.data, size=options.size or base.size)
    fit = replace(base.fit, epochs=options.epochs or base.fit.epochs)
    base = replace(base, fit=replace(fit, epoch_samples=options.epoch_samples or fit.epoch_samples))
    with one_thread():
        found = {name: seeds(changed(base, name), name, options) for name in options.variants}
    result = {"preset": options.preset, "data": base.data, "variants": found, "environment": environment()}
    print(json.dumps(result) if options.json else text(found))
    return 0


def seeds(config: GoConfig, name: str, options: Options) -> list[dict[str, Any]]:
    """One variant: a record for each seed."""
    data = APP.load(config)
    test = data.test
    if 0 < options.measured < len(test):
        places = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))
        test = test.subset(places[: options.measured].sort().values)
    rows = []
    for seed in range(options.seeds):
        model = runs.build_seeded(APP, config, data.labels, seed)
        fit = engine.fit(model, data.train, config.fit, step=step(config), seed=seed, progress=False)
        row = {"variant": name, "seed": seed, "cpu_seconds": fit.cpu_seconds}
        row |= {key: value for key, value in measure(model, test).summary().items() if key in ("top1", "top5", "nll")}
        row["top1_8"] = measure(averaged(model, config), test).summary()["top1"]
        row["positions"] = len(test)
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    return rows


def text(found: dict[str, list[dict[str, Any]]]) -> str:
    """The table: means and standard deviations over seeds."""

    def both(rows: list[dict[str, Any]], key: str, scale: float, digits: int) -> str:
        values = [scale * row[key] for row in rows]
        return f"{fmean(values):.{digits}f}" + (f" ± {stdev(values):.{digits}f}" if len(values) > 1 else "")

    columns = (("top1", 100, 2), ("top1_8", 100, 2), ("top5", 100, 2), ("nll", 1, 3), ("cpu_seconds", 1, 0))
    lines = [[name, *(both(rows, *column) for column in columns)] for name, rows in found.items()]
    return table(["variant", "top-1 %", "top-1 %, 8", "top-5 %", "nats", "CPU-s"], lines)
