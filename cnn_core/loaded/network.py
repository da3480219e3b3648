"""A trained network of any app in Python, by its run folder or by the name of a ready-made one.

    import cnn_core

    net = cnn_core.load("@digits")                 # or "runs/demo"
    net.predict("photo.png")                       # Answer(label="7", probability=0.998, ...)
    net.predict(["a.png", "b.png"])                # one for each
    net.explain("photo.png")                       # in a notebook: the picture
    net.visualize("filters", layer="conv1")

The verbs of the command line do the work, so that both say the same. Answers come from the run's exported file where it
has one, through onnxruntime; PyTorch is imported when layers, explanations or the model itself are asked for.
"""

from __future__ import annotations

import base64
import html
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cnn_core.app import App
from cnn_core.cli import verbs_of
from cnn_core.errors import UserError
from cnn_core.exporting.session import ExportedRun, exported
from cnn_core.metrics.limits import limits_of
from cnn_core.networks import plugins, pretrained
from cnn_core.networks.record import record_at
from cnn_core.outcome import Outcome
from cnn_core.verbs.answers import answers_to_arrays, labelled
from cnn_core.verbs.inputs import names_of

if TYPE_CHECKING:
    import torch

    from cnn_core.runs import Run


ENGINES = ("auto", "onnx", "torch")


@dataclass(frozen=True)
class Answer:
    """What a network says of one input."""

    label: str
    """The class; "rejected" or "none of these" where a limit was asked for; of several labels all, with commas."""
    probability: float
    """Of the best class, calibrated."""
    top: tuple[tuple[str, float], ...]
    """The best classes and their probabilities."""
    rejected: bool = False
    unlikeness: float | None = None
    """How unlike the training data the input is, 0 to 2; None where the network cannot tell."""
    labels: tuple[str, ...] = ()
    """Of a network with several labels: those that are told."""

    def __str__(self) -> str:
        return f"{self.label} ({self.probability:.3f})"


@dataclass(frozen=True)
class Shown:
    """What a verb found; in a notebook its pictures and pages stand inline."""

    text: str
    data: dict[str, Any]
    files: tuple[Path, ...]
    """Pictures and pages that were written."""

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        parts = []
        for path in self.files:
            if path.suffix.lower() == ".html":
                page = html.escape(path.read_text(encoding="utf-8"), quote=True)
                parts.append(f'<iframe srcdoc="{page}" sandbox style="width:100%;height:30em;border:0"></iframe>')
            elif path.suffix.lower() in (".png", ".jpg", ".svg"):
                kind = {".jpg": "jpeg", ".svg": "svg+xml"}.get(path.suffix.lower(), "png")
                data = base64.b64encode(path.read_bytes()).decode("ascii")
                parts.append(f'<img src="data:image/{kind};base64,{data}" style="max-width:100%">')
        return "".join(parts) or f"<pre>{html.escape(self.text)}</pre>"


class Network:
    """A trained network, ready to answer; `name` is what it was loaded by."""

    def __init__(self, app: App, answering: Run | ExportedRun, name: str, *, folder: Path | None = None):
        """`answering` gives the answers; from `folder` the model is restored where that is an exported file."""
        self.name, self._app, self._answering, self._folder_of_run = name, app, answering, folder

    @cached_property
    def run(self) -> Run:
        """What `cnn_core.restore` gives; imports PyTorch."""
        if not isinstance(self._answering, ExportedRun):
            return self._answering
        assert self._folder_of_run is not None
        return _restored(self._app, self._folder_of_run, "cpu")

    @property
    def engine(self) -> Literal["onnx", "torch"]:
        """What computes the answers: onnxruntime or PyTorch."""
        return "onnx" if isinstance(self._answering, ExportedRun) else "torch"

    @property
    def app(self) -> str:
        """Name of its app: digits, go, speech, text."""
        return self._app.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities."""
        return self._answering.labels

    @property
    def model(self) -> torch.nn.Module:
        """The network itself, in eval mode; imports PyTorch."""
        return self.run.model

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of its layers, as `visualize` and `explain` take them."""
        return tuple(name for name, _ in self.run.model.named_children() if name != "front")

    def __call__(self, inputs: Any, **options: Any) -> Any:
        """The same as `predict`."""
        return self.predict(inputs, **options)

    def predict(self, inputs: Any, *, top: int = 3, reject: str = "0", none: str | None = None) -> Any:
        """An Answer for one input, a list of them for a list, or for the files of a folder.

        An input is a file (a name or Path), its bytes, or what the app takes besides: an array or PIL image for
        pictures, (samples, samples a second) for sounds, a text for texts. `reject` and `none` are as on the command
        line (.7, 5%), with the same defaults. Raises UserError for what cannot be read.
        """
        given, single = self._inputs(inputs)
        options = getattr(verbs_of(self._app)["predict"].module(), "PredictOptions", None)
        usual = next((each.default for each in fields(options) if each.name == "none"), "0") if options else "0"
        limits = limits_of(self._answering.calibration, reject, str(usual) if none is None else none)
        arrays = [self._read(each) for each in given]
        found = [_answer(told) for told in labelled(self._answering, arrays, limits, top)]
        return found[0] if single else found

    def predict_proba(self, inputs: Any) -> np.ndarray:
        """Calibrated probabilities (N, classes) float64 of a list of inputs, (classes,) of one."""
        given, single = self._inputs(inputs)
        arrays = [self._read(each) for each in given]
        found, _ = answers_to_arrays(self._answering, arrays)
        return found[0] if single else found

    def explain(self, inputs: Any, **options: Any) -> Shown:
        """Why an input, or each of a list, got its answer: `cnn-APP explain`, whose options are taken by name."""
        given, _ = self._inputs(inputs)
        with tempfile.TemporaryDirectory() as folder:
            names = [self._named(each, Path(folder) / f"input-{i}") for i, each in enumerate(given, start=1)]
            return self._shown("explain", [self._argument(), *names], options)

    def visualize(self, what: str, **options: Any) -> Shown:
        """What it has learned: `cnn-APP visualize WHAT`, whose options are taken by name (layer="conv1", count=6)."""
        return self._shown("visualize", [what, self._argument()], options)

    def evaluate(self, data: str | Path = "", **options: Any) -> Shown:
        """Its figures on the test split of its data, or on other data: `cnn-APP evaluate`."""
        return self._shown("evaluate", [self._argument()], {**options, **({"data": data} if data else {})})

    def export(self, out: str | Path, **options: Any) -> Shown:
        """Write it as ONNX: `cnn-APP export`."""
        return self._shown("export", [self._argument()], {**options, "out": out})

    def _argument(self) -> str:
        """The run as an argument of a verb."""
        return self.name

    def _verbs_app(self) -> App:
        """The app that verbs get."""
        return self._app

    def _shown(self, verb: str, args: Sequence[str], options: dict[str, Any]) -> Shown:
        app = self._verbs_app()
        module = verbs_of(app)[verb].module()
        words = [*args, *_as_options(options)]
        parsed = module.parse(app, f"{app.prog} {verb}", words)
        outcome: Outcome = module.run(app, parsed)
        data = dict(outcome.data or {})
        values = [value for key, value in data.items() if key in ("picture", "page", "pictures")]
        files = [each for value in values for each in (value if isinstance(value, list) else [value])]
        return Shown(outcome.text, data, tuple(Path(each) for each in files if Path(each).is_file()))

    def _inputs(self, inputs: Any) -> tuple[list[Any], bool]:
        """(the inputs one by one, whether one alone was given)."""
        if isinstance(inputs, str | Path) and not self._app.literal and Path(inputs).is_dir():
            return [Path(name) for name in names_of(self._app, [str(inputs)])], False
        if isinstance(inputs, list | tuple) and not (isinstance(inputs, tuple) and _is_sound(inputs)):
            if not inputs:
                raise UserError("an empty list has no answers")
            return list(inputs), False
        return [inputs], True

    def _read(self, given: Any) -> np.ndarray:
        source = self._source(given)
        try:
            found = self._answering.app.read(source)
            return found if found.size else np.zeros((1, *found.shape[1:]), found.dtype)  # a text without words
        except UserError as error:
            shown = "" if isinstance(source, Path) else f"{type(given).__name__}: "
            raise UserError(shown + str(error).removeprefix("standard input: ")) from None  # what readers call bytes

    def _source(self, given: Any) -> Path | bytes:
        """What the app reads: a path, or bytes."""
        if isinstance(given, bytes):
            return given
        if isinstance(given, Path) or (isinstance(given, str) and not self._app.literal):
            return Path(given)
        if self._app.encode is None:
            raise UserError(f"{self._app.prog} takes files, not {type(given).__name__}")
        return self._app.encode(given)

    def _named(self, given: Any, place: Path) -> str:
        """The input as an argument of a command: a file, written where it is none, or the text itself."""
        if isinstance(given, str) or (isinstance(given, Path) and given.is_file()):
            return str(given)
        if isinstance(given, int):  # the number of a test sample
            return str(given)
        source = self._source(given)
        if self._app.literal and isinstance(source, bytes):
            return source.decode("utf-8")
        path = place.with_suffix(self._app.suffixes[0] if self._app.suffixes else ".bin")
        path.write_bytes(source if isinstance(source, bytes) else source.read_bytes())
        return str(path)

    def __repr__(self) -> str:
        return f"<{self.name}: {self._app.prog}, {len(self.labels)} classes>"

    def _repr_html_(self) -> str:
        from cnn_core.nn.summary import count_parameters

        card = pretrained.card_of(self.run.folder)
        calibration = self.run.calibration
        rows = {
            "app": self._app.prog,
            "preset": str(self.run.record.get("preset", "")),
            "data": str(self.run.record["config"].get("data", "")),
            "classes": ", ".join(self.labels[:12]) + (" ..." if len(self.labels) > 12 else ""),
            "parameters": f"{count_parameters(self.model):,}",
            "layers": ", ".join(self.layers),
        }
        if card:
            low, high = card.accuracy_interval
            rows["errors"] = (
                f"{1 - card.accuracy:.2%} ({1 - high:.2%} to {1 - low:.2%}) of {card.test_count:,}, {card.test}"
            )
        if calibration.samples:
            rows["temperature"] = f"{calibration.temperature:.3f}, fitted on {calibration.samples:,} samples"
        cells = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows.items())
        return f"<table><caption>{html.escape(self.name)}</caption>{cells}</table>"


def load(run: str | Path, device_name: str = "cpu", *, engine: Literal["auto", "onnx", "torch"] = "auto") -> Network:
    """The network of a run folder, or a ready-made one by @NAME, whatever its app.

    `engine` is what computes its answers: "auto" takes onnxruntime where the run has an exported file of its weights
    (`train` makes one at its end) and `device_name` is the processor, else PyTorch. Raises UserError for a name that
    nobody knows, a folder that is not a run, an app that is not installed, and "onnx" without such a file.
    """
    if engine not in ENGINES:
        raise UserError(f"engine={engine!r}: unknown; it is one of {', '.join(ENGINES)}")
    path = pretrained.named(Path(run).expanduser())
    ready = ", ".join(f"@{card.name}" for card in pretrained.cards())
    app = plugins.app(record_at(path, f"; ready-made networks are {ready}")["app"])
    answering = exported(app, path, engine, device_name) or _restored(app, path, device_name)
    return Network(app, answering, str(run), folder=path)


def _restored(app: App, folder: Path, device_name: str) -> Run:
    from cnn_core import runs
    from cnn_core.training import device

    return runs.restore(app, folder, device.choose(device_name))


def _answer(told: dict[str, Any]) -> Answer:
    """What `labelled` says of one input."""
    best = tuple((each["label"], each["probability"]) for each in told["top"])
    labels = tuple(told.get("labels", ()))
    return Answer(told["answer"], best[0][1], best, told["rejected"], told.get("unlikeness"), labels)


def _is_sound(value: tuple[Any, ...]) -> bool:
    """Whether it is (samples, samples a second)."""
    return len(value) == 2 and isinstance(value[0], np.ndarray) and isinstance(value[1], int | float)


def _as_options(options: dict[str, Any]) -> list[str]:
    """layer="conv1", units=(1, 2) -> --layer conv1 --units 1 2; True alone stands for a switch."""
    words: list[str] = []
    for name, value in options.items():
        if value is False or value is None:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words += [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]
    return words
