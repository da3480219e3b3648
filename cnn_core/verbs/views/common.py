"""What the looks share: the user's input or a test sample, the layers of a model, names of units."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnn_core import visual
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.files import existing
from cnn_core.runs import Run
from cnn_core.training.data import Dataset, Split, evenly

REAL = 1024  # real inputs that an optimum is compared with


@dataclass(frozen=True)
class Sample:
    """One input as the model takes it (...), what it is called, and its class where that is known."""

    input: Tensor
    name: str
    truth: str = ""


def sample(app: App, run: Run, given: str) -> Sample:
    """The input that the user names: a file, or the number of a test sample.

    Raises UserError for a number out of range, and for a file that is missing or cannot be read.
    """
    if not given.isdigit():
        return Sample(torch.from_numpy(app.read(existing(Path(given)))), Path(given).name)
    source: Dataset = app.load(run.config)
    number = int(given)
    if number >= len(source.test):
        raise UserError(f"{given}: the test split has samples 0 to {len(source.test) - 1}")
    inputs, targets = source.test.take(slice(number, number + 1))
    return Sample(inputs[0], f"test sample {given}", source.label_of(targets[0]))


def some(split: Split, count: int) -> Tensor:
    """`count` inputs spread evenly over the split, as the model takes them."""
    return split.take(evenly(len(split), count))[0]


def children(model: nn.Module) -> list[str]:
    """The layers behind the front end."""
    return [name for name, _ in model.named_children() if name != "front"]


def shapes(model: nn.Module, features: Tensor) -> dict[str, tuple[int, ...]]:
    """The output shape, without the batch, of each layer that gives a tensor, for what the front end gives."""
    found: dict[str, tuple[int, ...]] = {}
    for name in children(model):
        try:
            found[name] = tuple(visual.record(visual.behind_front(model), features[:1], name)[name].shape[1:])
        except UserError:  # does not run in eval mode, or gives no tensor
            continue
    return found


def deepest(model: nn.Module, names: Sequence[str]) -> str:
    """The last of the layers that has weights, else the last."""
    weighty = [name for name in names if next(model.get_submodule(name).parameters(), None) is not None]
    return (weighty or list(names))[-1]


def layer_of(model: nn.Module, layer: str) -> str:
    """`layer`, or a UserError listing the layers there are."""
    if layer not in dict(model.named_modules()) or not layer:
        raise UserError(f"--layer {layer}: no such layer; the layers are {', '.join(children(model))}")
    return layer


def units_of(units: Sequence[int], total: int, count: int, layer: str) -> list[int]:
    """The units asked for, or `count` spread evenly over the `total` that exist."""
    for unit in units:
        if not 0 <= unit < total:
            raise UserError(f"--units {unit}: {layer} has units 0 to {total - 1}")
    if units:
        return list(units)
    count = min(count, total)
    return [i * total // count for i in range(count)]


def out_path(options: Any, run: Run, layer: str = "") -> Path:
    """Where the picture goes."""
    name = f"{options.what}-{layer.replace('.', '-')}" if layer else options.what
    return options.out or run.folder / "visualize" / f"{name}.png"
