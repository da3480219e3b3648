"""The network's answers to texts, as predict gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.text.reading.form import Form
    from cnn_core.runs import Run


@dataclass(frozen=True)
class Limits:
    """How many answers a text has, and when they are rejected; see PredictOptions."""

    top: int
    reject: float
    reject_unknown: float


def answer(trained: Run, texts: list[str], limits: Limits) -> list[dict[str, Any]]:
    """One dict for each text: text, answer, rejected, top, tokens, unknown (share of the words)."""
    from apps.text.data import encode_texts
    from cnn_core.training import engine

    split = encode_texts(trained.fitted.vocabulary, texts)
    forward = trained.app.forward_of(trained.config)
    logits = engine.predict_logits(trained.model, split, precision=trained.config.fit.precision, forward=forward)
    probabilities = logits.double().softmax(1)
    best, order = probabilities.topk(min(limits.top, len(trained.labels)))
    found = []
    for i, (text, p, classes) in enumerate(zip(texts, best.tolist(), order.tolist(), strict=True)):
        row = split.row(i)
        unknown = float((row == 1).float().mean()) if len(row) else 1.0
        rejected = p[0] < limits.reject or unknown > limits.reject_unknown
        top = [{"label": trained.labels[c], "probability": q} for c, q in zip(classes, p, strict=True)]
        label = "rejected" if rejected else top[0]["label"]
        found.append(
            {"text": text, "answer": label, "rejected": rejected, "top": top, "tokens": len(row), "unknown": unknown}
        )
    return found


def unanswered(text: str) -> dict[str, Any]:
    """What stands for the answer of a blank row."""
    return {"text": text, "answer": None, "rejected": False, "top": [], "tokens": 0, "unknown": 1.0}


def training_form(trained: Run) -> Form:
    """How the training data of a run were read."""
    from apps.text.corpus import remembered_form

    return remembered_form(trained.config, trained.fitted)
