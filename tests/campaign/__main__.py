"""Crash campaign: `python -m tests.campaign --minutes 5` breaks inputs, runs and processes, and counts what happens.

Every trial has an oracle: a mutated input gives an answer or one line; a killed training resumes to the bits of one
that was left alone, any other killed verb answers the same when it is run again; the user's files are as they were, the
exit status is 0, 2, 130 or that of the kill, and nothing is written outside of the places named. A fixed seed
makes the same changes; what the clock decides (when a process is killed) differs from run to run.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

# Before torch is imported: one thread each, nothing exported at the end of trainings, faults with their traces.
os.environ |= {"OMP_NUM_THREADS": "1", "CNN_SUITE_EXPORT": "0", "CNN_SUITE_TRACE": "1"}

from tests.campaign import kills, readers, strangers
from tests.campaign.tally import Tally

KINDS = ("readers", "runs", "kills")
Trial = Callable[[Path, random.Random, Tally], None]


def main(arguments: list[str] | None = None) -> int:
    """0 where there was no fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--apps", nargs="+", choices=kills.APPS, default=kills.APPS)
    parser.add_argument("--keep", type=Path, help="folder for the inputs of faults")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    until = time.monotonic() + 60 * options.minutes
    tally = campaign(options.only, options.apps, options.seed, lambda: time.monotonic() > until, options.keep)
    print(tally.to_json() if options.json else tally.table())
    return int(bool(tally.faults))


def campaign(only, apps, seed: int, over: Callable[[], bool], keep: Path | None = None) -> Tally:
    """Trials of all kinds in turn until `over`."""
    tally = Tally(keep)
    with tempfile.TemporaryDirectory(prefix="campaign-") as name:
        top = Path(name)
        with kills.Bench(top / "bench", apps) as bench:
            if "readers" in only:
                for name in readers.READERS:
                    readers.whole(name, top / "whole" / name, tally)
            for number, trial in zip(count(), _in_turn(only, apps, bench), strict=False):
                if over():
                    break
                folder = top / "trial"
                folder.mkdir()
                trial(folder, random.Random(f"{seed} {number}"), tally)
                shutil.rmtree(folder)
                if sys.stderr.isatty():
                    print(f"\r{sum(tally.trials.values())} trials", end="", file=sys.stderr)
    return tally


def _in_turn(only, apps, bench: kills.Bench) -> Iterator[Trial]:
    """One trial of each kind after the other, for ever; kills, which take seconds, between the short ones."""
    short: list[Trial] = []
    if "readers" in only:
        short += [lambda *to, name=name: readers.trial(name, *to) for name in readers.READERS]
    if "runs" in only:
        short += [lambda *to, app=app: strangers.trial(bench, app, *to) for app in apps]
    long: list[Trial] = bench.trials() if "kills" in only else []
    for number in count():
        if short:
            yield short[number % len(short)]
        if long:
            yield long[number % len(long)]


if __name__ == "__main__":
    sys.exit(main())
