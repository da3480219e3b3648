"""What a run answers to inputs: calibrated probabilities, and whether an input is of no class at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from cnn_core.errors import UserError
from cnn_core.training import engine
from cnn_core.training.calibration import Calibration, features_of, last_dense, unlikeness_of
from cnn_core.training.data import Split

if TYPE_CHECKING:
    from cnn_core.runs import Run

REJECTED, NONE = "rejected", "none of these"


@dataclass(frozen=True)
class Limits:
    """Below which probability and above which unlikeness an input gets no label."""

    probability: float = 0.0
    unlikeness: float = float("inf")

    def verdict(self, probability: float, unlikeness: float | None) -> str:
        """ "none of these", "rejected", or "" where the label stands."""
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
    forward = run.app.forward_of(run.config)
    layer, bank, scores = last_dense(run.model), run.bank, []

    def watched(model: torch.nn.Module, batch: Tensor) -> Tensor:
        if layer is None or bank is None:
            return forward(model, batch)
        logits, features = features_of(model, layer, lambda: forward(model, batch))
        with torch.autocast(features.device.type, enabled=False):  # differences of cosines near 1
            scores.append(unlikeness_of(features, bank.to(features.device)).cpu())
        return logits

    logits = engine.predict_logits(run.model, inputs, precision=run.config.fit.precision, forward=watched)
    unlikeness = torch.cat(scores) if scores else None
    if unlikeness is not None and isinstance(inputs, Split):
        order = inputs.evaluation_order()
        if order is not None:
            unlikeness = torch.empty_like(unlikeness).index_copy_(0, order.cpu(), unlikeness)
    return run.calibrated(logits.double()).softmax(1), unlikeness


def top_of(run: Run, probabilities: Tensor, count: int) -> Callable[[int], list[dict[str, Any]]]:
    """top(i): the `count` best labels of sample i with their probabilities."""
    best, order = probabilities.topk(min(count, len(run.labels)))
    values, classes = best.tolist(), order.tolist()
    return lambda i: [{"label": run.labels[c], "probability": p} for c, p in zip(classes[i], values[i], strict=True)]


def labelled(limits: Limits, top: list[dict[str, Any]], unlikeness: float | None) -> dict[str, Any]:
    """answer, rejected, unlikeness and top, as every predict tells them."""
    verdict = limits.verdict(top[0]["probability"], unlikeness)
    found = {"answer": verdict or top[0]["label"], "rejected": bool(verdict), "top": top}
    return found if unlikeness is None else found | {"unlikeness": unlikeness}
