"""linear: answers of a linear model that `export --linear` wrote; no PyTorch, no scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser


@dataclass(frozen=True, kw_only=True)
class LinearOptions(Shared):
    """Options of linear."""

    model: positional(Path)  # type: ignore[valid-type]
    """File that `export --linear` wrote."""
    inputs: positional(tuple[str, ...]) = ()  # type: ignore[valid-type]
    """Texts, or files with a text a line or in the text column of a table."""


parse = parser(LinearOptions, "Answers of a linear model for texts and files.")


def run(app: App, options: LinearOptions) -> Outcome:
    """Answer all texts."""
    from apps.text.linear import load
    from apps.text.reading.form import Form
    from apps.text.reading.plain import read_plain

    if not options.inputs:
        raise UserError("name the texts: in quotes, or as files with a text a line")
    if not options.model.is_file():
        raise UserError(f"{options.model}: no such file; `cnn-text export RUN --linear FILE` writes one")
    model = load(options.model)
    asked: list[tuple[str | None, int, str]] = []
    for number, given in enumerate(options.inputs, start=1):
        try:
            path = Path(given) if Path(given).is_file() else None
        except (OSError, ValueError):  # too long for a name: a text
            path = None
        texts = read_plain(path, Form(prefix=""), labels=model.labels).texts if path else [given]
        asked += [(given if path else None, row, text) for row, text in enumerate(texts, start=1 if path else number)]
    scores = model.scores([text for _, _, text in asked])
    answers = [
        {
            "file": file,
            "row": row,
            "text": text,
            "answer": model.labels[int(line.argmax())],
            "scores": dict(zip(model.labels, line.tolist(), strict=True)),
        }
        for (file, row, text), line in zip(asked, scores, strict=True)
    ]
    rows = [[a["row"], " ".join(str(a["text"]).split())[:60], a["answer"]] for a in answers]
    return Outcome({"model": str(options.model), "predictions": answers}, table(["row", "text", "answer"], rows))
