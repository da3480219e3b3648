"""One search: its data, its folder with a file for each training, and the run that comes out of it."""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cnn_core import bounded
from cnn_core.app import App
from cnn_core.config import changed, to_json
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.files import atomic, write_json
from cnn_core.metrics.classes import wilson_interval
from cnn_core.runs import Run
from cnn_core.training.data import Dataset, Split
from cnn_core.training.device import choose
from cnn_core.training.inference import predict_logits
from cnn_core.training.run_lock import training_in
from cnn_core.verbs.common import Common
from cnn_core.verbs.measures.jobs import Engine, Job, Replicated
from cnn_core.verbs.measures.learning import learn, save
from cnn_core.verbs.measures.tuning.halving import ETA, RUNGS, Settings, Trial, shortened
from cnn_core.verbs.measures.tuning.ranges import value_of

PLAN, TRIALS, WINNER = "search.json", "trials", "winner"
FIELDS = ("share", "score", "accuracy", "loss", "seconds")


class Search:
    """Trainings of `config` with other settings, each measured on held-out samples and kept in `folder`."""

    def __init__(self, app: App, preset: str, config: Any, folder: Path, held_out: float, common: Common, jobs: Engine):
        """Loads the data. Raises UserError where the folder is another search's, and for too few samples."""
        self.app, self.preset, self.config, self.folder, self.common = app, preset, config, folder, common
        self.jobs = jobs
        load = partial(parts, app, config, held_out, common.seed)
        here = load()
        self.source, self.held = here[0], len(here[2])
        self.winner = folder / WINNER
        self.trials: list[Trial] = []
        usual = app.presets[preset]
        names = [name for name in _leaves(to_json(config)) if value_of(config, name) != value_of(usual, name)]
        self.given = [word for name in names for word in _option(name, value_of(config, name))]
        self.asked = {"app": app.name, "preset": preset, "config": to_json(config), "seed": common.seed,
                      "held_out": held_out}  # fmt: skip
        self.data = Replicated(json.dumps(self.asked, sort_keys=True), load, here)
        self.plan: dict[str, Any] = {**self.asked, "smallest": ETA ** (1.0 - RUNGS)}

    @contextmanager
    def working(self) -> Iterator[None]:
        """Holds the folder while the search works, and knows what an earlier one found in it."""
        path = self.folder / PLAN
        if path.exists():
            found = bounded.read_json(path, regular=True)
            if not isinstance(found, dict) or any(found.get(name) != value for name, value in self.asked.items()):
                raise UserError(f"{self.folder}: holds a search with other settings or data; name another --out")
            self.plan = found
        elif self.folder.exists() and any(self.folder.iterdir()):
            raise UserError(f"{self.folder}: exists already and is no search; name another --out")
        self.folder.mkdir(parents=True, exist_ok=True)
        with training_in(self.folder):
            write_json(path, self.plan)
            for each in sorted((self.folder / TRIALS).glob("*.json")):
                self.trials.append(_trial(each))
            if self.trials:
                note(f"going on in {self.folder}: {len(self.trials)} trainings are there")
            yield

    @property
    def used(self) -> float:
        """Seconds that the trainings took, in this process and earlier ones, each counted for itself."""
        return sum(trial.seconds for trial in self.trials)

    @property
    def whole(self) -> float:
        """Seconds of one training with all samples, about: by the quickest of those that had most of them."""
        most = max(trial.share for trial in self.trials)
        return min(trial.seconds / most for trial in self.trials if trial.share == most)

    def decide(self, **values: float) -> None:
        """Keep a decision, so that a search that goes on decides the same."""
        self.plan |= values
        write_json(self.folder / PLAN, self.plan)

    def of(self, settings: Settings) -> Trial | None:
        """The training of these settings that had the most samples."""
        found = [trial for trial in self.trials if dict(trial.settings) == dict(settings)]
        return max(found, key=lambda trial: trial.share, default=None)

    def train(self, rung: Sequence[Settings], share: float, over: Callable[[float], bool] | None = None) -> list[Trial]:
        """Train with `share` of the samples and measure; what was trained before is not trained again.

        `over(share)` says whether there is no time to begin one more training of this share; what has been trained by
        then is given, in the order of the settings.
        """
        names = [json.dumps(dict(settings), sort_keys=True) for settings in rung]
        found = {name: trial for trial in self.trials if abs(trial.share - share) < 1e-9
                 and (name := json.dumps(dict(trial.settings), sort_keys=True)) in names}  # fmt: skip
        wanted = {name: settings for name, settings in zip(names, rung, strict=True) if name not in found}

        def asked() -> Iterator[Job]:
            for name, settings in wanted.items():
                if over is not None and over(share):
                    return
                yield name, (*given, settings, share)

        given = (self.data, self.app, self.preset, self.config, self.common.seed, self.jobs.device)
        with closing(self.jobs.results(tried, asked())) as results:
            for name, trial in results:
                key = hashlib.sha256(json.dumps([dict(trial.settings), share], sort_keys=True).encode()).hexdigest()[
                    :16
                ]
                write_json(self.folder / TRIALS / f"{key}.json", asdict(trial))
                self.trials.append(trial)
                found[name] = trial
                self._list()
                note(
                    f"{len(self.trials)}: {share:.0%} of the samples, {trial.accuracy:.2%} right, {trial.seconds:.1f} s"
                )
        return [found[name] for name in names if name in found]

    def finish(self, settings: Settings) -> dict[str, Any]:
        """Train the settings on all training samples into the folder `winner`; figures on the test split."""
        config = changed(self.config, settings)
        note(f"training the settings that won on all {len(self.source.train):,} samples")
        choose(self.common.device, self.common.threads)
        learned = learn(self.app, self.preset, config, self.source, seed=self.common.seed, on=self.common.device)
        save(learned, self.app, self.winner, "", overwrite=self.winner.exists())
        accuracy, loss = figures(learned.run, self.source.test)
        count = len(self.source.test)
        several = self.app.several_labels(self.config)
        interval = (accuracy, accuracy) if several else wilson_interval(round(accuracy * count), count)
        return {"accuracy": accuracy, "accuracy_interval": list(interval), "loss": loss, "count": count}

    def _list(self) -> None:
        """trials.csv: a row for each training."""
        names = sorted({name for trial in self.trials for name in trial.settings})
        with atomic(self.folder / "trials.csv") as part, part.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow([*FIELDS, *names])
            for trial in self.trials:
                given = [trial.settings.get(name, value_of(self.config, name)) for name in names]
                writer.writerow([*(getattr(trial, field) for field in FIELDS), *given])


def parts(app: App, config: Any, held_out: float, seed: int) -> tuple[Dataset, Split, Split]:
    """(the data set, samples to learn from, samples that choose). Raises UserError for too few."""
    source = app.load(config)
    if source.validation is not None:
        return source, source.train, source.validation
    return source, *source.train.hold_out(held_out, seed)


def tried(
    data: Replicated[tuple[Dataset, Split, Split]], app: App, preset: str, config: Any, seed: int, device: str,
    settings: Settings, share: float,
) -> Trial:  # fmt: skip
    """Train `config` with other settings on a share of the samples and measure; one that runs away has (0, 100)."""
    source, part, held = data.get()
    begun = time.perf_counter()
    shorter = shortened(changed(config, settings), share, len(part))
    halved = Dataset(source.name, part, held, source.labels, fitted=source.fitted)
    try:
        learned = learn(app, preset, shorter, halved, seed=seed, on=device)
        accuracy, loss = figures(learned.run, held)
    except UserError as error:
        if "training loss" not in str(error):
            raise
        accuracy, loss = 0.0, 100.0
    score = -loss if app.several_labels(config) else accuracy - 1e-3 * min(loss, 100.0) / 100.0
    return Trial(settings, share, score, accuracy, loss, time.perf_counter() - begun)


def figures(run: Run, split: Split) -> tuple[float, float]:
    """(share of right answers, mean loss) of the run on the samples."""
    forward = run.app.forward_of(run.config)
    logits = predict_logits(run.model, split.plain(), precision=run.config.fit.precision, forward=forward).float()
    targets = split.targets.to(logits.device)
    if run.several_labels:
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets.float())
        return float(((logits > 0) == (targets > 0)).float().mean()), float(loss)
    loss = torch.nn.functional.cross_entropy(logits, targets.long())
    return float((logits.argmax(1) == targets).float().mean()), float(loss)


def _trial(path: Path) -> Trial:
    """A training of an earlier process. Raises UserError for a file that is none."""
    value = bounded.read_json(path, regular=True)
    try:
        numbers = {name: float(value[name]) for name in FIELDS}
        settings = value["settings"]
        if not isinstance(settings, dict):
            raise TypeError
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: damaged; remove it, and the training is made again") from error
    return Trial(settings, **numbers)


def _leaves(value: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from _leaves(inner, f"{before}{name}.")
        else:
            yield before + name


def _option(name: str, value: Any) -> list[str]:
    """A setting as an option of train."""
    words = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        outer, _, last = words.rpartition(".")
        plain = last.removeprefix("--")
        prefix = f"{outer}." if outer else "--"
        return [f"{prefix}{plain}" if value else f"{prefix}no-{plain}"]
    return [words, *map(str, value)] if isinstance(value, list | tuple) else [words, str(value)]
