"""Networks and inputs changed in one respect, for comparisons. Letters: B batch, C channels, H height, W width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from cnn_core.app import App

Build = Callable[..., Any]


def dilated(app: App, dilations: Sequence[int]) -> Build:
    """The app's builder, with the taps of the last 3x3 convolutions spaced by `dilations`, sizes kept."""

    def build(*args: Any, **fitted: Any) -> Any:
        from torch import nn

        model = app.build(*args, **fitted)
        square = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
        for conv, spacing in zip(square[-len(dilations) :], dilations, strict=True):
            conv.dilation = conv.padding = (spacing, spacing)
            conv._reversed_padding_repeated_twice = [spacing] * 4  # what Conv2d derives from its padding
        return model

    return build


def strided(app: App, layer: str, steps: tuple[int, int]) -> Build:
    """The app's builder, with the convolution `layer` taking `steps` (rows, columns) at a time."""

    def build(*args: Any, **fitted: Any) -> Any:
        model = app.build(*args, **fitted)
        model.get_submodule(layer).stride = steps  # type: ignore[assignment]
        return model

    return build


def subsampled(app: App, step: int) -> tuple[Build | None, Callable[[Any], Any] | None]:
    """(builder, change of the data set) by which a network sees one of `step` places of its input along each axis.

    What the front end gives is subsampled and each value repeated, so that sizes stay and nothing else is lost; of a
    text the other words are left out.
    """
    if step == 1:
        return None, None
    if app.name == "text":
        return None, partial(_words_left_out, step=step)

    def build(*args: Any, **fitted: Any) -> Any:
        from torch import nn

        class Subsampled(nn.Module):
            def __init__(self, front: nn.Module):
                super().__init__()
                self.inside = front

            def forward(self, x: Any) -> Any:
                x = self.inside(x)
                high, wide = x.shape[-2:]
                x = x[..., ::step, ::step].repeat_interleave(step, -1).repeat_interleave(step, -2)
                return x[..., :high, :wide]

        model: Any = app.build(*args, **fitted)
        model.front = Subsampled(model.front)
        return model

    return build, None


def _words_left_out(data: Any, step: int) -> Any:
    """The data set of texts with one of `step` words of each."""
    import torch

    def thinned(split: Any) -> Any:
        starts, lengths = split.inputs.T
        left = (lengths + step - 1) // step
        ends = left.cumsum(0)
        rows = torch.arange(len(left)).repeat_interleave(left)
        within = torch.arange(len(rows)) - (ends - left)[rows]
        tokens = split.tokens[starts[rows] + step * within]
        return replace(split, inputs=torch.stack([ends - left, left], 1), tokens=tokens)

    watched = data.validation and thinned(data.validation)
    return replace(data, train=thinned(data.train), test=thinned(data.test), validation=watched)
