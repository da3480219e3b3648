"""peers: the suite beside what a user would take instead, to the same quality, each side in its own process."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from apps.bench.options import BenchOptions, command_line, on_processor
from apps.bench.peers.peer import HERE, TASKS, Setting, Side
from apps.bench.studies.domains import check_names
from cnn_core.app import App
from cnn_core.benchmark import environment, summary
from cnn_core.console import note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import atomic, plain, write_json
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

CHILD = "apps.bench.peers.child"
LONGEST = 3600
"""Seconds of a side at most."""


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of peers."""

    tasks: tuple[str, ...] = ()
    """Which comparisons, such as digits; all when left out."""
    quick: bool = False
    """A small part of the data: shows that every side works, not who is faster."""
    rounds: int = 1
    """Times that each side does each task, in turns, with other seeds."""
    reasons: bool = False
    """Ask pip why a peer that is missing cannot be installed; it looks into its package index, and installs nothing."""
    out: Path | None = None
    """JSON to write; a page in Markdown goes beside it."""


parse = parser(Options, "The suite beside what a user would take instead: time to the same quality, memory, imports.")


def run(app: App | None, options: Options) -> Outcome:
    """All sides of the tasks."""
    check_names("--tasks", options.tasks, TASKS)
    if options.rounds < 1:
        raise UserError(f"--rounds must be at least 1, not {options.rounds}")
    with on_processor(options.common):
        found = [compared(name, options) for name in options.tasks or TASKS]
    result = {
        "command": command_line() or "cnn-bench peers",
        "environment": environment(),
        "rounds": options.rounds,
        "quick": options.quick,
        "tasks": found,
    }
    data = plain(result)
    assert isinstance(data, dict)
    text = "\n\n".join(text_of(task) for task in found)
    if options.out:
        write_json(options.out, data)
        with atomic(options.out.with_suffix(".md")) as part:
            part.write_text(page(data), encoding="utf-8")
    return Outcome(data, text)


def compared(name: str, options: Options) -> dict[str, Any]:
    """Rows of the sides that are installed, and of the others the reason."""
    task = TASKS[name]
    missing = {side.name: why_not(side, options.reasons) for side in task.sides if not installed(side)}
    present = [number for number, side in enumerate(task.sides) if side.name not in missing]
    if task.follows == "peers":
        present.reverse()
    runs: dict[int, list[dict[str, float]]] = {number: [] for number in present}
    failed: dict[str, str] = {}
    for turn in range(options.rounds):
        goal: float | None = None
        for number in present:
            side = task.sides[number]
            if side.name in failed:
                continue
            note(f"{name}: {side.name} ...")
            ours = number == 0
            asked = goal if (task.follows == "peers") == ours and task.follows else None
            try:
                row = measured(name, number, Setting(options.quick, options.common.seed + turn, asked))
            except UserError as error:
                if ours:
                    raise
                failed[side.name] = str(error)
                continue
            runs[number].append(row)
            if (task.follows == HERE) == ours:
                better = max if task.higher else min
                goal = row["quality"] if goal is None else better(goal, row["quality"])
    rows = [_row(task.sides[number], runs[number], runs[0]) for number in sorted(present) if runs[number]]
    return {"task": name, "about": task.about, "quality": task.quality, "rows": rows, "missing": missing | failed}


def installed(side: Side) -> bool:
    """Whether what the side imports can be found."""
    return all(importlib.util.find_spec(name.partition(".")[0]) is not None for name in side.imports)


def why_not(side: Side, asked: bool) -> str:
    """What to install, or the last words of pip about it."""
    if not asked:
        return f"not installed: pip install {side.pip}"
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--disable-pip-version-check", side.pip]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return f"pip did not end within {LONGEST} seconds"
    if tried.returncode == 0:
        return f"not installed, but it can be: pip install {side.pip}"
    lines = [line.strip() for line in tried.stderr.splitlines() if line.strip().lower().startswith("error")]
    return lines[-1] if lines else f"pip ended with status {tried.returncode}"


def measured(task: str, number: int, setting: Setting) -> dict[str, float]:
    """What the side's process has measured. Raises UserError where it fails, with the last line that it wrote."""
    command = [sys.executable, "-m", CHILD, task, str(number), json.dumps(asdict(setting))]
    name = f"{task}: {TASKS[task].sides[number].name}"
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{name} did not end within {LONGEST} seconds") from error
    if child.returncode != 0:
        last = (child.stderr.strip().splitlines() or [f"status {child.returncode}"])[-1]
        raise UserError(f"{name} failed: {last}")
    return json.loads(child.stdout)


def _row(side: Side, runs: Sequence[dict[str, float]], ours: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Means over the rounds; `times` is the median of their CPU-seconds over ours, each pair in one round."""
    cpu, quality = (summary([run[key] for run in runs]) for key in ("cpu", "quality"))
    ratios = sorted(run["cpu"] / max(own["cpu"], 1e-9) for run, own in zip(runs, ours, strict=False))
    return {
        "side": side.name,
        "cpu_seconds": cpu.mean,
        "cpu_sd": cpu.sd if cpu.n > 1 else None,
        "quality": quality.mean,
        "quality_sd": quality.sd if quality.n > 1 else None,
        "times": ratios[len(ratios) // 2],
        "imports": min(run["imports"] for run in runs),
        "peak_mb": max(run["peak"] for run in runs),
    }


def text_of(task: dict[str, Any]) -> str:
    """One task as a table, and what is missing."""
    head = ["", "CPU-s", task["quality"], "times ours", "imports, CPU-s", "peak, MB"]
    rows = [
        [
            row["side"], _spread(row["cpu_seconds"], row["cpu_sd"]), _spread(row["quality"], row["quality_sd"]),
            f"{row['times']:.2f}", f"{row['imports']:.2f}", f"{row['peak_mb']:,.0f}",
        ]
        for row in task["rows"]
    ]  # fmt: skip
    lines = [f"{task['task']}: {task['about']}", table(head, rows)]
    return "\n".join([*lines, *(f"{name}: {why}" for name, why in task["missing"].items())])


def _spread(value: float, sd: float | None) -> str:
    digits = 4 if abs(value) < 0.1 else 2 if abs(value) < 1000 else 0
    return f"{value:,.{digits}f}" + (f" ± {sd:,.{digits}f}" if sd else "")


def page(data: dict[str, Any]) -> str:
    """All tasks in Markdown, with the machine."""
    return "\n\n".join(_parts(data)) + "\n"


def _parts(data: dict[str, Any]) -> Iterator[str]:
    yield "# Beside other tools"
    yield (
        f"`{data['command']}`. Each side works in a process of its own, on one thread; CPU-seconds of the work itself,"
        " without reading data and judging. `times ours` above 1: ours is faster. Peak is the memory of the whole"
        " process, its data included."
    )
    yield ", ".join(f"{name} {value}" for name, value in data["environment"].items() if value is not None)
    for task in data["tasks"]:
        title = task["task"].replace("-", " ")
        yield f"## {title[0].upper()}{title[1:]}"
        yield f"{task['about'][0].upper()}{task['about'][1:]}."
        head = f"| | CPU-s | {task['quality']} | times ours | imports, CPU-s | peak, MB |"
        rows = [
            f"| {row['side']} | {_spread(row['cpu_seconds'], row['cpu_sd'])} |"
            f" {_spread(row['quality'], row['quality_sd'])} | {row['times']:.2f} | {row['imports']:.2f} |"
            f" {row['peak_mb']:,.0f} |"
            for row in task["rows"]
        ]
        yield "\n".join([head, "|---|--:|--:|--:|--:|--:|", *rows])
        if task["missing"]:
            yield "\n".join(f"- {name}: {why}" for name, why in task["missing"].items())
