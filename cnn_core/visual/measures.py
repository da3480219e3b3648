"""The numbers behind the lecture's claim: a filter's optimum is one small texture repeated, a neuron's is global.

Letters: B pictures, C channels, H height, W width (or T time).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.visual.modules.activations import Inputs, record
from cnn_core.visual.modules.subject import Reading
from cnn_core.visual.optimization.objectives import OUTPUT


@dataclass(frozen=True)
class Texture:
    """Measures of repetition, (B,) each.

    Attributes:
        repetition: the highest value of the autocorrelation away from zero shift; 1 for a pattern that repeats
            exactly, about 0 for one that does not.
        period: the length of the shift at which it lies, in pixels.
        concentration: the part of the spectrum's power in its strongest 2 percent of frequencies.
        evenness: how evenly the picture's power is spread over its quarters, 0 (all in one) to 1.

    """

    repetition: Tensor
    period: Tensor
    concentration: Tensor
    evenness: Tensor


def texture(x: Tensor) -> Texture:
    """Measure pictures (B, C, H, W) or signals (B, C, T); a constant picture gives zeros."""
    if x.dim() not in (3, 4):
        raise UserError(f"texture measures pictures (B, C, H, W) or signals (B, C, T), not {tuple(x.shape)}")
    x = x.detach().double().cpu()
    axes = tuple(range(2, x.dim()))
    size = x.shape[2:]
    x = x - x.mean(axes, keepdim=True)
    blank = x.square().flatten(1).sum(1) < 1e-12
    repetition, period = _repetition(x, size)
    power = torch.fft.fftn(x, dim=axes).abs().square().sum(1).flatten(1)  # (B, frequencies)
    strongest = power.sort(1, descending=True).values[:, : max(2, round(0.02 * power.shape[1]))]
    concentration = strongest.sum(1) / power.sum(1).clamp(min=1e-12)
    local = x.square().sum(1, keepdim=True)
    for axis in axes:
        half = local.shape[axis] // 2
        first, second = local.narrow(axis, 0, half), local.narrow(axis, local.shape[axis] - half, half)
        local = torch.cat([first.sum(axis, keepdim=True), second.sum(axis, keepdim=True)], axis)
    quarters = local.flatten(1)
    share = quarters / quarters.sum(1, keepdim=True).clamp(min=1e-12)
    entropy = -(share * share.clamp(min=1e-12).log()).sum(1) / torch.log(torch.tensor(float(quarters.shape[1])))
    return Texture(*(torch.where(blank, 0.0, value).float() for value in (repetition, period, concentration, entropy)))


def _repetition(x: Tensor, size: torch.Size) -> tuple[Tensor, Tensor]:
    """The highest autocorrelation behind the first dip around zero shift, at shifts up to half the size."""
    axes = tuple(range(2, x.dim()))
    padded = [2 * n for n in size]  # no wrapping around

    def correlate(a: Tensor, b: Tensor) -> Tensor:
        product = torch.fft.rfftn(a, padded, axes) * torch.fft.rfftn(b, padded, axes).conj()
        return torch.fft.irfftn(product, padded, axes).sum(1)

    # Each overlap is normalised by the power of the two parts that overlap (the cosine of the two).
    ones = torch.ones_like(x)
    square = x.square()
    cosine = correlate(x, x) / (correlate(square, ones) * correlate(ones, square)).clamp(min=1e-12).sqrt()
    shifts = torch.meshgrid(*[torch.fft.fftfreq(n, 1 / n) for n in padded], indexing="ij")
    distance = torch.stack(shifts).square().sum(0).sqrt()
    inside = torch.ones_like(distance, dtype=torch.bool)
    for shift, n in zip(shifts, size, strict=True):
        inside &= shift.abs() <= n // 2
    results = []
    for one in cosine:
        # Around zero shift every smooth picture resembles itself: leave out all up to where that has ended.
        rings = [one[inside & (distance >= r) & (distance < r + 1)].amax() for r in range(int(distance[inside].max()))]
        ring = torch.stack(rings)
        rising = (ring[1:] > ring[:-1]).nonzero().flatten()
        start = int(rising[0]) + 1 if len(rising) else len(rings)
        beyond = inside & (distance >= start)
        if start >= len(rings) or not bool(beyond.any()):
            results.append((torch.zeros(()), torch.zeros(())))
            continue
        masked = torch.where(beyond, one, -2.0).flatten()
        # Multiples of a period resemble as well as the period itself: the shortest of the best is meant.
        results.append((masked.max(), distance.flatten()[masked >= masked.max() - 0.01].min()))
    values, lengths = zip(*results, strict=True)
    return torch.stack(values).double(), torch.stack(lengths).double()


def blank_share(x: Tensor, *, blank: float = 0.0, tolerance: float = 0.05, unit: float = 1.0) -> Tensor:
    """(B,): the part of the values that lie within tolerance * unit of `blank`; `unit` is the value range."""
    return ((x - blank).abs() <= tolerance * unit).flatten(1).double().mean(1).float()


def energy_inside(gradient: Tensor, boxes: Tensor) -> Tensor:
    """(B,): the part of the squared gradient (B, ...) that lies inside each box (B, axes, 2)."""
    result = []
    for g, box in zip(gradient.double(), boxes.tolist(), strict=True):
        where = tuple(slice(max(0, start), stop) for start, stop in box)
        result.append(g[where].square().sum() / g.square().sum().clamp(min=1e-30))
    return torch.stack(result).float()


def predictions(model: nn.Module, inputs: Inputs, **reading: Unpack[Reading]) -> tuple[Tensor, Tensor]:
    """The class the model gives each input (B,) and its probability (B,), from logits (B, classes)."""
    logits = record(model, inputs, OUTPUT, **reading)[OUTPUT]
    if logits.dim() != 2:
        raise UserError(f"the model's output {tuple(logits.shape)} is not a list of classes")
    probability, number = logits.float().softmax(1).max(1)
    return number, probability
