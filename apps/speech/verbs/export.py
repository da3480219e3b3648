"""export: the trained network as ONNX, from samples to logits; optionally also with int8 weights."""

from dataclasses import dataclass
from typing import Any

from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs import export as shared
from cnn_core.verbs.common import parser


@dataclass(frozen=True, kw_only=True)
class ExportOptions(shared.ExportOptions):
    """Options of export."""

    int8: bool = False
    """Also write RUN/model-int8.onnx with 8-bit weights, and measure its accuracy on the test set."""


parse = parser(ExportOptions, "Write an ONNX file that takes samples, and check it with onnxruntime on real clips.")


def run(app: App, options: ExportOptions) -> Outcome:
    """The shared verb, then the 8-bit copy."""
    out = options.out or options.run / "model.onnx"
    if options.int8 and options.page:
        raise UserError("--int8 writes a file of its own, and a page holds the network itself; leave one of them out")
    small = out.with_name(f"{out.stem}-int8{out.suffix}")
    if options.int8 and small.exists() and not options.overwrite:
        raise UserError(f"{small}: exists already; name another with --out, or add --overwrite")
    found = shared.run(app, options)
    if not options.int8 or options.page:
        return found

    from cnn_core import runs
    from cnn_core.exporting.int8 import accuracy, write_int8

    trained = runs.restore(app, options.run)
    # Parameters only: 8 bits in the transform's basis and the mel filters would add noise.
    changed = write_int8(out, small, [name for name, _ in trained.model.named_parameters()])
    test = app.load(trained.config).test
    before, after = accuracy(out, test), accuracy(small, test)
    data: dict[str, Any] = {"onnx": str(small), "bytes": small.stat().st_size, "weights": changed}
    data |= {"accuracy_float": before, "accuracy_int8": after, "clips": len(test)}
    text = (
        f"wrote {small} ({small.stat().st_size / 1e6:.2f} MB; {changed} weights in 8 bits; the front end stays float)\n"
        f"  accuracy on the {len(test)} test clips: {before:.2%} float, {after:.2%} int8"
    )
    return Outcome((found.data or {}) | {"int8": data}, f"{found.text}\n{text}")
