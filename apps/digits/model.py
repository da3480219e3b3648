"""The digits network: a front end that takes raw pixels, and the core's ConvNet. Letters: B batch."""

import math
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.digits.config import Augment, DigitsConfig
from cnn_core.network import ConvNet

MEAN, SD = 0.1307, 0.3081  # of MNIST's training pixels divided by 255


class DigitFront(nn.Module):
    """Pixels (B, 28, 28) or (B, 1, 28, 28), uint8 or float in 0..255, to normalised floats (B, 1, 28, 28).

    While training, each picture is first turned, stretched, sheared and moved at random as `augment` says.
    """

    def __init__(self, augment: Augment):
        super().__init__()
        self.augment = augment

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 28, 28) -> (B, 1, 28, 28)."""
        x = pixels.reshape(pixels.shape[0], 1, *pixels.shape[-2:]).float()
        if self.training and self.augment:
            x = affine(x, self.augment)
        return x * (1 / (255 * SD)) - MEAN / SD


def affine(x: Tensor, augment: Augment) -> Tensor:
    """One random affine map for each picture of `x` (B, 1, H, W), bilinear, black outside."""
    count, _, height, width = x.shape

    def uniform(size: float, columns: int = 1) -> Tensor:  # (columns, B)
        return (torch.rand(columns, count, device=x.device) * 2 - 1) * size

    (angle,) = uniform(math.radians(augment.rotate))
    (shear,) = uniform(augment.shear)
    scale = 1 + uniform(augment.scale, 2)
    shift = uniform(2 * augment.shift, 2) / torch.tensor([[width], [height]], device=x.device)
    cos, sin = angle.cos(), angle.sin()
    # Maps output places to input places: rotation, then shear along x, then stretching of each axis.
    theta = torch.stack(
        [
            torch.stack([cos * scale[0], (cos * shear - sin) * scale[0], shift[0]], 1),
            torch.stack([sin * scale[1], (sin * shear + cos) * scale[1], shift[1]], 1),
        ],
        1,
    )  # (B, 2, 3)
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)


class DigitNet(ConvNet):
    """ConvNet that, outside training, can average the probabilities over one-pixel shifts of the picture."""

    SHIFTS = ((-1, 0), (1, 0), (0, -1), (0, 1), (0, 0))  # the unshifted one last: lenses record the last pass

    def __init__(self, config: DigitsConfig):
        super().__init__(config.net, DigitFront(config.augment))
        self.test_shifts = config.test_shifts

    def forward(self, input: Tensor) -> Tensor:
        """(B, 28, 28) pixels -> (B, classes) logits; with test shifts, log of the mean probabilities."""
        if self.training or not self.test_shifts:
            return super().forward(input)
        padded = functional.pad(input.reshape(input.shape[0], 1, *input.shape[-2:]), (1, 1, 1, 1))
        height, width = input.shape[-2:]
        views = [padded[:, :, 1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in self.SHIFTS]
        probabilities = torch.stack([super(DigitNet, self).forward(v).float().softmax(1) for v in views])
        return probabilities.mean(0).clamp_min(1e-30).log()


def build(config: DigitsConfig, labels: tuple[str, ...]) -> nn.Module:
    """The network of `config` with one output for each label."""
    return DigitNet(replace(config, net=replace(config.net, classes=len(labels))))
