"""evaluate for texts with several labels: F1 of each label and of all, beside linear models of each label by itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.text.baselines import MODELS, VALIDATION, divided
from apps.text.linear import LinearModel
from apps.text.words.ragged import TextSplit
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import write_json
from cnn_core.metrics.labels import MultiLabelMetrics, best_thresholds, evaluate_answers
from cnn_core.optional import require
from cnn_core.outcome import Outcome
from cnn_core.runs import Run
from cnn_core.training.data import Dataset
from cnn_core.training.holdout import hold_out
from cnn_core.training.inference import predict_logits

Rows = Sequence[list[str]]


@dataclass(frozen=True)
class LabelModels:
    """A linear model for each label, one against the rest, and the score from which on the label is told."""

    models: tuple[LinearModel | None, ...]
    """None for a label that all training texts have, or none."""
    thresholds: tuple[float, ...]

    def answers(self, rows: Rows) -> np.ndarray:
        """(N, C) bool."""
        return np.stack([_lead(m, rows) >= t for m, t in zip(self.models, self.thresholds, strict=True)], 1)


def fit_linear(name: str, rows: Rows, targets: np.ndarray) -> LabelModels:
    """Models of that name for targets (N, C) bool; thresholds of best F1 on a part that was held out, as networks'."""
    models, thresholds = [], []
    for truth in targets.T:
        kinds = truth.astype(np.int64)
        if len(np.unique(kinds)) < 2:
            models.append(None)
            thresholds.append(0.0 if truth.any() else np.inf)
            continue
        threshold = 0.0
        try:
            held = hold_out(kinds, VALIDATION, 1)
        except UserError:  # too few texts have the label
            held = np.zeros(len(kinds), bool)
        if held.any() and len(np.unique(kinds[~held])) == 2 and kinds[held].any():
            rest, asked = divided(rows, held)
            lead = _lead(MODELS[name](rest, kinds[~held]), asked)
            squashed = 1 / (1 + np.exp(-np.clip(lead, -30, 30)))
            best = best_thresholds(squashed[:, None], truth[held][:, None])[0]
            threshold = float(np.log(best / max(1 - best, 1e-12))) if best > 0 else -np.inf
        models.append(MODELS[name](rows, kinds))
        thresholds.append(threshold)
    return LabelModels(tuple(models), tuple(thresholds))


def _lead(model: LinearModel | None, rows: Rows) -> np.ndarray:
    """(N,) score of having the label less that of not having it."""
    if model is None:
        return np.zeros(len(rows))
    scores = model.scores(rows)
    return scores[:, 1] - scores[:, 0]


def evaluate(run: Run, data: Dataset, folder: Path) -> Outcome:
    """Measure on the test split; writes metrics.json."""
    test = data.test
    assert isinstance(test, TextSplit)
    forward = run.app.forward_of(run.config)
    logits = predict_logits(run.model, test, precision=run.config.fit.precision, forward=forward)
    truth = test.targets.numpy() > 0
    answers = (run.probabilities(logits) >= run.thresholds).numpy()
    found = {"this network": evaluate_answers(answers, truth, run.labels)}
    seconds, left_out = {}, ""
    try:
        require("sklearn", "comparing with linear models")
        train = (data if len(data.train) else run.app.load(run.config)).train
        assert isinstance(train, TextSplit)
        words_of = run.fitted.vocabulary.words_of
        rows, others = ([words_of(text) for text in split.texts] for split in (train, test))
        for name in MODELS:
            begin = time.process_time()
            model = fit_linear(name, rows, train.targets.numpy() > 0)
            seconds[name] = time.process_time() - begin
            found[name] = evaluate_answers(model.answers(others), truth, run.labels)
    except UserError as error:
        left_out = str(error)
    name = f"{data.name}, {'test split' if len(data.train) else 'all samples'}"
    result: dict[str, Any] = {"run": str(run.folder), "data": data.name, **found["this network"].to_json()}
    result["thresholds"] = run.thresholds.tolist()
    result["baselines"] = {k: {**v.to_json(), "train_seconds": seconds[k]} for k, v in found.items() if k in seconds}
    result |= {"baselines_left_out": left_out, "report": str(folder)}
    write_json(folder / "metrics.json", result)
    return Outcome(result, _text(found, name, left_out, folder))


def _text(found: dict[str, MultiLabelMetrics], name: str, left_out: str, folder: Path) -> str:
    own = found["this network"]
    models = [
        [model, f"{m.micro_f1:.4f}", f"{m.micro_interval[0]:.3f} to {m.micro_interval[1]:.3f}", f"{m.macro_f1:.4f}",
         f"{m.exact:.2%}"]
        for model, m in found.items()
    ]  # fmt: skip
    lines = [table([name, "micro F1", "95 % interval", "macro F1", "every label right"], models)]
    if left_out:
        lines.append(f"without the linear models: {left_out}")
    rows = [
        [label, int(n), *(None if value != value else f"{value:.4f}" for value in (p, r, f))]
        for label, n, p, r, f in zip(own.labels, own.support, own.precision, own.recall, own.f1, strict=True)
    ]
    lines.append(table(["label", "texts", "precision", "recall", "F1"], rows))
    lines.append(f"{own.count} texts; report: {folder}")
    return "\n\n".join(lines)
