"""compare: runs on the same test samples, with the difference, its interval and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.networks import pretrained
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser

if TYPE_CHECKING:
    import numpy as np

    from cnn_core.runs import Run
    from cnn_core.training.data import Split


@dataclass(frozen=True, kw_only=True)
class CompareOptions(Shared):
    """Options of compare."""

    runs: positional(tuple[Path, ...])  # type: ignore[valid-type]
    """Run folders, or @NAME; the first is what the others are compared with."""
    out: Path | None = None
    """Folder for the report; comparison in the first run when left out."""
    count: int = 60
    """Largest number of samples that changed sides on each sheet."""


ABOUT = "Runs on the same test samples: paired difference with its interval, who is right where, curves, cost."
parse = parser(CompareOptions, ABOUT)


def run(app: App, options: CompareOptions) -> Outcome:
    """Measure all runs, then write comparison.json, changed-N.tsv, the sheets and the learning curves."""
    if len(options.runs) < 2:
        raise UserError(f"name at least two runs: {app.prog} compare RUN RUN2")
    if options.count < 0:
        raise UserError(f"--count must be at least 0, not {options.count}")

    from cnn_core import runs
    from cnn_core.drawing import report
    from cnn_core.drawing.curves import learning_curves
    from cnn_core.files import write_json
    from cnn_core.metrics.classes import paired, wilson_interval
    from cnn_core.nn.summary import summary
    from cnn_core.training import device, engine
    from cnn_core.training.monitoring.log import read_log

    chosen = device.choose(options.common.device, options.common.threads)
    folders = [pretrained.named(folder) for folder in options.runs]
    first, source, truth = None, None, None
    told: list[dict[str, Any]] = []
    answers: list[np.ndarray] = []
    for folder in folders:
        trained = runs.restore(app, folder, chosen)
        if first is None:
            first = trained
        if trained.several_labels:
            raise UserError(f"{folder}: tells several labels of a sample; compare is for runs that tell one")
        _check_configuration(trained, first)
        data = trained.app.load(trained.config)
        if source is None:
            source, truth = data, data.test.targets.cpu().numpy()
        elif not _same_samples(data.test, source.test):
            raise UserError(f"{folder}: has other test samples of {data.name} than {folders[0]}")
        forward = trained.app.forward_of(trained.config)
        logits = engine.predict_logits(
            trained.model, data.test, precision=trained.config.fit.precision, forward=forward
        )
        answers.append(logits.argmax(1).cpu().numpy())
        right = int((answers[-1] == truth).sum())
        found = summary(trained.model, data.test.take(slice(0, 1))[0])
        history, card = read_log(pretrained.place(folder)), pretrained.card_of(folder)
        cpu_seconds = card.cpu_seconds if card else history[-1].get("cpu_seconds") if history else None
        told.append(
            {
                "run": str(folder),
                "preset": trained.record["preset"],
                "accuracy": right / len(answers[-1]),
                "accuracy_interval": wilson_interval(right, len(answers[-1])),
                "correct": right,
                "cpu_seconds": cpu_seconds,
                "parameters": found.parameters,
                "multiply_adds": found.multiply_adds,
                "history": history,
            }
        )
    assert first is not None
    assert source is not None
    assert truth is not None
    out = options.out or folders[0] / "comparison"
    pairs, written = [], []
    for number, (each, labels) in enumerate(zip(told[1:], answers[1:], strict=True), start=2):
        pair = paired(labels == truth, answers[0] == truth)
        turned = ((labels == truth) != (answers[0] == truth)).nonzero()[0]
        order = sorted(turned.tolist(), key=lambda i: (bool(labels[i] == truth[i]), i))  # what became wrong first
        rows = [
            {"sample": i, "truth": first.labels[truth[i]], "first": first.labels[answers[0][i]],
             "now": first.labels[labels[i]]}
            for i in order
        ]  # fmt: skip
        written.append(_listed(out / f"changed-{number}.tsv", rows, source.test))
        if first.app.gallery and order and options.count:
            sheet = _sheet(first.app, source.test, rows[: options.count], len(rows), each["run"])
            written.append(str(report.save(sheet, out / f"changed-{number}.png")))
        pairs.append(
            {"run": each["run"], "than": told[0]["run"], "difference": pair.difference, "low": pair.low,
             "high": pair.high, "p": pair.p, "only_this_right": pair.only_first,
             "only_first_right": pair.only_second, "changed": rows[: options.count]}
        )  # fmt: skip
    logs = {each["run"]: each.pop("history") for each in told}
    if any(logs.values()):
        written.append(str(report.save(learning_curves(logs), out / "learning.png")))
    result = {"data": source.name, "samples": len(truth), "runs": told, "paired": pairs, "files": written}
    write_json(out / "comparison.json", result)
    return Outcome({**result, "report": str(out)}, _text(result, out))


def _check_configuration(trained: Run, first: Run) -> None:
    """Raises UserError for a run of other data or other classes, before any data are loaded."""
    if trained.labels != first.labels:
        raise UserError(
            f"{trained.folder}: has the classes {_few(trained.labels)}, and {first.folder} {_few(first.labels)};"
            " compare runs of the same classes in the same order"
        )
    if trained.config.data != first.config.data:
        raise UserError(
            f"{trained.folder}: was trained on {trained.config.data}, and {first.folder} on {first.config.data};"
            " compare runs of the same data"
        )


def _few(labels: Sequence[str]) -> str:
    return ", ".join(labels[:8]) + (" ..." if len(labels) > 8 else "")


def _same_samples(one: Split, other: Split) -> bool:
    """Whether two test splits hold the same samples in the same order; texts by their text, for words are numbered by
    each run."""
    if len(one) != len(other) or not bool((one.targets.cpu() == other.targets.cpu()).all()):
        return False
    texts, others = getattr(one, "texts", ()), getattr(other, "texts", ())
    if texts or others:
        return texts == others
    if one.inputs.shape != other.inputs.shape:
        return False
    pairs = zip(one.inputs.split(4096), other.inputs.split(4096), strict=True)
    return all(bool((first == second).all()) for first, second in pairs)


def _listed(path: Path, rows: Sequence[dict[str, Any]], test: Split) -> str:
    """All samples that changed sides, one a line, with their texts where they are texts."""
    from cnn_core.files import atomic, csv_cell

    texts = getattr(test, "texts", ())
    head = ["sample", "truth", "first", "now", *(["text"] if texts else [])]
    lines = ["\t".join(head)]
    for row in rows:
        cells = [*row.values(), *([" ".join(texts[row["sample"]].split())] if texts else [])]
        lines.append("\t".join(str(csv_cell(cell)).replace("\t", " ") for cell in cells))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def _sheet(app: App, test: Split, rows: Sequence[dict[str, Any]], total: int, name: str) -> Any:
    """The samples that changed sides; those that became wrong come first, in colour."""
    from cnn_core.drawing import grids

    pictures = [app.render(test.take(slice(row["sample"], row["sample"] + 1))[0][0].numpy()) for row in rows]
    captions = [f"{row['truth']}\n{row['first']} → {row['now']}" for row in rows]
    title = f"{len(rows)} of {total} that changed sides in {name} (truth; first run → this one; coloured: now wrong)"
    return grids.gallery(pictures, captions, title=title, wrong=[row["now"] != row["truth"] for row in rows])


def _text(result: dict[str, Any], out: Path) -> str:
    rows = [
        [each["run"], f"{each['accuracy']:.2%}", "{:.2%} to {:.2%}".format(*each["accuracy_interval"]),
         "" if each["cpu_seconds"] is None else f"{each['cpu_seconds']:.1f}", f"{each['parameters']:,}",
         f"{each['multiply_adds']:,}"]
        for each in result["runs"]
    ]  # fmt: skip
    measured = table(["run", "accuracy", "95 % interval", "CPU-seconds", "parameters", "multiply-adds"], rows)
    rows = [
        [each["run"], f"{100 * each['difference']:+.2f}", f"{100 * each['low']:+.2f} to {100 * each['high']:+.2f}",
         f"{each['p']:.3g}", each["only_this_right"], each["only_first_right"]]
        for each in result["paired"]
    ]  # fmt: skip
    head = ["than the first, points", "difference", "95 % interval", "p (McNemar)", "only it right", "only first right"]
    return f"{result['data']}, {result['samples']:,} test samples\n\n{measured}\n\n{table(head, rows)}\n\nreport: {out}"
