"""What planes, pooling and symmetries are worth in Go: the same recipe, one thing changed, over seeds.

    cnn-bench go-accuracy                                          the games that are shipped, 9x9
    cnn-bench go-accuracy --preset expert --data GAMES --size 19 --epoch-samples 40000

Variants change one thing of the preset: the planes (`stones`, `history`, `gonn`, `tactics`, `alphago`), pooling between
the convolutions (`max`, `avg`: the same layers on a board of half the size, put back to its size before the head and
added to the first layer's output), no symmetries while training (`fixed`), no global bias (`local`), weights not tied
over the symmetries (`free`). Measured on the test games, whole; `8` is the same network averaged over the 8
symmetries. Equal positions, so pooled networks spend less: their CPU-seconds stand beside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from apps.bench.figures.figure import Figure, Report, outcome
from apps.bench.figures.measure import figures_of, over_seeds
from apps.bench.options import BenchOptions, computing, known_preset
from apps.go.app import APP
from apps.go.config import GoConfig
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    import torch

PLANES = ("stones", "history", "gonn", "tactics", "alphago")
VARIANTS = ("preset", *PLANES, "max", "avg", "fixed", "local", "free")
MEASURES = {
    "top1": ("top-1", "%"),
    "top1_8": ("top-1 of 8 views", "%"),
    "top5": ("top-5", "%"),
    "nll": ("likelihood", "nats"),
    "cpu_seconds": ("training", "CPU-s"),
}


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
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


parse = parser(Options, f"Train variants of a preset of cnn-go over seeds. Variants: {', '.join(VARIANTS)}.")


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
    raise UserError(f"--variants {variant}: unknown; choose from {', '.join(VARIANTS)}")


def run(app: App | None, options: Options) -> Outcome:
    """Train and measure."""
    base: GoConfig = APP.presets[known_preset("--preset", options.preset, APP.presets)]
    base = replace(base, data=options.data or base.data, size=options.size or base.size)
    fit = replace(base.fit, epochs=options.epochs or base.fit.epochs)
    base = replace(base, fit=replace(fit, epoch_samples=options.epoch_samples or fit.epoch_samples))
    variants = {name: changed(base, name) for name in options.variants}
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    with computing(options.common) as place:
        for name, config in variants.items():
            details[name] = rows = trained(config, name, options, place)
            conditions = {"preset": options.preset, "data": base.data, "positions": rows[0]["positions"]}
            figures += figures_of(name, rows, MEASURES, **conditions)
        return outcome(Report("go-accuracy", tuple(figures), details))


def trained(config: GoConfig, name: str, options: Options, place: torch.device) -> list[dict[str, Any]]:
    """One variant: a row for each seed."""
    import torch

    from apps.go.data import GoSplit
    from apps.go.model import averaged, step
    from apps.go.verbs.move_metrics import measure
    from cnn_core import runs
    from cnn_core.training import engine

    data = APP.load(config)
    test = data.test
    assert isinstance(test, GoSplit)
    if 0 < options.measured < len(test):
        places = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))
        test = test.subset(places[: options.measured].sort().values)

    def one(seed: int) -> dict[str, Any]:
        model = runs.build_seeded(APP, config, data.labels, seed).to(place)
        fit = engine.fit(model, data.train, config.fit, step=step(config), seed=seed, progress=False)
        found = measure(model, test).summary()
        row = {key: found[key] for key in ("top1", "top5", "nll")}
        row["top1_8"] = measure(averaged(model, config), test).summary()["top1"]
        return {"cpu_seconds": fit.cpu_seconds, **row, "positions": len(test)}

    seed = options.common.seed
    return over_seeds(range(seed, seed + options.seeds), one, variant=name)
