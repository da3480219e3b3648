"""What a digits run is made of, and the presets; no torch."""

from dataclasses import dataclass, field

from cnn_core.errors import UserError, check_range
from cnn_core.nn.architecture import LECTURE, ConvNetConfig
from cnn_core.training.recipe import FitConfig
from cnn_core.verbs.measures.tuning.ranges import USUAL, Even, OneOf


@dataclass(frozen=True)
class Augment:
    """Random changes of each training picture: an affine map, then a smooth elastic one; 0 is none."""

    rotate: float = 0.0
    """Largest angle in degrees."""
    scale: float = 0.0
    """Largest logarithm of the stretching of each axis: 0.1 is about 90 to 110 %."""
    shear: float = 0.0
    """Largest sideways motion, as a share of the distance from the middle row."""
    shift: float = 0.0
    """Largest shift in pixels."""
    elastic: float = 0.0
    """Standard deviation, in pixels, of displacements drawn on a 6 x 6 grid and interpolated between."""
    final: float = 1.0
    """Strength of all of it at the end of training, falling linearly from 1."""

    def __post_init__(self) -> None:
        for name in ("rotate", "scale", "shear", "shift", "elastic", "final"):
            check_range(f"augment.{name}", getattr(self, name), 0)

    def __bool__(self) -> bool:
        return any((self.rotate, self.scale, self.shear, self.shift, self.elastic))


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

    def __post_init__(self) -> None:
        if self.net.input_shape != (1, 28, 28):
            given = " ".join(map(str, self.net.input_shape))
            raise UserError(f"--net.input-shape {given}: all pictures are made 1 28 28; leave the option out")


PRESETS = {
    # cnn-digits train --preset fast: one pass, about 4 CPU-seconds, 99.2 %.
    "fast": DigitsConfig(
        net=ConvNetConfig(
            channels=(16, 32, 128),
            kernels=(6, 3, 3),
            strides=(2, 1, 1),
            pools=(1, 2, 1),
            norm="batch",
            head="max",
            hidden=(),
        ),
        fit=FitConfig(
            epochs=1,
            least_steps=200,
            learning_rate=0.02,
            betas=(0.7, 0.9),
            schedule="linear",
            warmup=0.2,
            label_smoothing=0.05,
            ema=0.9,
            freeze=(0.3, 0.5),
        ),
    ),
    # cnn-digits train --preset accurate: 14 passes, about 11 CPU-minutes, 99.7 %.
    "accurate": DigitsConfig(
        net=ConvNetConfig(
            channels=(32, 32, 64, 64, 128, 128),
            kernels=(5, 3, 3, 3, 3, 3),
            padding=("valid", "same", "same", "same", "valid", "valid"),
            pools=(1, 2, 1, 2, 1, 1),
            norm="batch",
            hidden=(),
            head_dropout=0.3,
        ),
        augment=Augment(rotate=15, scale=0.15, shear=0.15, shift=2.5, elastic=0.4, final=0.5),
        fit=FitConfig(
            epochs=14,
            least_steps=200,
            batch_size=128,
            learning_rate=0.005,
            weight_decay=0.05,
            schedule="linear",
            warmup=0.2,
            label_smoothing=0.1,
            ema=0.995,
        ),
    ),
    # cnn-digits train --preset lecture: the lecture's own network, three passes, about 35 CPU-seconds, 99.4 %.
    "lecture": DigitsConfig(
        fit=FitConfig(
            epochs=3,
            least_steps=200,
            batch_size=128,
            learning_rate=0.005,
            schedule="linear",
            label_smoothing=0.05,
        )
    ),
}
_AUGMENT = {"augment.rotate": Even(0.0, 20.0), "augment.scale": Even(0.0, 0.2), "augment.shift": Even(0.0, 3.0)}
_HEAD = {"net.head_dropout": Even(0.0, 0.5), "fit.batch_size": OneOf((128, 256, 512))}
RANGES = {"fast": USUAL | _HEAD, "lecture": USUAL | _HEAD, "accurate": USUAL | _HEAD | _AUGMENT}
"""Where `tune` searches."""
DEFAULT = "fast"
DATA_SETS = ("mnist", "fashion-mnist", "kmnist", "emnist", "qmnist")
"""Manifests that the app knows."""
