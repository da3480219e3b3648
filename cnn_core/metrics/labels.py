"""Samples with several labels, or none: thresholds, and what answers are worth. Numpy in, plain numbers out.

Letters: N samples, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnn_core.metrics.classes import Floats, mean_f1

RESAMPLED = 1000  # times, for an interval


def best_thresholds(probabilities: Floats, targets: np.ndarray) -> Floats:
    """(C,) above which a label is told, so that its F1 on these samples is best; .5 for a label that none of them has.

    `probabilities` (N, C), `targets` (N, C) bool. A threshold lies in the middle between two probabilities (Lipton et
    al. 2014 show why it lies low for rare labels); of equal ones the nearest to .5 is taken.
    """
    return np.array([_best_threshold(probabilities[:, c], targets[:, c]) for c in range(targets.shape[1])])


def _best_threshold(p: np.ndarray, truth: np.ndarray) -> float:
    if not truth.any():
        return 0.5
    order = np.argsort(-p, kind="stable")
    values, hits = p[order], np.cumsum(truth[order])
    told = np.arange(1, len(p) + 1)
    f1 = 2 * hits / (told + truth.sum())
    ends = np.append(values[:-1] > values[1:], True)  # equal probabilities are told together
    below = np.append(values[1:], 0.0)
    middles = (values + below) / 2
    best = np.flatnonzero(ends & (f1 >= f1[ends].max() - 1e-12))
    return float(middles[best[np.abs(middles[best] - 0.5).argmin()]])


@dataclass(frozen=True, eq=False)
class MultiLabelMetrics:
    """What answers (N, C) are worth against targets (N, C), both bool."""

    labels: tuple[str, ...]
    count: int
    support: np.ndarray  # (C,) samples that have the label
    precision: Floats  # (C,) NaN where the label was never told
    recall: Floats  # (C,) NaN where no sample has it
    f1: Floats  # (C,) NaN where neither
    micro_f1: float
    """F1 of all samples' labels together; frequent labels count more."""
    micro_interval: tuple[float, float]
    """95 % of bootstrap samples."""
    macro_f1: float
    """Mean F1 of the labels that occur or were told."""
    exact: float
    """Share of the samples with every label right."""

    def to_json(self) -> dict[str, Any]:
        """Plain lists and floats; null for NaN."""
        lists = {
            name: [None if value != value else value for value in getattr(self, name).tolist()]
            for name in ("support", "precision", "recall", "f1")
        }
        return {
            "labels": list(self.labels),
            "count": self.count,
            **lists,
            "micro_f1": self.micro_f1,
            "micro_interval": list(self.micro_interval),
            "macro_f1": self.macro_f1,
            "exact": self.exact,
        }


def evaluate_answers(answers: np.ndarray, targets: np.ndarray, labels: Sequence[str]) -> MultiLabelMetrics:
    """Judge answers (N, C) against targets (N, C), both bool. Raises ValueError for other shapes, and no samples."""
    if answers.shape != targets.shape or answers.ndim != 2 or targets.shape[1] != len(labels) or not len(targets):
        raise ValueError(f"both must be (N, {len(labels)}) with N above 0, not {answers.shape} and {targets.shape}")
    hits, told, support = ((a & b).sum(0) for a, b in ((answers, targets), (answers, answers), (targets, targets)))
    with np.errstate(invalid="ignore"):
        f1 = 2 * hits / (told + support)
        precision, recall = hits / told, hits / support
    parts = np.stack([(answers & targets).sum(1), answers.sum(1) + targets.sum(1)])  # (2, N)
    generator = np.random.default_rng(0)
    draws = generator.integers(len(targets), size=(RESAMPLED, len(targets)))
    found = np.array([_f1(*parts[:, draw].sum(1)) for draw in draws])
    low, high = np.percentile(found, [2.5, 97.5])
    return MultiLabelMetrics(
        tuple(labels),
        len(targets),
        support,
        precision,
        recall,
        f1,
        _f1(*parts.sum(1)),
        (float(low), float(high)),
        mean_f1(f1),
        float((answers == targets).all(1).mean()),
    )


def _f1(hits: float, told_and_true: float) -> float:
    return float(2 * hits / told_and_true) if told_and_true else 0.0
