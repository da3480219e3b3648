"""Convolutions whose filters differ along frequency and time, and the switch for pooling. Letters: C channels."""

from collections import OrderedDict

from torch import nn

from apps.speech.config import NetConfig
from cnn_core.nn.blocks import POOL


def conv_block(
    inputs: int,
    channels: int,
    kernel: tuple[int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    norm: bool = True,
) -> nn.Sequential:
    """Convolution (bands, frames), batch normalisation if asked for, ReLU; children `conv`, `norm`, `act`."""
    conv = nn.Conv2d(inputs, channels, kernel, stride, padding, bias=not norm)
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
    if norm:
        parts["norm"] = nn.BatchNorm2d(channels)
    parts["act"] = nn.ReLU()
    return nn.Sequential(parts)


def pooling(net: NetConfig) -> dict[str, nn.Module]:
    """The layer `pool1` after the first convolution as the configuration has it, or nothing."""
    size = (net.pool_bands, net.pool_frames)
    return {} if net.pool == "none" or size == (1, 1) else {"pool1": POOL[net.pool][2](size)}


def pooled(net: NetConfig, bands: int, frames: int) -> tuple[int, int]:
    """Places (bands, frames) that `pooling` leaves."""
    return (bands, frames) if net.pool == "none" else (bands // net.pool_bands, frames // net.pool_frames)


def scaled(net: NetConfig, channels: int) -> int:
    """A published number of filters times the width of the configuration."""
    return max(round(channels * net.width), 1)
