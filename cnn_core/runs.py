"""Run folders: made by `train`, taken by every other verb.

RUN/config.json   app, preset, configuration, labels, seed, versions
RUN/log.jsonl     one line an epoch
RUN/last, best    checkpoints
"""

import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

from cnn_core.app import App, Fitted
from cnn_core.config import from_json, to_json
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.files import digest_of, write_json
from cnn_core.metrics.limits import UNCALIBRATED, Calibration, probabilities_of
from cnn_core.networks import pretrained
from cnn_core.networks.record import fitted_of, read_record
from cnn_core.nn.allocation import bounded_by
from cnn_core.nn.compact import expanded
from cnn_core.nn.equivariance import untied
from cnn_core.nn.front import front_end
from cnn_core.training import calibration, checkpoint
from cnn_core.training.data import mix
from cnn_core.training.inference import predict_all, predict_logits


@dataclass(frozen=True)
class Run:
    """A trained model and what it was trained as; `model` is in eval mode.

    `app` is the app whose functions know what the run keeps (a vocabulary): load, read and draw with it.
    """

    folder: Path
    model: nn.Module
    config: Any
    labels: tuple[str, ...]
    record: dict[str, Any]
    metrics: dict[str, Any]
    app: App
    fitted: Any = None
    """What the training data decided (`Dataset.fitted`), an instance of `app.fitted`."""
    calibration: Calibration = UNCALIBRATED
    bank: torch.Tensor | None = None
    """Features of some training samples (M, F), from which an input's unlikeness is told."""

    @property
    def several_labels(self) -> bool:
        """Whether a sample may have several labels, or none, each told by itself."""
        return self.app.several_labels(self.config)

    @property
    def thresholds(self) -> torch.Tensor:
        """(C,) probability from which on each of several labels is told."""
        return torch.from_numpy(self.calibration.label_thresholds(len(self.labels)))

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits (N, C) of the model -> (N, C) float64: of classes that exclude one another, or of each label."""
        return torch.from_numpy(probabilities_of(self.calibrated(logits).cpu().numpy(), self.several_labels))

    def logits(self, inputs: numpy.ndarray) -> numpy.ndarray:
        """Inputs (N, ...) as `app.read` gives them -> calibrated logits (N, C) float64."""
        forward, precision = self.app.forward_of(self.config), self.config.fit.precision
        found = predict_logits(self.model, torch.from_numpy(inputs), precision=precision, forward=forward)
        return self.calibrated(found.double()).numpy()

    def outputs(self, inputs: numpy.ndarray) -> dict[str, numpy.ndarray]:
        """Inputs (N, ...) -> "logits", calibrated, and what the network says beside them (see `App.further`), (N, ...)
        float64 each.
        """
        further = self.app.further_of(self.config)
        if further is None:
            return {"logits": self.logits(inputs)}
        found = predict_all(self.model, torch.from_numpy(inputs), further.forward, precision=self.config.fit.precision)
        logits, *others = (each.double() for each in found)
        named = zip(further.names, others, strict=True)
        return {"logits": self.calibrated(logits).numpy(), **{name: values.numpy() for name, values in named}}

    def calibrated(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits (N, C) of the model -> those whose softmax are the run's probabilities."""
        return logits / self.calibration.temperature


def new_folder(app: App, preset: str, out: Path | None, overwrite: bool = False) -> Path:
    """The folder of a new run, `out` or runs/<app>/<preset>-<time>; nothing is made or removed yet.

    A folder that holds nothing but what a crash left of unfinished files counts as new. Raises UserError when it
    exists, and for a symbolic link; with `overwrite` it may be a run folder of this app, which `replacing` moves aside.
    """
    folder = out or Path("runs") / app.name / f"{preset}-{datetime.now():%Y%m%d-%H%M%S}"
    if folder.is_symlink():
        raise UserError(f"{folder}: is a symbolic link; name the folder itself with --out")
    if not folder.exists() or (folder.is_dir() and not _content(folder)):
        return folder
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: exists and is not a run folder, so it is left alone; name another with --out")
    if not overwrite:
        raise UserError(f"{folder}: exists already; name another with --out, or continue it with --resume {folder}")
    read_record(app, folder)
    return folder


@contextmanager
def replacing(folder: Path) -> Iterator[Callable[[], None]]:
    """Move what lies at `folder` aside while a new run is made there.

    Gives a function that removes it for good, which may be called again. Unless a checkpoint of the new run stands when
    the block ends, what it began is removed and the old folder put back, whatever ended it but a kill; then the old run
    is found beside, as NAME.replaced.
    """
    aside = None
    if folder.is_dir() and _content(folder):
        aside = folder.with_name(f"{folder.name}.replaced")
        if aside.exists():
            aside = folder.with_name(f"{folder.name}.replaced-{secrets.token_hex(4)}")
        folder.rename(aside)

    def finish() -> None:
        if aside is not None and checkpoint.exists(folder / "last"):
            shutil.rmtree(aside, ignore_errors=True)

    try:
        yield finish
    finally:
        finish()
        if aside is not None and aside.exists():
            shutil.rmtree(folder, ignore_errors=True)
            aside.rename(folder)


def _content(folder: Path) -> list[Path]:
    """What is in a folder, without unfinished files: those that `files.atomic` and `checkpoint.save` begin."""
    unfinished = re.compile(r"\..+\.tmp|(last|best)\.new")
    return [path for path in folder.iterdir() if not unfinished.fullmatch(path.name)]


def make_record(
    app: App,
    preset: str,
    config: Any,
    labels: tuple[str, ...],
    seed: int,
    fitted: Fitted | None = None,
    init: dict[str, str] | None = None,
) -> dict[str, Any]:
    """What config.json holds: everything needed to rebuild the model and its labels, and what it began with."""
    record = {
        "app": app.name,
        "preset": preset,
        "config": to_json(config),
        "labels": list(labels),
        "seed": seed,
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, "numpy": numpy.__version__},
    }
    return record | ({"fitted": fitted.to_json()} if fitted else {}) | ({"init": init} if init else {})


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write RUN/config.json, whole or not at all."""
    write_json(folder / "config.json", record)


def build_seeded(app: App, config: Any, labels: tuple[str, ...], seed: int, fitted: Fitted | None = None) -> nn.Module:
    """A new model whose initial weights depend on `seed` alone; torch's global random state is left alone.

    Raises UserError for a model without a front end.
    """
    app = app.with_fitted(fitted)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mix(seed, 0x1217))
        model = app.build(config, labels)
        front_end(model)
        if app.initialize:
            app.initialize(model, config)
    return model


def load_weights(model: nn.Module, run: Run) -> None:
    """Give `model` the weights of `run`, which may be tied ones where its own are free.

    What only the run's network has, a head for another loss, say, is left out; where the last layer has other classes,
    it keeps its own start. Raises UserError when other layers do not fit.
    """
    own = model.state_dict()
    tied = any(".parametrizations." in name for name in own)
    state = run.model.state_dict() if tied else untied(run.model)
    missing = sorted(own.keys() - state.keys())
    other = [name for name, value in own.items() if name in state and state[name].shape != value.shape]
    last = list(own)[-1].rpartition(".")[0]
    if missing or any(not name.startswith(f"{last}.") for name in other):
        name = (missing or other)[0]
        have = f"{_shape(state[name])} there and {_shape(own[name])} here" if name in state else "missing there"
        raise UserError(f"{run.folder}: --init needs a run with the same layers and words ({name} is {have})")
    if other:
        note(f"{run.folder} has {len(run.labels)} other classes: the layer {last} begins anew")
    model.load_state_dict({name: state[name] for name in own if name not in other}, strict=False)


def _shape(tensor: torch.Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"


def origin(run: Run) -> dict[str, str]:
    """What a run that begins with the weights of `run` records of it: folder, preset, sha256 of the weights."""
    return {
        "run": str(run.folder),
        "preset": run.record["preset"],
        "weights_sha256": digest_of(checkpoint_of(run.folder) / checkpoint.WEIGHTS),
    }


def has_checkpoint(folder: Path) -> bool:
    """Whether a run has got as far as a checkpoint."""
    return any(checkpoint.exists(folder / name) for name in ("best", "last"))


def checkpoint_of(folder: Path) -> Path:
    """The checkpoint that stands for a run: its best one, else its last; also `folder` itself where it is one.

    Raises UserError when there is none.
    """
    folder = pretrained.place(folder)
    if (folder / checkpoint.WEIGHTS).exists():
        return folder
    for place in (folder / "best", folder / "last"):
        if checkpoint.exists(place):
            return checkpoint.whole(place)
    raise UserError(f"{folder}: no checkpoint yet; train further with --resume {folder}")


@contextmanager
def bounded_building(folder: Path) -> Iterator[None]:
    """Building the network of a run again in the block: one far larger than its weights is refused by a UserError."""
    with bounded_by((checkpoint_of(folder) / checkpoint.WEIGHTS).stat().st_size, f"{folder}/config.json"):
        yield


def restore(app: App, folder: str | Path, device: torch.device | str = "cpu") -> Run:
    """The model of a run (its best checkpoint, else its last), rebuilt, in eval mode on `device`.

    Also takes a checkpoint folder itself. Raises UserError when there is none, or it is damaged or foreign.
    """
    folder = Path(folder)
    record = read_record(app, folder)
    place = checkpoint_of(folder)
    saved = checkpoint.load(place)
    if saved.config.get("app") != app.name:
        raise UserError(f"{place}: checkpoint of cnn-{saved.config.get('app')}, not of {app.prog}")
    config = from_json(app.config, record["config"], f"{folder}/config.json")
    labels = tuple(record["labels"])
    fitted = fitted_of(app, record)
    app = app.with_fitted(fitted)
    weights = expanded(saved.weights)
    numbers = sum(tensor.numel() for tensor in weights.values())
    with bounded_by(numbers, f"{folder}/config.json"):
        model = app.build(config, labels)
    front_end(model)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"{place}: the weights do not fit the network of config.json") from error
    calibrated = calibration.load(pretrained.place(folder))
    return Run(folder, model.to(device).eval(), config, labels, record, saved.metrics, app, fitted, *calibrated)
