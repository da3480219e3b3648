"""Backbone: a trained network to look through, and what has to be known about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from cnn_core import visual
from cnn_core.errors import UserError


@dataclass(frozen=True)
class Backbone:
    """`model` takes (B, channels, H, W) in 0 to 255 through its child `front`, and is in eval mode.

    Layers have the names that a user types; where the model is a foreign one inside a wrapper, `prefix` leads to it.
    """

    name: str
    model: nn.Module
    labels: tuple[str, ...] = ()  # of a classifier
    channels: int = 3
    side: int = 224  # of the pictures that it was trained on
    prefix: str = ""

    @cached_property
    def body(self) -> nn.Module:
        """The part whose children the user knows."""
        return self.model.get_submodule(self.prefix.rstrip("."))

    @property
    def children(self) -> list[str]:
        """The layers without the front end, in order."""
        return [name for name, _ in self.body.named_children() if name != "front"]

    def layer(self, name: str) -> str:
        """The name under which lenses find the layer. Raises UserError that lists those there are."""
        if not name or name not in dict(self.body.named_modules(remove_duplicate=False)):
            hint = next((f"; parts of them too, as in {c}.{p}" for c in self.children for p in _parts(self, c)), "")
            raise UserError(
                f"--layer {name}: {self.name} has no such layer; choose from {', '.join(self.children)}{hint}"
            )
        return self.prefix + name

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """(C, H, W) that each layer with places gives for a picture of the usual size."""
        try:
            found = visual.record(
                self.model, self.blank(self.side, self.side), [self.prefix + n for n in self.children]
            )
        except UserError:  # one of them does not run, or gives no tensor: then each by itself
            found = {}
            for name in self.children:
                try:
                    found |= visual.record(self.model, self.blank(self.side, self.side), self.prefix + name)
                except UserError:
                    continue
        shapes = {name.removeprefix(self.prefix): tuple(h.shape[1:]) for name, h in found.items()}
        shapes = {name: shape for name, shape in shapes.items() if len(shape) == 3 and min(shape[1:]) > 1}
        if not shapes:
            raise UserError(f"{self.name}: none of its layers gives feature maps, so there is nothing to look at")
        return shapes

    def filters(self, name: str) -> int:
        """How many filters a layer has. Raises UserError for an unknown layer, and for one without feature maps."""
        layer = self.layer(name)
        shape = self.shapes.get(name)
        if shape is None:
            shape = tuple(visual.record(self.model, self.blank(self.side, self.side), layer)[layer].shape[1:])
        if len(shape) != 3:
            raise UserError(
                f"--layer {name}: gives {'x'.join(map(str, shape))} numbers, no feature maps; try {self.deep}"
            )
        return shape[0]

    def blank(self, height: int, width: int) -> Tensor:
        """A middle grey picture (1, C, H, W)."""
        return torch.full((1, self.channels, height, width), 128.0, device=next(self.model.parameters()).device)

    def at(self, share: float) -> str:
        """The convolution that lies after this share of them, 0 to 1."""
        convolutions = [
            n for n in self.shapes if any(isinstance(m, nn.Conv2d) for m in self.body.get_submodule(n).modules())
        ]
        names = convolutions or list(self.shapes)
        return names[round(share * (len(names) - 1))]

    @property
    def deep(self) -> str:
        """The layer that dreams are made of when none is named: where parts of things are seen."""
        return USUAL.get(self.name, {}).get("dream") or self.at(0.75)

    @property
    def content(self) -> tuple[str, ...]:
        """The layers that say what is in a picture."""
        return USUAL.get(self.name, {}).get("content") or (self.at(0.6),)

    @property
    def style(self) -> tuple[str, ...]:
        """The layers whose correlations say how it is painted."""
        return USUAL.get(self.name, {}).get("style") or tuple(dict.fromkeys(self.at(i / 4) for i in range(5)))

    @property
    def middle(self) -> str:
        """The layer whose filters are shown when none is named."""
        return USUAL.get(self.name, {}).get("middle") or self.at(0.5)


GATYS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
USUAL: dict[str, dict[str, Any]] = {
    "vgg19": {"dream": "conv5_1", "middle": "conv4_1", "content": ("conv4_2",), "style": GATYS},
    "vgg16": {"dream": "conv5_1", "middle": "conv4_1", "content": ("conv4_2",), "style": GATYS},
    "alexnet": {
        "dream": "conv4",
        "middle": "conv3",
        "content": ("conv4",),
        "style": ("conv1", "conv2", "conv3", "conv4"),
    },
    "efficientnet-lite0": {"dream": "block9", "middle": "block6"},
}


def _parts(backbone: Backbone, child: str) -> list[str]:
    return [name for name, _ in backbone.body.get_submodule(child).named_children()]
