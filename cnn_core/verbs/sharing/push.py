"""push: a trained network as a folder to hand on, with a card of what it is, or to the Hugging Face Hub."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cnn_core import version
from cnn_core.app import App
from cnn_core.config import positional, to_json
from cnn_core.console import note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import atomic
from cnn_core.networks import bundle, card, hub, pretrained
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser

if TYPE_CHECKING:
    from cnn_core.exporting.session import ExportedRun
    from cnn_core.runs import Run


@dataclass(frozen=True, kw_only=True)
class PushOptions(Shared):
    """Options of push."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    target: positional(str)  # type: ignore[valid-type]
    """Folder to make, or hf:OWNER/NAME."""
    title: str = ""
    """What the network is, in a few words."""
    licence: str = "not stated"
    """Of the weights, such as MIT; it is yours to choose, within that of the data."""
    not_for: str = card.NOT_FOR
    """What the network must not be used for."""
    measure: bool = True
    """Measure on the test data, for the card."""
    private: bool = False
    """Make the repository at hf:OWNER/NAME a private one."""
    overwrite: bool = False
    """Replace the folder TARGET where push made it."""


parse = parser(PushOptions, "Hand a trained network on: safetensors, JSON and a card, with the sha256 of every file.")


def run(app: App, options: PushOptions) -> Outcome:
    """Write the folder, whole or not at all, or upload it."""
    remote = hub.repository(options.target) if options.target.startswith(hub.MARK) else None
    place = Path(options.target)
    if remote is None:
        _check_place(place, options.overwrite)

    from cnn_core import runs
    from cnn_core.training import device

    trained = runs.restore(app, options.run, device.choose(options.common.device, options.common.threads))
    facts = facts_of(trained, options)
    if remote:
        with TemporaryDirectory() as temporary:
            folder = Path(temporary) / remote.name.rpartition("/")[2]
            folder.mkdir()
            _write(trained, options.run, facts, folder)
            size = _size(folder)
            address = hub.upload(folder, remote, private=options.private)
    else:
        with _made(place) as folder:
            _write(trained, options.run, facts, folder)
        size, address = _size(place), str(place)
    source = options.target if remote else str(place)
    data = {"run": str(options.run), "target": address, "bytes": size, "figures": dict(facts.figures)}
    rows = [["size", f"{size / 1e6:.2f} MB"], ["data", facts.data], ["licence of the weights", facts.licence]]
    rows += [["of the training data", "; ".join(facts.holds)]]
    text = f"{table(['pushed', address], rows)}\n\nto have it elsewhere: {app.prog} pull {source}"
    return Outcome(data, text)


def facts_of(trained: Run, options: PushOptions) -> card.Facts:
    """What the card of a run says; of a ready-made network, what its own card says. Raises UserError for lost data."""
    app, record = trained.app, trained.record
    ready = pretrained.card_of(options.run)
    data, licence, citation = _data(app, trained.config.data)
    preset = app.presets.get(record["preset"])
    shown = _without_places(trained, {"config": record["config"]})["config"]
    command = card.command_line(app.name, record["preset"], record["seed"], shown, to_json(preset) if preset else shown)
    facts = card.Facts(
        app=app.name,
        title=options.title or (ready.title if ready else f"{app.name}: {record['preset']} on {data}"),
        preset=record["preset"],
        data=ready.data if ready else data,
        data_licence=licence,
        licence=options.licence,
        labels=trained.labels,
        command=ready.command if ready else command,
        version=version.__version__,
        parameters=sum(each.numel() for each in trained.model.parameters()),
        holds=_holds(trained),
        figures={},
        temperature=trained.calibration.temperature,
        calibration_samples=trained.calibration.samples,
        not_for=options.not_for,
        citation=citation,
        cpu_seconds=float(trained.metrics.get("cpu_seconds", 0.0)),
    )
    if ready is None:
        return replace(facts, figures=_measured(trained, data)) if options.measure else facts
    usual = {each: PushOptions.__dataclass_fields__[each].default for each in ("licence", "not_for")}
    figures = {
        "test": ready.test,
        "count": ready.test_count,
        "accuracy": ready.accuracy,
        "accuracy_interval": list(ready.accuracy_interval),
        "expected_calibration_error": ready.calibration_error,
    }
    return replace(
        facts,
        figures=figures,
        licence=ready.licence if options.licence == usual["licence"] else options.licence,
        not_for=ready.not_for if options.not_for == usual["not_for"] else options.not_for,
        cpu_seconds=ready.cpu_seconds,
    )


def _data(app: App, name: str) -> tuple[str, str, str]:
    """(title, licence, citation) of data by name; of a user's own data, the last part of its path."""
    from cnn_core.fetching.manifests import available, load_manifest

    if name in available(app.manifests):
        found = load_manifest(name, app.manifests)
        return found.title, found.licence, found.citation
    return Path(name).name or name, "not stated; data of whoever trained it", ""


def _measured(trained: Run, data: str) -> dict[str, Any]:
    from cnn_core.metrics.classes import evaluate_logits
    from cnn_core.metrics.labels import evaluate_answers
    from cnn_core.training import engine

    app, config = trained.app, trained.config
    try:
        source = app.load(config)
    except UserError as error:
        raise UserError(f"{error} (to hand the network on without figures, add --no-measure)") from error
    note(f"measuring on {len(source.test)} test {app.what}s")
    forward = app.forward_of(config)
    logits = engine.predict_logits(trained.model, source.test, precision=config.fit.precision, forward=forward)
    targets = source.test.targets.numpy()
    test = f"{data}, {'test split' if len(source.train) else 'all samples'}"
    if trained.several_labels:
        answers = (trained.probabilities(logits) >= trained.thresholds).numpy()
        found = evaluate_answers(answers, targets.astype(bool), trained.labels).to_json()
        names = ("count", "micro_f1", "micro_interval", "macro_f1")
    else:
        found = evaluate_logits(trained.calibrated(logits).numpy(), targets, trained.labels).to_json()
        names = ("count", "accuracy", "accuracy_interval", "macro_f1", "expected_calibration_error")
    return {"test": test, **{name: found[name] for name in names}}


def _holds(trained: Run) -> list[str]:
    from cnn_core.exporting.facts import holds_of

    found = holds_of(trained)
    if trained.fitted is not None:
        words = len(str(trained.fitted.to_json().get("words", "")).split())
        found.insert(1, f"a vocabulary of {words:,} words" if words else "what the data decided beside the classes")
    return found


def _write(trained: Run, run: Path, facts: card.Facts, folder: Path) -> None:
    """All files of the bundle. Raises UserError where the network cannot be built again from them."""
    from cnn_core import runs
    from cnn_core.exporting.session import DIGEST, FILE, exported, weights_digest
    from cnn_core.training import calibration, checkpoint

    saved = checkpoint.load(runs.checkpoint_of(run))
    record = _without_places(trained, trained.record)
    record.pop("format", None)
    place = folder / "checkpoint"
    checkpoint.save(place, checkpoint.Checkpoint(saved.weights, record, saved.metrics))
    for name in bundle.CHECKPOINT:
        (place / name).rename(folder / name)
    place.rmdir()
    if trained.calibration.samples:
        calibration.save(folder, trained.calibration, trained.bank)
    light = exported(trained.app, run)
    made_from = light and light.on_one_processor.get_modelmeta().custom_metadata_map.get(DIGEST)
    if light and made_from == weights_digest(folder):
        shutil.copyfile(light.file, folder / FILE)
    elif light and pretrained.card_of(run) is not None:
        _stamp(light, folder)

    runs.restore(trained.app, folder)
    with atomic(folder / bundle.CARD) as temporary:
        temporary.write_text(card.markdown(facts), encoding="utf-8")
    more = {"version": facts.version, "preset": facts.preset, "title": facts.title, "licence": facts.licence}
    bundle.seal(folder, trained.app.name, {**more, "figures": facts.figures})


def _stamp(light: ExportedRun, folder: Path) -> None:
    """Write the exported file of a ready-made network, whose card vouches for it, so that it says of itself which
    weights and which calibration it was made from. Without the package onnx it is left out: PyTorch answers then."""
    try:
        import onnx
    except ImportError:
        return
    from cnn_core.exporting.session import DIGEST, FILE, calibration_metadata, weights_digest

    model = onnx.load(light.file)
    known = {each.key: each.value for each in model.metadata_props}
    told = {DIGEST: weights_digest(folder), **calibration_metadata(light.calibration)}
    onnx.helper.set_model_props(model, {**known, **told})
    onnx.save(model, folder / FILE)


def _without_places(trained: Run, record: dict[str, Any]) -> dict[str, Any]:
    """The record without folders of this machine: of each path, the last part."""
    known = set()
    for dotted in trained.app.paths:
        value: Any = trained.config
        for name in dotted.split("."):
            value = getattr(value, name)
        known.add(value)

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: item if key in ("labels", "words") else walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, str) and (value in known or value in origins) and Path(value).is_absolute():
            return Path(value).name
        return value

    origins = {str(record.get("init", {}).get("run", ""))}
    return walk(record)


def _check_place(place: Path, overwrite: bool) -> None:
    if place.is_symlink():
        raise UserError(f"{place}: is a symbolic link; name the folder itself")
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return
    if not place.is_dir() or not bundle.is_bundle(place):
        raise UserError(f"{place}: exists and was not made by push, so it is left alone; name another folder")
    if not overwrite:
        raise UserError(f"{place}: exists already; name another folder, or add --overwrite")


@contextmanager
def _made(place: Path) -> Iterator[Path]:
    """A folder to fill that becomes `place` when the block ends; after an error or Ctrl-C all is as it was."""
    new = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
    old = place.with_name(f".{place.name}.{secrets.token_hex(4)}.old")
    try:
        new.mkdir(parents=True)
        yield new
        if place.exists():
            place.rename(old)
        new.rename(place)
    except UserError as error:
        raise UserError(str(error).replace(str(new), str(place))) from error
    except OSError as error:
        raise UserError(f"cannot write {place}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
        if old.exists() and not place.exists():
            old.rename(place)
        shutil.rmtree(old, ignore_errors=True)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
