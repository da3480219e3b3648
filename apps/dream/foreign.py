"""A user's own network: a run of the suite, or a torchvision or timm model where that is installed."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from apps.dream.backbone import Backbone
from apps.dream.config import PRESETS
from cnn_core import runs, visual
from cnn_core.errors import UserError, first_line
from cnn_core.networks import plugins
from cnn_core.networks.record import record_at
from cnn_core.nn.backbones.normalise import Normalise
from cnn_core.nn.backbones.pretrained import imagenet_names
from cnn_core.optional import require

LIBRARIES = ("torchvision", "timm")


class WithFront(nn.Module):
    """A foreign network behind a front end: `front`, then `net`."""

    def __init__(self, front: nn.Module, net: nn.Module):
        super().__init__()
        self.front, self.net = front, net

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) in 0 to 255 -> what the network gives."""
        return self.net(self.front(pixels))


def load(name: str, weights: str, progress: bool) -> Backbone:
    """See `apps.dream.model.load_backbone`."""
    library, colon, kind = name.partition(":")
    if colon and library in LIBRARIES:
        return {"torchvision": _torchvision, "timm": _timm}[library](name, kind, weights, progress)
    if weights:
        raise UserError(f"--weights {weights}: goes with --backbone torchvision:NAME or timm:NAME")
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise UserError(
            f"--backbone {name}: no such network; choose from {', '.join(PRESETS)}, a run folder of the suite,"
            " torchvision:NAME and timm:NAME"
        )
    return _run(name, folder)


def _run(name: str, folder: Path) -> Backbone:
    """The model of a run. Only networks of pictures will do: those that take pixels (B, C, H, W)."""
    try:
        found = plugins.app(record_at(folder)["app"])  # the run says which app it is of; no other app is known here
    except UserError as error:
        raise UserError(f"--backbone {name}: {error}") from None
    run = runs.restore(found, folder)
    shape = getattr(getattr(run.model, "config", None), "input_shape", ())
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise UserError(f"--backbone {name}: a run of {found.prog}, whose inputs are not pictures; dreams need pixels")
    return Backbone(name, run.model, run.labels, channels=shape[0], side=shape[1])


def _torchvision(name: str, kind: str, weights: str, progress: bool) -> Backbone:
    models = _installed("torchvision.models", name)
    net = _made(name, lambda: models.get_model(kind, weights=None if weights else "DEFAULT"))
    return _foreign(name, net, Normalise(), weights, progress)


def _timm(name: str, kind: str, weights: str, progress: bool) -> Backbone:
    timm = _installed("timm", name)
    net = _made(name, lambda: timm.create_model(kind, pretrained=not weights))
    settings: dict[str, Any] = getattr(net, "pretrained_cfg", None) or {}
    mean, sd = ([255 * v for v in settings.get(key, ())] for key in ("mean", "std"))
    front = Normalise(mean, sd) if mean and sd else Normalise()
    return _foreign(name, net, front, weights, progress, settings.get("input_size", (3, 224, 224)))


def _installed(module: str, name: str) -> Any:
    return require(module, f"--backbone {name}")


def _made(name: str, make: Callable[[], nn.Module]) -> nn.Module:
    try:
        with torch.random.fork_rng(devices=[]):
            return make()
    except Exception as error:  # unknown names, no network, no space: each library has errors of its own
        raise UserError(f"--backbone {name}: is not available ({' '.join(str(error).split())[:200]})") from error


def _foreign(
    name: str, net: nn.Module, front: Normalise, weights: str, progress: bool, size: Sequence[int] = (3, 224, 224)
) -> Backbone:
    if weights:
        _fill(net, Path(weights).expanduser())
    net.eval()
    model = WithFront(front, net).eval()
    backbone = Backbone(name, model, channels=size[0], side=size[1], prefix="net.")
    output = visual.record(model, backbone.blank(size[1], size[2]), "")[""]
    if output.dim() != 2:
        return backbone
    classes = output.shape[1]
    labels = imagenet_names(progress) if classes == 1000 else tuple(str(number) for number in range(classes))
    return Backbone(name, model, labels, channels=size[0], side=size[1], prefix="net.")


def _fill(net: nn.Module, path: Path) -> None:
    """Put the weights of a file into the network: safetensors, or torch's format without code in it."""
    if not path.is_file():
        raise UserError(f"--weights {path}: no such file")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        net.load_state_dict(state)
    except (SafetensorError, pickle.UnpicklingError, EOFError) as error:
        raise UserError(f"--weights {path}: not a file of weights and nothing else: refused ({error})") from error
    except (RuntimeError, TypeError, AttributeError) as error:
        raise UserError(f"--weights {path}: does not fit the network ({first_line(error)})") from error
