"""What a smaller file costs: both files on the same test samples, with intervals and McNemar's test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnn_core.exporting.graph import session
from cnn_core.metrics.classes import Paired, paired, wilson_interval
from cnn_core.training.data import Split

AT_ONCE = 256


@dataclass(frozen=True)
class Cost:
    """What 8 bits cost on the same samples."""

    samples: int
    before: float
    after: float
    """Share of right answers (of samples and labels, where a sample may have several labels), 0 to 1."""
    before_interval: tuple[float, float]
    after_interval: tuple[float, float]
    """95 %."""
    changed: int
    """Answers that differ."""
    difference: Paired
    """After minus before."""

    def to_json(self) -> dict[str, Any]:
        """JSON data."""
        told = {name: getattr(self, name) for name in ("samples", "before", "after", "changed")}
        told |= {"before_interval": list(self.before_interval), "after_interval": list(self.after_interval)}
        pair = self.difference
        return told | {"difference": pair.difference, "low": pair.low, "high": pair.high, "p": pair.p}


def cost(before: Path, after: Path, split: Split, thresholds: np.ndarray | None = None) -> Cost:
    """Both files on all of a split, by onnxruntime; with `thresholds` (C,) samples have several labels."""
    first, second = (answers(each, split, thresholds) for each in (before, after))
    targets = split.targets.numpy()
    if thresholds is not None:
        targets = targets.astype(bool)
    right, then = (first == targets).ravel(), (second == targets).ravel()
    shares = [wilson_interval(int(each.sum()), len(each)) for each in (right, then)]
    return Cost(
        samples=len(split),
        before=float(right.mean()),
        after=float(then.mean()),
        before_interval=shares[0],
        after_interval=shares[1],
        changed=int((first != second).sum()),
        difference=paired(then, right),
    )


def answers(path: Path, split: Split, thresholds: np.ndarray | None = None) -> np.ndarray:
    """(N,) the most probable class of each sample; with thresholds (N, C) bool, the labels that are told."""
    runtime: Any = session(path)
    name = runtime.get_inputs()[0].name
    found = []
    for batch in split.evaluation_batches(AT_ONCE):
        inputs, _ = split.take(batch)
        (logits,) = runtime.run(["logits"], {name: inputs.numpy()})
        found.append(logits.argmax(1) if thresholds is None else 1 / (1 + np.exp(-logits)) >= thresholds)
    told, order = np.concatenate(found), split.evaluation_order()
    if order is None:
        return told
    in_their_order = np.empty_like(told)
    in_their_order[order.numpy()] = told
    return in_their_order
