"""speed: every speed figure of the suite in one command, each against its named baseline in the same run."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from apps.bench.figures.figure import Figure, Report, number, read_report
from apps.bench.options import BenchOptions, on_processor
from apps.bench.studies.domains import check_names
from cnn_core.app import App
from cnn_core.console import note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import plain, write_json
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Common, parser

HEAD = ["figure", "here", "baseline", "it", "ratio"]
PROGRAMS = (
    "digits-speed",
    "visual-speed",
    "dream-speed",
    "go-speed",
    "speech-speed",
    "text-speed",
    "winograd-speed",
)


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of speed."""

    only: tuple[str, ...] = ()
    """Which benches; all when left out (about half an hour)."""
    out: Path = Path("benchmarks/speed")
    """Folder for the results; what lies there already is measured again only when named with --only."""


parse = parser(Options, "Run the speed benchmarks that are missing, each in a process of its own.")


def run(app: App | None, options: Options) -> Outcome:
    """Run the benches that are missing and gather the figures of all."""
    from cnn_core.benchmark import environment

    check_names("--only", options.only, PROGRAMS)
    with on_processor(options.common):
        reports = []
        for name in PROGRAMS:
            path = options.out / f"{name}.json"
            if name in options.only or not (options.only or path.exists()):
                note(f"{name} ...")
                write_json(path, measured(name, options.common))
            if path.exists():
                reports.append(read(path))
        figures = [figure for report in reports for figure in report.figures]
        rows = [_row(figure) for figure in figures]
        result = {
            "study": "speed",
            "question": "How fast is it, against what?",
            "table": {"head": HEAD, "rows": rows},
            "figures": figures,
            "groups": {},
            "says": [],
            "environment": environment(),
        }
    write_json(options.out / "results.json", result)
    data = plain(result)
    assert isinstance(data, dict)
    return Outcome(data, table(HEAD, rows))


def measured(name: str, common: Common) -> Report:
    """What the bench `name` finds, in a process of its own. Raises UserError with its last words where it fails."""
    command = [sys.executable, "-m", "apps.bench", name, "--json"]
    command += ["--seed", str(common.seed), "--threads", str(common.threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"{name} failed: {last}")
    report = read_report(json.loads(done.stdout.splitlines()[-1]), name)
    return replace(report, command=f"cnn-bench {name}")


def read(path: Path) -> Report:
    """The report that an earlier run wrote. Raises UserError when it is damaged or of another version."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: damaged ({error}); measure it again with --only {path.stem}") from error
    return read_report(data, str(path))


def _row(figure: Figure) -> list[str]:
    it = "-" if figure.baseline_value is None else number(figure.baseline_value)
    ratio = "-" if figure.ratio is None else f"{figure.ratio:.1f} x"
    return [figure.name, f"{number(figure.value)} {figure.unit}", figure.baseline or "-", it, ratio]
