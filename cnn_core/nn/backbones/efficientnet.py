"""EfficientNet-Lite0 (Tan and Le, 2019; the Lite variants 2020): inverted residuals without squeeze and excitation.

Letters: B batch, C channels, H height, W width, k kernel, s stride.
"""

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from cnn_core.nn.backbones.normalise import Normalise

# repeats, kernel, stride, expansion, channels
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, HEAD, CLASSES = 32, 1280, 1000
EPSILON = 1e-3  # of the batch norms, as trained
SIDE = 224  # of the pictures it was trained on


class Clipped(nn.Module):
    """ReLU6, written as a ReLU and a bound, so that guided backprop finds the ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        """min(max(x, 0), 6)."""
        return F.relu(x).clamp(max=6)


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow does: ceil(H / s) places, the odd row of zeros at the bottom and right."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, channels, ceil(H / s), ceil(W / s))."""
        pads: list[int] = []
        for size, k, s in zip(input.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-size // s) - 1) * s + k - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(input, pads) if any(pads) else input)


def unit(inputs: int, channels: int, k: int = 1, s: int = 1, *, groups: int = 1, act: bool = True) -> nn.Sequential:
    """Convolution, batch norm and, unless told otherwise, ReLU6."""
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        conv=SameConv(inputs, channels, k, s, groups=groups, bias=False), norm=nn.BatchNorm2d(channels, EPSILON)
    )
    if act:
        parts["act"] = Clipped()
    return nn.Sequential(parts)


class Inverted(nn.Module):
    """Widen, filter each channel alone, narrow; added to the input where the shapes agree (Sandler et al., 2018)."""

    def __init__(self, inputs: int, channels: int, k: int, s: int, expansion: int):
        super().__init__()
        wide = inputs * expansion
        self.expand = unit(inputs, wide) if expansion != 1 else nn.Identity()
        self.depthwise = unit(wide, wide, k, s, groups=wide)
        self.project = unit(wide, channels, act=False)
        self.shortcut = s == 1 and inputs == channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, channels, ceil(H / s), ceil(W / s))."""
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


def efficientnet_lite0() -> nn.Sequential:
    """stem, block1 to block16, head, pool, output: RGB of any size in 0 to 255 to 1,000 logits."""
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        front=Normalise((127.5,) * 3, (127.5,) * 3), stem=unit(3, STEM, 3, 2)
    )
    channels = STEM
    for repeats, k, stride, expansion, width in STAGES:
        for i in range(repeats):
            name = f"block{len(parts) - 1}"
            parts[name] = Inverted(channels, width, k, stride if i == 0 else 1, expansion)
            channels = width
    parts["head"] = unit(channels, HEAD)
    parts["pool"] = nn.AdaptiveAvgPool2d(1)
    parts["flatten"] = nn.Flatten()
    parts["output"] = nn.Linear(HEAD, CLASSES)
    return nn.Sequential(parts)
