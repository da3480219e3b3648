"""How sure an answer may be, and what is said of an input: the calibration of a run, limits, labels; no torch.

Letters: N inputs, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnn_core import bounded
from cnn_core.config import from_json
from cnn_core.errors import UserError

LEVELS = 101
JSON, TENSORS = "calibration.json", "calibration.safetensors"
REJECTED, NONE, NO_LABEL = "rejected", "none of these", "no label"


@dataclass(frozen=True)
class Calibration:
    """What was found on `samples` held-out samples."""

    temperature: float = 1.0
    samples: int = 0
    error_before: float = 0.0
    """Expected calibration error on the held-out samples at temperature 1."""
    error_after: float = 0.0
    confidence: tuple[float, ...] = ()
    """Percentiles 0 to 100 of the best calibrated probability."""
    thresholds: tuple[float, ...] = ()
    """Of samples with several labels: the probability from which on each label is told."""
    unlikeness: tuple[float, ...] = ()
    """Percentiles 0 to 100 of the unlikeness; empty for a network without a last dense layer."""

    def least_confidence(self, share: float) -> float:
        """The probability below which the given share (0..1) of the held-out samples lies."""
        return float(np.interp(100 * share, range(LEVELS), self.confidence)) if self.confidence else 0.0

    def most_unlikeness(self, share: float) -> float:
        """The unlikeness above which the given share (0..1) of the held-out samples lies."""
        return float(np.interp(100 * (1 - share), range(LEVELS), self.unlikeness)) if self.unlikeness else float("inf")

    def label_thresholds(self, labels: int) -> np.ndarray:
        """(C,) from which probability on each of several labels is told; .5 where none were fitted."""
        return np.array(self.thresholds if len(self.thresholds) == labels else [0.5] * labels)


UNCALIBRATED = Calibration()


def read_calibration(folder: Path) -> Calibration:
    """calibration.json of a run folder; UNCALIBRATED where there is none. Raises UserError for damaged files."""
    path = folder / JSON
    if not path.is_file():
        return UNCALIBRATED
    found = from_json(Calibration, bounded.read_json(path, regular=True), f"{path}")
    if not 0 < found.temperature < 1e3 or any(len(t) not in (0, LEVELS) for t in (found.confidence, found.unlikeness)):
        raise UserError(f"{path}: damaged; train again")
    return found


@dataclass(frozen=True)
class Limits:
    """Below which probability and above which unlikeness an input gets no label."""

    probability: float = 0.0
    unlikeness: float = float("inf")

    def verdict(self, probability: float, unlikeness: float | None) -> str:
        """What is said in place of a label: "none of these", "rejected", or "" where the label stands."""
        if unlikeness is not None and unlikeness > self.unlikeness:
            return NONE
        return REJECTED if probability < self.probability else ""


def limits_of(calibration: Calibration, reject: str, none: str) -> Limits:
    """The limits that the options --reject and --none ask for.

    A share such as 5% refuses what lies beyond that of the samples held out in training; --reject .7 is a probability.
    Raises UserError for anything else, and for a share where the run has no calibration.
    """
    probability, is_share = _number("--reject", reject)
    if is_share:
        if probability and not calibration.confidence:
            raise UserError(f"--reject {reject}: this run kept no held-out samples to tell a share by; give .5, say")
        probability = calibration.least_confidence(probability)
    share, is_share = _number("--none", none)
    if share and not is_share:
        raise UserError(f"--none {none}: must be a share such as 1%, or 0")
    return Limits(probability, calibration.most_unlikeness(share) if share else float("inf"))


def _number(option: str, text: str) -> tuple[float, bool]:
    """(0..1, whether it was a share)."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UserError(f"{option} {text}: must lie between 0 and 1, or be a share such as 5%")
    return value, text.endswith("%")


def probabilities_of(logits: np.ndarray, several: bool) -> np.ndarray:
    """Calibrated logits (N, C) -> (N, C) float64: of classes that exclude one another, or of each of several labels."""
    scores = np.asarray(logits, np.float64)
    if several:
        return 1 / (1 + np.exp(-np.clip(scores, -700, 700)))
    shares = np.exp(scores - scores.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def answers_of(
    probabilities: np.ndarray,
    unlikeness: np.ndarray | None,
    labels: Sequence[str],
    limits: Limits,
    count: int,
    thresholds: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """What is said of each of N inputs: answer, rejected, the `count` best labels, unlikeness where it is known.

    With `thresholds` (C,) an input may have several labels, or none: all those that are told.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    found: list[dict[str, Any]] = []
    for i, (row, best) in enumerate(zip(probabilities, order, strict=True)):
        top = [{"label": labels[c], "probability": float(row[c])} for c in best.tolist()]
        told: dict[str, Any] = {} if unlikeness is None else {"unlikeness": float(unlikeness[i])}
        verdict = limits.verdict(top[0]["probability"], told.get("unlikeness"))
        rejected, answer = bool(verdict), verdict or top[0]["label"]
        if thresholds is not None:
            names = [] if verdict else [labels[c] for c in np.flatnonzero(row >= thresholds).tolist()]
            told["labels"] = names
            answer = verdict or ", ".join(names) or NO_LABEL
        found.append({"answer": answer, "rejected": rejected, "top": top, **told})
    return found
