"""A run answered by its exported file through onnxruntime, without PyTorch: a tenth of the time for a few inputs.

The file is that of a ready-made network, or RUN/model.onnx where it was exported from the weights that the run has now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cnn_core import bounded
from cnn_core.app import App
from cnn_core.config import from_json
from cnn_core.errors import UserError
from cnn_core.metrics.limits import Calibration, Limits, answers_of, probabilities_of, read_calibration
from cnn_core.networks import pretrained

FILE = "model.onnx"
DIGEST = "weights_sha256"
"""Name of the metadata in which a file says from which weights it was made."""
ENGINES = ("auto", "onnx", "torch")
CONFIG_BYTES = 256 << 20
MANY = 64  # inputs from which on all processors work
AT_ONCE = 256


@dataclass(frozen=True)
class ExportedRun:
    """What a run keeps beside its weights, and the exported file that answers for it."""

    app: App
    config: Any
    labels: tuple[str, ...]
    fitted: Any
    calibration: Calibration
    file: Path
    threads: int = 0

    @cached_property
    def several_labels(self) -> bool:
        """Whether a sample may have several labels, or none."""
        return self.app.several_labels(self.config)

    def logits(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(calibrated logits (N, C), unlikeness (N,) or None) of inputs (N, ...)."""
        session = self._session(len(inputs) >= MANY)
        names = [output.name for output in session.get_outputs()]
        asked = [name for name in ("logits", "unlikeness") if name in names]
        parts = [
            session.run(asked, {session.get_inputs()[0].name: inputs[start : start + AT_ONCE]})
            for start in range(0, len(inputs), AT_ONCE)
        ]
        found = [np.concatenate(each) for each in zip(*parts, strict=True)]
        return found[0], found[1] if len(found) > 1 else None

    def labelled(self, arrays: Sequence[np.ndarray] | np.ndarray, limits: Limits, count: int) -> list[dict[str, Any]]:
        """What predict says of each input; those of one shape go through the network at once."""
        shapes: dict[tuple[int, ...], list[int]] = {}
        for number, array in enumerate(arrays):
            shapes.setdefault(array.shape, []).append(number)
        found: list[dict[str, Any]] = [{} for _ in arrays]
        thresholds = self.calibration.label_thresholds(len(self.labels)) if self.several_labels else None
        for members in shapes.values():
            logits, unlikeness = self.logits(np.stack([arrays[i] for i in members]))
            probabilities = probabilities_of(logits, self.several_labels)
            told = answers_of(probabilities, unlikeness, self.labels, limits, count, thresholds)
            for i, one in zip(members, told, strict=True):
                found[i] = one
        return found

    def _session(self, many: bool) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads or (0 if many else 1)
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(self.file), options, providers=["CPUExecutionProvider"])


def exported(app: App, run: Path, engine: str = "auto", device: str = "auto", threads: int = 0) -> ExportedRun | None:
    """The run as its exported file answers it; None where PyTorch has to.

    Raises UserError where `engine` is onnx and there is no file that fits the run, or onnxruntime is missing.
    """
    if engine == "torch" or (engine == "auto" and device not in ("auto", "cpu")):
        return None
    try:
        return _exported(app, run, threads)
    except UserError as error:
        if engine == "onnx":
            raise UserError(f"--engine onnx: {error}") from None
        return None  # PyTorch's way says what is wrong with the run, if anything is


def _exported(app: App, run: Path, threads: int) -> ExportedRun:
    folder = pretrained.place(run)
    file = folder / FILE
    if not file.is_file():
        raise UserError(f"{run}: has no {FILE}; write it with `{app.prog} export {run}`")
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError("needs the package onnxruntime: pip install onnxruntime") from error
    record = bounded.read_json(folder / "config.json", CONFIG_BYTES, regular=True)
    if not isinstance(record, dict) or record.get("app") != app.name:
        raise UserError(f"{run}: not a run of {app.prog}")
    if folder == run or pretrained.card_of(run) is None:
        meta = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]).get_modelmeta()
        if meta.custom_metadata_map.get(DIGEST) != weights_digest(folder):
            raise UserError(f"{file}: was not made from the weights that the run has now; export it again")
    try:
        config = from_json(app.config, record["config"], f"{folder}/config.json")
        labels = tuple(record["labels"])
        fitted = app.fitted.from_json(record["fitted"]) if app.fitted and "fitted" in record else None  # type: ignore[attr-defined]
    except (KeyError, TypeError) as error:
        raise UserError(f"{folder}/config.json: damaged ({error})") from None
    return ExportedRun(app.with_fitted(fitted), config, labels, fitted, read_calibration(folder), file, threads)


def weights_digest(folder: Path) -> str:
    """sha256 of the weights that a run folder answers with (its best checkpoint, else its last); "" without one."""
    for place in (folder / "best", folder / "last", folder):
        if (place / "sums.json").is_file():
            sums = bounded.read_json(place / "sums.json", regular=True)
            return str(sums.get("weights.safetensors", "")) if isinstance(sums, dict) else ""
    return ""
