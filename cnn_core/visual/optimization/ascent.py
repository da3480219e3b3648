"""Two rules for going uphill, elementwise or row by row, so that the samples of a batch never meet.

Written out rather than taken from torch.optim: the first use of an optimiser there imports the compiler, which
takes longer than all optima of a small net.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Adam:
    """Adam (Kingma and Ba, 2015), uphill, in place."""

    def __init__(self, parameters: Sequence[Tensor], rate: float):
        self.parameters, self.rate, self.steps = parameters, rate, 0
        self.mean = [torch.zeros_like(parameter) for parameter in parameters]
        self.square = [torch.zeros_like(parameter) for parameter in parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """One step along the gradients of the parameters."""
        self.steps += 1
        first, second = 1 - 0.9**self.steps, 1 - 0.999**self.steps
        for p, g, m, v in zip(self.parameters, gradients, self.mean, self.square, strict=True):
            m.lerp_(g, 0.1)
            v.mul_(0.999).addcmul_(g, g, value=0.001)
            p.addcdiv_(m, (v / second).sqrt_().add_(1e-8), value=self.rate / first)


class Plain:
    """Steps of the same size for every sample: along the gradient divided by its root mean square."""

    def __init__(self, parameters: Sequence[Tensor], rate: float):
        self.parameters, self.rate = parameters, rate

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """One step along the gradients of the parameters."""
        for p, g in zip(self.parameters, gradients, strict=True):
            size = g.flatten(1).square().mean(1).sqrt().clamp(min=1e-12)
            p.add_(g / size.view(-1, *(1,) * (g.dim() - 1)), alpha=self.rate)


RULES = {"adam": Adam, "plain": Plain}
