"""export: the trained network as an ONNX file, front end included, checked against PyTorch."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.files import atomic
from cnn_core.networks import plugins
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser

if TYPE_CHECKING:
    from torch import Tensor

    from cnn_core.runs import Run
    from cnn_core.training.data import Split


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
    examples: bool = False
    """The page may hold pieces of the training data even where these are your own; those of published data sets it
    holds in any case."""
    layers: tuple[str, ...] = ()
    """Layers whose values the ONNX file gives too, as outputs of these names: conv1 res2.first (summary lists them)."""
    int8: bool = False
    """Also write <name>-int8.onnx with weights in 8 bits, and measure on the whole test split what that costs."""
    unlikeness: bool = True
    """Whether the int8 file holds the features of training samples from which "none of these" is told; --no-unlikeness
    makes it about half as large."""
    c: Path | None = None
    """C file to write instead: a plain network as loops and arrays, for any C99 compiler and no library."""
    check: int = 200
    """Real test inputs on which onnxruntime, or the compiled C file, and PyTorch must agree; 0 takes the app's example
    inputs, where the data are not to be had."""


parse = parser(ExportOptions, "Write an ONNX file that takes raw inputs, and check it on real ones with onnxruntime.")


def run(app: App, options: ExportOptions) -> Outcome:
    """Export and check; nothing is left behind when the check fails."""
    for name, given in (("--int8", options.int8), ("--layers", options.layers)):
        if given and (options.page or options.c):
            other = "--page" if options.page else "--c"
            raise UserError(f"{name} is about an ONNX file, and {other} makes none; leave one of them out")
    if options.page:
        return _page(app, options, options.page)
    if options.check < 0:
        raise UserError(f"--check must be at least 0, not {options.check}")
    if options.int8 and not options.check:
        raise UserError("--int8 measures on test data, which --check 0 does without; leave one of them out")
    if not options.unlikeness and not options.int8:
        raise UserError("--no-unlikeness is about the int8 file; add --int8")
    if options.c:
        return _c(app, options, options.c)
    out = options.out or options.run / "model.onnx"
    if options.out and out.exists() and not options.overwrite:
        raise UserError(f"{out}: exists already; name another with --out, or add --overwrite")
    small = out.with_name(f"{out.stem}-int8{out.suffix}")
    if options.out and options.int8 and small.exists() and not options.overwrite:
        raise UserError(f"{small}: exists already; name another with --out, or add --overwrite")

    from cnn_core import runs
    from cnn_core.exporting.int8 import export_int8
    from cnn_core.exporting.run import export_answers
    from cnn_core.training import device

    trained = runs.restore(app, options.run, device.choose("cpu", options.common.threads))
    test, inputs = _samples(trained, options.check)
    checked = export_answers(trained, out, inputs, tuple(dict.fromkeys(options.layers)))
    data = {"run": str(options.run), "onnx": str(out), "bytes": out.stat().st_size, **checked}
    text = f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB), checked on {_named(inputs, test, app.what)}:\n"
    text += "\n".join(f"  {k.replace('_', ' ')}: {v}" for k, v in checked.items())
    if options.int8 and test is not None:
        note(f"measuring both files on {len(test)} test {app.what}s")
        data["int8"] = export_int8(trained, out, small, test, options.unlikeness)
        text += f"\n{_told_of(data['int8'], app.what)}"
    return Outcome(data, text)


def _samples(trained: Run, count: int) -> tuple[Split | None, Tensor]:
    """The test split and its first `count` inputs; with 0, nothing and the app's example inputs."""
    if count:
        try:
            test = trained.app.load(trained.config).test
        except UserError as error:
            raise UserError(f"{error} (to export without the data, add --check 0)") from error
        return test, test.take(slice(0, count))[0]
    if trained.app.example is None:
        raise UserError(f"--check 0: {trained.app.prog} has no example inputs; check on data")
    return None, trained.app.example(trained.config, trained.labels)


def _named(inputs: Tensor, test: Split | None, what: str) -> str:
    return f"{len(inputs)} example inputs" if test is None else f"{len(inputs)} real {what}s"


def _told_of(int8: dict[str, Any], what: str) -> str:
    shares = "{before:.2%} right before, {after:.2%} after".format(**int8)
    points = "{:+.2f} points ({:+.2f} to {:+.2f})".format(*(100 * int8[each] for each in ("difference", "low", "high")))
    return (
        f"wrote {int8['onnx']} ({int8['bytes'] / 1e6:.2f} MB; {int8['weights']:,} weights in 8 bits)\n"
        f"  on {int8['samples']:,} test {what}s: {shares}, a difference of {points},"
        f" p = {int8['p']:.2g} (McNemar); {int8['changed']} answers changed"
    )


def _c(app: App, options: ExportOptions, out: Path) -> Outcome:
    if out.exists() and not options.overwrite:
        raise UserError(f"{out}: exists already; name another with --c, or add --overwrite")

    from cnn_core import runs
    from cnn_core.exporting.c.run import export_c
    from cnn_core.training import device

    trained = runs.restore(app, options.run, device.choose("cpu", options.common.threads))
    test, inputs = _samples(trained, options.check)
    found = export_c(trained, out, inputs)
    text = (
        f"wrote {out} ({found['bytes'] / 1e6:.2f} MB of text): {found['constant_bytes']:,} bytes of constants,"
        f" {found['memory_bytes']:,} bytes of working memory\n"
    )
    if found["compiler"]:
        text += (
            f"compiled with {found['compiler']}, asked about {_named(inputs, test, app.what)}: probabilities differ"
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
    text = writer(trained, examples=options.examples or None)
    with atomic(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    size = out.stat().st_size
    said = f"wrote {out} ({size / 1e6:.2f} MB): it opens by a double click, in any browser, without a network"
    return Outcome({"run": str(options.run), "page": str(out), "bytes": size}, said)
