"""What a photos run is made of, and the presets; no torch."""

from dataclasses import dataclass, field
from typing import Literal

from cnn_core.errors import UserError, check_range
from cnn_core.nn.architecture import ConvNetConfig
from cnn_core.training.recipe import FitConfig
from cnn_core.verbs.measures.tuning.ranges import USUAL, Even, OneOf

Frame = Literal["crop", "pad", "squash"]
NET_SHAPE = (3, 32, 32)  # of ConvNetConfig, before `side` takes its place


@dataclass(frozen=True)
class Augment:
    """Random changes of each training picture, drawn anew at every step; 0 is none."""

    flip: bool = False
    """Half of the pictures mirrored, left to right."""
    crop: float = 0.0
    """Largest shift on each axis, as a share of the side; what comes in from beyond the edge is reflected."""
    cutout: float = 0.0
    """Side of a square set to the mean colour, as a share of the picture's (DeVries & Taylor 2017)."""
    colour: float = 0.0
    """Largest change of brightness, contrast and saturation: 0.2 is 80 to 120 %."""
    grow: float = 0.0
    """Share of the training in which the pictures grow from half their side to the whole, by 8 pixels at a time: small
    pictures cost less, so that more passes take the same time. Not with the heads dense and pointwise, nor --tuned."""

    def __post_init__(self) -> None:
        check_range("augment.grow", self.grow, 0, 1)
        check_range("augment.crop", self.crop, 0, 0.5)
        check_range("augment.cutout", self.cutout, 0, 0.9)
        check_range("augment.colour", self.colour, 0, 0.9)

    def __bool__(self) -> bool:
        return self.flip or any((self.crop, self.cutout, self.colour, self.grow))


@dataclass(frozen=True)
class PhotosConfig:
    """A network for colour pictures in classes, and how it is trained."""

    data: str = "photo-pieces"
    """Name of a data set (see `prepare --list`), a folder of one folder for each class, or a CSV of file,label."""
    side: int = 32
    """Height and width in pixels that every picture is brought to."""
    frame: Frame = "crop"
    """crop: the middle square; pad: the whole picture between bars of the edge's colour; squash: stretched."""
    shots: int = 0
    """Training pictures of each class, spread evenly over those there are; 0 takes all."""
    skip_bad: bool = False
    """Leave out pictures that cannot be read."""
    backbone: Literal["none", "efficientnet-lite0"] = "none"
    """A trained network whose last features are learned from. none: all layers learn."""
    tuned: int = 0
    """How many of the backbone's 16 blocks, counted from its end, learn on, at a tenth of the rate; batch norms
    keep their statistics. 0: none, and features are computed once."""
    seen: int = 224
    """Side that the backbone sees; pictures of another side are scaled."""
    net: ConvNetConfig = field(default_factory=lambda: ConvNetConfig(input_shape=NET_SHAPE))
    """The layers. With a backbone only head (avg, max, dense: all places), hidden and head_dropout count."""
    augment: Augment = field(default_factory=Augment)
    """Changes of the training pictures; not with a backbone whose features are computed once."""
    fit: FitConfig = field(default_factory=FitConfig)
    """The training loop."""

    def __post_init__(self) -> None:
        check_range("side", self.side, 8, 512)
        check_range("seen", self.seen, 32, 512)
        check_range("shots", self.shots, 0)
        check_range("tuned", self.tuned, 0, 16)
        if self.tuned and self.backbone == "none":
            raise UserError("--tuned: there is no backbone to tune; take --preset tuned, or leave it out")
        if self.net.input_shape != NET_SHAPE:
            raise UserError("--net.input-shape: pictures are 3 x side x side; leave it out and set --side")
        if self.backbone != "none" and not self.tuned and self.augment:
            raise UserError("--augment: features of a backbone are computed once; take --preset tuned")
        if self.augment.grow and (self.tuned or self.net.head in ("dense", "pointwise")):
            raise UserError("--augment.grow: needs a network for any side: --net.head avg or max, and no --tuned")
        if self.backbone != "none" and self.net.head == "pointwise":
            raise UserError("--net.head pointwise: with a backbone the head is avg, max or dense")


PRESETS = {
    # cnn-photos train: two passes over CIFAR-10 as JPEG, 197 CPU-seconds, 81.8 % (one seed).
    "scratch": PhotosConfig(
        net=ConvNetConfig(
            input_shape=NET_SHAPE,
            channels=(64, 128, 192, 256),
            kernels=(3,),
            padding=("same",),
            pools=(2, 2, 2, 1),
            block="residual",
            norm="batch",
            head="max",
            hidden=(),
        ),
        augment=Augment(flip=True, crop=0.0625),
        fit=FitConfig(
            epochs=5,
            least_steps=150,
            batch_size=256,
            optimizer="muon",
            learning_rate=0.01,
            weight_decay=0.02,
            schedule="linear",
            warmup=0.2,
            label_smoothing=0.1,
            ema=0.98,
        ),
    ),
    # cnn-photos train --preset frozen: ants and bees, 4 CPU-seconds after the features, 94.4 ± 0.4 % (5 seeds).
    "frozen": PhotosConfig(
        side=224,
        backbone="efficientnet-lite0",
        net=ConvNetConfig(input_shape=NET_SHAPE, head="avg", hidden=(), head_dropout=0.2),
        fit=FitConfig(
            epochs=10,
            least_steps=300,
            batch_size=64,
            learning_rate=0.003,
            weight_decay=0.05,
            schedule="linear",
            warmup=0.1,
            precision="fp32",
        ),
    ),
    # cnn-photos train --preset tuned: ants and bees, 37 CPU-seconds, 93.3 ± 0.4 % (3 seeds).
    "tuned": PhotosConfig(
        side=224,
        backbone="efficientnet-lite0",
        tuned=3,
        net=ConvNetConfig(input_shape=NET_SHAPE, head="avg", hidden=(), head_dropout=0.2),
        augment=Augment(flip=True, crop=0.0625),
        fit=FitConfig(
            epochs=5,
            least_steps=40,
            batch_size=32,
            learning_rate=0.003,
            weight_decay=0.05,
            schedule="linear",
            warmup=0.1,
        ),
    ),
}
_SCRATCH = {"augment.crop": Even(0.0, 0.25), "augment.cutout": Even(0.0, 0.4), "augment.colour": Even(0.0, 0.4)}
RANGES = {
    "scratch": USUAL | _SCRATCH,
    "tuned": USUAL | {"tuned": OneOf((1, 3, 6)), "augment.crop": Even(0.0, 0.25)},
    "frozen": USUAL | {"net.head_dropout": Even(0.0, 0.6), "fit.batch_size": OneOf((32, 64, 128))},
}
"""Where `tune` searches."""
DEFAULT = "scratch"
DATA_SETS = ("cifar-10", "cifar-100")
"""Manifests that the app knows."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm")
"""Endings of pictures in a folder."""
