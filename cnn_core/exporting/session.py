"""A run answered by its exported file through onnxruntime, without PyTorch: a tenth of the time for a few inputs.

The file is that of a ready-made network, or RUN/model.onnx where it was exported from the weights and the calibration
that the run has now.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from cnn_core import bounded
from cnn_core.app import App
from cnn_core.config import from_json
from cnn_core.errors import UserError, first_line
from cnn_core.files import digest_of
from cnn_core.metrics.limits import Calibration, probabilities_of, read_calibration
from cnn_core.networks import pretrained
from cnn_core.networks.record import fitted_of, read_record

FILE = "model.onnx"
DIGEST = "weights_sha256"
"""Name of the metadata in which a file says from which weights it was made."""
MANY = 64  # inputs from which on all processors work
AT_ONCE = 256
MOST_WORDS = 1 << 17  # at once, of inputs whose length varies


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

    @property
    def several_labels(self) -> bool:
        """Whether a sample may have several labels, or none."""
        return self.app.several_labels(self.config)

    def answers_to(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(probabilities (N, C) float64, unlikeness (N,), None where it cannot be told) of inputs (N, ...).

        Raises UserError for a file of another network.
        """
        outputs = [output.name for output in self.on_one_processor.get_outputs()]
        found = self._run(inputs, [name for name in ("logits", "unlikeness") if name in outputs])
        classes = found[0].shape[1:]
        if classes != (len(self.labels),):
            raise UserError(
                f"{self.file}: has {prod(classes)} classes, and the run {len(self.labels)}; export it again"
            )
        return probabilities_of(found[0], self.several_labels), found[1] if len(found) > 1 else None

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs (N, ...) as `app.read` gives them -> calibrated logits (N, C) float64."""
        return self._run(inputs, ["logits"])[0].astype(np.float64)

    def outputs(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Inputs (N, ...) -> "logits" and what the network says beside them (see `App.further`), (N, ...) float64 each;
        the logits alone where the file has no more.
        """
        further = self.app.further_of(self.config)
        given = {output.name for output in self.on_one_processor.get_outputs()}
        names = ["logits", *(name for name in (further.names if further else ()) if name in given)]
        return {name: found.astype(np.float64) for name, found in zip(names, self._run(inputs, names), strict=True)}

    def _run(self, inputs: np.ndarray, names: Sequence[str]) -> list[np.ndarray]:
        """The outputs of these names, "logits" first, each (N, ...). Raises UserError for a file of another network."""
        session = self.on_all_processors if len(inputs) >= MANY else self.on_one_processor
        size = max(1, min(AT_ONCE, MOST_WORDS // prod(inputs.shape[1:]))) if self.app.free_axes else AT_ONCE
        try:
            parts = [
                session.run(names, {session.get_inputs()[0].name: inputs[start : start + size]})
                for start in range(0, len(inputs), size)
            ]
        except Exception as error:  # its own exception types share no base but Exception
            raise UserError(
                f"{self.file}: does not fit the run; export it again, or take --engine torch ({first_line(error)})"
            ) from error
        return [np.concatenate(each) for each in zip(*parts, strict=True)]

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: without the sessions, which are opened again."""
        return {name: value for name, value in self.__dict__.items() if not name.startswith("on_")}

    @cached_property
    def on_one_processor(self) -> Any:
        """The session for a few inputs, which threads would only wait for."""
        return self._session(1)

    @cached_property
    def on_all_processors(self) -> Any:
        """The session for many inputs."""
        return self._session(0)

    def _session(self, threads: int) -> Any:
        try:
            import onnxruntime
        except ImportError as error:
            raise UserError("needs the package onnxruntime: pip install onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads or threads
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(str(self.file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its own exception types share no base but Exception
            raise UserError(f"{self.file}: damaged, or no ONNX file; export it again ({first_line(error)})") from error


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
    record = read_record(app, run)
    config = from_json(app.config, record["config"], f"{run}/config.json")
    fitted = fitted_of(app, record)
    app = app.with_fitted(fitted)
    found = ExportedRun(app, config, tuple(record["labels"]), fitted, read_calibration(folder), file, threads)
    if pretrained.card_of(run) is None:
        metadata = found.on_one_processor.get_modelmeta().custom_metadata_map
        expected = {DIGEST: weights_digest(folder), **calibration_metadata(found.calibration)}
        if any(metadata.get(name) != value for name, value in expected.items()):
            raise UserError(f"{file}: was not made from the weights that the run has now; export it again")
    return found


def weights_digest(folder: Path) -> str:
    """sha256 of the weights that a run folder answers with (its best checkpoint, else its last); "" without one."""
    for place in (folder, folder / "best", folder / "last"):
        weights = place / "weights.safetensors"
        if weights.is_file():
            bounded.check_regular(weights)
            return digest_of(weights)
    return ""


def calibration_metadata(found: Calibration) -> dict[str, str]:
    """What a file's metadata say of the calibration that is in it."""
    limits = {f"{share}%": found.most_unlikeness(share / 100) for share in (1, 2, 5, 10)} if found.unlikeness else {}
    return {"temperature": f"{found.temperature:.6g}", "unlikeness_limits": json.dumps(limits)}
