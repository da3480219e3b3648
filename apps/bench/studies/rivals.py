"""What a CNN is compared with: fully connected networks, and inputs whose places are shuffled.

Both work behind an app's front end, so that they see the same features.
Letters: B batch, C channels, P places, T words.
"""

import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cnn_core import visual
from cnn_core.nn.blocks import GlobalPool
from cnn_core.training.data import mix

Build = Callable[..., nn.Module]
"""build(config, labels), and `fitted` where the data set has such."""


class Shuffled(nn.Module):
    """A front end and, behind it, one fixed permutation of the places of `axes` (2 is the first behind channels)."""

    def __init__(self, front: nn.Module, shape: Sequence[int], axes: Sequence[int], seed: int = 0):
        super().__init__()
        self.front, self.axes = front, tuple(axes)
        count = 1
        for axis in axes:
            count *= shape[axis]
        self.order: Tensor
        self.register_buffer("order", torch.randperm(count, generator=torch.Generator().manual_seed(mix(seed, 7))))

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, ...) -> (B, C, ...), the places moved."""
        x = self.front(inputs)
        first, last = self.axes[0], self.axes[-1]
        flat = x.flatten(first, last)
        return flat.index_select(first, self.order).reshape(x.shape).contiguous()


def features_shape(build: Build, config: Any, labels: tuple[str, ...], inputs: Tensor) -> tuple[int, ...]:
    """(1, C, ...): what the front end gives for one input (1, ...)."""
    with torch.random.fork_rng(devices=[]):
        return tuple(visual.front_of(build(config, labels), inputs).shape)


def shuffled(build: Build, shape: Sequence[int], axes: Sequence[int]) -> Build:
    """The same network on shuffled places."""

    def build_shuffled(config: Any, labels: tuple[str, ...], **fitted: Any) -> nn.Module:
        model = build(config, labels, **fitted)
        model.front = Shuffled(model.get_submodule("front"), shape, axes)
        return model

    return build_shuffled


class Fixed(nn.Module):
    """Cuts or fills (B, C, T) to (B, C, length)."""

    def __init__(self, length: int):
        super().__init__()
        self.length = length

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, length)."""
        return nn.functional.pad(x[:, :, : self.length], (0, max(0, self.length - x.shape[2])))


def normalised(model: nn.Module) -> bool:
    """Whether the network has batch normalisation."""
    return any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in model.modules())


def fully_connected(
    build: Build, shape: Sequence[int], hidden: Sequence[int], length: int = 0, *, norm: bool = False
) -> Build:
    """The app's front end, then flatten and dense layers of `hidden` units; `length`: places kept where they vary.

    With `norm` units are normalised over the batch before their ReLU, for a rival of a CNN whose channels are: without
    that none learns from spectrograms.
    """

    def build_dense(config: Any, labels: tuple[str, ...], **fitted: Any) -> nn.Module:
        front = build(config, labels, **fitted).get_submodule("front")
        sizes = [int(torch.Size(shape).numel()) // shape[0], *hidden]
        fixed = {"fixed": Fixed(length)} if length else {}
        parts: OrderedDict[str, nn.Module] = OrderedDict(front=front, **fixed, flatten=nn.Flatten())
        for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes), start=1):
            layers: OrderedDict[str, nn.Module] = OrderedDict(linear=nn.Linear(inputs, outputs))
            if norm:
                layers["norm"] = nn.BatchNorm1d(outputs)
            layers["act"] = nn.ReLU()
            parts[f"dense{number}"] = nn.Sequential(layers)
        parts["output"] = nn.Linear(sizes[-1], len(labels))
        return nn.Sequential(parts)

    return build_dense


def dense_parameters(shape: Sequence[int], hidden: Sequence[int], classes: int, *, norm: bool = False) -> int:
    """Parameters of `fully_connected`."""
    sizes = [int(torch.Size(shape).numel()) // shape[0], *hidden, classes]
    return sum((a + 1) * b for a, b in itertools.pairwise(sizes)) + norm * 2 * sum(hidden)


class Image(nn.Module):
    """Word vectors (B, C, T) as a grey picture (B, 1, C, T), at least 3 words wide."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, 1, C, T)."""
        return nn.functional.pad(x, (0, max(0, 3 - x.shape[2])))[:, None]


def in_the_plane(build: Build, filters: int) -> Build:
    """The same front end, then a 3x3 convolution over numbers and words, and its maximum over all places."""

    def build_plane(config: Any, labels: tuple[str, ...], **fitted: Any) -> nn.Module:
        front = build(config, labels, **fitted).get_submodule("front")
        parts = OrderedDict(
            front=front,
            image=Image(),
            conv1=nn.Sequential(OrderedDict(conv=nn.Conv2d(1, filters, 3), act=nn.ReLU())),
            global_pool=GlobalPool("max"),
            dropout=nn.Dropout(config.net.dropout),
            output=nn.Linear(filters, len(labels)),
        )
        return nn.Sequential(parts)

    return build_plane
