"""What an optimum must pay for: each is a frozen object, x (B, ...) -> (B,).

`unit` is the length of the value range (255 for bytes), so that a weight means the same for every range.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Penalty = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class L1:
    """weight * sum |x - blank| / unit: the lecture's y - sum |x|, which leaves blank what does not matter."""

    weight: float
    blank: float = 0.0
    unit: float = 1.0

    def __call__(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B,)."""
        return (self.weight / self.unit) * (x - self.blank).abs().flatten(1).sum(1)


@dataclass(frozen=True)
class L2:
    """weight * sum ((x - blank) / unit)^2: keeps values small, large ones most."""

    weight: float
    blank: float = 0.0
    unit: float = 1.0

    def __call__(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B,)."""
        return self.weight * ((x - self.blank) / self.unit).square().flatten(1).sum(1)


@dataclass(frozen=True)
class TotalVariation:
    """weight * sum of |differences between neighbours| / unit, along every axis of space: against speckle."""

    weight: float
    unit: float = 1.0

    def __call__(self, x: Tensor) -> Tensor:
        """(B, C, ...) -> (B,)."""
        total = sum((x.diff(dim=axis).abs().flatten(1).sum(1) for axis in range(2, x.dim())), x.new_zeros(len(x)))
        return (self.weight / self.unit) * total
