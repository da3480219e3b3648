"""roofline: work, time and share of the machine's peak of every main job; and which have become slower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.bench.options import BenchOptions, command_line, on_processor
from apps.bench.roofline.jobs import JOBS, Job
from apps.bench.roofline.table import Row, against, changes_table, page, read_rows, table_of
from apps.bench.studies.domains import check_names
from cnn_core.app import App
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.files import atomic, plain, write_json
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    from apps.bench.roofline.machine import Peak

ROUNDS = {True: 2, False: 7}
ROUND = 0.1
"""CPU-seconds of a round at least."""


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of roofline."""

    jobs: tuple[str, ...] = ()
    """Which jobs, such as digits-train-fast; all when left out."""
    quick: bool = False
    """Few rounds: under two minutes."""
    rounds: int = 0
    """Rounds of each job, of which the best counts; 0 takes 7, or 2 with --quick."""
    against: Path | None = None
    """JSON of an earlier run: say which jobs have become slower by more than a fifth, and end with status 1 if any."""
    out: Path | None = None
    """JSON to write; a page in Markdown goes beside it."""


parse = parser(Options, "Work, time and share of the machine's peak of every main job.")


def run(app: App | None, options: Options) -> Outcome:
    """Measure the jobs, compare them with an earlier run."""
    check_names("--jobs", options.jobs, JOBS)
    if options.rounds < 0:
        raise UserError(f"--rounds must be at least 1, or 0 for the usual number, not {options.rounds}")
    earlier = read_rows(options.against) if options.against else None
    rounds = options.rounds or ROUNDS[options.quick]
    names = options.jobs or tuple(JOBS)

    from cnn_core.benchmark import environment

    with on_processor(options.common):
        from apps.bench.roofline.machine import measured_peak

        peak = measured_peak(rounds)
        rows, skipped = measured(names, rounds, peak)
        changes = None
        if earlier is not None:
            rows = once_more(rows, earlier, rounds, peak)
            changes = against(rows, earlier)
        result: dict[str, Any] = {
            "command": command_line() or "cnn-bench roofline",
            "environment": environment(),
            "rounds": rounds,
            "peak": peak,
            "rows": rows,
            "skipped": skipped,
        }
    data = plain(result)
    assert isinstance(data, dict)
    text, status = [table_of(rows), *(f"{job}: left out, {reason}" for job, reason in skipped.items())], 0
    if changes is not None:
        slower = [change.job for change in changes if change.slower]
        data["slower"] = slower
        verdict = f"slower by more than a fifth: {'; '.join(slower)}" if slower else "no job has become slower"
        text += [changes_table(changes), verdict]
        status = 1 if slower else 0
    if options.out:
        write_json(options.out, data)
        with atomic(options.out.with_suffix(".md")) as part:
            part.write_text(page(data, rows), encoding="utf-8")
    return Outcome(data, "\n\n".join(text), status)


def measured(names: Sequence[str], rounds: int, peak: Peak) -> tuple[list[Row], dict[str, str]]:
    """A row for each job, and the reason for those that are not available."""
    rows: list[Row] = []
    skipped: dict[str, str] = {}
    for name in names:
        note(f"{name} ...")
        try:
            rows.append(measure(name, JOBS[name], rounds, peak))
        except UserError as error:
            skipped[name] = str(error)
    return rows, skipped


def once_more(rows: Sequence[Row], earlier: Mapping[str, Row], rounds: int, peak: Peak) -> list[Row]:
    """The rows, those of jobs that seem slower than earlier measured again: a neighbour may have had the caches."""
    seem = {change.job for change in against(rows, earlier) if change.slower}
    found = []
    for row in rows:
        if row.job in seem:
            note(f"{row.job} once more ...")
            row = min(row, measure(row.job, JOBS[row.job], 2 * rounds, peak), key=lambda each: each.cpu_seconds)
        found.append(row)
    return found


def measure(name: str, job: Job, rounds: int, peak: Peak) -> Row:
    """Count the job's work once, which warms up as well, then take the best of so many rounds."""
    from apps.bench.roofline.work import work_of
    from cnn_core.benchmark import cpu_seconds

    ready = job.ready()
    work = work_of(ready.counted or ready.run)
    best = float("inf")
    for _ in range(rounds):
        runs = 0
        with cpu_seconds() as spent:
            while not runs or spent.cpu < ROUND:
                ready.run()
                runs += 1
        best = min(best, spent.cpu / runs)
    count = ready.samples
    return Row(
        name, job.sample, ready.precision, work.flops / count, work.bytes / count, best / count,
        peak.gflops[ready.precision], peak.bandwidth,
    )  # fmt: skip
