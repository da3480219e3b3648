"""ConvNetConfig -> ConvNet."""

from collections import OrderedDict
from functools import partial

from torch import nn

from cnn_core.nn.architecture import ConvNetConfig, Layer, layers
from cnn_core.nn.blocks import ConvBlock, Dense, GlobalPool, ResidualBlock, pointwise, pooling


class ConvNet(nn.Sequential):
    """A front end and the layers of `config`, as children with names that a user can type.

    `front` is batched tensor code that turns raw inputs into (B, C, H, W) or (B, C, T) floats; it is part of
    the model. Then conv1, pool1, conv2, ..., flatten or global_pool, dense1, ..., output. A block's name
    stands for its output after the activation; conv1.conv is the filter alone.
    """

    def __init__(self, config: ConvNetConfig, front: nn.Module | None = None):
        parts: OrderedDict[str, nn.Module] = OrderedDict(front=front or nn.Identity())
        parts.update((layer.name, _build(layer, config)) for layer in layers(config))
        super().__init__(parts)
        self.config = config


def _build(layer: Layer, config: ConvNetConfig) -> nn.Module:
    window = layer.window
    match layer.kind:
        case "conv" | "residual":
            assert window is not None
            # A residual block pads for itself, for only so does its shortcut fit.
            kind = ResidualBlock if layer.kind == "residual" else partial(ConvBlock, padding=window.padding)
            return kind(
                layer.inputs,
                layer.shape[0],
                window.kernel,
                stride=window.stride,
                dilation=window.dilation,
                norm=config.norm,
                activation=config.activation,
                dims=config.dims,
            )
        case "pool":
            assert window is not None
            return pooling(config.pool, window.stride, config.dims)
        case "dropout":
            block = layer.name.removeprefix("dropout")
            return nn.Dropout(config.per_block("dropout")[int(block) - 1] if block.isdigit() else config.head_dropout)
        case "global":
            return GlobalPool("max" if config.head == "max" else "avg")
        case "flatten":
            return nn.Flatten()
        case "pointwise":
            return pointwise(layer.inputs, layer.shape[0], config.dims)
        case "dense":
            if layer.name == "output":
                return nn.Linear(layer.inputs, layer.shape[0])
            return Dense(layer.inputs, layer.shape[0], config.activation)
