"""What a run answers to inputs: calibrated probabilities, and whether an input is of no class at all.

PyTorch is imported where it has to answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.exporting.session import ExportedRun, exported
from cnn_core.metrics.limits import Limits, answers_of

if TYPE_CHECKING:
    from torch import Tensor

    from cnn_core.app import App
    from cnn_core.runs import Run
    from cnn_core.training.data import Split


def opened(app: App, options: Any) -> Run | ExportedRun:
    """The run that options (`cnn_core.verbs.common.Answering`) name, by the engine that they ask for.

    Raises UserError as `exported` and `runs.restore` do.
    """
    common = options.common
    light = exported(app, options.run, options.engine, common.device, common.threads)
    if light:
        return light
    from cnn_core import runs
    from cnn_core.training import device

    return runs.restore(app, options.run, device.choose(common.device, common.threads))


def answers_to(run: Run, inputs: Tensor | Split) -> tuple[Tensor, Tensor | None]:
    """(probabilities (N, C) float64, unlikeness (N,), None where the run cannot tell it) of inputs or of a split.

    In fp32, whatever the run learned in: an exported file answers so too.
    """
    from cnn_core.training.calibration import unlikeness_of, watched_logits

    look = None if run.bank is None else partial(unlikeness_of, bank=run.bank)
    forward = run.app.forward_of(run.config)
    logits, unlikeness = watched_logits(run.model, inputs, look, precision="fp32", forward=forward)
    return run.probabilities(logits), unlikeness


def answers_to_arrays(
    run: Run | ExportedRun, arrays: Sequence[np.ndarray] | np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """The same of N inputs of any shapes; those of one shape go through the network at once."""
    shapes: dict[tuple[int, ...], list[int]] = {}
    for number, array in enumerate(arrays):
        shapes.setdefault(array.shape, []).append(number)
    probabilities, unlikeness = np.empty((len(arrays), len(run.labels))), np.full(len(arrays), np.nan)
    for members in shapes.values():
        inputs = np.stack([arrays[i] for i in members])
        if isinstance(run, ExportedRun):
            shares, strange = run.answers_to(inputs)
        else:
            import torch

            found = answers_to(run, torch.from_numpy(inputs))
            shares, strange = found[0].numpy(), None if found[1] is None else found[1].numpy()
        probabilities[members] = shares
        if strange is not None:
            unlikeness[members] = strange
    return probabilities, None if np.isnan(unlikeness).any() else unlikeness


def labelled(
    run: Run | ExportedRun, inputs: Split | Sequence[np.ndarray] | np.ndarray, limits: Limits, count: int
) -> list[dict[str, Any]]:
    """What predict says of each input, or of each sample of a split; see `answers_of`."""
    if isinstance(inputs, Sequence | np.ndarray):
        probabilities, unlikeness = answers_to_arrays(run, inputs)
    else:
        assert not isinstance(run, ExportedRun)
        shares, strange = answers_to(run, inputs)
        probabilities, unlikeness = shares.numpy(), None if strange is None else strange.numpy()
    thresholds = run.calibration.label_thresholds(len(run.labels)) if run.several_labels else None
    return answers_of(probabilities, unlikeness, run.labels, limits, count, thresholds)
