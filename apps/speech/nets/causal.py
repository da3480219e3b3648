"""Layers that look back only and can be continued: convolutions, residual blocks and a running mean over time.

Each is told what came before as tensors of a fixed size, `begin(batch)` is what stands for silence, and
`advance(x, state)` gives the outputs of (B, C, T) and the state behind them. A call of the layer is one step from the
beginning, so that a recording in one pass and in many steps has the same values. T is a multiple of the stride.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.speech.config import NetConfig
from apps.speech.nets.blocks import scaled

State = tuple[Tensor, ...]
STRIDE = 8
"""Frames of a step: one output of the last block."""
STEPS = 13
"""Steps of a clip, over which the outputs are averaged: 1.04 s."""


class CausalConv(nn.Module):
    """Convolution over what lies behind, normalisation, ReLU: (B, inputs, T) to (B, channels, T / stride)."""

    def __init__(self, inputs: int, channels: int, kernel: int, stride: int = 1, *, act: bool = True):
        super().__init__()
        self.conv = nn.Conv1d(inputs, channels, kernel, stride, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.act = nn.ReLU() if act else nn.Identity()

    def begin(self, batch: int) -> State:
        """Zeros (B, inputs, kernel - stride)."""
        conv = self.conv
        return (conv.weight.new_zeros(batch, conv.in_channels, conv.kernel_size[0] - conv.stride[0]),)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """See the module."""
        x = torch.cat([state[0], x], 2)
        keep = state[0].shape[2]
        return self.act(self.norm(self.conv(x))), (x[:, :, x.shape[2] - keep :],)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T) -> (B, channels, T / stride), silence before."""
        return self.advance(x, self.begin(x.shape[0]))[0]


class CausalResidual(nn.Module):
    """Two causal convolutions and a shortcut, as TC-ResNet has them: (B, inputs, T) to (B, channels, T / stride)."""

    def __init__(self, inputs: int, channels: int, kernel: int, stride: int):
        super().__init__()
        self.first = CausalConv(inputs, channels, kernel, stride)
        self.second = CausalConv(channels, channels, kernel, act=False)
        conv = nn.Conv1d(inputs, channels, 1, bias=False)
        self.shortcut = nn.Sequential(conv, nn.BatchNorm1d(channels), nn.ReLU())
        self.stride = stride
        self.act = nn.ReLU()

    def begin(self, batch: int) -> State:
        """The states of both convolutions."""
        return self.first.begin(batch) + self.second.begin(batch)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """See the module."""
        y, one = self.first.advance(x, state[:1])
        y, two = self.second.advance(y, state[1:])
        last = x[:, :, self.stride - 1 :: self.stride]  # the newest frame that an output has seen
        return self.act(y + self.shortcut(last)), one + two

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T) -> (B, channels, T / stride), silence before."""
        return self.advance(x, self.begin(x.shape[0]))[0]


class RunningMean(nn.Module):
    """The mean of the last STEPS outputs: (B, C, T) to (B, C), of the end; step by step to (B, C, T)."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def begin(self, batch: int, like: Tensor | None = None) -> State:
        """Zeros (B, C, STEPS - 1)."""
        zeros = torch.zeros if like is None else like.new_zeros
        return (zeros(batch, self.channels, STEPS - 1),)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, C, T) -> (B, C, T): the mean behind each step."""
        x = torch.cat([state[0], x], 2)
        return functional.avg_pool1d(x, STEPS, 1), (x[:, :, x.shape[2] - (STEPS - 1) :],)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C); what lies before the beginning counts as zeros."""
        return x[:, :, -STEPS:].sum(2) / STEPS


def tc_resnet8_stream(net: NetConfig, classes: int, bands: int, frames: int) -> OrderedDict[str, nn.Module]:
    """TC-ResNet8 (Choi et al. 2019) of causal layers, (B, 1, bands, T) to logits of the last second; as many
    parameters as there: 65,168 with 40 bands and 12 classes."""
    widths = [scaled(net, width) for width in (16, 24, 32, 48)]
    parts: OrderedDict[str, nn.Module] = OrderedDict(bands=nn.Flatten(1, 2))  # (B, bands, T)
    parts["conv1"] = CausalConv(bands, widths[0], 3)
    for number, (inputs, channels) in enumerate(pairwise(widths), start=2):
        parts[f"res{number}"] = CausalResidual(inputs, channels, 9, 2)
    parts["global_pool"] = RunningMean(widths[-1])
    if net.dropout:
        parts["head_dropout"] = nn.Dropout(net.dropout)
    parts["output"] = nn.Linear(widths[-1], classes, bias=False)
    return parts


def begin(model: nn.Module, batch: int = 1) -> State:
    """The states of all layers of a network, in order, before any sound."""
    return tuple(each for layer in model.children() if hasattr(layer, "begin") for each in layer.begin(batch))  # type: ignore[operator]


def advance(model: nn.Module, samples: Tensor, state: State) -> tuple[Tensor, State]:
    """Samples (B, S) int16, S a multiple of the step -> logits (B, steps, classes), and the state behind them."""
    x, behind = samples, ()
    for name, layer in model.named_children():
        if hasattr(layer, "advance"):
            count = len(layer.begin(1))  # type: ignore[operator]
            x, new = layer.advance(x, state[:count])  # type: ignore[operator]
            state, behind = state[count:], behind + new
        else:
            x = layer(x.transpose(1, 2) if name == "output" else x)
    return x, behind
