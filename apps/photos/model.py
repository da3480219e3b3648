"""The photos networks: a front end that takes raw pixels, then the core's ConvNet or a trained backbone with a head.

Letters: B batch, S side, F features.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.photos.augmentation import cut_out, grown, mirrored_and_shifted, recoloured
from apps.photos.config import Augment, PhotosConfig
from apps.photos.fitted import FittedPhotos, nominal
from cnn_core.nn.backbones.efficientnet import HEAD, efficientnet_lite0
from cnn_core.nn.backbones.pretrained import pretrained
from cnn_core.nn.blocks import Dense, GlobalPool
from cnn_core.nn.network import ConvNet

RATE = 0.1  # of what a backbone learns on, to the learning rate of a new head
STRIDE = 32  # of the backbone: pixels a place of its last maps


class PhotoFront(nn.Module):
    """Pixels (B, 3, S, S), uint8 or float in 0..255 -> (pixels - mean) / sd, enlarged or reduced to `seen` if given.

    While training, each picture is first changed at random as `augment` says, and small at first with `grow`.
    """

    def __init__(self, mean: Sequence[float], sd: Sequence[float], augment: Augment, seen: int = 0):
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.augment, self.seen = augment, seen
        self.progress = 1.0  # share of the training that is done, which the training loop sets
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("scale", 1 / torch.tensor(sd).view(3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, 3, S, S), or (B, 3, seen, seen)."""
        changes = self.augment if self.training else Augment()
        if changes.flip or changes.crop:
            pixels = mirrored_and_shifted(pixels, changes.flip, changes.crop)
        x = pixels.float()
        if changes.colour:
            x = recoloured(x, changes.colour)
        x = (x - self.mean) * self.scale
        if changes.cutout:
            x = cut_out(x, changes.cutout)
        if changes.grow > self.progress:
            x = grown(x, self.progress / changes.grow)
        if self.seen and x.shape[-1] != self.seen:
            x = functional.interpolate(x, (self.seen, self.seen), mode="bilinear", align_corners=False)
        return x.contiguous(memory_format=torch.channels_last)


class FrozenNet(nn.Sequential):
    """A trained backbone that stays as it is, and a head that learns: pictures (B, 3, S, S), or the features (B, F)
    that its layers up to `flatten` or `global_pool` would make of them, -> logits (B, classes).

    The layers of the body that are named `tuned` learn on, at RATE times the learning rate; their batch norms keep
    their statistics.
    """

    def __init__(
        self, front: PhotoFront, body: nn.Sequential, head: OrderedDict[str, nn.Module], tuned: Sequence[str] = ()
    ):
        parts: OrderedDict[str, nn.Module] = OrderedDict(front=front)
        parts.update((name, child) for name, child in body.named_children())
        parts.update(head)
        super().__init__(parts)
        self.learning = tuple(head)
        for name, child in self.named_children():
            if name not in (*self.learning, *tuned):
                child.requires_grad_(False)
            elif name in tuned:
                for parameter in child.parameters():
                    parameter.rate = RATE  # type: ignore[attr-defined]

    def forward(self, input: Tensor) -> Tensor:
        """See the class."""
        if input.dim() != 2:
            input = self.features(input)
        for name in self.learning:
            input = self.get_submodule(name)(input)
        return input

    def features(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, F)."""
        for name, child in self.named_children():
            if name not in self.learning:
                pictures = child(pictures)
        return pictures

    def train(self, mode: bool = True) -> FrozenNet:
        """The head and the changes of pictures know of training; batch norms of the backbone keep their statistics."""
        super().train(mode)
        for name, child in self.named_children():
            if name not in (*self.learning, "front"):
                child.eval()
        return self


def feature_count(config: PhotosConfig) -> int:
    """F: numbers that the backbone makes of a picture."""
    return HEAD * (-(-config.seen // STRIDE)) ** 2 if config.net.head == "dense" else HEAD


def build(config: PhotosConfig, labels: Sequence[str], fitted: FittedPhotos | None = None) -> nn.Module:
    """The network of `config` with one output for each label: (B, 3, S, S) pixels -> (B, classes) logits."""
    fitted = fitted or nominal(config)
    if config.backbone != "none":
        return frozen(config, len(labels))
    shape = (3, fitted.side, fitted.side)
    front = PhotoFront(fitted.mean, fitted.sd, config.augment)
    return ConvNet(replace(config.net, input_shape=shape, classes=len(labels)), front)


def frozen(config: PhotosConfig, classes: int, body: nn.Sequential | None = None) -> FrozenNet:
    """The backbone `body`, random where it is left out, and a new head."""
    whole = efficientnet_lite0() if body is None else body
    layers = OrderedDict((n, c) for n, c in whole.named_children() if n not in ("front", "pool", "flatten", "output"))
    if config.net.head == "dense":
        layers["flatten"] = nn.Flatten()
    else:
        layers["global_pool"] = GlobalPool("max" if config.net.head == "max" else "avg")
    head: OrderedDict[str, nn.Module] = OrderedDict()
    inputs = feature_count(config)
    for number, units in enumerate(config.net.hidden, start=1):
        if config.net.head_dropout:
            head[f"dense{number}_dropout"] = nn.Dropout(config.net.head_dropout)
        head[f"dense{number}"] = Dense(inputs, units, config.net.activation)
        inputs = units
    if config.net.head_dropout:
        head["output_dropout"] = nn.Dropout(config.net.head_dropout)
    head["output"] = nn.Linear(inputs, classes)
    front = PhotoFront((127.5,) * 3, (127.5,) * 3, config.augment, config.seen)
    blocks = [name for name in layers if name.startswith("block")]
    tuned = (*blocks[len(blocks) - config.tuned :], "head") if config.tuned else ()
    return FrozenNet(front, nn.Sequential(layers), head, tuned)


@torch.no_grad()
def initialize(model: nn.Module, config: PhotosConfig, fitted: FittedPhotos | None = None) -> None:
    """Give a new network with a backbone its trained weights. Raises UserError where they are not available."""
    if config.backbone == "none":
        return
    state = pretrained(config.backbone).state_dict()
    own = model.state_dict()
    names = {name for name in own if not name.startswith(tuple(f"{n}." for n in cast(FrozenNet, model).learning))}
    model.load_state_dict({name: state[name] for name in names}, strict=False)


def example(config: PhotosConfig, fitted: FittedPhotos | None = None) -> Tensor:
    """Two pictures (2, 3, S, S) uint8 of noise, of the size that the network takes."""
    side = (fitted or nominal(config)).side
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, side, side), generator=generator, dtype=torch.uint8)
