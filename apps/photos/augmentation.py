"""Random changes of a whole batch of pictures, each its own, as tensor code. Letters: B batch, S side."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SIDES = 8  # a growing picture's side is a multiple, so that three poolings halve it without a rest


def mirrored_and_shifted(pixels: Tensor, flip: bool, crop: float) -> Tensor:
    """(B, 3, S, S) of any type: half of them mirrored with `flip`, each shifted by up to `crop` of the side on each
    axis; what comes in from beyond the edge is the picture's own reflection (B, 3, S, S)."""
    count, side, device = len(pixels), pixels.shape[-1], pixels.device
    most = min(round(crop * side), side - 1)

    def places() -> Tensor:  # (B, S) where each row or column comes from
        shift = torch.randint(-most, most + 1, (count, 1), device=device)
        source = (torch.arange(side, device=device) + shift).abs()
        return (side - 1) - (side - 1 - source).abs()

    rows, columns = places(), places()
    if flip:
        mirror = torch.rand(count, 1, device=device) < 0.5
        columns = torch.where(mirror, side - 1 - columns, columns)
    picture = torch.arange(count, device=device)[:, None, None]
    return pixels.permute(0, 2, 3, 1)[picture, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def recoloured(x: Tensor, most: float) -> Tensor:
    """Floats (B, 3, S, S) in 0 to 255 with brightness, contrast and saturation changed by up to `most` of each."""

    def factor() -> Tensor:
        return 1 + (2 * torch.rand(len(x), 1, 1, 1, device=x.device) - 1) * most

    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * factor()
    mean = grey.mean((2, 3), keepdim=True)
    return ((mean + (x - mean) * factor()) * factor()).clamp(0, 255)


def cut_out(x: Tensor, share: float) -> Tensor:
    """Normalised pictures (B, 3, S, S) with one square each set to 0, the mean colour; its side is `share` of S, its
    middle anywhere, so that it may reach beyond the edge."""
    count, side = len(x), x.shape[-1]
    half = share * side / 2
    middle = torch.rand(2, count, 1, device=x.device) * side
    near = (torch.arange(side, device=x.device) + 0.5 - middle).abs() < half  # (2, B, S)
    return x.masked_fill((near[0][:, :, None] & near[1][:, None, :])[:, None], 0)


def grown(x: Tensor, share: float) -> Tensor:
    """Floats (B, C, S, S) reduced to (B, C, s, s): s grows with `share`, 0 to 1, from S / 2 to S in steps of SIDES."""
    whole = x.shape[-1]
    side = min(whole, int(whole * (1 + share) / 2) // SIDES * SIDES)
    if not SIDES <= side < whole:
        return x
    return functional.interpolate(x, (side, side), mode="bilinear", align_corners=False, antialias=True)
