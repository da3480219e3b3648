"""Filters that move along time: bands are channels, as colours are in a picture."""

from collections import OrderedDict

from torch import nn

from apps.speech.config import NetConfig
from apps.speech.nets.blocks import scaled
from cnn_core.nn.architecture import ConvNetConfig
from cnn_core.nn.network import ConvNet


def tc_resnet8(net: NetConfig, classes: int, bands: int, frames: int) -> OrderedDict[str, nn.Module]:
    """TC-ResNet8 (Choi et al. 2019), (B, 1, bands, T) to logits; 65,168 parameters with 40 bands and 12 classes."""
    plan = ConvNetConfig(
        input_shape=(bands, frames),
        channels=tuple(scaled(net, width) for width in (16, 24, 32, 48)),
        kernels=(3, 9, 9, 9),
        strides=(1, 2, 2, 2),
        padding=("same",),
        pool=net.pool,
        pools=(net.pool_frames, 1, 1, 1),
        block="residual",
        norm="batch",
        head="avg",
        hidden=(),
        head_dropout=net.dropout,
    )
    parts: OrderedDict[str, nn.Module] = OrderedDict(bands=nn.Flatten(1, 2))  # (B, bands, T)
    parts.update((name, part) for name, part in ConvNet(plan).named_children() if name != "front")
    for name in ("res2", "res3", "res4"):
        parts[name].shortcut.append(nn.ReLU())  # type: ignore[union-attr]  # as published
    parts["output"] = nn.Linear(plan.channels[-1], classes, bias=False)
    return parts
