"""The options that all comparative studies share, and how one is run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from apps.bench.options import BenchOptions, computing
from apps.bench.studies.domains import Domain, chosen
from apps.bench.studies.study import Study, run_study
from apps.bench.studies.tables import text_of
from cnn_core.errors import UserError
from cnn_core.files import plain
from cnn_core.outcome import Outcome
from cnn_core.verbs.measures.jobs import On, engine

SEEDS = {"quick": 5, "full": 10}


@dataclass(frozen=True, kw_only=True)
class StudyOptions(BenchOptions):
    """Options of a comparative study."""

    mode: Literal["quick", "full"] = "quick"
    """quick: a part of the data and 5 seeds, minutes; full: all of it and 10 seeds, hours."""
    apps: tuple[str, ...] = ()
    """Which domains; all when left out."""
    data: str = ""
    """Other data than the default of the one app named."""
    seeds: int = 0
    """Number of seeds, counted from --seed; 0 takes the mode's number."""
    out: Path | None = None
    """Folder for the results; benchmarks/<name>-<mode> when left out. What lies there already is not run again."""
    on: On = "here"
    """here: one training after another; ray: side by side on this machine's cores, or on the cluster that RAY_ADDRESS
    names, --threads cores each."""


def run_named(
    name: str, make: Callable[[list[Domain], str], Study], options: StudyOptions, *, apps: tuple[str, ...] = ()
) -> Outcome:
    """Run the study that `make(domains, mode)` gives; its tables.

    `apps` are the domains that the study is about, where it is not about all.
    """
    if options.seeds < 0:
        raise UserError(f"--seeds must be at least 1, not {options.seeds}")
    if apps and not set(options.apps) <= set(apps):
        raise UserError(f"--apps: {name} is about {' and '.join(apps)}")
    first = options.common.seed
    seeds = range(first, first + (options.seeds or SEEDS[options.mode]))
    out = options.out or Path("benchmarks") / f"{name}-{options.mode}"
    with computing(options.common) as place, engine(options.on, options.common) as jobs:
        study = make(chosen(options.apps or apps, options.data), options.mode)
        result = run_study(study, seeds, out, place=place, progress=not options.common.json, jobs=jobs)
    data = plain(result)
    assert isinstance(data, dict)
    return Outcome(data, f"{text_of(result)}\n\nresults: {out}")
