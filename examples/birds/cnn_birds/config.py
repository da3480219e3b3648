"""What a birds run is made of; no torch."""

from dataclasses import dataclass, field

from cnn_core.training.recipe import FitConfig


@dataclass(frozen=True)
class BirdsConfig:
    """A network for songs in classes, and how it is trained. `data` and `fit` are fields that every app has."""

    data: str = "two-songs"
    """Name of the data."""
    filters: int = 8
    """Filters of each layer."""
    fit: FitConfig = field(default_factory=FitConfig)
    """The training loop."""


PRESETS = {"small": BirdsConfig(fit=FitConfig(epochs=4, batch_size=32))}
DEFAULT = "small"
