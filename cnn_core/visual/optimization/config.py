"""How an input that excites a unit most is searched for, as plain values, and what was found. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cnn_core.errors import UserError


@dataclass(frozen=True)
class MaximizeConfig:
    """Options of the search for x* = argmax a(x) - penalties."""

    steps: int = 128
    """Steps of the ascent."""
    l1: float = 0.0
    """Weight of the L1 penalty: what does not matter stays blank (the lecture's y - sum |x|)."""
    l2: float = 0.0
    """Weight of the L2 penalty: values stay small."""
    tv: float = 0.0
    """Weight of the total variation: against speckle."""
    robust: Literal["none", "gentle", "strong"] = "none"
    """Random shifts, turns and scales at every step, which an optimum must survive."""
    fourier: bool = False
    """Optimise Fourier coefficients instead of the values themselves: smoother."""
    copies: int = 1
    """Different optima of each unit."""

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("copies", 1), ("l1", 0), ("l2", 0), ("tv", 0)):
            if not getattr(self, name) >= least:
                raise UserError(f"--{name} must be at least {least}, not {getattr(self, name):g}")


@dataclass(frozen=True)
class Maximized:
    """What was found for U units and n copies: U * n inputs of the data's own kind, copies of a unit together."""

    inputs: Sequence[Any]
    before: Sequence[float]
    """The activation of the start, such as noise."""
    after: Sequence[float]
    """The activation of `inputs`, as the model takes them."""
