"""A convolution in which every sample of the batch is convolved with one filter of its own.

Letters: B batch, C channels, P places of the input, K places of the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cnn_core.visual.fast.buffers import Memory


def own_filter(conv: Any, index: Tensor) -> Callable[[Tensor], Tensor]:
    """(B, C, ...) -> (B, 1, ...): sample b convolved with filter index[b] of `conv`; 1-D to 3-D, without groups."""
    weight = conv.weight.detach()[index].flatten(2)  # (B, C, K)
    bias = None if conv.bias is None else conv.bias.detach()[index].view(-1, *(1,) * (len(conv.kernel_size) + 1))
    padding = [side for pad in reversed(conv.padding) for side in (pad, pad)]
    work = _Work(weight, conv.kernel_size, conv.stride, conv.dilation)

    def step(h: Tensor) -> Tensor:
        h = h.to(weight.dtype)  # under autocast the layers before it give bf16
        summed = _OwnFilter.apply(F.pad(h, padding) if any(padding) else h, work)
        return summed if bias is None else summed + bias  # type: ignore[no-any-return]

    return step


@dataclass
class _Work:
    """Constants of the convolution, and its memory."""

    weight: Tensor  # (B, C, K)
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    memory: Memory = field(default_factory=Memory)

    def parts(self, name: str, like: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Memory (B, K, P) for what each place of the kernel adds at each place of the input, and a view of what meets.

        The view (B, *kernel, *output) runs along the diagonals: output y takes place k of the kernel from the
        input at y * stride + k * dilation. Each value of the view is a value of its own.
        """
        batch = len(self.weight)
        memory = self.memory.room(name, like, batch, *self.kernel, *size, zeroed=True)
        taps, space = memory.stride()[1 : 1 + len(size)], memory.stride()[1 + len(size) :]
        out = [
            (n - d * (k - 1) - 1) // s + 1
            for n, k, s, d in zip(size, self.kernel, self.stride, self.dilation, strict=True)
        ]
        strides = (
            memory.stride(0),
            *(tap + d * one for tap, d, one in zip(taps, self.dilation, space, strict=True)),
            *(s * one for s, one in zip(self.stride, space, strict=True)),
        )
        view = memory.as_strided((batch, *self.kernel, *out), strides)
        return memory.view(batch, self.weight.shape[2], -1), view


class _OwnFilter(torch.autograd.Function):
    """The weights are constants here."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, work: _Work) -> Tensor:
        ctx.work, ctx.shape = work, h.shape
        parts, diagonals = work.parts("parts", h, h.shape[2:])
        torch.bmm(work.weight.transpose(1, 2), h.flatten(2), out=parts)
        first, *others = _taps(diagonals, len(work.kernel))  # K times (B, *output)
        summed = first.clone()
        for other in others:  # a sum over strided axes would take five times as long
            summed += other
        return summed.unsqueeze(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        work, shape = ctx.work, ctx.shape
        grad = grads[0].squeeze(1)  # (B, *output)
        # What is outside of the view stays zero from one step to the next.
        parts, diagonals = work.parts("gradient", grad, shape[2:])
        diagonals.copy_(grad.view(len(grad), *(1,) * len(work.kernel), *grad.shape[1:]).expand_as(diagonals))
        result = work.memory.room("result", grad, shape[0], shape[1], parts.shape[2])
        torch.bmm(work.weight, parts, out=result)
        return result.view(shape), None


def _taps(diagonals: Tensor, axes: int) -> list[Tensor]:
    """(B, *kernel, *output) as K views (B, *output); its strides do not allow to flatten the kernel."""
    views = [diagonals]
    for _ in range(axes):
        views = [tap for view in views for tap in view.unbind(1)]
    return views
