"""Small random moves before every step, so that an optimum must survive them (Olah et al., 2017).

Each is a frozen object, (x (B, C, ...), generator) -> x of the same shape; one draw serves the whole batch.
Letters: H height, W width, T time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cnn_core.errors import UserError

Transform = Callable[[Tensor, torch.Generator], Tensor]


def _draw(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


@dataclass(frozen=True)
class Jitter:
    """Rolls every axis of space by up to `places`, both ways; what leaves on one side enters on the other."""

    places: int = 2

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """See the module."""
        axes = tuple(range(2, x.dim()))
        shifts = torch.randint(-self.places, self.places + 1, (len(axes),), generator=generator).tolist()
        return torch.roll(x, shifts, axes)


@dataclass(frozen=True)
class Rotate:
    """Turns a picture by up to `degrees`, both ways; bilinear, the border carried on."""

    degrees: float = 5.0

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """See the module. Raises UserError for inputs that are not pictures."""
        if x.dim() != 4:
            raise UserError(f"rotation needs pictures (B, C, H, W), not inputs of {x.dim() - 2} axes of space")
        return _affine(x, math.radians(_draw(-self.degrees, self.degrees, generator)), 1.0)


@dataclass(frozen=True)
class Scale:
    """Enlarges about the centre by a factor between `low` and `high`; (B, C, T) or (B, C, H, W)."""

    low: float = 0.9
    high: float = 1.1

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """See the module. Raises UserError for inputs of three or more axes of space."""
        factor = _draw(self.low, self.high, generator)
        if x.dim() == 3:
            return _affine(x.unsqueeze(2), 0.0, factor).squeeze(2)
        if x.dim() != 4:
            raise UserError(f"scaling needs inputs (B, C, T) or (B, C, H, W), not {x.dim() - 2} axes of space")
        return _affine(x, 0.0, factor)


def _affine(x: Tensor, angle: float, factor: float) -> Tensor:
    height, width = x.shape[2:]
    cos, sin = math.cos(angle) / factor, math.sin(angle) / factor
    # Grid coordinates run from -1 to 1 on both axes, whatever the sides: hence the ratio.
    rows = [[cos, -sin * height / width, 0.0], [sin * width / height, cos, 0.0]]
    theta = torch.tensor(rows, dtype=x.dtype, device=x.device).expand(len(x), 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


GENTLE: tuple[Transform, ...] = (Jitter(1), Rotate(4.0), Scale(0.95, 1.05))  # for pictures of some 30 pixels
STRONG: tuple[Transform, ...] = (Jitter(8), Rotate(8.0), Scale(0.9, 1.1), Jitter(4))  # for photographs
