"""tune: search the settings of a preset for some minutes, and train what was found."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cnn_core.app import App
from cnn_core.console import note, note_if_slow
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import FromPreset, parse_preset, preset
from cnn_core.verbs.measures.jobs import On, engine
from cnn_core.verbs.measures.tuning.halving import RUNGS, Trial, best, bracket, drawn
from cnn_core.verbs.measures.tuning.ranges import USUAL, free


@dataclass(frozen=True, kw_only=True)
class TuneOptions(FromPreset):
    """Options of tune beside the configuration."""

    minutes: float = 10.0
    """Time for all of it, the training of what is found included; a search that goes on counts what it had."""
    out: Path | None = None
    """Folder of the search; named again, it goes on there. runs/<app>/tune-<preset> when left out."""
    held_out: float = 0.2
    """Share of the training data by which settings are chosen, where the data have no validation split."""
    on: On = "here"
    """here: one training after another; ray: side by side on this machine's cores, or on the cluster that RAY_ADDRESS
    names, --threads cores each, and as many times as many settings in the same minutes."""


ABOUT = "Search learning rate and other settings by successive halving; the test data choose nothing."


def parse(app: App, prog: str, args: Sequence[str]) -> Any:
    """Options whose defaults are those of the preset that --preset names. Raises UserError."""
    parsed = parse_preset(TuneOptions, app, prog, args, ABOUT)
    if not parsed.minutes > 0:
        raise UserError(f"--minutes must be above 0, not {parsed.minutes:g}")
    if not 0 < parsed.held_out < 1:
        raise UserError(f"--held-out must lie between 0 and 1, not {parsed.held_out:g}")
    return parsed


def run(app: App, options: Any) -> Outcome:
    """Search, train the winner in full, and measure it on the test split. Raises UserError."""
    from cnn_core.training import device
    from cnn_core.verbs.measures.tuning.search import Search
    from cnn_core.verbs.train import with_absolute_paths

    name = options.preset or app.default_preset
    usual = preset(app, name)
    declared = app.ranges.get(name, USUAL)
    ranges = free(declared, options.config, usual)
    if not ranges:
        raise UserError(
            f"nothing is left to search: {', '.join(declared)} are what {name!r} declares, and all are given"
        )
    config = with_absolute_paths(options.config, app.paths)
    device.choose(options.common.device, options.common.threads)
    folder = options.out or Path("runs") / app.name / f"tune-{name}"
    with engine(options.on, options.common) as jobs:
        search = Search(app, name, config, folder, options.held_out, options.common, jobs)
        with search.working():
            return _searched(app, search, ranges, 60 * options.minutes)


def _searched(app: App, search: Any, ranges: Any, seconds: float) -> Outcome:
    config, seed, slots = search.config, search.common.seed, search.jobs.slots
    smallest = search.plan["smallest"]
    with note_if_slow(
        f"{2 * slots} trainings with {smallest:.0%} of the samples come first and tell how long a whole one takes; the"
        " very first also loads and compiles, which takes long for this network"
    ):
        # Of two in a process the second tells the time: the first also loads and compiles.
        search.train([drawn(ranges, config, seed, number) for number in range(2 * slots)], smallest)
    if "top" not in search.plan:
        left = seconds - search.used / slots - search.whole
        search.decide(top=min(1.0, max(left / (RUNGS * search.whole), search.plan["smallest"])))
    top = search.plan["top"]
    if top < 1:
        note(f"the time is too short for whole trainings: settings are compared with {top:.0%} of the samples at most")
    note(f"searching {', '.join(ranges)}; one whole training takes about {search.whole:.0f} s")

    def over(share: float) -> bool:  # the last training of all is alone
        return search.used / slots + (share + 1) * search.whole > seconds

    if over(top) and len(search.trials) <= 2:
        note(
            f"{seconds / 60:g} minutes are too few to compare anything with; give --minutes"
            f" {math.ceil(4 * search.whole / 60 + 1)} or more, fewer --fit.epochs, or a smaller preset"
        )
    number = 0
    while not over(top):
        if number:
            search.train([{}], top)  # the preset itself, however it began: what is found is compared with it
        train = partial(search.train, over=over)
        number = bracket(number, top, lambda n: drawn(ranges, config, seed, n), train, slots)
    winner, start = best(search.trials), search.of({})
    begun = time.perf_counter()
    test = search.finish(winner.settings)
    return _outcome(app, search, winner, start, test, time.perf_counter() - begun)


def _outcome(
    app: App, search: Any, winner: Trial, start: Trial | None, test: Mapping[str, Any], last: float
) -> Outcome:
    words = [app.prog, "train", "--preset", search.preset, *search.given, *_options(winner.settings)]
    trials = sorted(search.trials, key=lambda trial: (-trial.share, -trial.score))
    known = start if start is not None and start.share == winner.share else None
    result = {
        "search": str(search.folder), "run": str(search.winner), "trials": len(trials), "seconds": search.used + last,
        "settings": dict(winner.settings), "share": winner.share,
        "validation": {"samples": search.held, "accuracy": winner.accuracy, "loss": winner.loss},
        "preset_validation": {"accuracy": known.accuracy, "loss": known.loss} if known else None,
        "test": test, "command": shlex.join(words),
    }  # fmt: skip
    rows = [["settings", ", ".join(f"{k} {v}" for k, v in winner.settings.items()) or "those of the preset"]]
    chosen = f"{winner.accuracy:.2%} of {search.held:,} samples held out"
    if known and winner.settings:
        chosen += f" (the preset: {known.accuracy:.2%})"
    low, high = test["accuracy_interval"]
    rows += [
        ["score that chose it", f"{chosen}: the best of {len(trials)} trainings, and so too high"],
        ["score on test data", f"{test['accuracy']:.2%} of {test['count']:,} samples that chose nothing "
         f"({low:.2%} to {high:.2%})"],
        ["run", str(search.winner)],
        ["command", shlex.join(words)],
    ]  # fmt: skip
    shown = [
        [f"{trial.share:.0%}", f"{trial.accuracy:.2%}", f"{trial.loss:.4f}", f"{trial.seconds:.1f}",
         ", ".join(f"{k.rpartition('.')[2]} {v}" for k, v in trial.settings.items()) or "the preset's"]
        for trial in trials[:12]
    ]  # fmt: skip
    text = table(["tuned", search.preset], rows)
    text += "\n\n" + table(["samples", "accuracy", "loss", "seconds", "settings"], shown)
    return Outcome(result, f"{text}\n\nall trials: {search.folder}/trials.csv")


def _options(settings: Mapping[str, Any]) -> list[str]:
    """Settings as options of train."""
    found = []
    for name, value in settings.items():
        found.append(f"--{name.replace('_', '-')}")
        found += map(str, value) if isinstance(value, list | tuple) else [str(value)]
    return found
