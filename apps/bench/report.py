"""report: docs/benchmarks.md from the results of the studies, written by this command and by nothing else."""

import json
import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from apps.bench.options import BenchOptions
from apps.bench.studies.domains import DOMAINS
from apps.bench.studies.options import SEEDS
from apps.bench.studies.tables import text_of
from cnn_core.app import App
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import atomic
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

HEAD = """# Comparative benchmarks

Written by `cnn-bench report` on {date}; do not edit. Every row was trained by the app's own code. Accuracy is that of
the test split, read once a seed; sd is the standard deviation over seeds; p is Welch's t-test against the first row of
the table, corrected for all tests of its study (Holm); every study has five seeds at least. CPU-s are CPU-seconds of
training on one thread; none where a GPU trained.

Run a study again with `cnn-bench NAME --mode quick` (or `full`): what has been run already is kept in
`benchmarks/NAME-MODE`, then `cnn-bench report`.
"""

OTHERS = "Of the studies that name none."


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of report."""

    results: Path = Path("benchmarks")
    """Folder that the studies wrote into."""
    out: Path = Path("docs/benchmarks.md")
    """The report; its plots go into a folder of the same name beside it."""


parse = parser(Options, "Write docs/benchmarks.md from the results of the studies.")


def run(app: App | None, options: Options) -> Outcome:
    """Collect and write."""
    found = collect(options.results)
    write(found, options.out)
    studies = [result["study"] for _, result in found]
    return Outcome({"report": str(options.out), "studies": studies}, f"{options.out}: {len(found)} studies")


def collect(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The results in `folder`, by name. Raises UserError when there are none, or one is damaged."""
    found = []
    for path in sorted(folder.glob("*/results.json")):
        try:
            found.append((path.parent, json.loads(path.read_text(encoding="utf-8"))))
        except ValueError as error:
            raise UserError(f"{path}: damaged ({error}); run the study again") from error
    if not found:
        raise UserError(f"{folder}: holds no results; run a study first, such as `cnn-bench pooling`")
    return found


def minutes(result: dict[str, Any], seeds: int, *, whole: bool = False) -> float:
    """CPU-minutes of training with so many seeds; `whole`, if all the data were taken."""
    spent = {}  # tables of a domain may share a row, which was trained once
    for group, rows in result["groups"].items():
        app = group.partition(":")[0]
        share = DOMAINS[app].share if whole and result.get("cut", True) else 1.0
        spent |= {(app, row["variant"]): (row["cpu_seconds"] or 0.0) / share for row in rows}
    return sum(spent.values()) * seeds / 60


def write(found: list[tuple[Path, dict[str, Any]]], out: Path) -> None:
    """The report and its plots; sections of studies that `found` lacks stay as they were."""
    plots = out.with_suffix("")
    sections = _sections(out)
    for folder, result in found:
        parts: list[str] = []
        mode = "full" if folder.name.endswith("full") else "quick"
        parts.append(f"{result['question']}\n")
        parts += [f"- {line}" for line in result["says"]]
        if "table" in result:
            parts.append(f"`cnn-bench {result['study']}`, one thread.\n")
            parts.append(table(result["table"]["head"], result["table"]["rows"], markdown=True) + "\n")
            sections[result["study"]] = "\n".join([*parts, _machine(result)])
            continue
        apps = " ".join(dict.fromkeys(group.partition(":")[0] for group in result["groups"]))
        asked = f"{result['study']} --apps {apps} --mode {mode} --seeds {result['seeds']}"
        command = result["command"] or f"cnn-bench {asked}"
        spent = f"{minutes(result, result['seeds']):.0f} CPU-minutes of training"
        if mode == "quick":
            spent += f" (in full mode about {minutes(result, SEEDS['full'], whole=True):.0f}, reckoned from these)"
        first = result.get("first", 0)
        parts.append(f"\n`{command}`, seeds {first} to {first + result['seeds'] - 1}, {spent}.\n")
        parts.append(text_of({**result, "says": []}, markdown=True))
        for number in range(1, len(result["groups"]) + 1):
            picture = folder / f"plot-{number}.png"
            if picture.is_file():
                plots.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(picture, plots / f"{folder.name}-{number}.png")
                parts.append(f"![{result['study']}]({plots.name}/{folder.name}-{number}.png)")
        parts += ["", _machine(result)]
        sections[result["study"]] = "\n".join(parts)
    machine = sections.pop("Machine", "")  # of reports that had one for all studies
    text = HEAD.format(date=date.today().isoformat())
    text += "".join(f"\n## {name}\n\n{section.strip()}\n" for name, section in sorted(sections.items()))
    if machine:
        text += f"\n## Machine\n\n{OTHERS}\n\n{machine.removeprefix(OTHERS).strip()}\n"
    with atomic(out) as part:
        part.write_text(text, encoding="utf-8")


def _sections(out: Path) -> dict[str, str]:
    """The sections of an earlier report by heading, which stay until their study is run again."""
    if not out.is_file():
        return {}
    parts = re.split(r"^## (.*)\n", out.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {name.strip(): body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def _machine(result: dict[str, Any]) -> str:
    """One line on where the study ran."""
    environment = {**result["environment"], "device": result.get("device", "cpu")}
    day = environment.pop("date", date.today().isoformat())
    return f"Measured {day}: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in environment.items())
