"""export: the network as ONNX, its vocabulary beside it, and a script that predicts with both and without PyTorch."""

from dataclasses import dataclass
from pathlib import Path

from apps.text.words.vocabulary import FittedText
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.files import atomic, write_json
from cnn_core.outcome import Outcome
from cnn_core.verbs import export as shared
from cnn_core.verbs.common import parser


@dataclass(frozen=True, kw_only=True)
class ExportOptions(shared.ExportOptions):
    """Options of export."""

    linear: Path | None = None
    """File to write instead: the best linear model of the run's training texts, for `cnn-text linear`."""


parse = parser(ExportOptions, "Write an ONNX file that takes word numbers, its vocabulary, and a script that uses it.")


def run(app: App, options: ExportOptions) -> Outcome:
    """Export and check as every app does, then write <name>.vocabulary.json and <name>.predict.py."""
    from cnn_core import runs
    from cnn_core.training import calibration

    if options.linear:
        return _linear(app, options, options.linear)
    record = runs.read_record(app, options.run)
    several = record["config"].get("texts", {}).get("labels", "one") == "several"
    if several and options.page:
        raise UserError("--page: a page answers with one class; this run tells several labels")
    done = shared.run(app, options)
    if options.page:
        return done
    assert done.data is not None
    out = options.out or options.run / "model.onnx"
    vocabulary, script = out.with_suffix(".vocabulary.json"), out.with_suffix(".predict.py")
    fitted = runs.fitted_of(app, record)
    assert isinstance(fitted, FittedText)
    words = fitted.vocabulary
    told = {"labels": record["labels"], "tokenizer": words.tokenizer, "longest": words.longest, "words": words.words}
    if several:
        found = calibration.load(options.run)[0].thresholds
        told["thresholds"] = list(found) or [0.5] * len(record["labels"])
    write_json(vocabulary, told)
    source = (Path(__file__).parents[1] / "predict_onnx.py").read_text(encoding="utf-8")
    with atomic(script) as part:
        part.write_text(source, encoding="utf-8")
    text = f'{done.text}\nvocabulary: {vocabulary}\nexample: python {script} {out} "a text"'
    return Outcome({**done.data, "vocabulary": str(vocabulary), "script": str(script)}, text)


def _linear(app: App, options: ExportOptions, out: Path) -> Outcome:
    """The linear model with the better macro F1 on a part of the training texts that neither was trained on."""
    from apps.text import baselines, linear
    from apps.text.words.ragged import TextSplit
    from cnn_core import runs
    from cnn_core.optional import require

    if out.exists() and not options.overwrite:
        raise UserError(f"{out}: exists already; name another with --linear, or add --overwrite")
    require("sklearn", "training a linear model")
    trained = runs.restore(app, options.run)
    if trained.several_labels:
        raise UserError("--linear: the file of a linear model answers with one class; this run tells several labels")
    train = trained.app.load(trained.config).train
    assert isinstance(train, TextSplit)
    vocabulary = trained.fitted.vocabulary
    rows, targets = [vocabulary.words_of(text) for text in train.texts], train.targets.numpy()
    scores = baselines.validated(rows, targets)
    name = max(scores, key=scores.__getitem__)
    model = baselines.MODELS[name](rows, targets)
    linear.save(out, model, trained.labels, vocabulary.word_tokenizer)
    found = {"run": str(options.run), "linear": str(out), "model": name, "validation_macro_f1": scores}
    found |= {"features": len(model.features), "bytes": out.stat().st_size}
    text = f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB): {name}, macro F1 {scores[name]:.3f} on validation"
    text += f"; it holds {len(model.features):,} words and pairs of the training texts"
    return Outcome(found, f'{text}\nexample: cnn-text linear {out} "a text"')
