"""Find the app of a run folder and restore it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from cnn_core import bounded, runs
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.networks import pretrained
from cnn_core.training import checkpoint

APPS = ("digits", "go", "speech", "text")


def run_at(folder: Path) -> runs.Run:
    """The run in `folder`, of whatever app made it. Raises UserError as `runs.restore` does."""
    return runs.restore(_app(folder), folder)


def _app(folder: Path) -> App:
    path = pretrained.place(folder) / "config.json"
    if not path.is_file():
        raise UserError(f"{folder}: not a run folder (no config.json)")
    record = bounded.read_json(path, checkpoint.CONFIG_BYTES, regular=True)
    name = record.get("app") if isinstance(record, dict) else None
    if name not in APPS:
        raise UserError(f"{folder}: a run of cnn-{name}; the page knows those of {', '.join(APPS)}")
    return import_module(f"apps.{name}.app").APP
