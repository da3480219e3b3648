"""From tensors to pictures: arrays ready for `cnn_core.drawing.grids`, overlays, animations.

Letters: B inputs, C channels, H height, W width, T time. Arrays are (H, W) or (H, W, 3) floats in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnn_core.drawing.heat import tinted
from cnn_core.errors import UserError
from cnn_core.visual.modules.activations import find_layer

__all__ = [
    "as_picture",
    "filter_pictures",
    "heat_of",
    "normalised",
    "overlay",
    "show",
    "tinted",
]

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.floating]


def normalised(x: Tensor, *, low: float | None = None, high: float | None = None) -> Tensor:
    """Each input (B, ...) stretched to 0..1, or by the same `low` and `high` for all; a constant becomes 0.5."""
    flat = x.detach().float().cpu().flatten(1)
    bottom = flat.amin(1, keepdim=True) if low is None else torch.full((len(x), 1), float(low))
    top = flat.amax(1, keepdim=True) if high is None else torch.full((len(x), 1), float(high))
    span = top - bottom
    unit = torch.where(span > 0, (flat - bottom) / torch.where(span > 0, span, 1.0), 0.5)
    return unit.clamp(0, 1).view(x.shape)


def as_picture(x: Tensor) -> Array:
    """One input as an array: (C, H, W) with C 1 or 3, or (H, W); other channel counts as their mean; a signal
    (C, T) as a line drawn in 64 rows.
    """
    x = x.detach().float().cpu()
    if x.dim() == 3 and x.shape[0] == 3:
        return x.permute(1, 2, 0).numpy()
    if x.dim() == 3:
        return x.mean(0).numpy()
    if x.dim() == 2 and x.shape[0] <= 4 and x.shape[1] > 4 * x.shape[0]:
        return _line(x)
    if x.dim() == 2:
        return x.numpy()
    if x.dim() == 1:
        return _line(x[None])
    raise UserError(f"cannot draw an input of shape {tuple(x.shape)}: expected (H, W), (C, H, W) or (C, T)")


def _line(x: Tensor, rows: int = 64) -> Array:
    values = normalised(x[None])[0].numpy()
    picture = np.ones((rows, values.shape[1]))
    columns = np.arange(values.shape[1])
    for channel, line in enumerate(values):
        height = np.round((1 - line) * (rows - 1)).astype(int)
        # From one sample's height to the next, so that steep parts are joined.
        following = np.roll(height, -1)
        following[-1] = height[-1]
        shade = 0.6 * channel / len(values)
        for column, a, b in zip(columns, np.minimum(height, following), np.maximum(height, following), strict=True):
            picture[a : b + 1, column] = shade
    return picture


def heat_of(attribution: Tensor) -> Tensor:
    """Attributions (B, C, ...) as one heat map (B, ...) in 0..1: the largest size over the channels.

    The top percent is cut, since single values would leave the rest dark.
    """
    heat = attribution.detach().float().cpu().abs()
    heat = heat.amax(1) if heat.dim() > 2 else heat
    top = torch.quantile(heat.flatten(1), 0.99, dim=1).clamp(min=1e-12)
    return (heat / top.view(-1, *(1,) * (heat.dim() - 1))).clamp(0, 1)


def overlay(picture: Array, heat: Array | Tensor, *, strength: float = 0.6, colours: str = "inferno") -> Array:
    """A heat map (H, W) in 0..1 over a picture (H, W) or (H, W, 3): (H, W, 3)."""
    from matplotlib import colormaps  # half a second, only when something is drawn

    heat = np.asarray(heat.detach().cpu() if isinstance(heat, Tensor) else heat, dtype=float)
    picture = np.asarray(picture, dtype=float)
    if picture.shape[:2] != heat.shape:
        raise UserError(f"a heat map of {heat.shape} does not fit a picture of {picture.shape[:2]}")
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    weight = strength * np.clip(heat, 0, 1)[..., None]
    return np.clip((1 - weight) * picture + weight * colormaps[colours](np.clip(heat, 0, 1))[..., :3], 0, 1)


def show(
    inputs: Tensor,
    captions: Sequence[str] | None = None,
    *,
    low: float | None = None,
    high: float | None = None,
    title: str | None = None,
    columns: int | None = None,
) -> Figure:
    """Inputs (B, ...) as a sheet of pictures; each stretched by itself unless `low` and `high` are given."""
    from cnn_core.drawing.grids import gallery  # brings matplotlib's style with it

    pictures = [as_picture(x) for x in normalised(inputs, low=low, high=high)]
    return gallery(pictures, captions, title=title, columns=columns)


def filter_pictures(model: nn.Module, layer: str) -> Tensor:
    """The weights of a convolution as pictures: (O, C, kh, kw), or (O, C, k); raises UserError for other layers."""
    module = find_layer(model, layer)
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or weight.dim() not in (3, 4):
        inner = [name for name, each in module.named_modules() if name and hasattr(each, "kernel_size")]
        hint = f"; try {layer}.{inner[0]}" if inner else ""
        raise UserError(f"layer {layer!r} ({type(module).__name__}) is not a convolution{hint}")
    return weight.detach().float().cpu().clone()
