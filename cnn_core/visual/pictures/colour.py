"""Colours of pictures (B, 3, H, W): brightness from one picture and colour from another, and colour statistics."""

from __future__ import annotations

import torch
from torch import Tensor

from cnn_core.errors import UserError

LUMA = (0.299, 0.587, 0.114)  # brightness of R, G, B, ITU-R BT.601


def luminance_of(picture: Tensor, colours: Tensor) -> Tensor:
    """The brightness of `picture` with the colours of `colours`; both (B, 3, H, W), channels R, G, B."""
    _three(picture)
    weights = torch.tensor(LUMA).to(picture).view(1, 3, 1, 1)
    difference = ((picture - colours) * weights).sum(1, keepdim=True)
    return colours + difference  # a grey difference changes brightness alone


def match_colours(picture: Tensor, like: Tensor) -> Tensor:
    """`picture` with mean and covariance of the colours of `like` (Gatys et al., "Preserving Color", 2016)."""
    _three(picture)
    _three(like)

    def moments(x: Tensor) -> tuple[Tensor, Tensor]:
        values = x.transpose(0, 1).flatten(1).double()
        mean = values.mean(1, keepdim=True)
        return mean, (values - mean) @ (values - mean).T / values.shape[1]

    mean, covariance = moments(picture)
    new_mean, new_covariance = moments(like)
    transfer = _root(new_covariance) @ torch.linalg.pinv(_root(covariance))
    values = picture.transpose(0, 1).flatten(1).double()
    changed = transfer @ (values - mean) + new_mean
    batch, channels, *space = picture.shape
    return changed.view(channels, batch, *space).transpose(0, 1).to(picture)


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T


def _three(picture: Tensor) -> None:
    if picture.dim() != 4 or picture.shape[1] != 3:
        raise UserError(f"keeping colours needs pictures of 3 channels, not {tuple(picture.shape[1:])}")
