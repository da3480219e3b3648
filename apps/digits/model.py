"""The digits network: a front end that takes raw pixels, and the core's ConvNet. Letters: B batch."""

import math
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.digits.config import Augment, DigitsConfig
from cnn_core.nn.network import ConvNet
from cnn_core.nn.views import AveragedViews, Back, unchanged

MEAN, SD = 0.1307, 0.3081  # of MNIST's training pixels divided by 255


class DigitFront(nn.Module):
    """Pixels (B, 28, 28) or (B, 1, 28, 28), uint8 or float in 0..255, to normalised floats (B, 1, 28, 28).

    While training, each picture is first changed at random as `augment` says; the training loop sets `progress`.
    """

    def __init__(self, augment: Augment):
        super().__init__()
        self.augment = augment
        self.progress = 0.0
        self.elastic: Tensor
        if augment:
            self.register_buffer("elastic", elastic_basis(28, 28), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 28, 28) -> (B, 1, 28, 28)."""
        x = pixels.reshape(pixels.shape[0], 1, *pixels.shape[-2:]).float()
        if self.training and self.augment:
            strength = 1 + (self.augment.final - 1) * self.progress
            x = distort(x, self.augment, strength, self.elastic)
        return (x * (1 / (255 * SD)) - MEAN / SD).contiguous(memory_format=torch.channels_last)


GRID = 6  # points a side at which elastic displacements are drawn


def elastic_basis(height: int, width: int) -> Tensor:
    """(GRID * GRID, H * W): how much each grid point moves each pixel, by bicubic interpolation."""
    points = torch.eye(GRID * GRID).view(-1, 1, GRID, GRID)
    return functional.interpolate(points, (height, width), mode="bicubic", align_corners=True).flatten(1)


def distort(x: Tensor, augment: Augment, strength: float, elastic: Tensor) -> Tensor:
    """One random affine and elastic map for each picture of `x` (B, 1, H, W), bilinear, black outside."""
    count, _, height, width = x.shape

    def uniform(size: float) -> Tensor:  # (B,)
        return (torch.rand(count, device=x.device) * 2 - 1) * (size * strength)

    angle, shear = uniform(math.radians(augment.rotate)), uniform(augment.shear)
    wide, high = uniform(augment.scale).exp(), uniform(augment.scale).exp()
    cos, sin = angle.cos(), angle.sin()
    # Maps output places to input places, in pixels from the middle: stretch, then shear, then turn, then shift.
    theta = torch.stack(
        (
            *(cos * wide, (cos * shear - sin) * high, uniform(augment.shift)),
            *(sin * wide, (sin * shear + cos) * high, uniform(augment.shift)),
        ),
        1,
    ).view(count, 2, 3)
    rows = torch.arange(height, device=x.device) - (height - 1) / 2
    columns = torch.arange(width, device=x.device) - (width - 1) / 2
    places = torch.stack([columns.repeat(height), rows.repeat_interleave(width), torch.ones_like(elastic[0])])
    source = theta @ places  # (B, 2, H * W), x before y
    if augment.elastic:
        moves = torch.randn(count * 2, GRID * GRID, device=x.device) * (augment.elastic * strength)
        source = source + (moves @ elastic).view(count, 2, -1)
    grid = source.view(count, 2, height, width).permute(0, 2, 3, 1) * x.new_tensor([2 / width, 2 / height])
    return functional.grid_sample(x, grid, align_corners=False)


SHIFTS = ((-1, 0), (1, 0), (0, -1), (0, 1), (0, 0))  # the unshifted one last: lenses look at the last pass


def shifted(y: int, x: int, pixels: Tensor) -> tuple[Tensor, Back]:
    """The view `y` rows further down and `x` columns further right of pictures (B, 28, 28), black outside."""
    padded = functional.pad(pixels.reshape(pixels.shape[0], 1, *pixels.shape[-2:]), (1, 1, 1, 1))
    height, width = pixels.shape[-2:]
    return padded[:, :, 1 + y : 1 + y + height, 1 + x : 1 + x + width], unchanged


def example(config: DigitsConfig) -> Tensor:
    """Two pictures (2, H, W) uint8 of noise, of the size that the network takes."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, *config.net.input_shape[1:]), generator=generator, dtype=torch.uint8)


def build(config: DigitsConfig, labels: tuple[str, ...]) -> nn.Module:
    """The network of `config` with one output for each label: (B, 28, 28) pixels -> (B, classes) logits.

    With test shifts, outside training: the log of the mean probability over one-pixel shifts of the picture.
    """
    network = ConvNet(replace(config.net, classes=len(labels)), DigitFront(config.augment))
    return AveragedViews(network, [partial(shifted, y, x) for y, x in SHIFTS]) if config.test_shifts else network
