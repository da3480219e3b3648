"""The ranges in which `tune` looks for settings, as an app declares them for its presets; no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cnn_core.config import to_json


class Draw(Protocol):
    """What draws numbers: `random.Random`."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


class Range(Protocol):
    """Values that a setting may take."""

    def draw(self, usual: Any, source: Draw) -> Any:
        """One of them; `usual` is the preset's own value."""
        ...


@dataclass(frozen=True)
class Times:
    """The preset's own value times a factor between `low` and `high`, evenly on a logarithmic scale."""

    low: float
    high: float

    def draw(self, usual: Any, source: Draw) -> float:
        """See `Range`."""
        return _short(usual * math.exp(_between(math.log(self.low), math.log(self.high), source)))


@dataclass(frozen=True)
class Log:
    """Between `low` and `high`, evenly on a logarithmic scale."""

    low: float
    high: float

    def draw(self, usual: Any, source: Draw) -> float:
        """See `Range`."""
        return _short(math.exp(_between(math.log(self.low), math.log(self.high), source)))


@dataclass(frozen=True)
class Even:
    """Between `low` and `high`."""

    low: float
    high: float

    def draw(self, usual: Any, source: Draw) -> float:
        """See `Range`."""
        return _short(_between(self.low, self.high, source))


@dataclass(frozen=True)
class OneOf:
    """One of these."""

    values: Sequence[Any]

    def draw(self, usual: Any, source: Draw) -> Any:
        """See `Range`."""
        return self.values[int(source.random() * len(self.values))]


Ranges = Mapping[str, Range]
"""Setting, with dots -> its range."""

USUAL: dict[str, Range] = {
    "fit.learning_rate": Times(0.25, 4.0),
    "fit.weight_decay": Log(0.001, 0.3),
    "fit.label_smoothing": OneOf((0.0, 0.05, 0.1)),
}
"""What every training has, and what most often decides."""


def free(ranges: Ranges, config: Any, preset: Any) -> Ranges:
    """The ranges of the settings that `config` leaves as the preset has them: what was given is not searched."""
    return {name: each for name, each in ranges.items() if value_of(config, name) == value_of(preset, name)}


def value_of(config: Any, name: str) -> Any:
    """The value of a setting, named with dots, as JSON has it."""
    value = to_json(config)
    for part in name.split("."):
        value = value[part]
    return value


def _between(low: float, high: float, source: Draw) -> float:
    return low + (high - low) * source.random()


def _short(value: float) -> float:
    """Three digits, as one would type it."""
    return float(f"{value:.3g}")
