"""ConvNetConfig: a convolutional network as a small frozen dataclass of plain values; no torch.

`layers` lays the network out on paper: the name, kind, output shape and receptive field of every layer,
or a ShapeError that names the layer which does not fit. `cnn_core.nn.network` builds the same list.
"""

from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from cnn_core.errors import UserError
from cnn_core.nn.shapes import ReceptiveField, ShapeError, Window, output_size, receptive_field, same_padding

Pooling = Literal["none", "max", "avg", "blur"]
Padding = Literal["valid", "same"]
Norm = Literal["none", "batch"]
Activation = Literal["relu", "gelu", "silu"]


@dataclass(frozen=True)
class ConvNetConfig:
    """A stack of conv blocks and a head.

    A tuple with one entry holds for every block. Shapes: input (C, H, W) or (C, T), logits (classes,),
    or (classes, H', W') with the pointwise head.
    """

    input_shape: tuple[int, ...] = (1, 28, 28)
    """Channels, then the spatial axes: two for pictures, one for sequences."""
    classes: int = 10
    """Number of outputs."""
    channels: tuple[int, ...] = (25, 50)
    """Filters of each block; their number is the number of blocks."""
    kernels: tuple[int, ...] = (3,)
    """Side of each block's filters."""
    strides: tuple[int, ...] = (1,)
    """Step of each block's filters."""
    dilations: tuple[int, ...] = (1,)
    """Spacing of each block's filter taps."""
    padding: tuple[Padding, ...] = ("valid",)
    """valid: only whole windows; same: zeros around the input keep its size."""
    pool: Pooling = "max"
    """The switch for the whole network: no pooling, maximum or mean of each group, or the maximum blurred before it is
    subsampled (Zhang 2019)."""
    pools: tuple[int, ...] = (2,)
    """Side of the pooling groups after each block; 1 means none after that block."""
    block: Literal["conv", "residual"] = "conv"
    """residual: every block after the first is two convolutions and a shortcut."""
    norm: Norm = "none"
    """Normalisation after each convolution."""
    activation: Activation = "relu"
    """Non-linearity of every block and hidden dense layer."""
    dropout: tuple[float, ...] = (0.0,)
    """Share of each block's outputs set to zero while training."""
    head: Literal["dense", "avg", "max", "pointwise"] = "dense"
    """dense: flatten; avg, max: global pooling; each then the dense layers. pointwise: a 1x1 convolution."""
    hidden: tuple[int, ...] = (100,)
    """Units of the hidden dense layers."""
    head_dropout: float = 0.0
    """Share of the values before each dense layer set to zero while training."""

    @property
    def dims(self) -> int:
        """Number of spatial axes."""
        return len(self.input_shape) - 1

    def per_block(self, name: str) -> tuple:
        """The field `name` with one entry for each block; UserError when the numbers do not match."""
        values = getattr(self, name)
        if len(values) not in (1, len(self.channels)):
            raise UserError(f"{name} has {len(values)} entries for {len(self.channels)} blocks; give one or as many")
        return values * len(self.channels) if len(values) == 1 else values

    def with_pool(self, pool: Pooling) -> "ConvNetConfig":
        """The same network with the pooling switch at `pool`."""
        return replace(self, pool=pool)


@dataclass(frozen=True)
class Layer:
    """One layer on paper. `shape` is that of its output, without the batch axis."""

    name: str
    kind: Literal["conv", "residual", "pool", "dropout", "global", "flatten", "dense", "pointwise"]
    shape: tuple[int, ...]
    inputs: int
    window: Window | None = None
    field: ReceptiveField | None = None


def pool_window(kind: Pooling, size: int) -> Window:
    """What one value behind a pooling of groups of `size` sees: of blur, a maximum of `size` under a filter of 3."""
    return Window(size + 2, size, 1) if kind == "blur" else Window(size, size)


def layers(config: ConvNetConfig) -> list[Layer]:
    """Every layer of the network in order, with names that a user can type: conv1, pool1, dense1, output.

    Raises ShapeError where a window does not fit, UserError where the numbers contradict each other.
    """
    _check(config)
    plan: list[Layer] = []
    windows: list[Window] = []
    shape = config.input_shape

    def add(name: str, kind, shape_out: tuple[int, ...], window: Window | None = None) -> None:
        nonlocal shape
        field = receptive_field(windows) if len(shape_out) > 1 else None
        plan.append(Layer(name, kind, shape_out, shape[0], window, field))
        shape = shape_out

    def slide(name: str, kind, channels: int, window: Window) -> None:
        sizes = tuple(output_size(size, window, name) for size in shape[1:])
        windows.append(window)
        if kind == "residual":  # its second convolution keeps the size
            windows.append(replace(window, stride=1))
        add(name, kind, (channels, *sizes), window)

    columns = ("channels", "kernels", "strides", "dilations", "padding", "pools", "dropout")
    for i, (channels, kernel, stride, dilation, padding, pool, dropout) in enumerate(
        zip(*map(config.per_block, columns), strict=True), start=1
    ):
        residual = config.block == "residual" and i > 1
        name = f"res{i}" if residual else f"conv{i}"
        same = residual or padding == "same"
        window = Window(kernel, stride, same_padding(kernel, dilation, name) if same else 0, dilation)
        slide(name, "residual" if residual else "conv", channels, window)
        if config.pool != "none" and pool > 1:
            slide(f"pool{i}", "pool", channels, pool_window(config.pool, pool))
        if dropout:
            add(f"dropout{i}", "dropout", shape)

    if config.head == "pointwise":
        if config.head_dropout:
            add("head_dropout", "dropout", shape)
        add("output", "pointwise", (config.classes, *shape[1:]))
        return plan
    if config.head == "dense":
        add("flatten", "flatten", (prod(shape),))
    else:
        add("global_pool", "global", shape[:1])
    for i, units in enumerate((*config.hidden, config.classes), start=1):
        last = i > len(config.hidden)
        if config.head_dropout:
            add("output_dropout" if last else f"dense{i}_dropout", "dropout", shape)
        add("output" if last else f"dense{i}", "dense", (units,))
    return plan


def _check(config: ConvNetConfig) -> None:
    if config.dims not in (1, 2) or min(config.input_shape) < 1:
        raise ShapeError(f"input_shape must be (C, H, W) or (C, T) of positive sizes, not {config.input_shape}")
    if not config.channels:
        raise UserError("channels is empty; a network needs at least one block")
    for name in ("channels", "hidden", "pools"):
        if any(value < 1 for value in getattr(config, name)):
            raise UserError(f"{name} must be positive, not {' '.join(map(str, getattr(config, name)))}")
    if config.classes < 1:
        raise UserError(f"classes must be at least 1, not {config.classes}")
    for name, values in (("dropout", config.dropout), ("head_dropout", (config.head_dropout,))):
        if any(not 0 <= value < 1 for value in values):
            raise UserError(f"{name} must lie in [0, 1), not {' '.join(map(str, values))}")


LECTURE = ConvNetConfig()
"""The lecture's network on 28x28 digits: 25 and 50 filters of 3x3, max pooling, flatten to 1250, dense 100.

One filter of conv1 has 9 weights, one of conv2 has 25 x 9 = 225; feature maps 26, 13, 11, 5.
"""
