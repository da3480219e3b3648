"""Figure: one measured number, how it was measured, and the named baseline measured in the same run.

All programs in this folder give a Report of figures. It is written as JSON, read back by `cnn-bench speed`, and printed
as one table.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from apps.bench.options import command_line
from cnn_core.benchmark import environment, paired_ratio, summary
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import plain
from cnn_core.outcome import Outcome


@dataclass(frozen=True)
class Figure:
    """Mean of `runs` measurements, and how many times better it is than the baseline."""

    name: str
    """What is measured."""
    unit: str
    """Its unit, such as texts/CPU-s, CPU-s, %."""
    value: float
    spread: float | None = None
    """Sample standard deviation over the runs; None of one run."""
    runs: int = 1
    """Rounds, seeds or folds."""
    of: str = ""
    """Where several things are measured alike, which of them: a preset, a variant."""
    baseline: str = ""
    """What it is compared with; empty where it is compared with nothing."""
    baseline_value: float | None = None
    ratio: float | None = None
    """Above 1 where the figure is better than the baseline."""
    low: float | None = None
    """95 % interval of the ratio, where both were measured in pairs."""
    high: float | None = None
    conditions: Mapping[str, Any] = field(default_factory=dict)
    """What else must be the same for the figure to be the same: sizes, steps, precision."""


@dataclass(frozen=True)
class Report:
    """What one program has measured, and where."""

    benchmark: str
    figures: tuple[Figure, ...]
    details: Mapping[str, Any] = field(default_factory=dict)
    """Single runs and all else that is worth keeping."""
    notes: tuple[str, ...] = ()
    """What the figures say, in plain words."""
    command: str | None = field(default_factory=command_line)
    environment: Mapping[str, Any] = field(default_factory=environment)
    """The machine, the versions, the date, the threads."""


def rate(
    name: str,
    unit: str,
    values: Sequence[float],
    baseline: str = "",
    others: Sequence[float] = (),
    **conditions: Any,
) -> Figure:
    """A figure of which more is better; `others` are those of the baseline, in pairs with `values`."""
    found = summary(values)
    figure = Figure(name, unit, found.mean, _sd(found.sd), found.n, conditions=conditions)
    if not baseline:
        return figure
    times = paired_ratio(values, others)
    return replace(
        figure, baseline=baseline, baseline_value=summary(others).mean, ratio=times.median, low=times.low,
        high=times.high,
    )  # fmt: skip


def over_runs(of: str, name: str, unit: str, values: Sequence[float], **conditions: Any) -> Figure:
    """A figure without a baseline: mean and standard deviation of `values` over seeds or folds."""
    found = summary(values)
    return Figure(name, unit, found.mean, _sd(found.sd), found.n, of, conditions=conditions)


def _sd(value: float) -> float | None:
    return value if math.isfinite(value) else None


def outcome(report: Report) -> Outcome:
    """The report as the front prints it: JSON or text."""
    data = plain(report)
    assert isinstance(data, dict)
    return Outcome(data, text_of(report))


def read_report(data: Any, where: str) -> Report:
    """The report that was written as JSON. Raises UserError, which names `where`, when it is something else."""
    try:
        figures = tuple(Figure(**row) for row in data["figures"])
        return Report(**{**data, "figures": figures, "notes": tuple(data["notes"])})
    except (TypeError, KeyError, ValueError) as error:
        raise UserError(f"{where}: no figures of this version ({error}); measure them again") from error


def text_of(report: Report) -> str:
    """The figures as a table, the notes, the machine."""
    alike = [figure for figure in report.figures if figure.of]
    single = [figure for figure in report.figures if not figure.of]
    parts = [_side_by_side(alike)] if alike else []
    parts += [_one_by_one(single)] if single else []
    parts += report.notes
    parts.append(", ".join(f"{name} {value}" for name, value in report.environment.items() if value is not None))
    return "\n\n".join(parts)


def _one_by_one(figures: Sequence[Figure]) -> str:
    """A row for each figure."""
    compared = any(figure.baseline for figure in figures)
    head = ["figure", "here", "unit", "runs", *(["baseline", "it", "times", "95 % interval"] if compared else [])]
    rows = []
    for figure in figures:
        row: list[object] = [figure.name, with_spread(figure), figure.unit, figure.runs]
        if compared:
            it = None if figure.baseline_value is None else number(figure.baseline_value)
            ratio = None if figure.ratio is None else number(figure.ratio)
            interval = None
            if figure.low is not None and figure.high is not None:
                interval = f"{number(figure.low)} to {number(figure.high)}"
            row += [figure.baseline or None, it, ratio, interval]
        rows.append(row)
    return table(head, rows)


def _side_by_side(figures: Sequence[Figure]) -> str:
    """A row for each thing measured, a column for each of its figures."""
    columns = dict.fromkeys((figure.name, figure.unit) for figure in figures)
    cells = {(figure.of, figure.name, figure.unit): figure for figure in figures}
    runs = {figure.of: figure.runs for figure in figures}
    rows = []
    for of, count in runs.items():
        found = [cells.get((of, *column)) for column in columns]
        rows.append([of, count, *(None if figure is None else with_spread(figure) for figure in found)])
    return table(["of", "runs", *(f"{name}, {unit}" if unit else name for name, unit in columns)], rows)


def with_spread(figure: Figure) -> str:
    """Value ± standard deviation, the latter to two significant digits."""
    if not figure.spread:
        return number(figure.value)
    digits = max(0, 1 - math.floor(math.log10(figure.spread)))
    return f"{figure.value:,.{digits}f} ± {figure.spread:,.{digits}f}"


def number(value: float) -> str:
    """A number to three significant digits or more."""
    size = abs(value)
    if size >= 1:
        return f"{value:,.{0 if size >= 100 else 1 if size >= 10 else 2}f}"
    return f"{value:.3g}"
