"""The network: a front end, two convolutions, the maximum over time and pitch."""

from collections import OrderedDict

import torch
from torch import nn

from cnn_core import ConvBlock, GlobalPool


class Front(nn.Module):
    """Songs (B, 32, 32) uint8 -> (B, 1, 32, 32) floats, 0 to 1. Every model has such a child `front`."""

    def forward(self, songs):
        """See the class."""
        return songs.reshape(songs.shape[0], 1, 32, 32).float() / 255


def example(config):
    """Two inputs of the right shape and type."""
    return torch.zeros(2, 32, 32, dtype=torch.uint8)


def build(config, labels):
    """Songs (B, 32, 32) -> logits (B, len(labels))."""
    width = config.filters
    return nn.Sequential(
        OrderedDict(
            front=Front(),
            conv1=ConvBlock(1, width, padding=None, norm="batch"),
            conv2=ConvBlock(width, width, padding=None, norm="batch"),
            global_pool=GlobalPool("max"),
            output=nn.Linear(width, len(labels)),
        )
    )
