"""Filters that move along both axes: the spectrogram taken for a picture."""

from collections import OrderedDict

from torch import Tensor, nn

from apps.speech.config import NetConfig
from apps.speech.nets.blocks import conv_block, pooled, pooling, scaled
from cnn_core.nn.blocks import Dense, GlobalPool


class Pair(nn.Module):
    """Two 3x3 convolutions and a sum, (B, C, H, W) to the same: norm(conv), norm(conv + x), norms without weights."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels, affine=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels, affine=False)

    def forward(self, x: Tensor, shortcut: Tensor) -> tuple[Tensor, Tensor]:
        """The output, and the sum before its norm, which is the next pair's shortcut."""
        total = self.conv2(self.norm1(self.conv1(x).relu())).relu() + shortcut
        return self.norm2(total), total


class Pairs(nn.Module):
    """The six convolutions of res8. What is added is the sum before the norm, as published (Tang & Lin 2018)."""

    def __init__(self, channels: int, count: int = 3):
        super().__init__()
        self.pairs = nn.ModuleList(Pair(channels) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        shortcut = x
        for pair in self.pairs:
            x, shortcut = pair(x, shortcut)
        return x


def res8(net: NetConfig, classes: int, bands: int, frames: int) -> OrderedDict[str, nn.Module]:
    """res8 (Tang & Lin 2018), (B, 1, bands, T) to logits; 110,307 parameters with 12 classes."""
    channels = scaled(net, 45)
    return OrderedDict(
        conv1=nn.Sequential(OrderedDict(conv=nn.Conv2d(1, channels, 3, padding=1, bias=False), act=nn.ReLU())),
        **pooling(net),
        res=Pairs(channels),
        global_pool=GlobalPool("avg"),
        dropout=nn.Dropout(net.dropout),
        output=nn.Linear(channels, classes),
    )


def trad_fpool3(net: NetConfig, classes: int, bands: int, frames: int) -> OrderedDict[str, nn.Module]:
    """cnn-trad-fpool3 (Sainath & Parada 2015): 8 bands by 20 frames, pooling along frequency, 4 by 10, dense 128."""
    channels = scaled(net, 64)
    high, long = pooled(net, bands - 7, frames - 19)
    return OrderedDict(
        conv1=conv_block(1, channels, (8, 20), norm=False),
        **pooling(net),
        conv2=conv_block(channels, channels, (4, 10), norm=False),
        flatten=nn.Flatten(),
        lowrank=nn.Linear(channels * (high - 3) * (long - 9), 32),
        dense1=Dense(32, 128),
        dropout=nn.Dropout(net.dropout),
        output=nn.Linear(128, classes),
    )
