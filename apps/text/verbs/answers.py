"""The network's answers to texts, as predict gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cnn_core.exporting.session import ExportedRun

if TYPE_CHECKING:
    import numpy as np

    from apps.text.reading.form import Form
    from cnn_core.metrics.limits import Limits
    from cnn_core.runs import Run


@dataclass(frozen=True)
class AnswerOptions:
    """How many answers a text has, and when they are rejected; see PredictOptions."""

    top: int
    reject: str
    none: str
    reject_unknown: float


def answer(trained: Run | ExportedRun, texts: list[str], asked: AnswerOptions) -> list[dict[str, Any]]:
    """One dict for each text: text, answer, rejected, top, tokens, unknown (share of the words)."""
    from cnn_core.metrics.limits import REJECTED, limits_of

    vocabulary = trained.fitted.vocabulary
    rows = [vocabulary.encode(vocabulary.tokenize(text)) for text in texts]
    limits = limits_of(trained.calibration, asked.reject, asked.none)
    found = []
    for row, text, one in zip(rows, texts, _labelled(trained, rows, texts, limits, asked.top), strict=True):
        unknown = float((row == 1).mean()) if len(row) else 1.0
        one = {"text": text} | one | {"tokens": len(row), "unknown": unknown}
        found.append(one | ({"answer": REJECTED, "rejected": True} if unknown > asked.reject_unknown else {}))
    return found


def _labelled(
    trained: Run | ExportedRun, rows: list[np.ndarray], texts: list[str], limits: Limits, top: int
) -> list[dict[str, Any]]:
    """What is said of each row of word numbers."""
    import numpy as np

    from cnn_core.verbs.answers import labelled

    if isinstance(trained, ExportedRun):
        empty = np.zeros(1, np.int32)  # a text without words is one pad, as in a batch
        return labelled(trained, [row if len(row) else empty for row in rows], limits, top)
    from apps.text.words.ragged import split_of

    return labelled(trained, split_of(rows, texts), limits, top)


def unanswered(text: str) -> dict[str, Any]:
    """What stands for the answer of a blank row."""
    return {"text": text, "answer": None, "rejected": False, "top": [], "tokens": 0, "unknown": 1.0}


def training_form(trained: Run | ExportedRun) -> Form:
    """How the training data of a run were read."""
    from apps.text.corpus import remembered_form

    return remembered_form(trained.config, trained.fitted)
