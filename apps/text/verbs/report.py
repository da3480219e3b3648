"""What evaluate adds for texts: linear models in the same table, unknown words, and the mistakes as lines of text."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from apps.text.baselines import Baseline, compare
from apps.text.words.ragged import TextSplit
from apps.text.words.vocabulary import UNKNOWN
from cnn_core.drawing.tables import table
from cnn_core.files import atomic
from cnn_core.metrics import Metrics, evaluate_logits
from cnn_core.runs import Run
from cnn_core.training.data import Dataset

SHOWN = 10


def report(run: Run, data: Dataset, logits: Tensor, folder: Path) -> tuple[dict[str, Any], str]:
    """Baselines, unknown words, and RUN/evaluation/mistakes.tsv with all mistakes, the largest loss first."""
    test = data.test
    assert isinstance(test, TextSplit)
    vocabulary = run.fitted.vocabulary
    metrics = evaluate_logits(logits.numpy(), test.targets.numpy(), run.labels)
    train: Any = data.train if len(data.train) else run.app.load(run.config).train
    cut = [[vocabulary.tokenize(text) for text in split.texts] for split in (train, test)]
    linear = compare(cut[0], train.targets.numpy(), cut[1], test.targets.numpy())
    unknown = unknown_share(test)
    unseen = unknown + float((test.tokens >= len(vocabulary) - vocabulary.unseen).float().mean() if unknown < 1 else 0)
    _write_mistakes(metrics, test, run.labels, folder / "mistakes.tsv")
    found = {
        "macro_f1": float(np.nanmean(metrics.f1)),
        "unknown_words": unknown,
        "words_not_in_training": unseen,
        "baselines": [_plain(each) for each in linear],
        "mistakes": str(folder / "mistakes.tsv"),
    }
    return found, _text(metrics, test, linear, run.labels, found)


def unknown_share(split: TextSplit) -> float:
    """Share of the tokens that are unknown; 0 where there are no tokens."""
    return float((split.tokens == 1).float().mean()) if len(split.tokens) else 0.0


def _plain(found: Baseline) -> dict[str, Any]:
    return {name: value for name, value in vars(found).items() if name != "predictions"}


def _write_mistakes(metrics: Metrics, test: TextSplit, labels: tuple[str, ...], path: Path) -> None:
    lines = ["loss\ttruth\tanswer\tprobability\ttext"]
    for i in metrics.mistakes():
        truth, answer = labels[metrics.targets[i]], labels[metrics.predictions[i]]
        text = " ".join(test.texts[i].split())
        lines.append(f"{metrics.losses[i]:.4f}\t{truth}\t{answer}\t{metrics.confidence[i]:.4f}\t{text}")
    with atomic(path) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _text(
    metrics: Metrics, test: TextSplit, linear: list[Baseline], labels: tuple[str, ...], found: dict[str, Any]
) -> str:
    low, high = metrics.accuracy_interval
    rows = [["this network", f"{metrics.accuracy:.2%}", f"{found['macro_f1']:.4f}", f"{low:.2%} to {high:.2%}"]]
    rows += [[each.name, f"{each.accuracy:.2%}", f"{each.macro_f1:.4f}", ""] for each in linear]
    parts = [table(["model", "accuracy", "macro F1", "95 % interval"], rows)]
    parts.append(
        f"unknown words: {found['unknown_words']:.2%} of the test tokens have no number of their own ({UNKNOWN});"
        f" {found['words_not_in_training']:.2%} were in no training text"
    )
    worst = metrics.mistakes()[:SHOWN]
    if len(worst):
        shown = [
            [
                f"{metrics.losses[i]:.2f}",
                f"{labels[metrics.targets[i]]} → {labels[metrics.predictions[i]]}",
                " ".join(test.texts[i].split())[:90],
            ]
            for i in worst
        ]
        parts.append(table(["loss", "truth → answer", "the worst mistakes"], shown))
    return "\n\n".join(parts)
