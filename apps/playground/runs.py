"""Runs as the page needs them: what they keep, read without PyTorch, and the model itself where it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnn_core.app import App
from cnn_core.config import from_json
from cnn_core.errors import UserError
from cnn_core.metrics.limits import Calibration, read_calibration
from cnn_core.networks import plugins, pretrained
from cnn_core.networks.record import read_record, record_at

if TYPE_CHECKING:
    from cnn_core.runs import Run

APPS = ("digits", "go", "photos", "speech", "text")


@dataclass(frozen=True)
class Described:
    """What a run folder says of its network; fields as those of `cnn_core.Run`."""

    folder: Path
    app: App
    config: Any
    labels: tuple[str, ...]
    record: dict[str, Any]
    calibration: Calibration


def described(folder: Path) -> Described:
    """The run in `folder`, of whatever app made it, without its model. Raises UserError as `run_at` does."""
    app = _app(folder)
    record = read_record(app, folder)
    config = from_json(app.config, record["config"], f"{folder}/config.json")
    return Described(folder, app, config, tuple(record["labels"]), record, read_calibration(pretrained.place(folder)))


def run_at(folder: Path) -> Run:
    """The run in `folder`, of whatever app made it. Raises UserError as `runs.restore` does."""
    from cnn_core import runs

    return runs.restore(_app(folder), folder)


def _app(folder: Path) -> App:
    name = record_at(folder)["app"]
    if name not in APPS:
        raise UserError(f"{folder}: a run of cnn-{name}; the page knows those of {', '.join(APPS)}")
    return plugins.app(name)
