"""networks: train the ready-made networks again, measure them, and write their cards and weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.bench.networks.recipes import RECIPES, Recipe
from apps.bench.options import BenchOptions
from apps.bench.studies.domains import check_names
from apps.playground import networks as pages
from apps.speech.detection.kept import FILE as DETECTION
from cnn_core.console import note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import atomic
from cnn_core.networks import pretrained
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    from cnn_core.runs import Run


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of networks."""

    names: tuple[str, ...] = ()
    """Which networks; all when left out."""
    trained: Path | None = None
    """A run folder that holds the one network named, so that it is not trained again."""
    out: Path | None = None
    """Folder to write to; that of the suite's own networks when left out."""


parse = parser(Options, "Train the ready-made networks again, measure them, and write their cards and weights.")


def run(app: Any, options: Options) -> Outcome:
    """One network after the other; a network's folder is replaced only when the new one is whole."""
    check_names("--names", options.names, RECIPES)
    if options.trained and len(options.names) != 1:
        raise UserError("--trained holds one network: name it with --names")
    target = options.out or pretrained.folder()
    cards = {}
    for name in options.names or tuple(RECIPES):
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.trained or _train(RECIPES[name], options.common.seed, Path(temporary) / "run")
            cards[name] = made(name, RECIPES[name], folder, target)
        note(f"{target / name}: {1 - cards[name].accuracy:.2%} wrong on {cards[name].test_count} test samples")
    if not options.out:
        for name in cards:
            pages.ship(name)
    rows = [[name, f"{1 - c.accuracy:.2%}", c.test_count, f"{c.cpu_seconds:.0f}"] for name, c in cards.items()]
    text = table(["network", "errors on test data", "test samples", "CPU-seconds of training"], rows)
    return Outcome({"networks": {name: asdict(card) for name, card in cards.items()}}, text)


def _train(recipe: Recipe, seed: int, out: Path) -> Path:
    command = [sys.executable, "-m", f"apps.{recipe.app}", "train", *recipe.command(seed), "--out", str(out)]
    command.append("--no-export")
    if subprocess.run(command, check=False, stdout=sys.stderr).returncode:
        raise UserError(f"training failed: {' '.join(command)}")
    return out


def made(name: str, recipe: Recipe, trained: Path, target: Path) -> pretrained.Card:
    """Write the network of the run folder `trained` as target/NAME: weights in few bytes, ONNX file, card.

    The card's figures are those of the network as it is written. Raises UserError as `runs.restore` does.
    """
    from cnn_core import runs
    from cnn_core.exporting.facts import figures_of
    from cnn_core.exporting.int8 import write_int8
    from cnn_core.exporting.run import export_run
    from cnn_core.nn.compact import compact
    from cnn_core.training import calibration, checkpoint

    app = import_module(f"apps.{recipe.app}.app").APP
    source = runs.restore(app, trained)
    new = target / f".{name}.new"
    shutil.rmtree(new, ignore_errors=True)
    record = {key: value for key, value in source.record.items() if key != "init"}
    saved = checkpoint.load(runs.checkpoint_of(trained))
    weights = compact(saved.weights, recipe.rows)
    try:
        checkpoint.save(new, checkpoint.Checkpoint(weights, record, _metrics(saved.metrics)))
        if (trained / DETECTION).is_file():
            shutil.copyfile(trained / DETECTION, new / DETECTION)
        if source.calibration.samples:
            calibration.save(new, source.calibration, source.bank)
        ready = runs.restore(app, new)
        data = ready.app.load(ready.config)
        card = _card(name, recipe, source, ready, data)
        inputs, _ = data.test.take(slice(0, 200))
        metadata = {"name": f"@{name}", "card": card.title, "licence": card.licence}
        metadata["figures"] = json.dumps(figures_of(card))
        export_run(ready, new / "model.onnx", inputs, metadata=metadata)
        # Tables of words, and the bank of features, are most of the file.
        write_int8(new / "model.onnx", new / "model.onnx", None if recipe.rows else _bank_names(new, ready.bank))
        with atomic(new / pretrained.CARD) as part:
            part.write_text(_toml(asdict(card)), encoding="utf-8")
        shutil.rmtree(target / name, ignore_errors=True)
        new.rename(target / name)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return card


def _card(name: str, recipe: Recipe, source: Run, ready: Run, data: Any) -> pretrained.Card:
    from cnn_core.benchmark import environment
    from cnn_core.files import digest_of
    from cnn_core.metrics.classes import evaluate_logits
    from cnn_core.runs import checkpoint_of
    from cnn_core.training import checkpoint, engine

    logits = ready.calibrated(engine.predict_logits(ready.model, data.test, forward=ready.app.forward_of(ready.config)))
    found = evaluate_logits(logits.numpy(), data.test.targets.numpy(), ready.labels)
    machine = environment()
    return pretrained.Card(
        app=recipe.app,
        title=recipe.title,
        preset=recipe.preset,
        data=recipe.data,
        licence=recipe.licence,
        command=f"cnn-{recipe.app} train {' '.join(recipe.command(source.record['seed']))}",
        commit=_commit(),
        seed=source.record["seed"],
        cpu_seconds=round(float(source.metrics.get("cpu_seconds", 0.0)), 1),
        processor=str(machine.get("processor", machine.get("cpu", ""))),
        weights_sha256=digest_of(checkpoint_of(ready.folder) / checkpoint.WEIGHTS),
        test=recipe.test,
        test_count=found.count,
        accuracy=round(found.accuracy, 5),
        accuracy_interval=(round(found.accuracy_interval[0], 5), round(found.accuracy_interval[1], 5)),
        calibration_error=round(float(found.calibration.error), 5),
        not_for=recipe.not_for,
        default=recipe.default,
        **_told(ready.folder / DETECTION),
        **_judged(ready, data),
    )


def _judged(ready: Run, data: Any) -> dict[str, Any]:
    """What the card says of a Go network that judges."""
    if ready.app.name != "go" or not ready.config.judge:
        return {}
    from apps.go.verbs.judge_metrics import measure_judgement

    found = measure_judgement(ready.model, data.test)
    if found is None:
        return {}
    names = {"winner": "winner_told", "calibration_error": "winner_calibration_error"}
    names |= {"score_error": "margin_error", "ownership": "owners_told"}
    return {name: round(float(found[0][key] or 0.0), 5) for key, name in names.items()}


def _told(path: Path) -> dict[str, Any]:
    """What the card says of words told in recordings, where `cnn-speech evaluate --recording` measured them."""
    if not path.is_file():
        return {}
    values = json.loads(path.read_text(encoding="utf-8"))
    others = f"{values['seconds'] / 3600:.1f} hours, {values['other_words']} other words"
    about = {"threshold": values["threshold"], "alarms_per_hour": round(values["alarms_per_hour"], 1)}
    return about | {"hit_rate": round(values["hit_rate"] or 0.0, 4), "heard": f"{values['recording']}: {others}"}


def _bank_names(folder: Path, bank: Any) -> list[str]:
    """What the graph calls the bank (M, F), which it holds as it is or turned."""
    import onnx

    graph = onnx.load(folder / "model.onnx").graph
    return [] if bank is None else [t.name for t in graph.initializer if sorted(t.dims) == sorted(bank.shape)]


def _metrics(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metrics.items() if isinstance(value, int | float)}


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _toml(values: dict[str, Any]) -> str:
    """A flat table of texts, numbers, switches and lists of numbers."""
    lines = []
    for key, value in values.items():
        if key == "name":  # the folder's
            continue
        written = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
        lines.append(f"{key} = {written}")
    return "\n".join(lines) + "\n"
