"""What is optimised: free parameters and how they become a valid input.

Letters: B batch, n distinct starts, C channels, then 1 to 3 axes of space (T; H, W; D, H, W).

A canvas is any object with the two methods of `Canvas`. It keeps no state of its own, so that one canvas serves
many batches. The parameters of pictures live in units of the value range: a rate of 0.05 is a twentieth of the
way from the lowest value to the highest, whether a model takes 0..1 or 0..255.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from cnn_core.errors import UserError


class Canvas(Protocol):
    """Maps free parameters to valid inputs."""

    def start(self, count: int, generator: torch.Generator) -> list[Tensor]:
        """Parameters of `count` different starts, each tensor (count, ...), on the CPU; randomness from `generator`."""
        ...

    def render(self, parameters: list[Tensor], done: float = 1.0) -> Tensor:
        """The inputs (B, ...), differentiable.

        `done` is the part of the ascent that lies behind, 0 to 1: a canvas of discrete things (moves, words) may
        harden with it. At 1 the result must be a valid input.
        """
        ...


# Principal axes of colour (columns: brightness, blue-yellow, green-magenta), times their standard deviations, over
# four photographs (astronaut, cat, coffee, rocket); the longest axis is scaled to length 1.
COLOUR_AXES = ((0.586, 0.259, 0.030), (0.595, -0.055, -0.081), (0.549, -0.217, 0.056))


@dataclass(frozen=True, eq=False)
class Pixels:
    """Values optimised directly, as the lecture does.

    Args:
        shape: of one input, channels first: (C, T) or (C, H, W).
        low: the lowest allowed value.
        high: the highest.
        start_from: an input (*shape) or a batch of them to start from; else noise around the middle.
        middle: where the noise lies, 0 (low) to 1 (high).
        spread: standard deviation of the noise, in units of the range.
        squash: "clamp" keeps values in the range by cutting (projected ascent), "sigmoid" by a smooth map,
            "none" leaves them free.

    """

    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0
    start_from: Tensor | None = None
    middle: float = 0.5
    spread: float = 0.02
    squash: str = "clamp"

    def __post_init__(self) -> None:
        _check_range(self.low, self.high)
        if self.squash not in ("clamp", "sigmoid", "none"):
            raise UserError(f"squash must be clamp, sigmoid or none, not {self.squash!r}")

    def start(self, count: int, generator: torch.Generator) -> list[Tensor]:
        """See Canvas."""
        if self.start_from is not None:
            given = self.start_from.detach().float().cpu()
            given = given if given.dim() > len(self.shape) else given[None]
            if given.shape[1:] != self.shape or len(given) not in (1, count):
                raise UserError(f"the start is of shape {tuple(given.shape)}; the canvas takes {self.shape}")
            unit = ((given - self.low) / (self.high - self.low)).expand(count, *self.shape).clone()
        else:
            noise = torch.randn((count, *self.shape), generator=generator)
            unit = self.middle + self.spread * noise
            if self.squash == "clamp":
                unit = unit.clamp(0, 1)
        if self.squash == "sigmoid":
            unit = torch.logit(unit, eps=1e-3) / 4  # /4: the slope of the map is then 1 in the middle
        return [unit]

    def render(self, parameters: list[Tensor], done: float = 1.0) -> Tensor:
        """See Canvas. With "clamp" the parameters themselves are put back into the range."""
        (unit,) = parameters
        if self.squash == "clamp":
            with torch.no_grad():
                unit.clamp_(0, 1)
        elif self.squash == "sigmoid":
            unit = torch.sigmoid(4 * unit)
        return unit * (self.high - self.low) + self.low


@dataclass(frozen=True)
class Fourier:
    """Values given by their Fourier coefficients, low frequencies scaled up by 1/f (Olah et al., 2017).

    Ascent then favours smooth pictures over pixel noise. One inverse FFT serves the whole batch. With `colour` the
    three channels are mixed from decorrelated axes of natural colour (needs C = 3).

    Args:
        shape: of one input, channels first.
        low: the lowest value; a sigmoid maps to the range.
        high: the highest value.
        spread: standard deviation of the starting coefficients.
        decay: the power of 1/f.
        colour: decorrelated colour.

    """

    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0
    spread: float = 0.05
    decay: float = 1.0
    colour: bool = False

    def __post_init__(self) -> None:
        _check_range(self.low, self.high)
        if not 2 <= len(self.shape) <= 4:
            raise UserError(f"a Fourier canvas takes channels and 1 to 3 axes of space, not the shape {self.shape}")
        if self.colour and self.shape[0] != 3:
            raise UserError(f"decorrelated colour needs 3 channels; the shape {self.shape} has {self.shape[0]}")

    def start(self, count: int, generator: torch.Generator) -> list[Tensor]:
        """See Canvas."""
        *front, last = self.shape
        size = (count, *front, last // 2 + 1, 2)
        return [torch.randn(size, generator=generator) * self.spread]

    def render(self, parameters: list[Tensor], done: float = 1.0) -> Tensor:
        """See Canvas."""
        (coefficients,) = parameters
        size = self.shape[1:]
        scaled = torch.view_as_complex(coefficients) * self._scale(coefficients)
        x = torch.fft.irfftn(scaled, s=size, dim=tuple(range(2, 2 + len(size))), norm="ortho")
        if self.colour:
            axes = torch.tensor(COLOUR_AXES).to(x)
            x = torch.einsum("oc,bc...->bo...", axes, x)
        return torch.sigmoid(4 * x) * (self.high - self.low) + self.low

    def _scale(self, like: Tensor) -> Tensor:
        size = self.shape[1:]
        axes = [torch.fft.fftfreq(n) for n in size[:-1]] + [torch.fft.rfftfreq(size[-1])]
        grids = torch.meshgrid(*axes, indexing="ij")
        frequency = torch.sqrt(sum((grid.square() for grid in grids), torch.zeros(())))
        lowest = 1 / max(size)
        # Mean square 1, so that `spread` is the starting standard deviation of x whatever the size.
        scale = (1 / frequency.clamp(min=lowest)) ** self.decay
        return (scale / scale.square().mean().sqrt() / math.sqrt(2)).to(like.device, like.dtype)


@dataclass(frozen=True, eq=False)
class Subspace:
    """Values that examples span: their mean plus principal components, none further out than examples lie.

    A prior from data: the ascent can only reach what is made of the examples' own variations (principal component
    analysis), each within `reach` standard deviations.

    Args:
        mean: (*shape) the examples' mean.
        components: (K, *shape) the K strongest components, each times its standard deviation.
        low: the lowest value; what lies outside is cut.
        high: the highest.
        reach: of a component, in standard deviations.

    """

    mean: Tensor
    components: Tensor
    low: float = 0.0
    high: float = 1.0
    reach: float = 2.0

    @staticmethod
    def of(examples: Tensor, count: int = 40, *, low: float = 0.0, high: float = 1.0, reach: float = 2.0) -> Subspace:
        """From examples (N, *shape); raises UserError for fewer examples than components."""
        if not 0 < count < len(examples):
            raise UserError(f"{count} components need more than {count} examples; there are {len(examples)}")
        flat = examples.flatten(1).float()
        mean = flat.mean(0)
        generator = torch.Generator().manual_seed(0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
            _, sizes, axes = torch.pca_lowrank(flat, q=count)
        scaled = axes.T * (sizes / math.sqrt(len(flat) - 1))[:, None]
        shape = examples.shape[1:]
        return Subspace(mean.reshape(shape), scaled.reshape(count, *shape), low, high, reach)

    def start(self, count: int, generator: torch.Generator) -> list[Tensor]:
        """See Canvas."""
        return [0.1 * torch.randn((count, len(self.components)), generator=generator)]

    def render(self, parameters: list[Tensor], done: float = 1.0) -> Tensor:
        """See Canvas."""
        (z,) = parameters
        z = self.reach * torch.tanh(z)
        x = self.mean.to(z) + torch.einsum("bk,k...->b...", z, self.components.to(z))
        return x.clamp(self.low, self.high)


def _check_range(low: float, high: float) -> None:
    if not low < high:
        raise UserError(f"the value range must rise: low is {low}, high is {high}")
