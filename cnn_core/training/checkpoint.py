"""A checkpoint is a folder: weights, what rebuilds the model, metrics, and the training loop's state.

    weights.safetensors   the weights to use (the moving average where there is one)
    config.json           everything needed to rebuild the model and its labels
    metrics.json          how good it was when it was saved
    state.safetensors     optimizer and raw weights, and state.json its counters: only for resuming
    sums.json             sha256 of the other files, so that damage is noticed

Nothing in it is a pickle, and what is read is a stranger's: regular files of these names alone, JSON of a bounded size.
A folder is written beside its place and moved in whole.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from cnn_core import bounded
from cnn_core.config import from_json, to_json
from cnn_core.errors import UserError, first_line
from cnn_core.files import digest_of, write_json
from cnn_core.terminal.system_errors import reason

FORMAT = "cnn-suite checkpoint 1"
WEIGHTS, STATE = "weights.safetensors", "state.safetensors"
SUMMED = (WEIGHTS, STATE, "config.json", "metrics.json", "state.json")
"""Of a config.json: it may hold the vocabulary of millions of words."""


@dataclass(frozen=True)
class Counters:
    """How far a training run is: what state.json holds."""

    epoch: int = 0
    """Epochs that are done."""
    batch: int = 0
    """Minibatches of the next epoch that are done."""
    best: float | None = None
    """Lowest validation loss after an epoch so far."""
    waited: int = 0
    """Epochs since then."""
    averaged_steps: int = 0
    """Steps in the moving average of the weights."""
    cpu_seconds: float = 0.0
    """Of all processes, over all resumed parts."""
    seconds: float = 0.0
    """Over all resumed parts."""
    history: tuple[dict[str, Any], ...] = ()
    """A record for each epoch."""


@dataclass(frozen=True)
class LoopState:
    """What the training loop needs to resume: tensors by name, and counters."""

    tensors: dict[str, Tensor]
    counters: Counters


@dataclass(frozen=True)
class Checkpoint:
    """A loaded or saved checkpoint; `config` is plain JSON data, weights are on the CPU."""

    weights: dict[str, Tensor]
    config: dict[str, Any]
    metrics: dict[str, Any] = field(default_factory=dict)
    state: LoopState | None = None


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` as `folder`; whoever looks sees the old one or the new one, whole.

    Raises UserError when the disk is full or the place cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    new, old = folder.with_name(f"{folder.name}.new"), _previous(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        save_file(_contiguous(checkpoint.weights), new / WEIGHTS)
        write_json(new / "config.json", {"format": FORMAT, **checkpoint.config})
        write_json(new / "metrics.json", checkpoint.metrics)
        if checkpoint.state is not None:
            save_file(_contiguous(checkpoint.state.tensors), new / STATE)
            write_json(new / "state.json", to_json(checkpoint.state.counters))
        write_json(new / "sums.json", {path.name: digest_of(path) for path in sorted(new.iterdir())})
        for path in new.iterdir():
            _flush(path)
        # Two renames: between them only the previous checkpoint is there, and `load` falls back on it.
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
        new.rename(folder)
        _flush(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, UserError, SafetensorError) as error:
        raise UserError(f"{folder}: could not save the checkpoint: {reason(error.__cause__ or error)}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def exists(folder: Path) -> bool:
    """True when `load` would find a checkpoint at `folder`."""
    return (folder / "config.json").is_file() or (_previous(folder) / "config.json").is_file()


def whole(folder: Path) -> Path:
    """Where the checkpoint `folder` lies: between two renames of `save`, beside its place."""
    return _previous(folder) if not folder.exists() and _previous(folder).exists() else folder


def load(folder: Path, *, with_state: bool = False) -> Checkpoint:
    """Read and verify a checkpoint. Raises UserError when it is missing, damaged or not one of ours."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = whole(folder)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no checkpoint here (no config.json); name a run folder that `train` made")
    try:
        config = _read_json(folder / "config.json", bounded.RUN_CONFIG)
        if config.pop("format", None) != FORMAT:
            raise UserError(f"{folder}: not a checkpoint of this suite (format is not {FORMAT!r})")
        for name, digest in _read_json(folder / "sums.json").items():
            if name not in SUMMED:
                raise UserError(f"{folder}/sums.json: names {name!r}, which is not a file of a checkpoint: refused")
            if name not in (STATE, "state.json") or with_state:
                _check_sum(folder / name, digest)
        state = None
        if with_state:
            if not (folder / STATE).is_file():
                raise UserError(f"{folder}: has no state to resume from")
            bounded.check_regular(folder / STATE)
            counters = from_json(Counters, _read_json(folder / "state.json"), f"{folder}/state.json")
            state = LoopState(load_file(folder / STATE), counters)
        bounded.check_regular(folder / WEIGHTS)
        return Checkpoint(load_file(folder / WEIGHTS), config, _read_json(folder / "metrics.json"), state)
    except (OSError, ValueError, SafetensorError, AttributeError) as error:
        raise UserError(f"{folder}: damaged checkpoint ({first_line(error)}); train again") from error


def _check_sum(path: Path, digest: str) -> None:
    bounded.check_regular(path)
    if digest_of(path) != digest:
        raise UserError(f"{path}: damaged checkpoint (its sha256 is not the recorded one); train again")


def _previous(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.old")


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    # Copies: safetensors refuses tensors that share memory, and the loop keeps changing its own.
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}


def _read_json(path: Path, most: int = bounded.JSON) -> dict[str, Any]:
    value = bounded.read_json(path, most, regular=True)
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} holds no object")
    return value


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
