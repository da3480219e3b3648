"""The options that all comparative studies share, and how one is run."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from apps.bench.studies.domains import Domain, chosen
from apps.bench.studies.study import Study, run_study, text_of
from cnn_core import config as config_module
from cnn_core.errors import UserError

SEEDS = {"quick": 3, "full": 10}


@dataclass(frozen=True)
class Options:
    """Options of a comparative study."""

    mode: Literal["quick", "full"] = "quick"
    """quick: a part of the data and 3 seeds, minutes; full: all of it and 10 seeds, hours."""
    apps: tuple[str, ...] = ()
    """Which domains; all when left out."""
    data: str = ""
    """Other data than the default of the one app named."""
    seeds: int = 0
    """Seeds, counted from 0; 0 takes the mode's number."""
    out: Path | None = None
    """Folder for the results; benchmarks/<name>-<mode> when left out. What lies there already is not run again."""
    threads: int = 1
    """CPU threads."""
    json: bool = False
    """Print one JSON object on standard output."""


def study_main(
    name: str, make: Callable[[list[Domain], str], Study], args: list[str], *, apps: tuple[str, ...] = ()
) -> int:
    """Parse the options, run the study that `make(domains, mode)` gives, print its tables.

    `apps` are the domains that the study is about, where it is not about all.
    """
    import torch

    options = config_module.parse(Options, args, prog=f"cnn-bench {name}")
    if options.seeds < 0:
        raise UserError(f"--seeds must be at least 1, not {options.seeds}")
    torch.set_num_threads(options.threads)
    if apps and not set(options.apps) <= set(apps):
        raise UserError(f"--apps: {name} is about {' and '.join(apps)}")
    study = make(chosen(options.apps or apps, options.data), options.mode)
    out = options.out or Path("benchmarks") / f"{name}-{options.mode}"
    result = run_study(study, options.seeds or SEEDS[options.mode], out, progress=not options.json)
    print(json.dumps(result, ensure_ascii=False) if options.json else f"{text_of(result)}\n\nresults: {out}")
    return 0
