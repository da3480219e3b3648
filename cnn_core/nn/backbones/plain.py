"""VGG and AlexNet: plain chains of convolution, ReLU and max pooling, without their dense layers.

A layer's name stands for what is behind its ReLU, as in the papers on style and dreams; conv4_2.conv is the filter
alone.
"""

from collections import OrderedDict

from torch import nn

from cnn_core.nn.backbones.normalise import Normalise
from cnn_core.nn.blocks import ConvBlock

VGG_WIDTHS = (64, 128, 256, 512, 512)
VGG19_DEPTHS, VGG16_DEPTHS = (2, 2, 4, 4, 4), (2, 2, 3, 3, 3)
VGG19_MEAN = (123.68, 116.779, 103.939)  # R, G, B; no division


def vgg(depths: tuple[int, ...], front: Normalise) -> nn.Sequential:
    """Configuration D (depths 2 2 3 3 3) or E (2 2 4 4 4) of Simonyan and Zisserman, 2015: conv1_1 to pool5."""
    parts: OrderedDict[str, nn.Module] = OrderedDict(front=front)
    channels = 3
    for block, (depth, width) in enumerate(zip(depths, VGG_WIDTHS, strict=True), start=1):
        for layer in range(1, depth + 1):
            parts[f"conv{block}_{layer}"] = ConvBlock(channels, width, padding=1)
            channels = width
        parts[f"pool{block}"] = nn.MaxPool2d(2)
    return nn.Sequential(parts)


def vgg19() -> nn.Sequential:
    """16 convolutions, in Oxford's own normalisation."""
    return vgg(VGG19_DEPTHS, Normalise(VGG19_MEAN, (1.0, 1.0, 1.0)))


def vgg16() -> nn.Sequential:
    """13 convolutions, in torchvision's normalisation."""
    return vgg(VGG16_DEPTHS, Normalise())


def alexnet() -> nn.Sequential:
    """The one-tower AlexNet of Krizhevsky, 2014: conv1 to conv5."""
    return nn.Sequential(
        OrderedDict(
            front=Normalise(),
            conv1=ConvBlock(3, 64, 11, stride=4, padding=2),
            pool1=nn.MaxPool2d(3, 2),
            conv2=ConvBlock(64, 192, 5, padding=2),
            pool2=nn.MaxPool2d(3, 2),
            conv3=ConvBlock(192, 384, padding=1),
            conv4=ConvBlock(384, 256, padding=1),
            conv5=ConvBlock(256, 256, padding=1),
        )
    )
