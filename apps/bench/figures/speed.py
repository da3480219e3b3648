"""speed: every speed figure of the suite in one command, each against its named baseline in the same run."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.bench.studies.domains import check_names
from cnn_core import benchmark
from cnn_core import config as config_module
from cnn_core.console import note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import write_json

HEAD = ["figure", "here", "baseline", "it", "ratio"]
Row = list[str]


@dataclass(frozen=True)
class Options:
    """Options of speed."""

    only: tuple[str, ...] = ()
    """Which benches; all when left out (about half an hour)."""
    out: Path = Path("benchmarks/speed")
    """Folder for the results; what lies there already is measured again only when named with --only."""
    json: bool = False
    """Print one JSON object on standard output."""


def main(args: list[str]) -> int:
    """Run the benches that are missing, each in a process of its own, and print the table."""
    options = config_module.parse(Options, args, prog="cnn-bench speed")
    check_names("--only", options.only, FIGURES)
    rows: list[Row] = []
    for name, figures in FIGURES.items():
        path = options.out / f"{name}.json"
        if name in options.only or not (options.only or path.exists()):
            note(f"{name} ...")
            write_json(path, measured(name))
        if path.exists():
            rows += figures(json.loads(path.read_text(encoding="utf-8")))
    result = {
        "study": "speed",
        "question": "How fast is it, against what?",
        "table": {"head": HEAD, "rows": rows},
        "groups": {},
        "says": [],
        "environment": {**benchmark.environment(), "threads": 1},  # as each bench sets for itself
    }
    write_json(options.out / "results.json", result)
    print(json.dumps(result) if options.json else table(HEAD, rows))
    return 0


def measured(name: str) -> dict[str, Any]:
    """What the bench `name` prints. Raises UserError with its last words where it fails."""
    command = [sys.executable, "-m", "apps.bench", name, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"{name} failed: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.1f} x"


def _digits(found: dict[str, Any]) -> Iterator[Row]:
    ours = found["fast"]["cpu_seconds"]["mean"]
    ratio = found["ratio"]
    baseline = "-" if ratio is None else f"{ratio * ours:.0f} CPU-s"
    yield ["digits to 99 %", f"{ours:.1f} CPU-s", "PyTorch's MNIST example, DataLoader", baseline, _times(ratio)]


def _visual(found: dict[str, Any]) -> Iterator[Row]:
    a = found["lecture"]
    here, it = a["images_per_cpu_second"], a["baseline_images_per_cpu_second"]
    yield [
        "x* of 50 filters",
        f"{here:.1f} images/CPU-s",
        "one at a time, hook, full pass",
        f"{it:.1f}",
        _times(a["ratio"]),
    ]


def _dream(found: dict[str, Any]) -> Iterator[Row]:
    for d in found["depth"]:
        if d["precision"] == "fp32" and d["baseline"] != "frozen":
            here, it = d["steps_per_cpu_second"], d["baseline_steps_per_cpu_second"]
            name = f"VGG-19, a filter of {d['layer']}"
            yield [
                name,
                f"{here:.1f} steps/CPU-s",
                "hook, full pass, weights not frozen",
                f"{it:.1f}",
                _times(d["ratio"]),
            ]
    for name, taken in found["pictures"].items():
        yield [f"{name}, 384 pixels", f"{taken['cpu_seconds']:.0f} CPU-s", "-", "-", "-"]


def _go(found: dict[str, Any]) -> Iterator[Row]:
    rates = found["positions_per_cpu_second"]
    it = rates["sgfmill Board, stones"]
    for name in ("history, compact", "gonn, compact", "alphago, compact"):
        rate = rates[name]
        yield [
            f"Go positions: {name}",
            f"{rate:,.0f}/CPU-s",
            "sgfmill's Board, stones alone",
            f"{it:,.0f}",
            _times(rate / it),
        ]


def _speech(found: dict[str, Any]) -> Iterator[Row]:
    names = {"training, beside files": "DataLoader over files, torchaudio"}
    for name, rate in found["rates"].items():
        baseline = names.get(name, "as published (adaptive pooling, views)")
        here, it = rate["ours"], rate["other"]
        yield [f"speech: {name}", f"{here:,.0f} clips/CPU-s", baseline, f"{it:,.0f}", _times(rate["ratio"]["median"])]
    for name, rate in found["listen"].items():
        yield [f"speech: listen, {name}", f"{rate:.0f} x real time", "real time", "1", _times(rate)]


def _text(found: dict[str, Any]) -> Iterator[Row]:
    rates = {name: value["mean"] for name, value in found["texts_per_cpu_second"].items()}
    for name, verb in (("train", "training"), ("predict", "prediction")):
        here, it = rates[name], rates[f"plain_{name}"]
        ratio = found["train_ratio"]["median"] if name == "train" else here / it
        yield [f"text: {verb}", f"{here:,.0f} texts/CPU-s", "plain conv1d, dense Adam", f"{it:,.0f}", _times(ratio)]


def _winograd(found: dict[str, Any]) -> Iterator[Row]:
    layers = {f"convolution, {name}": row for name, row in found["layers"].items()}
    for name, row in {**layers, "Go: training expert": found["go"]}.items():
        here, it = row["boards_per_cpu_second"], row["baseline_boards_per_cpu_second"]
        yield [name, f"{here:,.0f} boards/CPU-s", row["baseline"], f"{it:,.0f}", _times(row["ratio"])]


FIGURES: dict[str, Callable[[dict[str, Any]], Iterator[Row]]] = {
    "digits-speed": _digits,
    "visual-speed": _visual,
    "dream-speed": _dream,
    "go-speed": _go,
    "speech-speed": _speech,
    "text-speed": _text,
    "winograd-speed": _winograd,
}
