"""Output sizes of convolution and pooling, and receptive fields; arithmetic only, no torch.

The lecture's formula for an m x m image and an n x n filter at stride s is floor((m - n) / s) + 1;
padding p and dilation d generalise it to floor((m + 2p - d(n - 1) - 1) / s) + 1
(Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning").
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cnn_core.errors import UserError


class ShapeError(UserError, ValueError):
    """A layer that cannot work on the size it is given; the message names the layer and the numbers."""


@dataclass(frozen=True)
class Window:
    """How one layer looks at its input along one axis: a kernel of taps, in input samples."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    @property
    def extent(self) -> int:
        """Input samples from the first tap to the last: dilation * (kernel - 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1


@dataclass(frozen=True)
class ReceptiveField:
    """What one output unit sees along one axis, in samples of the network's input.

    Unit i covers [start + i * jump, start + i * jump + size); start is negative where padding is seen.
    """

    size: int
    jump: int
    start: int

    def span(self, index: int) -> tuple[int, int]:
        """First sample and one past the last that unit `index` sees (not clipped to the input)."""
        first = self.start + index * self.jump
        return first, first + self.size


def output_size(size: int, window: Window, layer: str = "layer") -> int:
    """Number of positions of `window` on `size` samples.

    Raises ShapeError when there is none, or when a number is out of its range.
    """
    for name in ("kernel", "stride", "dilation"):
        if getattr(window, name) < 1:
            raise ShapeError(f"{layer}: {name} must be at least 1, not {getattr(window, name)}")
    if window.padding < 0:
        raise ShapeError(f"{layer}: padding must not be negative, not {window.padding}")
    room = size + 2 * window.padding - window.extent
    if size < 1 or room < 0:
        padded = f" (with padding {window.padding} on each side)" if window.padding else ""
        dilated = f" (dilation {window.dilation})" if window.dilation > 1 else ""
        raise ShapeError(
            f"{layer}: a window of {window.extent}{dilated} does not fit into an input of size {size}{padded}; "
            "use a larger input, a smaller kernel or less pooling before it"
        )
    return room // window.stride + 1


def conv_output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, layer: str = "convolution"
) -> int:
    """Size of a feature map: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1."""
    return output_size(size, Window(kernel, stride, padding, dilation), layer)


def pool_output_size(
    size: int, window: int, stride: int | None = None, padding: int = 0, layer: str = "pooling"
) -> int:
    """Size after pooling groups of `window`; they do not overlap unless `stride` is smaller."""
    return output_size(size, Window(window, window if stride is None else stride, padding), layer)


def same_padding(kernel: int, dilation: int = 1, layer: str = "convolution") -> int:
    """Padding on each side that keeps the size at stride 1; an even extent cannot be padded evenly."""
    extent = Window(kernel, dilation=dilation).extent
    if extent % 2 == 0:
        raise ShapeError(f"{layer}: 'same' padding needs an odd window, and {extent} is even")
    return extent // 2


def receptive_field(windows: Iterable[Window]) -> ReceptiveField:
    """Receptive field of a unit after the layers `windows`, first layer first.

    Araujo, Norris & Sim 2019, "Computing receptive fields of convolutional neural networks".
    """
    size, jump, start = 1, 1, 0
    for window in windows:
        size += (window.extent - 1) * jump
        start -= window.padding * jump
        jump *= window.stride
    return ReceptiveField(size, jump, start)
