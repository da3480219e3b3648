"""The front end of every network here: RGB in the picture's own range, 0 to 255, to what the network was trained on."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

IMAGENET_MEAN, IMAGENET_SD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of RGB in 0 to 255


class Normalise(nn.Module):
    """(B, C, H, W), uint8 or float in 0 to 255 -> (x - mean) / sd, each channel by its own two numbers."""

    def __init__(self, mean: Sequence[float] = IMAGENET_MEAN, sd: Sequence[float] = IMAGENET_SD):
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("scale", 1 / torch.tensor(sd).view(-1, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class."""
        return (pixels.to(self.mean.dtype) - self.mean) * self.scale
