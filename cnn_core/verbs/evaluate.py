"""evaluate: how good a run is on the test set, as numbers and pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(Shared):
    """Options of evaluate."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    data: str = ""
    """Another data set or folder than the one the run was trained on."""
    out: Path | None = None
    """Folder for the report; RUN/evaluation when left out."""
    mistakes: int = 60
    """Largest number of mistakes in the gallery."""


ABOUT = "Accuracy with its interval, per class, confusion, calibration, and the worst mistakes."
parse = parser(EvaluateOptions, ABOUT)


def run(app: App, options: EvaluateOptions) -> Outcome:
    """Measure on the test split and write metrics.json and the pictures."""
    from dataclasses import replace

    from cnn_core import runs
    from cnn_core.drawing import grids, report
    from cnn_core.errors import UserError
    from cnn_core.files import write_json
    from cnn_core.metrics.classes import calibration_of, evaluate_logits, risk_coverage
    from cnn_core.training import device, engine
    from cnn_core.training.monitoring.log import read_log

    common = options.common
    trained = runs.restore(app, options.run, device.choose(common.device, common.threads))
    app = trained.app
    config = replace(trained.config, data=options.data) if options.data else trained.config
    source = app.load(config)
    if len(source.labels) != len(trained.labels):
        raise UserError(
            f"{config.data}: has {len(source.labels)} classes, and the network of {options.run} {len(trained.labels)}"
        )
    logits = engine.predict_logits(
        trained.model, source.test, precision=config.fit.precision, forward=app.forward_of(config)
    )
    targets = source.test.targets.numpy()
    scaled = trained.calibrated(logits)
    found = evaluate_logits(scaled.numpy(), targets, trained.labels)
    before = calibration_of(logits.numpy(), targets).error
    folder = options.out or options.run / "evaluation"
    result = {"run": str(options.run), "data": source.name, **found.to_json(), "report": str(folder)}
    coverage = risk_coverage(found.confidence, found.predictions == found.targets)
    result |= {
        "temperature": trained.calibration.temperature,
        "calibration_error_uncalibrated": before,
        "risk_coverage": [vars(each) for each in coverage],
    }

    name = f"{source.name}, {'test split' if len(source.train) else 'all samples'}"
    text = _text(found, before, trained.calibration, coverage, name, folder)
    if app.report:
        more, added = app.report(trained, source, scaled, folder)
        result, text = result | more, f"{added}\n\n{text}"
    write_json(folder / "metrics.json", result)
    report.save(report.confusion(found.confusion, trained.labels), folder / "confusion.png")
    report.save(report.reliability(found.calibration), folder / "calibration.png")
    report.save(report.risk_coverage(coverage), folder / "coverage.png")
    report.save(report.per_class(found), folder / "classes.png")
    history = read_log(options.run)
    if history:
        report.save(report.learning_curve(history), folder / "learning.png")
    worst = found.mistakes()[: options.mistakes if app.gallery else 0]
    if len(worst):
        pictures = [app.render(source.test.take(slice(i, i + 1))[0][0].numpy()) for i in worst]
        captions = [
            f"{trained.labels[found.targets[i]]} → {trained.labels[found.predictions[i]]}\np={found.confidence[i]:.2f}"
            for i in worst
        ]
        title = f"The {len(worst)} mistakes with the largest loss, of {found.count - found.correct} (truth → answer)"
        report.save(grids.gallery(pictures, captions, title=title), folder / "mistakes.png")
    return Outcome(result, text)


def _share(value: float) -> str | None:
    """A share in per cent; nothing for a class without samples or answers."""
    return None if value != value else f"{value:.2%}"


def _text(found: Any, before: float, fitted: Any, coverage: Any, name: str, folder: Path) -> str:
    low, high = found.accuracy_interval
    summary = [
        ["accuracy", f"{found.accuracy:.2%}  (95 % interval {low:.2%} to {high:.2%})"],
        ["correct", f"{found.correct} of {found.count}"],
        ["macro F1", f"{found.macro_f1:.4f}"],
        ["negative log-likelihood", f"{found.negative_log_likelihood:.4f} nats"],
        ["expected calibration error", f"{found.calibration.error:.2%}"],
    ]
    if fitted.samples:
        temperature = f"{before:.2%} before the temperature of {fitted.temperature:.3f}"
        summary[-1][1] += f"  ({temperature}, fitted on {fitted.samples:,} held-out samples)"
    refused = [each for each in coverage if each.coverage in (0.95, 0.9)]
    summary += [
        [
            f"errors where the {1 - e.coverage:.0%} least sure are refused",
            f"{e.risk:.2%}  ({e.low:.2%} to {e.high:.2%})",
        ]
        for e in refused
    ]
    rows = [
        [name, int(n), _share(a), _share(p), f"{f:.4f}"]
        for name, n, a, p, f in zip(
            found.classes, found.support, found.class_accuracy, found.precision, found.f1, strict=True
        )
    ]
    classes = table(["class", "samples", "accuracy", "precision", "F1"], rows)
    return f"{table(['measure', name], summary)}\n\n{classes}\n\nreport: {folder}"
