"""What the verbs share: which network, where the picture goes, and units of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from apps.dream.config import DEFAULT
from cnn_core import optional
from cnn_core.errors import UserError
from cnn_core.verbs.common import Shared

if TYPE_CHECKING:
    from apps.dream.backbone import Backbone

CLASSIFIER = "efficientnet-lite0"
SIDE = 384  # of a result, when none is asked for


@dataclass(frozen=True, kw_only=True)
class Looking(Shared):
    """Options of every verb that looks through a network."""

    backbone: str = ""
    """vgg19 (default), vgg16, alexnet, efficientnet-lite0 (default for classes), a run folder of the suite,
    torchvision:NAME or timm:NAME."""
    weights: str = ""
    """File of weights for torchvision:NAME or timm:NAME: safetensors, or torch's format without code."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 arithmetic where the processor is faster in it."""
    out: Path | None = None
    """Picture to write: .png, .jpg or .webp; a file in this folder, named after what it shows, when left out."""


def backbone_of(options: Any, default: str = DEFAULT) -> Backbone:
    """The network that the options name, on the device that they name."""
    from apps.dream.model import load_backbone
    from cnn_core.training import device

    place = device.choose(options.common.device, options.common.threads)
    name = options.backbone or default
    return load_backbone(name, place, weights=options.weights, progress=not options.common.json)


def asked_size(options: Any) -> tuple[int, bool]:
    """The longer side of the result, and whether a smaller picture is enlarged to it: only when asked for."""
    if options.size is None:
        return SIDE, False
    if options.size < 0:
        raise UserError(f"--size must be at least 0, not {options.size}")
    return options.size, True


def filmed(options: Any) -> bool:
    """Whether the way there is to be written. Raises UserError, before the work begins, where MP4 cannot be made."""
    if options.mp4:
        optional.require("imageio_ffmpeg", "--mp4")
    return bool(options.gif or options.mp4)


def animations(options: Any, frames: Sequence[Any]) -> list[Path]:
    """Write the animations that were asked for."""
    from cnn_core import visual

    written = [visual.gif(frames, options.gif)] if options.gif else []
    return [*written, visual.mp4(frames, options.mp4)] if options.mp4 else written


def arithmetic(options: Any, backbone: Backbone) -> tuple[Any, bool]:
    """The context in which to compute, and whether it is bf16: results kept by content depend on it."""
    from cnn_core.training import inference

    place = next(backbone.model.parameters()).device
    return inference.autocast(options.precision, place), inference.use_bf16(options.precision, place)


def chosen_units(backbone: Backbone, layer: str, units: Sequence[int], count: int) -> list[int]:
    """The filters asked for, or `count` spread evenly over the layer's. Raises UserError for one out of range."""
    from cnn_core.verbs.views.common import units_of

    return units_of(units, backbone.filters(layer), count, f"{layer} of {backbone.name}")


def class_of(backbone: Backbone, target: str) -> int:
    """The number of a class given by name or number. Raises UserError, with near names, where there is none."""
    import difflib

    labels = backbone.labels
    if not labels:
        raise UserError(f"{backbone.name} has no classes, only feature maps; try --backbone {CLASSIFIER}")
    lower = [label.lower() for label in labels]
    if target.lower() in lower:
        return lower.index(target.lower())
    if target.isdigit() and int(target) < len(labels):
        return int(target)
    near = difflib.get_close_matches(target.lower(), lower, n=3, cutoff=0.5)
    near += [label for label in lower if target.lower() in label and label not in near][:3]
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; there are 0 to {len(labels) - 1}"
    raise UserError(f"--target {target}: no class of {backbone.name}{hint}")


def out_path(options: Any, *words: str) -> Path:
    """Where the picture goes, tried for its ending before anything is computed."""
    from cnn_core.drawing.pictures import kind_of

    path = options.out or Path("-".join(word.replace("/", "-").replace(":", "-") for word in words if word) + ".png")
    kind_of(path)
    return path


def at_least(options: Any, **least: float) -> None:
    """Raises UserError for an option below its least value."""
    for name, value in least.items():
        if not getattr(options, name) >= value:
            raise UserError(f"--{name.replace('_', '-')} must be at least {value:g}, not {getattr(options, name):g}")
