"""The bricks: conv block with optional pooling, residual block, pooling and heads, in 1-D and 2-D.

Blocks take plain arguments, never a config. Activations are out of place, so that hooks and attribution
methods see true values. Letters: B batch, C channels, T time, H height, W width.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnn_core.nn.architecture import Activation, Norm, Pooling
from cnn_core.nn.shapes import same_padding

CONV = {1: nn.Conv1d, 2: nn.Conv2d}
BATCH_NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}


class BlurPool(nn.Module):
    """The maximum of each group at every place, blurred by 1 2 1, then subsampled (Zhang 2019, arXiv:1904.11486).

    (B, C, H, W) or (B, C, T) by `dims`; `size` is the side of a group, of all axes or of each, and the step. Sizes are
    those that the plain pooling gives. At the edges the blur sees the edge's values again.
    """

    def __init__(self, size: int | tuple[int, ...], dims: int):
        super().__init__()
        self.blur: Tensor
        self.size = (size,) * dims if isinstance(size, int) else tuple(size)
        filters = torch.ones(1)
        for axis, step in enumerate(self.size):
            line = torch.tensor([1.0, 2.0, 1.0]) / 4 if step > 1 else torch.tensor([0.0, 1.0, 0.0])
            filters = filters[..., None] * line.view(*[1] * axis, 3) if axis else line
        self.register_buffer("blur", filters[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C, ...), each axis divided by its step, rounded down."""
        one = len(self.size) == 1
        x = functional.max_pool1d(x, self.size, 1) if one else functional.max_pool2d(x, self.size, 1)
        x = functional.pad(x, (1, 1) * len(self.size), mode="replicate")
        filters = self.blur.to(x.dtype).repeat(x.shape[1], *[1] * (len(self.size) + 1))
        conv = functional.conv1d if one else functional.conv2d
        return conv(x, filters, stride=self.size, groups=x.shape[1])

    def extra_repr(self) -> str:
        """The size, for print(model)."""
        return f"{self.size}"


POOL: dict[str, dict[int, Callable[..., nn.Module]]] = {
    "max": {1: nn.MaxPool1d, 2: nn.MaxPool2d},
    "avg": {1: nn.AvgPool1d, 2: nn.AvgPool2d},
    "blur": {1: partial(BlurPool, dims=1), 2: partial(BlurPool, dims=2)},
}
ACTIVATION = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}


def pooling(kind: Pooling, size: int, dims: int = 2) -> nn.Module:
    """Pooling of groups of `size` samples a side, or the identity for kind "none" or size 1."""
    return nn.Identity() if kind == "none" or size == 1 else POOL[kind][dims](size)


def _conv_and_norm(
    inputs: int, channels: int, kernel: int, stride: int, padding: int, dilation: int, norm: Norm, dims: int
) -> OrderedDict[str, nn.Module]:
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    # The norm subtracts the mean, so a bias before it would be dead weight.
    parts["conv"] = CONV[dims](inputs, channels, kernel, stride, padding, dilation, bias=norm == "none")
    if norm == "batch":
        parts["norm"] = BATCH_NORM[dims](channels)
    return parts


class ConvBlock(nn.Sequential):
    """Convolution, normalisation, activation and, only if asked for, pooling.

    Input (B, inputs, H, W) or (B, inputs, T) by `dims`; output has `channels` channels. Children: `conv`,
    `norm` (when normalised), `act`, `pool` (when pooled). `padding` None keeps the size at stride 1.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        padding: int | None = 0,
        dilation: int = 1,
        norm: Norm = "none",
        activation: Activation = "relu",
        pool: Pooling = "none",
        pool_size: int = 2,
        dims: int = 2,
    ):
        if padding is None:
            padding = same_padding(kernel, dilation)
        parts = _conv_and_norm(inputs, channels, kernel, stride, padding, dilation, norm, dims)
        parts["act"] = ACTIVATION[activation]()
        if pool != "none":
            parts["pool"] = pooling(pool, pool_size, dims)
        super().__init__(parts)


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut: act(conv(act(conv(x))) + x) (He et al. 2016).

    Sizes are kept at stride 1; where stride or channels change, the shortcut is a 1x1 convolution.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        dilation: int = 1,
        norm: Norm = "batch",
        activation: Activation = "relu",
        dims: int = 2,
    ):
        super().__init__()
        self.first = ConvBlock(
            inputs,
            channels,
            kernel,
            stride=stride,
            padding=None,
            dilation=dilation,
            norm=norm,
            activation=activation,
            dims=dims,
        )
        same = same_padding(kernel, dilation)
        self.second = nn.Sequential(_conv_and_norm(channels, channels, kernel, 1, same, dilation, norm, dims))
        changes = stride != 1 or inputs != channels
        shortcut = _conv_and_norm(inputs, channels, 1, stride, 0, 1, norm, dims) if changes else None
        self.shortcut = nn.Sequential(shortcut) if shortcut else nn.Identity()
        self.act = ACTIVATION[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, ...) -> (B, channels, ...)."""
        return self.act(self.second(self.first(x)) + self.shortcut(x))


class GlobalPool(nn.Module):
    """One value a channel: mean or maximum over all positions, (B, C, ...) -> (B, C)."""

    def __init__(self, kind: Pooling = "avg"):
        super().__init__()
        if kind not in ("max", "avg"):
            raise ValueError(f"global pooling is avg or max, not {kind}")
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C)."""
        positions = x.flatten(2)
        return positions.mean(2) if self.kind == "avg" else positions.amax(2)

    def extra_repr(self) -> str:
        """The kind, for print(model)."""
        return self.kind


class Dense(nn.Sequential):
    """Fully connected layer with activation, (B, inputs) -> (B, units); children `linear`, `act`."""

    def __init__(self, inputs: int, units: int, activation: Activation = "relu"):
        super().__init__(OrderedDict(linear=nn.Linear(inputs, units), act=ACTIVATION[activation]()))


def pointwise(inputs: int, outputs: int, dims: int = 2) -> nn.Module:
    """A 1x1 convolution: the same dense layer at every position; works at any size of board or picture."""
    return CONV[dims](inputs, outputs, 1)
