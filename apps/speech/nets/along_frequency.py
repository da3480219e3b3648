"""Filters that move along frequency only: each sees its whole stretch of time at once, as in the lecture.

Letters: B batch, T frames, W windows.
"""

from collections import OrderedDict

from torch import Tensor, nn

from apps.speech.config import NetConfig
from apps.speech.nets.blocks import conv_block, pooled, pooling, scaled
from cnn_core.nn.blocks import Dense

STEP = 4  # frames from one window to the next


class OverWindows(nn.Module):
    """Mean over windows of what was found at each band: (B, C, bands, W) -> (B, C * bands)."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, bands, W) -> (B, C * bands)."""
        return x.mean(3).flatten(1)


def windows(net: NetConfig, classes: int, bands: int, frames: int) -> OrderedDict[str, nn.Module]:
    """Filters that see `net.window` frames and move along frequency, the same ones in every window.

    The mean over windows discards where a word is in time; where a pattern is in frequency counts.
    """
    first, second, third = (scaled(net, channels) for channels in (48, 64, 96))
    places, _ = pooled(net, bands, frames)
    reach, step = min(net.window, frames), (1, STEP)
    return OrderedDict(
        conv1=conv_block(1, first, (5, reach), stride=step, padding=(2, 0)),
        **pooling(net),
        conv2=conv_block(first, second, (5, 1), padding=(2, 0)),
        conv3=conv_block(second, third, (3, 1), stride=(2, 1), padding=(1, 0)),
        merge=OverWindows(),
        dense1=Dense(third * -(-places // 2), 128),
        dropout=nn.Dropout(net.dropout),
        output=nn.Linear(128, classes),
    )


def one(net: NetConfig, classes: int, bands: int, frames: int) -> OrderedDict[str, nn.Module]:
    """cnn-one-fpool3, -fstride4, -fstride8 (Sainath & Parada 2015): filters as long as the clip, 8 bands high.

    One convolution, a linear layer of 32 values, two dense layers of 128.
    """
    filters, stride = {"one-fpool3": (54, 1), "one-fstride4": (186, 4), "one-fstride8": (336, 8)}[net.kind]
    channels = scaled(net, filters)
    places, _ = pooled(net, (bands - 8) // stride + 1, 1)
    return OrderedDict(
        conv1=conv_block(1, channels, (8, frames), stride=(stride, 1), norm=False),
        **pooling(net),
        flatten=nn.Flatten(),
        lowrank=nn.Linear(channels * places, 32),
        dense1=Dense(32, 128),
        dense2=Dense(128, 128),
        dropout=nn.Dropout(net.dropout),
        output=nn.Linear(128, classes),
    )
