"""What evaluate adds for texts: linear models in the same table, unknown words, and the mistakes as lines of text."""

from pathlib import Path
from typing import Any

from torch import Tensor

from apps.text.baselines import Baseline, compare
from apps.text.words.ragged import TextSplit
from apps.text.words.vocabulary import UNKNOWN, FittedText
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import atomic
from cnn_core.metrics.classes import Metrics, Paired, evaluate_logits, paired, wilson_interval
from cnn_core.runs import Run
from cnn_core.training.data import Dataset

SHOWN = 10
UNKNOWN_NUMBER = 1


def report(run: Run, data: Dataset, logits: Tensor, folder: Path) -> tuple[dict[str, Any], str]:
    """Baselines, unknown words, and RUN/evaluation/mistakes.tsv with all mistakes, the largest loss first."""
    test = data.test
    assert isinstance(test, TextSplit)
    vocabulary = run.fitted.vocabulary
    metrics = evaluate_logits(logits.numpy(), test.targets.numpy(), run.labels)
    linear, reason = _linear(run, data, test)
    right = metrics.predictions == metrics.targets
    pairs = [paired(right, each.predictions == metrics.targets) for each in linear]
    unknown = unknown_share(test)
    _write_mistakes(metrics, test, run.labels, folder / "mistakes.tsv")
    found = {
        "macro_f1": metrics.macro_f1,
        "unknown_words": unknown,
        "words_not_in_training": unknown + _share(test.tokens >= len(vocabulary) - vocabulary.unseen),
        "texts_without_words": int((test.inputs[:, 1] == 0).sum()),
        "data_changed": bool(len(data.train) and _changed(run, data)),
        "baselines": [_plain(each) | {"paired": vars(pair)} for each, pair in zip(linear, pairs, strict=True)],
        "baselines_left_out": reason,
        "mistakes": str(folder / "mistakes.tsv"),
    }
    return found, _text(metrics, test, linear, pairs, run.labels, found)


def _linear(run: Run, data: Dataset, test: TextSplit) -> tuple[list[Baseline], str]:
    """(the linear models, trained on the training texts of the run, why there are none).

    What they lack must not hide the figures of the network: their data may be gone or changed, or have no words.
    """
    try:
        source = data if len(data.train) else run.app.load(run.config)
        if _changed(run, source):
            return [], f"{run.config.data} has changed since the run was trained on it"
        train = source.train
        assert isinstance(train, TextSplit)
        rows = [[run.fitted.vocabulary.words_of(text) for text in split.texts] for split in (train, test)]
        return compare(rows[0], train.targets.numpy(), rows[1], test.targets.numpy()), ""
    except UserError as error:
        return [], str(error)


def _changed(run: Run, source: Dataset) -> bool:
    """Whether the run's data are other texts now than in training; runs of earlier versions cannot say."""
    now = source.fitted
    assert isinstance(now, FittedText)
    return bool(run.fitted.digest) and now.digest != run.fitted.digest


def unknown_share(split: TextSplit) -> float:
    """Share of the tokens that are unknown; 0 where there are no tokens."""
    return _share(split.tokens == UNKNOWN_NUMBER)


def _share(found: Tensor) -> float:
    return float(found.float().mean()) if len(found) else 0.0


def _plain(found: Baseline) -> dict[str, Any]:
    return {name: value for name, value in vars(found).items() if name not in ("predictions", "model")}


def _write_mistakes(metrics: Metrics, test: TextSplit, labels: tuple[str, ...], path: Path) -> None:
    lines = ["loss\ttruth\tanswer\tprobability\ttext"]
    for i in metrics.mistakes():
        truth, answer = labels[metrics.targets[i]], labels[metrics.predictions[i]]
        text = " ".join(test.texts[i].split())
        lines.append(f"{metrics.losses[i]:.4f}\t{truth}\t{answer}\t{metrics.confidence[i]:.4f}\t{text}")
    with atomic(path) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _verdict(linear: list[Baseline], pairs: list[Paired]) -> str:
    """One sentence where the network is not shown to beat the best linear model."""
    if not linear:
        return ""
    best = max(range(len(linear)), key=lambda i: linear[i].accuracy)
    model, pair = linear[best], pairs[best]
    if pair.difference > 0 and pair.p < 0.05:
        return ""
    how = "better" if pair.difference < 0 and pair.p < 0.05 else "as good, as far as these texts can tell"
    return (
        f"{model.name} is {how}, and took {model.train_seconds:.1f} CPU-seconds to train:"
        " `cnn-text export RUN --linear FILE` writes it, `cnn-text linear FILE` answers with it"
    )


LEAD = ("network's lead, points (95 %)", "p (McNemar)")


def lead(pair: Paired | None) -> tuple[str, str]:
    """The two cells of LEAD: how far the network is ahead, and whether that could be chance."""
    if pair is None:
        return "", ""
    return f"{100 * pair.difference:+.1f} ({100 * pair.low:+.1f} to {100 * pair.high:+.1f})", f"{pair.p:.3f}"


def _text(
    metrics: Metrics,
    test: TextSplit,
    linear: list[Baseline],
    pairs: list[Paired],
    labels: tuple[str, ...],
    found: dict[str, Any],
) -> str:
    low, high = metrics.accuracy_interval
    rows = [["this network", f"{metrics.accuracy:.2%}", f"{found['macro_f1']:.4f}", f"{low:.2%} to {high:.2%}", "", ""]]
    for each, pair in zip(linear, pairs, strict=True):
        own = wilson_interval(pair.count * each.accuracy, pair.count)
        interval = f"{own[0]:.2%} to {own[1]:.2%}"
        rows.append([each.name, f"{each.accuracy:.2%}", f"{each.macro_f1:.4f}", interval, *lead(pair)])
    head = ["model", "accuracy", "macro F1", "95 % interval", *LEAD]
    parts = [table(head, rows)]
    if verdict := _verdict(linear, pairs):
        parts.append(verdict)
    if found["baselines_left_out"]:
        parts.append(f"without the linear models: {found['baselines_left_out']}")
    parts.append(
        f"unknown words: {found['unknown_words']:.2%} of the test tokens have no number of their own ({UNKNOWN});"
        f" {found['words_not_in_training']:.2%} were in no training text;"
        f" {found['texts_without_words']} texts have no words"
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
