"""What a run answers to inputs: calibrated probabilities, and whether an input is of no class at all."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor

from cnn_core.metrics.limits import Limits, answers_of
from cnn_core.training.calibration import unlikeness_of, watched_logits
from cnn_core.training.data import Split

if TYPE_CHECKING:
    from cnn_core.runs import Run


def answers_to(run: Run, inputs: Tensor | Split) -> tuple[Tensor, Tensor | None]:
    """(probabilities (N, C) float64, unlikeness (N,), None where the run cannot tell it) of inputs or of a split."""
    look = None if run.bank is None else partial(unlikeness_of, bank=run.bank)
    forward = run.app.forward_of(run.config)
    logits, unlikeness = watched_logits(run.model, inputs, look, precision=run.config.fit.precision, forward=forward)
    return run.probabilities(logits), unlikeness


def labelled(run: Run, inputs: Tensor | Split, limits: Limits, count: int) -> list[dict[str, Any]]:
    """What predict says of each input; see `answers_of`."""
    probabilities, unlikeness = answers_to(run, inputs)
    thresholds = run.thresholds.numpy() if run.several_labels else None
    strange = None if unlikeness is None else unlikeness.numpy()
    return answers_of(probabilities.numpy(), strange, run.labels, limits, count, thresholds)
