"""What a run answers to inputs: calibrated probabilities, and whether an input is of no class at all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor

from cnn_core.errors import UserError
from cnn_core.training.calibration import Calibration, unlikeness_of, watched_logits
from cnn_core.training.data import Split

if TYPE_CHECKING:
    from cnn_core.runs import Run

REJECTED, NONE, NO_LABEL = "rejected", "none of these", "no label"


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


def answers_to(run: Run, inputs: Tensor | Split) -> tuple[Tensor, Tensor | None]:
    """(probabilities (N, C) float64, unlikeness (N,), None where the run cannot tell it) of inputs or of a split."""
    look = None if run.bank is None else partial(unlikeness_of, bank=run.bank)
    forward = run.app.forward_of(run.config)
    logits, unlikeness = watched_logits(run.model, inputs, look, precision=run.config.fit.precision, forward=forward)
    return run.probabilities(logits), unlikeness


def labelled(run: Run, inputs: Tensor | Split, limits: Limits, count: int) -> list[dict[str, Any]]:
    """What predict says of each input: answer, rejected, the `count` best labels, unlikeness where it is known,
    and of several labels all those that are told."""
    probabilities, unlikeness = answers_to(run, inputs)
    best, order = probabilities.topk(min(count, len(run.labels)))
    found: list[dict[str, Any]] = []
    for i, (values, classes) in enumerate(zip(best.tolist(), order.tolist(), strict=True)):
        top = [{"label": run.labels[c], "probability": p} for c, p in zip(classes, values, strict=True)]
        told = {} if unlikeness is None else {"unlikeness": float(unlikeness[i])}
        verdict = limits.verdict(values[0], told.get("unlikeness"))
        if run.several_labels:
            labels = [run.labels[c] for c in (probabilities[i] >= run.thresholds).nonzero()[:, 0].tolist()]
            told |= {"labels": [] if verdict else labels}
            verdict = verdict or ", ".join(labels) or NO_LABEL
            found.append({"answer": verdict, "rejected": verdict in (REJECTED, NONE), "top": top, **told})
            continue
        found.append({"answer": verdict or top[0]["label"], "rejected": bool(verdict), "top": top, **told})
    return found
