"""How the programs in this folder measure: ways that take turns, and trainings over seeds."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apps.bench.figures.figure import Figure, over_runs
from cnn_core.benchmark import cpu_seconds
from cnn_core.console import note
from cnn_core.errors import UserError

Way = Callable[[int], float]
"""way(round) does the work once and gives the number of items that it handled."""


def in_turns(ways: Mapping[str, Way], rounds: int, *, warm: bool = True) -> dict[str, list[float]]:
    """Items per CPU-second of each way in each round.

    All ways take their turn in every round, so that a slow spell of the machine hits all. With `warm` each is called
    once before, which compiles code and fills caches. Raises UserError for less than one round.
    """
    if rounds < 1:
        raise UserError(f"--rounds must be at least 1, not {rounds}")
    for way in ways.values() if warm else ():
        way(0)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name, way in ways.items():
            with cpu_seconds() as spent:
                items = way(turn)
            found[name].append(items / spent.cpu)
    return found


def over_seeds(seeds: Sequence[int], one: Callable[[int], dict[str, Any]], **labels: Any) -> list[dict[str, Any]]:
    """The row that `one(seed)` gives for each seed; each is told on standard error as soon as it is there.

    Raises UserError where there are none.
    """
    if not seeds:
        raise UserError("--seeds must be at least 1")
    rows = []
    for seed in seeds:
        rows.append({**labels, "seed": seed, **one(seed)})
        note(json.dumps(rows[-1]))
    return rows


def figures_of(
    of: str, rows: Sequence[Mapping[str, Any]], measures: Mapping[str, tuple[str, str]], **conditions: Any
) -> list[Figure]:
    """A figure for each of `measures`: key of the rows -> (name, unit); shares in % come as parts of 1."""
    found = []
    for key, (name, unit) in measures.items():
        values = [row[key] * (100 if unit == "%" else 1) for row in rows]
        found.append(over_runs(of, name, unit, values, **conditions))
    return found
