"""What a digits run is made of, and the presets; no torch."""

from dataclasses import dataclass, field

from cnn_core.architecture import LECTURE, ConvNetConfig
from cnn_core.errors import UserError
from cnn_core.recipe import FitConfig


@dataclass(frozen=True)
class Augment:
    """Random affine changes of each training picture, uniform within plus or minus these; 0 is none."""

    rotate: float = 0.0
    """Degrees."""
    scale: float = 0.0
    """Share of the size, each axis by itself: 0.1 is 90 to 110 %."""
    shear: float = 0.0
    """Share of the height by which the top moves sideways against the middle."""
    shift: float = 0.0
    """Pixels."""

    def __post_init__(self) -> None:
        for name in ("rotate", "scale", "shear", "shift"):
            if getattr(self, name) < 0:
                raise UserError(f"augment.{name} must be at least 0, not {getattr(self, name):g}")
        if self.scale >= 1:
            raise UserError(f"augment.scale must be below 1, not {self.scale:g}")

    def __bool__(self) -> bool:
        return any((self.rotate, self.scale, self.shear, self.shift))


@dataclass(frozen=True)
class DigitsConfig:
    """A network for 28x28 pictures in classes, and how it is trained."""

    data: str = "mnist"
    """Name of a data set (see `prepare --list`), a folder of IDX files, or a folder of pictures by class."""
    net: ConvNetConfig = LECTURE
    """The layers."""
    augment: Augment = field(default_factory=Augment)
    """Changes of the training pictures."""
    test_shifts: bool = False
    """Outside training, average the probabilities over the picture and its four shifts by one pixel."""
    fit: FitConfig = field(default_factory=FitConfig)
    """The training loop."""


PRESETS = {
    "fast": DigitsConfig(
        net=ConvNetConfig(
            channels=(16, 32, 64),
            norm="batch",
            head="dense",
            hidden=(),
            pools=(2, 2, 1),
        ),
        fit=FitConfig(epochs=1, learning_rate=0.02, label_smoothing=0.1),
    ),
    "accurate": DigitsConfig(
        net=ConvNetConfig(
            channels=(32, 32, 64, 64, 96, 96),
            norm="batch",
            padding="same",
            pools=(1, 2, 1, 2, 1, 1),
            head="avg",
            hidden=(),
        ),
        augment=Augment(rotate=12, scale=0.12, shear=0.1, shift=2),
        fit=FitConfig(epochs=12, learning_rate=0.01, label_smoothing=0.1, ema=0.99),
    ),
    "lecture": DigitsConfig(fit=FitConfig(epochs=4, learning_rate=0.003)),
}
DEFAULT = "fast"
