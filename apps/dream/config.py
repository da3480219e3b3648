"""Which network is looked through, as plain values; no torch."""

from dataclasses import dataclass, field

from cnn_core.training.recipe import FitConfig


@dataclass(frozen=True)
class DreamConfig:
    """A trained network and the pictures that `filters --exemplars` looks through when none are named.

    Nothing is trained here; `fit` is there because every app's configuration has it.
    """

    backbone: str = "vgg19"
    """One of the presets, a run folder of the suite, torchvision:NAME or timm:NAME."""
    data: str = "photos"
    """The sample photographs, or a folder of pictures."""
    side: int = 224
    """Height and width of the squares cut from them."""
    fit: FitConfig = field(default_factory=FitConfig)
    """Not used."""


PRESETS = {
    # 16 convolutions, the network of Gatys' style transfer; at 384 pixels a dream takes 21 CPU-s, a style 38 (bf16).
    "vgg19": DreamConfig("vgg19"),
    # 13 convolutions.
    "vgg16": DreamConfig("vgg16"),
    # 5 convolutions; the fastest.
    "alexnet": DreamConfig("alexnet"),
    # A classifier with 1,000 classes, so that classes can be dreamt of and answers explained.
    "efficientnet-lite0": DreamConfig("efficientnet-lite0"),
}
DEFAULT = "vgg19"
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm")
"""Endings of pictures in a folder."""
