"""export: the trained network as an ONNX file, front end included, checked against PyTorch."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.errors import UserError
from cnn_core.files import atomic
from cnn_core.networks import plugins
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Shared):
    """Options of export."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    out: Path | None = None
    """ONNX file to write; RUN/model.onnx when left out, through which the run answers, and which is replaced."""
    overwrite: bool = False
    """Replace `out` when it exists."""
    page: Path | None = None
    """HTML file to write instead: one page in which anyone tries the network in a browser, without a server."""
    examples: bool | None = None
    """Whether the page may hold pieces of training data; by default only of published data sets."""
    c: Path | None = None
    """C file to write instead: a plain network as loops and arrays, for any C99 compiler and no library."""
    check: int = 200
    """Real test inputs on which onnxruntime, or the compiled C file, and PyTorch must agree."""


parse = parser(ExportOptions, "Write an ONNX file that takes raw inputs, and check it on real ones with onnxruntime.")


def run(app: App, options: ExportOptions) -> Outcome:
    """Export and check; nothing is left behind when the check fails."""
    if options.page:
        return _page(app, options, options.page)
    if options.check < 1:
        raise UserError(f"--check must be at least 1, not {options.check}")
    if options.c:
        return _c(app, options, options.c)
    out = options.out or options.run / "model.onnx"
    if options.out and out.exists() and not options.overwrite:
        raise UserError(f"{out}: exists already; name another with --out, or add --overwrite")

    from cnn_core import runs
    from cnn_core.exporting.run import export_answers
    from cnn_core.training import device

    trained = runs.restore(app, options.run, device.choose("cpu", options.common.threads))
    inputs, _ = trained.app.load(trained.config).test.take(slice(0, options.check))
    checked = export_answers(trained, out, inputs)
    data = {"run": str(options.run), "onnx": str(out), "bytes": out.stat().st_size, **checked}
    text = f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB), checked on {len(inputs)} real {app.what}s:\n"
    return Outcome(data, text + "\n".join(f"  {k.replace('_', ' ')}: {v}" for k, v in checked.items()))


def _c(app: App, options: ExportOptions, out: Path) -> Outcome:
    if out.exists() and not options.overwrite:
        raise UserError(f"{out}: exists already; name another with --c, or add --overwrite")

    from cnn_core import runs
    from cnn_core.exporting.c.run import export_c
    from cnn_core.training import device

    trained = runs.restore(app, options.run, device.choose("cpu", options.common.threads))
    inputs, _ = trained.app.load(trained.config).test.take(slice(0, options.check))
    found = export_c(trained, out, inputs)
    text = (
        f"wrote {out} ({found['bytes'] / 1e6:.2f} MB of text): {found['constant_bytes']:,} bytes of constants,"
        f" {found['memory_bytes']:,} bytes of working memory\n"
    )
    if found["compiler"]:
        text += (
            f"compiled with {found['compiler']}, asked about {found['checked']} real {app.what}s: probabilities differ"
            f" from PyTorch's by {found['max_difference']:.1g} at most\n"
        )
    else:
        text += "not compared with PyTorch: no C compiler works here (cc, gcc, clang or $CC)\n"
    text += f"try it: cc -std=c99 -O2 -DCNN_MAIN {shlex.quote(str(out))} -o network -lm"
    return Outcome({"run": str(options.run), **found}, text)


def _page(app: App, options: ExportOptions, out: Path) -> Outcome:
    if out.exists() and not options.overwrite:
        raise UserError(f"{out}: exists already; name another with --page, or add --overwrite")
    writer = plugins.find(plugins.PAGE)

    from cnn_core import runs
    from cnn_core.training import device

    trained = runs.restore(app, options.run, device.choose("cpu", options.common.threads))
    text = writer(trained, examples=options.examples)
    with atomic(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    size = out.stat().st_size
    said = f"wrote {out} ({size / 1e6:.2f} MB): it opens by a double click, in any browser, without a network"
    return Outcome({"run": str(options.run), "page": str(out), "bytes": size}, said)
