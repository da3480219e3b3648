"""The network's answers to texts, as predict gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.text.reading.form import Form
    from cnn_core.runs import Run


@dataclass(frozen=True)
class AnswerOptions:
    """How many answers a text has, and when they are rejected; see PredictOptions."""

    top: int
    reject: str
    none: str
    reject_unknown: float


def answer(trained: Run, texts: list[str], asked: AnswerOptions) -> list[dict[str, Any]]:
    """One dict for each text: text, answer, rejected, top, tokens, unknown (share of the words)."""
    from apps.text.data import encode_texts
    from cnn_core.verbs.answers import REJECTED, labelled, limits_of

    split = encode_texts(trained.fitted.vocabulary, texts)
    limits = limits_of(trained.calibration, asked.reject, asked.none)
    found = []
    for i, (text, one) in enumerate(zip(texts, labelled(trained, split, limits, asked.top), strict=True)):
        row = split.row(i)
        unknown = float((row == 1).float().mean()) if len(row) else 1.0
        one = {"text": text} | one | {"tokens": len(row), "unknown": unknown}
        found.append(one | ({"answer": REJECTED, "rejected": True} if unknown > asked.reject_unknown else {}))
    return found


def unanswered(text: str) -> dict[str, Any]:
    """What stands for the answer of a blank row."""
    return {"text": text, "answer": None, "rejected": False, "top": [], "tokens": 0, "unknown": 1.0}


def training_form(trained: Run) -> Form:
    """How the training data of a run were read."""
    from apps.text.corpus import remembered_form

    return remembered_form(trained.config, trained.fitted)
