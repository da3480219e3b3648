"""A comparative study: variants of one idea, trained by the apps' own code over seeds, against a reference.

Results are kept one line a run, so that a study that was stopped continues where it was. Letters: S seeds.
"""

import hashlib
import json
import math
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from apps.bench.options import command_line
from apps.bench.studies.significance import correct, half_width, welch
from apps.bench.studies.tables import MOVES, plot, write_csv
from cnn_core.app import App
from cnn_core.config import to_json
from cnn_core.console import SLOW, note
from cnn_core.files import atomic, write_json
from cnn_core.verbs.measures.jobs import Engine, Here


@dataclass(frozen=True)
class Variant:
    """One row of a table: what is trained, and on what."""

    name: str
    app: str
    config: Any
    build: Callable[..., Any] | None = None
    """Another network than the app's: build(config, labels) -> nn.Module."""
    change: Callable[[Any], Any] | None = None
    """Changes the Dataset before training, such as a shuffling of its places."""
    moved: bool = False
    """Whether to ask the trained network about inputs moved by 1 to 4 places too."""
    fitted: Callable[[Any, int], dict[str, Any]] | None = None
    """Instead of training: fitted(dataset, seed) -> result; for models that are not networks."""


@dataclass(frozen=True)
class Group:
    """A table: variants on the same data; the first is the reference."""

    name: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class Study:
    """A question and the groups that answer it. says(rows by group) -> what the numbers say, in plain words."""

    name: str
    question: str
    groups: tuple[Group, ...]
    says: Callable[[dict[str, list[dict[str, Any]]]], list[str]]
    cut: bool = True
    """Whether quick mode takes the domain's share of the data, so that full mode takes that much longer."""


def app_named(name: str) -> App:
    """The App value of the app."""
    return import_module(f"apps.{name}.app").APP


@lru_cache(maxsize=4)
def _dataset(app: str, config: Any) -> Any:
    return app_named(app).load(config)


def measure(variant: Variant, seed: int, place: Any = "cpu") -> dict[str, Any]:
    """Train one variant with one seed on the device `place` and read the test set once."""
    from cnn_core import benchmark, runs
    from cnn_core.metrics.classes import evaluate_logits
    from cnn_core.training import engine

    app = app_named(variant.app)
    data = _dataset(variant.app, variant.config)
    if variant.change:
        data = variant.change(data)
    if variant.fitted:
        return variant.fitted(data, seed)
    if variant.build:
        app = replace(app, build=variant.build)
        if app.forward:  # it and the step are for the app's own network
            app = replace(app, step=None, forward=None)
    model = runs.build_seeded(app, variant.config, data.labels, seed, data.fitted).to(place)
    step = app.step(variant.config) if app.step else None
    timer = benchmark.Timer()
    timer.start()
    fit = engine.fit(
        model, data.train, variant.config.fit, validation=data.validation, step=step, seed=seed, progress=False
    )
    timer.stop()
    forward = app.forward_of(variant.config)
    logits = engine.predict_logits(model, data.test, precision=variant.config.fit.precision, forward=forward)
    found = evaluate_logits(logits.numpy(), data.test.targets.numpy(), data.labels)
    kept = [_kept(model, data.test, found.predictions, places) for places in MOVES] if variant.moved else []
    example = app.example(variant.config, data.labels)[:1] if app.example else data.test.take(slice(0, 1))[0]
    parameters, multiply_adds = cost(model.cpu(), example)
    return {
        "accuracy": found.accuracy,
        "negative_log_likelihood": found.negative_log_likelihood,
        "parameters": parameters,
        "multiply_adds": multiply_adds,
        "cpu_seconds": timer.cpu if str(place) == "cpu" else None,  # beside a GPU they say little
        "train_accuracy": fit.history[-1].get("train_accuracy") if fit.history else None,
        "train_samples": len(data.train),
        "test_samples": len(data.test),
        "kept_answers": kept if variant.moved else None,
    }


def _kept(model: Any, test: Any, answers: Any, places: int) -> float:
    """Share of the answers that stay when what the front end gives is moved to the right, round the edge."""
    from torch import nn

    from cnn_core.training import engine

    class Moved(nn.Module):
        def __init__(self, front: nn.Module):
            super().__init__()
            self.inside = front

        def forward(self, x: Any) -> Any:
            return self.inside(x).roll(places, -1)

    front = model.front
    model.front = Moved(front)
    try:
        return float((engine.predict_logits(model, test).numpy().argmax(1) == answers).mean())
    finally:
        model.front = front


def cost(model: Any, inputs: Any) -> tuple[int, int]:
    """Trainable values, and multiply-adds for one input behind the front end."""
    from cnn_core import visual
    from cnn_core.nn.summary import count_parameters, summary

    found = summary(visual.behind_front(model), visual.front_of(model, inputs))
    return count_parameters(model), found.multiply_adds


def run_study(
    study: Study,
    seeds: int | range,
    out: Path,
    *,
    place: Any = "cpu",
    progress: bool = True,
    jobs: Engine | None = None,
) -> dict[str, Any]:
    """Run what is missing and write results.json, results.csv and a plot for each group into `out`.

    `seeds` are the seeds, or how many, from 0 on; `place` is the device that networks are trained on; `jobs` computes
    the trainings, one after another when left out. Raises UserError while another process works in `out`.
    """
    from cnn_core import benchmark
    from cnn_core.drawing import report
    from cnn_core.training.run_lock import training_in

    seeds = range(seeds) if isinstance(seeds, int) else seeds
    with training_in(out):
        store = _Store(out / "runs.jsonl")
        _fill(store, study, seeds, place, jobs or Here(), progress)
    rows = {
        group.name: compare({v.name: [store[_key(study, v, seed)] for seed in seeds] for v in group.variants})
        for group in study.groups
    }
    correct(rows)
    result = {
        "study": study.name,
        "question": study.question,
        "seeds": len(seeds),
        "first": seeds.start,
        "cut": study.cut,
        "groups": rows,
        "says": study.says(rows),
        "device": str(place),
        "environment": benchmark.environment(),
        "command": command_line(),
    }
    write_json(out / "results.json", result)
    write_csv(rows, out / "results.csv")
    for number, (name, entries) in enumerate(rows.items(), start=1):
        report.save(plot(name, entries), out / f"plot-{number}.png")
    return result


def _fill(store: "_Store", study: Study, seeds: range, place: Any, jobs: Engine, progress: bool) -> None:
    """Train what the store lacks; each result is kept as it comes."""
    wanted, keys = {}, set()  # seed by seed, so that a study stopped early compares all variants
    for group in study.groups:
        for seed in seeds:
            for variant in group.variants:
                if (key := _key(study, variant, seed)) not in keys:
                    wanted[f"{group.name} | {variant.name} | seed {seed}"] = (key, variant, seed)
                    keys.add(key)
    missing = [name for name, (key, *_) in wanted.items() if key not in store]
    total, done, begun = len(wanted), len(wanted) - len(missing), 0.0
    if progress and done:
        note(f"{done} of {total} trainings are there")
    asked = ((name, (_anywhere(wanted[name][1]), wanted[name][2], place)) for name in missing)
    with closing(jobs.results(measure, asked)) as results:
        for made, (name, found) in enumerate(results, start=1):
            key, variant, seed = wanted[name]
            store.add(key, {"app": variant.app, "variant": variant.name, "seed": seed, **found})
            if progress:
                begun = begun or time.monotonic()  # the first takes longer: data are loaded
                left = (time.monotonic() - begun) / max(made - 1, 1) * (len(missing) - made)
                ahead = f", about {duration(left)} left" if left > SLOW else ""
                note(f"{done + made}/{total} {name}: {found['accuracy']:.2%}{ahead}")


def _anywhere(variant: Variant) -> Variant:
    """The variant with paths that hold in a worker's folder too."""
    from cnn_core.verbs.train import with_absolute_paths

    return replace(variant, config=with_absolute_paths(variant.config, app_named(variant.app).paths))


def duration(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def compare(results: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A row for each variant: mean, standard deviation, difference from the first, Welch's t-test against it."""
    reference = [run["accuracy"] for run in next(iter(results.values()))]
    rows = []
    for name, found in results.items():
        accuracy = [run["accuracy"] for run in found]
        rows.append(
            {
                "variant": name,
                "seeds": len(found),
                "accuracy": statistics.fmean(accuracy),
                "sd": statistics.stdev(accuracy) if len(accuracy) > 1 else None,
                "difference": statistics.fmean(accuracy) - statistics.fmean(reference),
                "p": welch(accuracy, reference) if accuracy is not reference else None,
                "each": accuracy,
                "interval": half_width(accuracy),
                "kept_answers": _means(found, "kept_answers"),
                **{k: _mean(found, k) for k in ("parameters", "multiply_adds", "cpu_seconds", "train_accuracy")},
                "train_samples": found[0].get("train_samples"),
                "test_samples": found[0].get("test_samples"),
            }
        )
    rows[0]["p"] = None
    return rows


class _Store:
    """The runs that were made before, one JSON line each; a line cut off by a crash is dropped."""

    def __init__(self, path: Path):
        self.path, self.runs = path, {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                    self.runs[entry.pop("key")] = entry
                except (ValueError, KeyError, AttributeError):
                    continue

    def __contains__(self, key: str) -> bool:
        return key in self.runs

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self.runs[key]

    def add(self, key: str, entry: dict[str, Any]) -> None:
        self.runs[key] = entry
        lines = [json.dumps({"key": k, **v}, ensure_ascii=False) for k, v in self.runs.items()]
        with atomic(self.path) as part:
            part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _key(study: Study, variant: Variant, seed: int) -> str:
    """Names a run of the study; two groups that share a variant share its runs."""
    what = [study.name, variant.name, variant.app, to_json(variant.config), seed]
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _mean(found: list[dict[str, Any]], name: str) -> float | None:
    values = [run[name] for run in found if run.get(name) is not None]
    return statistics.fmean(values) if values else None


def _means(found: list[dict[str, Any]], name: str) -> list[float] | None:
    lists = [run[name] for run in found if run.get(name)]
    return [statistics.fmean(values) for values in zip(*lists, strict=True)] if lists else None


def at_equal(target: float, value_of: Callable[[int], float], low: int = 2, high: int = 512) -> int:
    """The whole number whose value, which rises with it, lies nearest to `target` (bisection)."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if value_of(middle) <= target else (low, middle)
    return min((low, high), key=lambda n: abs(math.log(value_of(n) / target)))


def patient(config: Any, share: float, most: int = 20) -> Any:
    """The configuration for a share of the data: more passes over it, up to `most` times as many, for as many steps."""
    passes = round(config.fit.epochs * min(most, 1 / share))
    return replace(config, fit=replace(config.fit, epochs=max(passes, config.fit.epochs)))


def part(data: Any, share: float) -> Any:
    """The data set with the first `share` of a shuffled training split; the test split is whole."""
    from cnn_core.training.data import permutation

    if share >= 1:
        return data
    count = max(1, round(share * len(data.train)))
    return replace(data, train=data.train.subset(permutation(len(data.train), 0, 0)[:count]))
