"""BC-ResNet (Kim et al. 2021): what is learnt along time, at one band, is added to every band.

The results equal those of the published network, but not its computation: on a CPU, its depthwise convolutions and the
views around sub-spectral norms take most of the time. A block stores its activations as (channels, bands, batch,
frames). A convolution along frequency is then one matrix product for each channel, a norm runs over whole rows, and a
mean over bands is a sum of rows. Inputs and outputs are (B, C, bands, T).

Letters: B batch, C channels, F bands, T frames, N = B * T.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.speech.config import NetConfig
from apps.speech.nets.blocks import pooled, pooling
from cnn_core.errors import UserError
from cnn_core.nn.blocks import GlobalPool

GROUPS = 5  # of neighbouring bands that are normalised together
STAGES = ((1.0, 2, 1), (1.5, 2, 2), (2.0, 4, 2), (2.5, 4, 1))  # channels, blocks, stride along frequency


def rows(x: Tensor) -> Tensor:
    """(B, C, F, T) -> (C, F, N); free for what `columns` gave."""
    return x.permute(1, 2, 0, 3).flatten(2)


def columns(x: Tensor, batch: int) -> Tensor:
    """(C, F, N) -> (B, C, F, T), without moving anything in memory."""
    return x.unflatten(2, (batch, -1)).permute(2, 0, 1, 3)


class Norm(nn.BatchNorm1d):
    """Batch normalisation of rows: (C, ...) with `groups` neighbouring parts of each channel normalized separately."""

    def __init__(self, channels: int, groups: int = 1):
        super().__init__(channels * groups)

    def forward(self, input: Tensor) -> Tensor:
        """The same shape."""
        return super().forward(input.reshape(1, self.num_features, -1)).view(input.shape)


def weight(*shape: int) -> nn.Parameter:
    """Weights initialized as by nn.Conv2d, with the size of the last axis as fan-in."""
    bound = shape[-1] ** -0.5
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


class AlongFrequency(nn.Module):
    """Depthwise convolution of 3 bands with zeros around, (C, F, N) -> (C, F', N)."""

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.stride = stride
        self.weight = weight(channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """As one product with a banded matrix (F', F) a channel."""
        bands = x.shape[1]
        places = torch.arange(bands, device=x.device)
        tap = places - places[:: self.stride, None] + 1  # (F', F)
        matrix = torch.where((tap >= 0) & (tap < 3), self.weight[:, tap.clamp(0, 2)], 0.0)
        return torch.bmm(matrix, x)


class AlongTime(nn.Module):
    """Depthwise convolution of 3 frames `dilation` apart with zeros around, (C, B, T) -> (C, B, T)."""

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.dilation = dilation
        self.weight = weight(channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Three products, because there is a single row."""
        frames, gap = x.shape[2], self.dilation
        x = functional.pad(x, (gap, gap))
        taps = [x[..., k * gap : k * gap + frames] * self.weight[:, k, None, None].to(x.dtype) for k in range(3)]
        return taps[0] + taps[1] + taps[2]


class Pointwise(nn.Module):
    """A 1x1 convolution, (C, ...) -> (C', ...)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = weight(outputs, inputs)

    def forward(self, x: Tensor) -> Tensor:
        """One matrix product."""
        return (self.weight @ x.flatten(1)).unflatten(1, x.shape[1:])


class BroadcastBlock(nn.Module):
    """relu(f2 + f1 + x): f2 along frequency at each band, f1 along time on the mean over bands, added to all.

    (B, inputs, F, T) -> (B, channels, F / stride, T). A block that changes the number of channels begins with a 1x1
    convolution and leaves x out.
    """

    def __init__(self, inputs: int, channels: int, *, first: bool, stride: int, dilation: int, dropout: float = 0.1):
        super().__init__()
        change: OrderedDict[str, nn.Module] = OrderedDict(pointwise=Pointwise(inputs, channels))
        change.update(norm=Norm(channels), act=nn.ReLU())
        self.change = nn.Sequential(change) if first else None
        self.frequency = AlongFrequency(channels, stride)
        self.frequency_norm = Norm(channels, GROUPS)
        self.time = AlongTime(channels, dilation)
        self.time_norm = Norm(channels)
        self.act = nn.SiLU()
        self.mix = Pointwise(channels, channels)
        self.dropout = dropout

    def forward(self, input: Tensor) -> Tensor:
        """(B, inputs, F, T) -> (B, channels, F', T)."""
        batch = input.shape[0]
        x = rows(input)
        if self.change is not None:
            x = self.change(x)
        f2 = self.frequency_norm(self.frequency(x))
        mean = f2.sum(1) * (1 / f2.shape[1])  # torch's mean would copy bf16 to floats and back
        f1 = self.time(mean.unflatten(1, (batch, -1)))  # (C, B, T)
        f1 = self.mix(self.act(self.time_norm(f1)))
        if self.training:  # whole channels of a clip, as Dropout2d
            f1 = f1 * functional.dropout(f1.new_ones(*f1.shape[:2], 1), self.dropout)
        total = f2 + f1.flatten(1)[:, None]
        if self.change is None:
            total = total.add_(x)
        return columns(total.relu_(), batch)


class Head(nn.Module):
    """5x5 convolution of one channel, two bands a step, norm, ReLU: (B, 1, bands, T) -> (B, channels, bands / 2, T)."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = Pointwise(25, channels)
        self.norm = Norm(channels)
        self.act = nn.ReLU()

    def forward(self, input: Tensor) -> Tensor:
        """The 25 shifted pictures are the channels of a 1x1 convolution."""
        batch, _, bands, frames = input.shape
        x = functional.pad(input[:, 0].transpose(0, 1), (2, 2, 0, 0, 2, 2))  # (bands + 4, B, T + 4)
        if torch.is_autocast_enabled(x.device.type):  # before it is copied 25 times
            x = x.to(torch.get_autocast_dtype(x.device.type))
        high = (bands - 1) // 2 + 1
        taps = [x[i : i + 2 * high - 1 : 2, :, k : k + frames] for i in range(5) for k in range(5)]
        x = torch.stack(taps).flatten(2)  # (25, bands / 2, N)
        return columns(self.act(self.norm(self.conv(x))), batch)


class Tail(nn.Module):
    """Depthwise convolution of all remaining bands and 5 frames: (B, C, 5, T) -> (B, C, 1, T)."""

    def __init__(self, channels: int, bands: int):
        super().__init__()
        self.weight = weight(channels, 5, bands)

    def forward(self, input: Tensor) -> Tensor:
        """Sum over bands first, for each of the five taps, then over taps."""
        batch, frames = input.shape[0], input.shape[3]
        x = torch.bmm(self.weight, rows(input)).unflatten(2, (batch, frames))  # (C, 5, B, T)
        x = functional.pad(x, (2, 2))
        taps = [x[:, k, :, k : k + frames] for k in range(5)]
        return (taps[0] + taps[1] + taps[2] + taps[3] + taps[4]).transpose(0, 1)[:, :, None]


def bc_resnet(net: NetConfig, classes: int, bands: int, frames: int) -> OrderedDict[str, nn.Module]:
    """BC-ResNet-t of width t, (B, 1, bands, T) to logits; 9,232 parameters at t = 1 with 12 classes."""
    base = max(int(8 * net.width), 1)
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv1=Head(2 * base), **pooling(net))
    inputs, left = 2 * base, pooled(net, (bands - 1) // 2 + 1, frames)[0]
    for stage, (factor, count, stride) in enumerate(STAGES):
        channels = int(base * factor)
        for block in range(count):
            first = block == 0
            step = stride if first else 1
            left = (left - 1) // step + 1
            if left % GROUPS:
                raise UserError(
                    f"net.pool_bands {net.pool_bands}: leaves {left} bands in stage {stage + 1}, and sub-spectral"
                    f" normalisation needs a multiple of {GROUPS}"
                )
            parts[f"stage{stage + 1}_{block + 1}"] = BroadcastBlock(
                inputs, channels, first=first, stride=step, dilation=2**stage
            )
            inputs = channels
    parts["tail"] = Tail(inputs, left)
    parts["mix"] = nn.Sequential(
        OrderedDict(conv=nn.Conv2d(inputs, 4 * base, 1, bias=False), norm=nn.BatchNorm2d(4 * base), act=nn.ReLU())
    )
    parts["global_pool"] = GlobalPool("avg")
    parts["dropout"] = nn.Dropout(net.dropout)
    parts["output"] = nn.Linear(4 * base, classes)
    return parts
