"""RUN/config.json: what a run is, checked, without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cnn_core import bounded
from cnn_core.app import App, Fitted
from cnn_core.errors import UserError
from cnn_core.networks import pretrained

FILE = "config.json"
FIELDS: dict[str, type] = {"config": dict, "labels": list, "seed": int, "preset": str, "threads": int}
JSON_NAMES = {dict: "JSON object", list: "list of strings", int: "whole number", str: "string"}
"""Fields beside `app`, and what types are called in messages."""


def record_at(folder: Path, hint: str = "") -> dict[str, Any]:
    """The record of a run folder of any app, which it names; `hint` ends the message where there is none.

    Raises UserError when it is missing, damaged, or names no app.
    """
    path = pretrained.place(folder) / FILE
    if not path.is_file():
        raise UserError(f"{folder}: not a run folder (no {FILE}){hint}")
    record = bounded.read_json(path, bounded.RUN_CONFIG, regular=True)
    if not isinstance(record, dict) or not isinstance(record.get("app"), str):
        raise UserError(f"{path}: damaged, or not of this suite (it names no app)")
    return record


def read_record(app: App, folder: Path) -> dict[str, Any]:
    """The record of a run of `app`. Raises UserError when it is missing, damaged, or of another app."""
    record = record_at(folder, f"; make one with `{app.prog} train --out {folder}`")
    path = pretrained.place(folder) / FILE
    if record["app"] != app.name:
        raise UserError(f"{folder}: is a run of cnn-{record['app']}, not of {app.prog}")
    for name, kind in FIELDS.items():
        if name not in record:
            raise UserError(f"{path}: damaged, or not of this suite (no {name})")
        if not isinstance(record[name], kind) or isinstance(record[name], bool):
            raise UserError(f"{path}: damaged, or not of this suite ({name} is not a {JSON_NAMES[kind]})")
    labels = record["labels"]
    if not labels or not all(isinstance(label, str) for label in labels):
        raise UserError(f"{path}: damaged, or not of this suite (labels must be a list of strings)")
    return record


def fitted_of(app: App, record: dict[str, Any]) -> Fitted | None:
    """What the training data of a run decided. Raises UserError where it is damaged."""
    data = record.get("fitted", record.get("kept"))  # "kept": runs of version 0.1
    if data is None or app.fitted is None:
        return None
    if not isinstance(data, dict):
        raise UserError("config.json is damaged: its field `fitted` is not an object; train again")
    return app.fitted.from_json(data)  # type: ignore[attr-defined]
