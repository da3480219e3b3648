"""Find the app of a run folder and restore it."""

from __future__ import annotations

from pathlib import Path

from cnn_core import runs
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.networks import plugins
from cnn_core.networks.record import record_at

APPS = ("digits", "go", "speech", "text")


def run_at(folder: Path) -> runs.Run:
    """The run in `folder`, of whatever app made it. Raises UserError as `runs.restore` does."""
    return runs.restore(_app(folder), folder)


def _app(folder: Path) -> App:
    name = record_at(folder)["app"]
    if name not in APPS:
        raise UserError(f"{folder}: a run of cnn-{name}; the page knows those of {', '.join(APPS)}")
    return plugins.app(name)
