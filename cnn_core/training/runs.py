"""Run folders: made by `train`, taken by every other verb.

RUN/config.json   app, preset, configuration, labels, seed, versions
RUN/log.jsonl     one line an epoch
RUN/last, best    checkpoints
"""

import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

from cnn_core.app import App
from cnn_core.config import from_json, to_json
from cnn_core.errors import UserError
from cnn_core.files import write_json
from cnn_core.nn.equivariance import untied
from cnn_core.training import checkpoint
from cnn_core.training.data import mix


@dataclass(frozen=True)
class Run:
    """A trained model and what it was trained as; `model` is in eval mode.

    `app` is the app whose functions know what the run keeps (a vocabulary): load, read and draw with it.
    """

    folder: Path
    model: nn.Module
    config: Any
    labels: tuple[str, ...]
    record: dict[str, Any]
    metrics: dict[str, Any]
    app: App


def new_folder(app: App, preset: str, out: Path | None, overwrite: bool = False) -> Path:
    """The folder of a new run, `out` or runs/<app>/<preset>-<time>; it is not made yet.

    Raises UserError when it exists; with `overwrite` a run folder is removed, anything else never.
    """
    folder = out or Path("runs") / app.name / f"{preset}-{datetime.now():%Y%m%d-%H%M%S}"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not overwrite:
            raise UserError(f"{folder}: exists already; name another with --out, or go on with --resume {folder}")
        if not (folder / "config.json").is_file():
            raise UserError(f"{folder}: is not a run folder, so --overwrite leaves it alone; name another with --out")
        read_record(app, folder)
        shutil.rmtree(folder)
    return folder


def make_record(
    app: App, preset: str, config: Any, labels: tuple[str, ...], seed: int, kept: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What config.json holds: everything needed to rebuild the model and its labels, and what the data set keeps."""
    record = {
        "app": app.name,
        "preset": preset,
        "config": to_json(config),
        "labels": list(labels),
        "seed": seed,
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, "numpy": numpy.__version__},
    }
    return record | ({"kept": kept} if kept else {})


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write RUN/config.json, whole or not at all."""
    write_json(folder / "config.json", record)


def read_record(app: App, folder: Path) -> dict[str, Any]:
    """RUN/config.json. Raises UserError when it is missing, damaged, or of another app."""
    path = folder / "config.json"
    if not path.is_file():
        raise UserError(f"{folder}: no run folder (no config.json); make one with `{app.prog} train --out {folder}`")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        named = record["app"]
        missing = {"config", "labels", "seed", "preset", "threads"} - record.keys()
        if missing:
            raise KeyError(f"no {min(missing)}")
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged, or not of this suite ({error})") from error
    if named != app.name:
        raise UserError(f"{folder}: is a run of cnn-{named}, not of {app.prog}")
    return record


def build_seeded(
    app: App, config: Any, labels: tuple[str, ...], seed: int, kept: dict[str, Any] | None = None
) -> nn.Module:
    """A new model whose initial weights depend on `seed` alone; torch's global random state is left alone."""
    app = app.keeping(kept)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mix(seed, 0x1217))
        model = app.build(config, labels)
        if app.start:
            app.start(model, config)
    return model


def begin_with(model: nn.Module, run: Run) -> None:
    """Give `model` the weights of `run`, which may be tied ones where its own are free.

    What only the run's network has, a head for another loss, say, is left out. Raises UserError when they do not fit.
    """
    own = model.state_dict()
    tied = any(".parametrizations." in name for name in own)
    state = run.model.state_dict() if tied else untied(run.model)
    try:
        model.load_state_dict({name: value for name, value in state.items() if name in own})
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise UserError(
            f"{run.folder}: --init needs a run with the same layers, classes and words ({reason})"
        ) from error


def restore(app: App, folder: str | Path, device: torch.device | str = "cpu") -> Run:
    """The model of a run (its best checkpoint, else its last), rebuilt, in eval mode on `device`.

    Also takes a checkpoint folder itself. Raises UserError when there is none, or it is damaged or foreign.
    """
    folder = Path(folder)
    record = read_record(app, folder)
    places = [folder / "best", folder / "last"]
    place = folder if (folder / checkpoint.WEIGHTS).exists() else next(filter(checkpoint.exists, places), None)
    if place is None:
        raise UserError(f"{folder}: no checkpoint yet; go on with `{app.prog} train --resume {folder}`")
    saved = checkpoint.load(place)
    if saved.config.get("app") != app.name:
        raise UserError(f"{place}: checkpoint of cnn-{saved.config.get('app')}, not of {app.prog}")
    config = from_json(app.config, record["config"], f"{folder}/config.json")
    labels = tuple(record["labels"])
    app = app.keeping(record.get("kept"))
    model = app.build(config, labels)
    try:
        model.load_state_dict(saved.weights)
    except RuntimeError as error:
        raise UserError(f"{place}: the weights do not fit the network of config.json") from error
    return Run(folder, model.to(device).eval(), config, labels, record, saved.metrics, app)
