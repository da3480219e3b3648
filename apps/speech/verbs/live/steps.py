"""Networks that keep their state, step by step: every 80 ms what they say of the last second.

Letters: W steps, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.speech.signal.audio import LENGTH
from cnn_core.errors import UserError
from cnn_core.exporting.session import DIGEST, ExportedRun, weights_digest
from cnn_core.metrics.limits import probabilities_of

if TYPE_CHECKING:
    from cnn_core.runs import Run

STRIDE = 0.08
"""Seconds of a step."""
SAMPLES = 1280
SECOND = 13  # steps of the last second, and a little more
LEAD = 21  # steps until the first answer, of which the last second is sound: as clips begin (signal/running.py)
AT_ONCE = 750
"""Steps that PyTorch takes at once, where so many are there: a minute."""


class Steps:
    """Says what a network that keeps its state hears in sound that comes in pieces."""

    def __init__(self, run: Run | ExportedRun, quiet: float):
        self.labels, self.quiet = run.labels, quiet
        self.advance, self.most = _by_onnx(run) if isinstance(run, ExportedRun) else _by_torch(run)
        self.waiting = np.zeros(LEAD * SAMPLES - LENGTH, np.int16)  # a first answer after one second
        self.powers = np.zeros(SECOND - 1)
        self.skipped, self.told = 0, False

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """(samples,) int16 more -> (W, C) probabilities behind each step that they complete; NaN where it was quiet."""
        self.waiting = np.concatenate([self.waiting, samples])
        parts = [np.zeros((0, len(self.labels)))]
        while count := min(len(self.waiting) // SAMPLES, self.most):
            steps = self.waiting[: count * SAMPLES].reshape(count, SAMPLES)
            self.waiting = self.waiting[count * SAMPLES :]
            answers = probabilities_of(self.advance(steps), False)
            powers = np.square(steps.astype(np.float32) / 32768).mean(1)
            heard = np.concatenate([self.powers, powers])
            loudest = np.lib.stride_tricks.sliding_window_view(heard, SECOND).max(1)
            self.powers = heard[-(SECOND - 1) :]
            answers[10 * np.log10(loudest + 1e-12) < self.quiet] = np.nan
            early = min(max(LEAD - 1 - self.skipped, 0), count)  # less than a second was heard
            self.skipped += early
            self.told |= count > early
            parts.append(answers[early:])
        return np.concatenate(parts)

    def finish(self) -> np.ndarray:
        """Of sound that was shorter than a second, what is said with silence behind it."""
        if self.told:
            return np.zeros((0, len(self.labels)))
        return self.feed(np.zeros((LEAD - self.skipped) * SAMPLES - len(self.waiting), np.int16))


def stride_of(config: Any, stride: float) -> float:
    """Seconds between two answers: of a network that keeps its state those of its step, else `stride`."""
    return STRIDE if config.streams else stride


def _by_torch(run: Run) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """A function from steps (n, 1280) int16 to calibrated logits (n, C) that goes on where it was; the most at once."""
    import torch

    from apps.speech.nets import causal

    run.model.eval()
    device = next(run.model.parameters()).device
    state = causal.begin(run.model)

    def advance(steps: np.ndarray) -> np.ndarray:
        nonlocal state
        with torch.inference_mode():
            samples = torch.from_numpy(np.ascontiguousarray(steps).reshape(1, -1)).to(device)
            logits, state = causal.advance(run.model, samples, state)
            return run.calibrated(logits[0].double()).cpu().numpy()

    return advance, AT_ONCE


def _by_onnx(run: ExportedRun) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """The same through the file of a step."""
    file = run.file.with_name(f"{run.file.stem}-step{run.file.suffix}")
    session = ExportedRun(run.app, run.config, run.labels, run.fitted, run.calibration, file, 1).on_one_processor
    if session.get_modelmeta().custom_metadata_map.get(DIGEST) != weights_digest(file.parent):
        raise UserError(f"{file}: was not made from the weights that the run has now; export it again")
    state = np.zeros(session.get_inputs()[1].shape, np.float32)

    def advance(steps: np.ndarray) -> np.ndarray:
        nonlocal state
        found = np.empty((len(steps), len(run.labels)))
        for row, samples in enumerate(steps):
            found[row], state = session.run(["logits", "state_after"], {"samples": samples, "state": state})
        return found

    return advance, AT_ONCE
