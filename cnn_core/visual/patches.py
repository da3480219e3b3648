"""A convolution of few channels, with the max pooling behind it, as matrix products over patches; for CPUs.

Letters: B batch, C channels (1 or 3), O filters, N = B * H' * W' places, Q places of a pooling window, K values in
the patch under one window.

The library's convolution is built for many channels: for a grey picture its backward pass takes five times as
long as this. Here one patch covers a whole pooling window (4 x 4 pixels for a 3 x 3 filter and 2 x 2 pooling), and
Q shifted copies of the filters give the window's Q values in one product, so that the large unpooled map, and the
still larger gradient of it, are never laid out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEW = 32  # values under a filter up to which this wins (3 channels of 3 x 3: 27)


def fits(conv: nn.Conv2d) -> bool:
    """Whether the convolution may run this way."""
    simple = conv.groups == 1 and conv.padding_mode == "zeros" and isinstance(conv.padding, tuple)
    return simple and conv.dilation == (1, 1) and conv.weight.device.type == "cpu" and conv.weight[0].numel() <= FEW


def poolable(conv: nn.Conv2d, pool: nn.Module) -> bool:
    """Whether `pool` is a max pooling without overlap that can be taken along."""
    if type(pool) is not nn.MaxPool2d or pool.return_indices or pool.ceil_mode or conv.stride != (1, 1):
        return False
    kernel = _pair(pool.kernel_size)
    apart = _pair(pool.stride) == kernel and _pair(pool.padding) == (0, 0) and _pair(pool.dilation) == (1, 1)
    return apart and kernel[0] * kernel[1] <= 4


def few_channels(conv: nn.Conv2d, pool: nn.Module | None) -> Callable[[Tensor], Tensor]:
    """(B, C, H, W) -> (B, O, H', W'), in channels-last memory: the convolution, and the pooling if there is one."""
    window = (1, 1) if pool is None else _pair(pool.kernel_size)
    rows, columns = window
    filters, channels, tall, wide = conv.weight.shape
    # Filters at the Q places of the window, each in a patch large enough for all of them.
    shifted = conv.weight.new_zeros(rows * columns, filters, channels, tall + rows - 1, wide + columns - 1)
    for place in range(rows * columns):
        y, x = divmod(place, columns)
        shifted[place, :, :, y : y + tall, x : x + wide] = conv.weight.detach()
    stride = conv.stride if pool is None else window
    geometry = (shifted.shape[3:], stride, conv.padding)
    weight = shifted.flatten(2)  # (Q, O, K)
    return lambda picture: _Patches.apply(picture, weight, conv.bias, geometry)  # type: ignore[no-any-return]


def _pair(value: Any) -> tuple[int, int]:
    return tuple(value) if isinstance(value, tuple) else (value, value)


class _Patches(torch.autograd.Function):
    """The product and its gradient with respect to the picture; weights are constants here."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Any) -> Tensor:
        (tall, wide), (sy, sx), (py, px) = geometry
        ctx.size, ctx.geometry = x.shape[2:], geometry
        if py or px:
            x = F.pad(x, (px, px, py, py))
        height, width = (x.shape[2] - tall) // sy + 1, (x.shape[3] - wide) // sx + 1
        patches = torch.stack(
            [
                x[:, c, i : i + sy * (height - 1) + 1 : sy, j : j + sx * (width - 1) + 1 : sx]
                for c in range(x.shape[1])
                for i in range(tall)
                for j in range(wide)
            ],
            dim=-1,
        ).view(-1, weight.shape[2])  # (N, K)
        best = patches @ weight[0].t()  # (N, O)
        later = []
        for place in weight[1:]:
            value = patches @ place.t()
            later.append(value > best)  # of equal values the first counts, as in the library's pooling
            torch.maximum(best, value, out=best)
        if bias is not None:
            best += bias
        ctx.save_for_backward(weight, *later)
        return best.view(len(x), height, width, -1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        weight, *later = ctx.saved_tensors
        kernel, stride, padding = ctx.geometry
        batch = len(grads[0])
        rest = grads[0].permute(0, 2, 3, 1).reshape(-1, weight.shape[1])  # (N, O)
        zero = rest.new_zeros(())
        columns = rest.new_zeros(len(rest), weight.shape[2])  # (N, K)
        for place, won in zip(weight[1:].flip(0), reversed(later), strict=True):
            columns.addmm_(torch.where(won, rest, zero), place)
            rest = torch.where(won, zero, rest)
        columns.addmm_(rest, weight[0])
        columns = columns.view(batch, -1, weight.shape[2]).transpose(1, 2)
        return F.fold(columns, ctx.size, kernel, 1, padding, stride), None, None, None
