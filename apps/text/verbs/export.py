"""export: the network as ONNX, its vocabulary beside it, and a script that predicts with both and without PyTorch."""

from pathlib import Path

from apps.text.words.vocabulary import FittedText
from cnn_core.app import App
from cnn_core.files import atomic, write_json
from cnn_core.outcome import Outcome
from cnn_core.verbs import export as shared
from cnn_core.verbs.export import ExportOptions

parse = shared.parse


def run(app: App, options: ExportOptions) -> Outcome:
    """Export and check as every app does, then write <name>.vocabulary.json and <name>.predict.py."""
    from cnn_core import runs

    done = shared.run(app, options)
    assert done.data is not None
    out = options.out or options.run / "model.onnx"
    record = runs.read_record(app, options.run)
    vocabulary, script = out.with_suffix(".vocabulary.json"), out.with_suffix(".predict.py")
    fitted = runs.fitted_of(app, record)
    assert isinstance(fitted, FittedText)
    words = fitted.vocabulary
    write_json(
        vocabulary,
        {"labels": record["labels"], "tokenizer": words.tokenizer, "longest": words.longest, "words": words.words},
    )
    source = Path(__file__).with_name("predict_onnx.py").read_text(encoding="utf-8")
    with atomic(script) as part:
        part.write_text(source, encoding="utf-8")
    text = f'{done.text}\nvocabulary: {vocabulary}\nexample: python {script} {out} "a text"'
    return Outcome({**done.data, "vocabulary": str(vocabulary), "script": str(script)}, text)
