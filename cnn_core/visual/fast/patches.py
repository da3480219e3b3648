"""A convolution of few channels, with the max pooling behind it, as matrix products over patches; for CPUs.

Letters: B batch, C channels (1 or 3), O filters, N = B * H' * W' places, Q places of a pooling window, K values in
the patch under one window.

The library's convolution is built for many channels: for a grey picture its backward pass takes five times as
long as this. Here one patch covers a whole pooling window (4 x 4 pixels for a 3 x 3 filter and 2 x 2 pooling), and
the filters, shifted over the patch, give the window's Q values in Q products, of which only the best is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnn_core.visual.fast.buffers import Memory

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


def few_channels(conv: nn.Conv2d, pool: nn.Module | None, relu: bool) -> Callable[[Tensor], Tensor]:
    """(B, C, H, W) -> (B, O, H', W'): convolution, pooling if there is one, ReLU if asked.

    In memory the channels come first, then the batch.
    """
    rows, columns = (1, 1) if pool is None else _pair(pool.kernel_size)
    filters, channels, tall, wide = conv.weight.shape
    patch = conv.weight.new_zeros(filters, channels, tall + rows - 1, wide + columns - 1)
    patch[:, :, :tall, :wide] = conv.weight.detach()
    # Laid out as a line, a filter at another place of the window is the same line further on.
    line = patch.flatten(1)
    length = line.shape[1] - (rows - 1) * patch.shape[3] - (columns - 1)
    work = _Work(
        line=line[:, :length].contiguous(),
        offsets=[y * patch.shape[3] + x for y in range(rows) for x in range(columns)],
        bias=None if conv.bias is None else conv.bias.detach()[:, None],
        relu=relu,
        patch=(patch.shape[2], patch.shape[3]),
        stride=_pair(conv.stride) if pool is None else (rows, columns),
        padding=_pair(conv.padding),
    )
    return lambda picture: _Patches.apply(picture, work)  # type: ignore[no-any-return]


def _pair(value: Any) -> tuple[int, int]:
    return tuple(value) if isinstance(value, tuple) else (value, value)


@dataclass
class _Work:
    """Constants of one convolution, and its memory."""

    line: Tensor  # (O, L): the filters, from their first value in a patch (K values) to their last
    offsets: list[int]  # Q: where in the patch the line starts, for each place of the window
    bias: Tensor | None  # (O, 1)
    relu: bool
    patch: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    memory: Memory = field(default_factory=Memory)

    def windows(self, x: Tensor) -> tuple[list[Tensor], tuple[int, int]]:
        """K views (B, H', W') of the padded picture: each value of the patch at all places; and (H', W')."""
        (tall, wide), (sy, sx) = self.patch, self.stride
        height, width = (x.shape[2] - tall) // sy + 1, (x.shape[3] - wide) // sx + 1
        # (B, C, tall, wide, H', W'), all by one call: slicing costs more time than copying what is sliced.
        batch, channel, row, column = x.stride()
        shape = (len(x), x.shape[1], tall, wide, height, width)
        grid = x.as_strided(shape, (batch, channel, row, column, sy * row, sx * column), x.storage_offset())
        lines = [view for one in grid.unbind(1) for view in one.unbind(1)]
        return [view for line in lines for view in line.unbind(1)], (height, width)


class _Patches(torch.autograd.Function):
    """The product and its gradient with respect to the picture; weights are constants here."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, work: _Work) -> Tensor:
        py, px = work.padding
        ctx.work, ctx.size = work, x.shape
        if py or px:
            x = F.pad(x, (px, px, py, py))
        views, (height, width) = work.windows(x)
        shape = (len(views), len(x), height, width)
        patches = torch.stack(views, out=work.memory.room("patches", x, *shape)).flatten(1)  # (K, N)
        filters, length = work.line.shape
        # One block for each place of the window, (O, N); the first becomes the best.
        blocks = work.memory.room("blocks", x, len(work.offsets), filters, patches.shape[1])
        best = torch.mm(work.line, patches[:length], out=blocks[0])
        value = work.memory.room("value", x, *best.shape)
        for offset, lead in zip(work.offsets[1:], blocks[1:], strict=True):
            torch.mm(work.line, patches[offset : offset + length], out=value)
            torch.sub(value, best, out=lead)  # where positive, this place wins; of equal values the first counts
            torch.maximum(best, value, out=best)
        if work.bias is not None:
            best += work.bias
        if work.relu:
            best.relu_()
        ctx.save_for_backward(blocks)
        return best.view(filters, len(x), height, width).transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (blocks,), work, (batch, channels, tall, wide) = ctx.saved_tensors, ctx.work, ctx.size
        best = blocks[0]
        grad = grads[0].transpose(0, 1)  # (O, B, H', W')
        rest = work.memory.room("rest", grad, *best.shape)
        if work.relu:
            seen, into = best.view(grad.shape), rest.view(grad.shape)
            torch.ops.aten.threshold_backward.grad_input(grad, seen, 0, grad_input=into)
        else:
            rest.view(grad.shape).copy_(grad)
        columns = work.memory.room("columns", grad, channels * work.patch[0] * work.patch[1], best.shape[1])
        columns.zero_()
        share, length = work.memory.room("value", grad, *best.shape), work.line.shape[1]
        for q in reversed(range(1, len(blocks))):
            # One pass over the values; torch.where takes ten times as long.
            torch.ops.aten.threshold_backward.grad_input(rest, blocks[q], 0, grad_input=share)
            columns[work.offsets[q] : work.offsets[q] + length].addmm_(work.line.t(), share)
            rest -= share
        columns[:length].addmm_(work.line.t(), rest)
        py, px = work.padding
        padded = work.memory.room("padded", grad, batch, channels, tall + 2 * py, wide + 2 * px).zero_()
        views, (height, width) = work.windows(padded)
        for view, column in zip(views, columns.view(-1, batch, height, width), strict=True):
            view += column
        return padded[:, :, py : py + tall, px : px + wide], None
