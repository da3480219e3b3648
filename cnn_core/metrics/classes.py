"""What a classifier's answers are worth: accuracy with its uncertainty, confusion, calibration, losses.

Letters: N samples, C classes, B calibration bins. Everything is numpy in, plain numbers out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def wilson_interval(correct: float, total: float, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for a proportion, `correct` out of `total` (Wilson 1927, without continuity correction).

    Unlike mean ± z·sd it stays inside 0..1 and keeps a width at 0 % and 100 %. No samples: (0, 1).
    Raises ValueError unless 0 <= correct <= total and 0 < confidence < 1.
    """
    if not 0 <= correct <= total:
        raise ValueError(f"a proportion needs 0 <= correct <= total, not {correct} of {total}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    if total == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = correct / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5
    # The ends are exact in theory at 0 and at total; rounding must not say 1e-17 there.
    low = 0.0 if correct == 0 else max(0.0, centre - half)
    high = 1.0 if correct == total else min(1.0, centre + half)
    return low, high


@dataclass(frozen=True)
class Paired:
    """Two classifiers on the same N samples: who alone was right how often, and whether that could be chance."""

    count: int
    only_first: int
    only_second: int
    difference: float
    """Accuracy of the first less that of the second."""
    low: float
    high: float
    """95 % interval of the difference (Wald with half a sample added to each count, Agresti and Min 2005)."""
    p: float
    """McNemar's exact test, two-sided."""


def paired(first: ArrayLike, second: ArrayLike) -> Paired:
    """Compare two classifiers by which samples each got right, both (N,) bool. Raises ValueError for other shapes."""
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"both must be (N,), not {a.shape} and {b.shape}")
    only_a, only_b, n = int((a & ~b).sum()), int((b & ~a).sum()), len(a)
    total = only_a + only_b
    tail = sum(comb(total, k) for k in range(min(only_a, only_b) + 1))
    p = min(1.0, float(Fraction(2 * tail, 2**total)))
    b_, c_, n_ = only_a + 0.5, only_b + 0.5, n + 2.0
    half = NormalDist().inv_cdf(0.975) * (max(b_ + c_ - (b_ - c_) ** 2 / n_, 0.0)) ** 0.5 / n_
    middle = (b_ - c_) / n_
    difference = (only_a - only_b) / n if n else 0.0
    return Paired(n, only_a, only_b, difference, max(middle - half, -1.0), min(middle + half, 1.0), p)


def log_softmax(logits: ArrayLike) -> Floats:
    """Logarithms of the probabilities, (N, C) -> (N, C) float64, stable for logits of any finite size."""
    scores = np.asarray(logits, dtype=np.float64)
    shifted = scores - scores.max(axis=-1, keepdims=True)  # the largest is 0: exp cannot overflow
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def confusion_matrix(targets: ArrayLike, predictions: ArrayLike, classes: int) -> Ints:
    """Counts (C, C): row = true class, column = predicted class."""
    truth, guess = np.asarray(targets, dtype=np.int64), np.asarray(predictions, dtype=np.int64)
    return np.bincount(truth * classes + guess, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Confidence against accuracy in equal-width bins of the top probability (Guo et al. 2017).

    Bin b holds the samples with edges[b] < top probability <= edges[b + 1]; empty bins are NaN in
    `confidence` and `accuracy`. `error` is the expected calibration error (ECE): the mean over samples of
    |accuracy - confidence| of the sample's bin, 0..1.
    """

    error: float
    edges: Floats  # (B + 1,)
    counts: Ints  # (B,)
    confidence: Floats  # (B,) mean top probability
    accuracy: Floats  # (B,) share of right answers

    def to_json(self) -> dict[str, object]:
        """Plain lists and floats; an empty bin has null for its confidence and accuracy."""
        return {
            "error": self.error,
            "edges": self.edges.tolist(),
            "counts": self.counts.tolist(),
            "confidence": _plain(self.confidence),
            "accuracy": _plain(self.accuracy),
        }


def calibration(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> Calibration:
    """Calibration of N top probabilities (N,) in 0..1, given which answers were right (N,) bool."""
    top, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=bool)
    edges = np.linspace(0.0, 1.0, bins + 1)
    index = np.digitize(top, edges[1:-1], right=True)  # (low, high], as in the paper
    counts = np.bincount(index, minlength=bins)
    total = np.where(counts > 0, counts, np.nan)  # NaN marks an empty bin, without a division warning
    mean_confidence = np.bincount(index, weights=top, minlength=bins) / total
    mean_accuracy = np.bincount(index, weights=right, minlength=bins) / total
    gaps = np.nan_to_num(np.abs(mean_accuracy - mean_confidence))
    return Calibration(float((gaps * counts).sum() / top.size), edges, counts, mean_confidence, mean_accuracy)


def mean_f1(f1: Floats) -> float:
    """Mean F1 (C,) of the classes that have one; 0 where none has."""
    return float(np.nanmean(f1)) if np.isfinite(f1).any() else 0.0


def calibration_of(logits: ArrayLike, targets: ArrayLike) -> Calibration:
    """Calibration of the answers that logits (N, C) give to targets (N,)."""
    log_p = log_softmax(logits)
    return calibration(np.exp(log_p.max(axis=1)), log_p.argmax(axis=1) == np.asarray(targets))


@dataclass(frozen=True)
class Coverage:
    """Errors among the answers that are left when the least sure ones are refused."""

    coverage: float
    """Share of the samples that are answered."""
    threshold: float
    """The probability below which answers are refused."""
    risk: float
    """Share of errors among those that are answered."""
    low: float
    high: float
    """95 % interval of the risk (Wilson)."""


SHARES = (1.0, 0.99, 0.98, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)


def risk_coverage(confidence: ArrayLike, correct: ArrayLike, shares: Sequence[float] = SHARES) -> list[Coverage]:
    """The risk-coverage curve (El-Yaniv and Wiener 2010) of N answers: confidence (N,), and which were right (N,)."""
    sure, right = np.asarray(confidence, np.float64), np.asarray(correct, bool)
    order = np.argsort(-sure, kind="stable")
    found = []
    for share in shares:
        count = max(round(share * len(sure)), 1)
        wrong = int((~right[order[:count]]).sum())
        low, high = wilson_interval(wrong, count)
        found.append(Coverage(share, float(sure[order[count - 1]]), wrong / count, low, high))
    return found


@dataclass(frozen=True, eq=False)
class Metrics:
    """All that `evaluate_logits` finds out. Shares are 0..1; undefined ones (no sample) are NaN.

    `losses`, `predictions` and `confidence` are per sample, in the order of the input, for galleries.
    """

    classes: tuple[str, ...]
    count: int
    correct: int
    accuracy: float
    accuracy_interval: tuple[float, float]  # Wilson, 95 %
    top_k: dict[int, float]  # k -> share of samples whose class is among the k largest logits
    negative_log_likelihood: float  # mean, in nats
    confusion: Ints  # (C, C), row = truth, column = prediction
    support: Ints  # (C,) samples of each class
    class_accuracy: Floats  # (C,) share of the class's samples that were answered right: its recall
    class_intervals: Floats  # (C, 2) Wilson, 95 %, of class_accuracy
    precision: Floats  # (C,) share of the answers "this class" that were right
    recall: Floats  # (C,)
    f1: Floats  # (C,)
    calibration: Calibration
    targets: Ints  # (N,)
    predictions: Ints  # (N,)
    confidence: Floats  # (N,) probability of the prediction
    losses: Floats  # (N,) negative log-likelihood of the true class, in nats

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that have samples or were answered: rare ones count as much as frequent ones."""
        return mean_f1(self.f1)

    def mistakes(self) -> Ints:
        """Positions (M,) of the wrong answers, the largest loss first."""
        wrong = np.flatnonzero(self.predictions != self.targets)
        return wrong[np.argsort(-self.losses[wrong], kind="stable")]

    def to_json(self) -> dict[str, object]:
        """Plain numbers, lists and dicts, without the per-sample arrays; undefined values are null."""
        per_class = [
            {
                "class": name,
                "support": int(self.support[c]),
                "accuracy": _plain(self.class_accuracy)[c],
                "accuracy_interval": self.class_intervals[c].tolist(),
                "precision": _plain(self.precision)[c],
                "recall": _plain(self.recall)[c],
                "f1": _plain(self.f1)[c],
            }
            for c, name in enumerate(self.classes)
        ]
        return {
            "count": self.count,
            "correct": self.correct,
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "macro_f1": self.macro_f1,
            "top_k": {str(k): share for k, share in self.top_k.items()},
            "negative_log_likelihood": self.negative_log_likelihood,
            "expected_calibration_error": self.calibration.error,
            "classes": list(self.classes),
            "per_class": per_class,
            "confusion": self.confusion.tolist(),
            "calibration": self.calibration.to_json(),
        }


def evaluate_logits(
    logits: ArrayLike, targets: ArrayLike, classes: Sequence[str], *, top: Sequence[int] = (1, 3, 5)
) -> Metrics:
    """Judge logits (N, C) against targets (N,) in 0..C-1; `classes` are the C names.

    The prediction is the largest logit, the lower class number among equals; top-k breaks ties the same way.
    Values of `top` above C are left out. A class without samples has NaN accuracy and recall; one never
    answered has NaN precision. Raises ValueError for wrong shapes, no samples, a target outside 0..C-1, and
    logits that are NaN or infinite (a network that has diverged).
    """
    scores, truth = _checked(logits, targets, len(classes))
    count, width = scores.shape
    log_p = log_softmax(scores)
    predictions = scores.argmax(axis=1)
    right = predictions == truth
    confidence = np.exp(log_p[np.arange(count), predictions])
    losses = -log_p[np.arange(count), truth]
    confusion = confusion_matrix(truth, predictions, width)
    hits, support, answers = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    correct = int(right.sum())
    recall = _ratio(hits, support)
    return Metrics(
        classes=tuple(classes),
        count=count,
        correct=correct,
        accuracy=correct / count,
        accuracy_interval=wilson_interval(correct, count),
        top_k=_top_k(scores, truth, top),
        negative_log_likelihood=float(losses.mean()),
        confusion=confusion,
        support=support,
        class_accuracy=recall,
        class_intervals=np.array([wilson_interval(h, n) for h, n in zip(hits.tolist(), support.tolist(), strict=True)]),
        precision=_ratio(hits, answers),
        recall=recall,
        f1=_ratio(2 * hits, support + answers),
        calibration=calibration(confidence, right),
        targets=truth,
        predictions=predictions,
        confidence=confidence,
        losses=losses,
    )


def _checked(logits: ArrayLike, targets: ArrayLike, classes: int) -> tuple[Floats, Ints]:
    scores, truth = np.asarray(logits, dtype=np.float64), np.asarray(targets)
    if scores.ndim != 2 or scores.shape[1] != classes:
        raise ValueError(f"logits must be (N, {classes}) for {classes} classes, not {scores.shape}")
    if truth.shape != scores.shape[:1] or not np.issubdtype(truth.dtype, np.integer):
        raise ValueError(f"targets must be {scores.shape[0]} whole numbers, not {truth.dtype} of shape {truth.shape}")
    if truth.size == 0:
        raise ValueError("no samples to evaluate")
    if truth.min() < 0 or truth.max() >= classes:
        raise ValueError(f"targets must lie in 0..{classes - 1}, found {truth.min()}..{truth.max()}")
    bad = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if bad.size:
        raise ValueError(f"logits of {bad.size} of {truth.size} samples are NaN or infinite, first: {bad[0]}")
    return scores, truth.astype(np.int64)


def _top_k(scores: Floats, truth: Ints, top: Sequence[int]) -> dict[int, float]:
    own = np.take_along_axis(scores, truth[:, None], axis=1)  # (N, 1)
    ties_before = (scores == own) & (np.arange(scores.shape[1]) < truth[:, None])
    rank = (scores > own).sum(axis=1) + ties_before.sum(axis=1)
    return {k: float((rank < k).mean()) for k in top if k <= scores.shape[1]}


def _ratio(part: Ints, whole: Ints) -> Floats:
    return part / np.where(whole > 0, whole, np.nan)


def _plain(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
