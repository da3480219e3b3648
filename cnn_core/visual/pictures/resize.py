"""Change the size of inputs of one or two axes of space."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from cnn_core.errors import UserError


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """(B, C, T) or (B, C, H, W) to `size`: linear, antialiased where a picture shrinks."""
    size = list(size)
    if list(x.shape[2:]) == size:
        return x
    if x.dim() == 3:
        return F.interpolate(x, size, mode="linear", align_corners=False)
    if x.dim() == 4:
        return F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
    raise UserError(f"only inputs (B, C, T) and (B, C, H, W) can be resized, not {tuple(x.shape)}")


def one_input(x: Tensor, what: str) -> Tensor:
    """(C, T) as (1, C, T); (C, H, W) or (1, C, H, W) as (1, C, H, W); floating point."""
    x = x.detach()
    x = x if x.is_floating_point() else x.float()
    if x.dim() in (2, 3):
        return x[None]
    if x.dim() == 4 and len(x) == 1:
        return x
    raise UserError(f"{what}: expected one input, (C, T), (C, H, W) or (1, C, H, W), not {tuple(x.shape)}")
