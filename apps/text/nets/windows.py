"""Convolution over time and its maximum, without ever making the image: the fast way through Kim's network.

A batch has few different words, and a window's value is a sum of one product a place: word vector times that place's
slice of the filters. So the different words are multiplied with all slices once; windows are then sums of gathered
rows. Backwards, the maximum lets one window of each filter through, so gradients are scattered and not convolved.

Letters: B batch, T time, C channels, F filters of one width, K width, U different words of the batch.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def window_maxima(rows: Tensor, words: Tensor, lengths: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """Largest value over time of each filter, before bias and activation, the widths side by side (B, sum of F).

    `rows` (U, C) are vectors of different words, of which the first is the pad's zeros; `words` (B, T) says which
    stand where, `lengths` (B,) how many are not pads; `weights` (F, C, K) are those of Conv1d. Windows that reach
    beyond a text do not count, but each text has one window of each width at least.
    """
    return _WindowMaxima.apply(rows, words, lengths, *weights)


def places_of_maxima(rows: Tensor, words: Tensor, lengths: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The same maxima (B, sum of F), and where each one's window begins (B, sum of F)."""
    values, places = zip(*(_maxima(rows @ _slices(w), words, lengths, w) for w in weights), strict=True)
    return torch.cat(values, 1), torch.cat(places, 1)


def _slices(weight: Tensor) -> Tensor:
    """(F, C, K) -> (C, K * F): one matrix for each place of the window, side by side."""
    return weight.permute(1, 2, 0).reshape(weight.shape[1], -1)


def _padded(words: Tensor, width: int) -> Tensor:
    """At least `width` columns."""
    return functional.pad(words, (0, max(width - words.shape[1], 0)))


def _maxima(products: Tensor, words: Tensor, lengths: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """From products (U, K * F): the largest value (B, F) of each filter, and the place of its window (B, F)."""
    filters, _, width = weight.shape
    words = _padded(words, width)
    index = words.unfold(1, width, 1) * width + torch.arange(width, device=words.device)  # (B, T', K)
    count = index.shape[1]
    values = functional.embedding_bag(index.reshape(-1, width), products.to(weight.dtype).view(-1, filters), mode="sum")
    values = values.view(len(words), count, filters)
    last = (lengths - width).clamp_(min=0)  # (B,) the last window that counts
    if int(last.min()) < count - 1:
        beyond = torch.arange(count, device=words.device) > last[:, None]
        values.masked_fill_(beyond[:, :, None], -torch.inf)
    return values.max(1)


class _WindowMaxima(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, words: Tensor, lengths: Tensor, *weights: Tensor) -> Tensor:
        slices = [_slices(weight) for weight in weights]
        maxima = (_maxima(rows @ each, words, lengths, w) for each, w in zip(slices, weights, strict=True))
        values, places = zip(*maxima, strict=True)
        ctx.save_for_backward(rows, words, *places, *slices)
        ctx.shapes = [weight.shape for weight in weights]
        return torch.cat(values, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, words, *rest = ctx.saved_tensors
        half = len(rest) // 2
        row_gradient: Tensor | None = None
        weight_gradients = []
        column = 0
        for place, slices, shape in zip(rest[:half], rest[half:], ctx.shapes, strict=True):
            filters, channels, width = shape
            gradient = gradients[0][:, column : column + filters]  # (B, F)
            column += filters
            steps = torch.arange(width, device=words.device)
            starts = (place[:, :, None] + steps).flatten(1)  # (B, F * K) the words of each filter's window
            row = _padded(words, width).gather(1, starts).view(*place.shape, width)
            spot = (row * width + steps) * filters + torch.arange(filters, device=words.device)[:, None]  # (B, F, K)
            products = torch.zeros(len(rows) * width * filters, dtype=rows.dtype, device=rows.device)
            products.index_add_(0, spot.flatten(), gradient.to(rows.dtype)[:, :, None].expand_as(spot).flatten())
            products = products.view(len(rows), -1)  # (U, K * F)
            flat = rows.T @ products  # (C, K * F)
            weight_gradients.append(flat.view(channels, width, filters).permute(2, 0, 1))
            if ctx.needs_input_grad[0]:
                part = products @ slices.T
                row_gradient = part if row_gradient is None else row_gradient.add_(part)
        return row_gradient, None, None, *weight_gradients
