"""A network that keeps its state as an ONNX file of one step: 80 ms of sound and the state in, logits and state out.

samples (1280,) int16 at 16 kHz, state (S,) float32, zeros at the beginning
logits (C,) float32 of the last second, calibrated; state_after (S,), the state of the next step
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from apps.speech.nets import causal
from apps.speech.signal.running import STEP
from cnn_core.exporting.graph import ABSOLUTE, RELATIVE, save, session
from cnn_core.exporting.session import DIGEST, calibration_metadata, weights_digest
from cnn_core.exporting.tracing import evaluated_copy, require_extra, traced
from cnn_core.files import atomic
from cnn_core.networks import pretrained

if TYPE_CHECKING:
    from cnn_core.runs import Run

CHECKED = 30  # steps in which the file and PyTorch must agree
INPUTS, OUTPUTS = ("samples", "state"), ("logits", "state_after")


class Step(nn.Module):
    """One step of a network, its state one vector."""

    def __init__(self, model: nn.Module, temperature: float = 1.0):
        super().__init__()
        self.model, self.temperature = model, temperature
        self.shapes = [tuple(each.shape) for each in causal.begin(model)]
        self.sizes = [each.numel() for each in causal.begin(model)]

    def forward(self, samples: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """(1280,) int16, (S,) -> (C,), (S,)."""
        parts = tuple(each.reshape(shape) for each, shape in zip(state.split(self.sizes), self.shapes, strict=True))
        logits, behind = causal.advance(self.model, samples[None], parts)
        return logits[0, 0] / self.temperature, torch.cat([each.flatten() for each in behind])


def step_path(onnx: Path) -> Path:
    """Where the file of a step lies beside that of clips: model-step.onnx beside model.onnx."""
    return onnx.with_name(f"{onnx.stem}-step{onnx.suffix}")


def export_step(run: Run, path: Path) -> dict[str, Any]:
    """Write the file and check it in onnxruntime over CHECKED steps; path, bytes, state (S), max_difference.

    Raises UserError without the extra `onnx`, RuntimeError where the file says something else than PyTorch; an older
    file is then left as it was.
    """
    require_extra()
    step = Step(evaluated_copy(run.model), run.calibration.temperature).eval()
    size = sum(step.sizes)
    sound = (3000 * np.random.default_rng(0).standard_normal((CHECKED, STEP))).astype(np.int16)
    example = (torch.from_numpy(sound[0]), torch.zeros(size))
    metadata = {DIGEST: weights_digest(pretrained.place(run.folder)), "rate": "16000", "step_samples": f"{STEP}"}
    with atomic(path) as part:
        program = traced(step, example, INPUTS, OUTPUTS, None)
        save(program, part, run.labels, {**calibration_metadata(run.calibration), **metadata})
        runtime, state, expected = session(part), np.zeros(size, np.float32), torch.zeros(size)
        difference, largest = 0.0, 0.0
        for samples in sound:
            logits, state = runtime.run(OUTPUTS, {"samples": samples, "state": state})
            with torch.inference_mode():
                wanted, expected = step(torch.from_numpy(samples), expected)
            difference = max(difference, float(np.abs(logits - wanted.numpy()).max()))
            largest = max(largest, float(wanted.abs().max()))
        if not difference <= 10 * (ABSOLUTE + RELATIVE * largest):
            raise RuntimeError(f"the ONNX file of a step differs from PyTorch's by {difference:.3g}")
    return {"path": str(path), "bytes": path.stat().st_size, "state": size, "max_difference": difference}
