"""What evaluate adds for photographs: a linear model beside the network, and the accuracy without near-copies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from apps.photos.baselines import compare
from apps.photos.corpora.corpus import Photos
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.metrics.classes import paired, wilson_interval
from cnn_core.training.data import Dataset

if TYPE_CHECKING:
    from cnn_core.runs import Run


def report(run: Run, data: Dataset, logits: torch.Tensor, folder: Path) -> tuple[dict[str, Any], str]:
    """Numbers and text for evaluate."""
    test = data.test
    assert isinstance(test, Photos)
    right = (logits.argmax(1) == test.targets).numpy()
    rows = [["this network", *_shares(right.sum(), len(right)), "", ""]]
    found: dict[str, Any] = {"baseline": None, "baseline_left_out": ""}
    try:
        # What the run learned from, also where it is evaluated on other pictures.
        train = run.app.load(run.config).train
        assert isinstance(train, Photos)
        linear = compare(run.config, train, test, run.record["seed"])
        pair = paired(right, linear.predictions == test.targets.numpy())
        lead = f"{100 * pair.difference:+.1f} ({100 * pair.low:+.1f} to {100 * pair.high:+.1f})"
        rows.append([linear.name, *_shares(linear.accuracy * len(right), len(right)), lead, f"{pair.p:.3f}"])
        plain = {name: value for name, value in vars(linear).items() if name != "predictions"}
        found["baseline"] = {**plain, "p": pair.p, "lead": pair.difference}
    except UserError as error:  # must not hide the figures of the network
        found["baseline_left_out"] = str(error)
    repeated = test.repeated.numpy()
    found["near_copies_in_training"] = int(repeated.sum())
    if 0 < repeated.sum() < len(right):
        own = right[~repeated]
        found["accuracy_without_near_copies"] = float(own.mean())
        name = f"this network, without {repeated.sum():,} near-copies of training pictures"
        rows.append([name, *_shares(own.sum(), len(own)), "", ""])
    head = ["model", "accuracy", "95 % interval", "network's lead, points (95 %)", "p (McNemar)"]
    text = table(head, rows)
    if found["baseline_left_out"]:
        text += f"\n\nwithout the linear model: {found['baseline_left_out']}"
    return found, text


def _shares(correct: float, count: int) -> tuple[str, str]:
    low, high = wilson_interval(correct, count)
    return f"{correct / max(count, 1):.2%}", f"{low:.2%} to {high:.2%}"
