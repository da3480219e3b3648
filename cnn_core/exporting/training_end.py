"""The file through which a run answers without PyTorch, made at the end of its training."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cnn_core.console import note
from cnn_core.errors import first_line
from cnn_core.exporting.session import FILE

if TYPE_CHECKING:
    from cnn_core.app import App
    from cnn_core.training.data import Split

VARIABLE = "CNN_SUITE_EXPORT"
"""Environment variable that turns the export off for all trainings: 0 or no."""
CHECKED = 50  # test samples on which the file must agree with PyTorch
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class Exported:
    """The file that was written, and what it took."""

    file: Path
    cpu_seconds: float
    seconds: float


def wanted(option: bool) -> bool:
    """Whether a training with this option is to export its run."""
    return option and os.environ.get(VARIABLE, "").strip().lower() not in ("0", "no", "off", "false")


def export_trained(app: App, folder: Path, test: Split) -> Exported | None:
    """Write RUN/model.onnx of the weights that the run answers with, checked on some test samples.

    None, with one line that says why and what to do, where the extra `onnx` is missing or the network cannot be
    exported: the run is whole without the file, and answers through PyTorch.
    """
    if not all(map(find_spec, PACKAGES)):
        note(
            f"{folder} will answer through PyTorch, which takes seconds to start; for quick answers: pip install"
            f" 'cnn-suite[onnx]', then {app.prog} export {folder}"
        )
        return None
    begun, cpu = time.perf_counter(), time.process_time()
    try:
        from cnn_core import runs
        from cnn_core.exporting.run import export_answers

        run = runs.restore(app, folder)
        inputs = test.take(slice(0, CHECKED))[0] if len(test) else None
        export_answers(run, folder / FILE, inputs)
    except Exception as error:  # of any layer of the exporter; what was trained must not be lost for it
        note(f"{folder} will answer through PyTorch, for it could not be exported ({first_line(error)})")
        return None
    return Exported(folder / FILE, time.process_time() - cpu, time.perf_counter() - begun)
