"""One side of one task in its own process: `python -m apps.bench.peers.child TASK NUMBER SETTING`, JSON on stdout."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import sys
from dataclasses import asdict

from apps.bench.peers.peer import TASKS, Setting


def measure(task: str, number: int, setting: Setting) -> dict[str, float]:
    """Import what the side imports, let it work; CPU-seconds of both, its quality, and the peak of memory in MB."""
    from cnn_core.benchmark import cpu_seconds

    side = TASKS[task].sides[number]
    with cpu_seconds() as imports:
        for name in side.imports:
            importlib.import_module(name)
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(setting.seed)
    module, _, function = side.function.partition(":")
    found = getattr(importlib.import_module(f"apps.bench.peers.{module}"), function)(setting)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"imports": imports.cpu, **asdict(found), "peak": peak}


def main() -> None:
    """What peers print goes to standard error, so that standard output holds JSON alone."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    task, number, setting = sys.argv[1:]
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        row = measure(task, int(number), Setting(**json.loads(setting)))
    json.dump(row, out)


if __name__ == "__main__":
    main()
