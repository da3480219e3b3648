"""The networks to look through, by name: presets, runs of the suite, torchvision's and timm's."""

from __future__ import annotations

import torch
from torch import nn

from apps.dream import foreign
from apps.dream.backbone import Backbone
from apps.dream.config import PRESETS, DreamConfig
from cnn_core.errors import UserError
from cnn_core.nn.backbones import pretrained as known


def load_backbone(
    name: str, device: torch.device | str = "cpu", *, weights: str = "", progress: bool = True
) -> Backbone:
    """A preset, a run folder of the suite, torchvision:NAME or timm:NAME; `weights` is a file for the latter two.

    Raises UserError where there is no such network, or its weights are not available or do not fit.
    """
    if name in PRESETS:
        if weights:
            raise UserError(
                f"--weights {weights}: {name} brings its own weights; the option is for torchvision: and timm:"
            )
        model = known.pretrained(name, progress)
        labels = known.imagenet_names(progress) if name == "efficientnet-lite0" else ()
        found = Backbone(name, model, labels)
    else:
        found = foreign.load(name, weights, progress)
    found.model.to(device).eval().requires_grad_(False)
    return found


def build(config: DreamConfig, labels: tuple[str, ...] = ()) -> nn.Module:
    """The network that the configuration names, with its weights; `labels` are its own."""
    return load_backbone(config.backbone).model
