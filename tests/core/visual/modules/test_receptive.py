"""Receptive fields against the published table (Araujo, Norris and Sim 2019), and in networks that add in place.

The networks have the published windows and few channels: fields do not depend on these.
"""

import pytest
import torch
from torch import nn

from cnn_core import visual


def conv(side, stride=1, padding=None, inputs=2, groups=1):
    padding = side // 2 if padding is None else padding
    return nn.Sequential(nn.Conv2d(inputs, 2, side, stride, padding, groups=groups), nn.ReLU(inplace=True))


def pool(side=2):
    return nn.MaxPool2d(side, 2)


def alexnet():
    return nn.Sequential(conv(11, 4, 2, inputs=1), pool(3), conv(5, 1, 2), pool(3), conv(3), conv(3), conv(3), pool(3))


def vgg16():
    layers, inputs = [], 1
    for count in (2, 2, 3, 3, 3):
        for _ in range(count):
            layers.append(conv(3, inputs=inputs))
            inputs = 2
        layers.append(pool())
    return nn.Sequential(*layers)


def mobilenet():
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    blocks = [nn.Sequential(conv(3, stride, groups=2), conv(1)) for stride in strides]
    return nn.Sequential(conv(3, 2, inputs=1), *blocks)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut that is added in place, as torchvision writes it."""

    def __init__(self, stride, first):
        super().__init__()
        self.body = nn.Sequential(
            conv(1, stride if first else 1), conv(3, 1 if first else stride), nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)
        )
        self.shortcut = nn.Conv2d(2, 2, 1, stride) if stride > 1 else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.body(x)
        out += self.shortcut(x)
        return self.relu(out)


def resnet(counts, first):
    blocks = [
        Bottleneck(2 if stage and not number else 1, first)
        for stage, count in enumerate(counts)
        for number in range(count)
    ]
    return nn.Sequential(conv(7, 2, 3, inputs=1), nn.MaxPool2d(3, 2, 1), *blocks)


PUBLISHED = {
    "AlexNet": (alexnet, 195),
    "VGG-16": (vgg16, 212),
    "MobileNet v1": (mobilenet, 315),
    "ResNet-50, stride in the 1x1 convolution": (lambda: resnet((3, 4, 6, 3), True), 483),
    "ResNet-101, stride in the 1x1 convolution": (lambda: resnet((3, 4, 23, 3), True), 1027),
    "ResNet-50, stride in the 3x3 convolution": (lambda: resnet((3, 4, 6, 3), False), 427),
    "ResNet-101, stride in the 3x3 convolution": (lambda: resnet((3, 4, 23, 3), False), 971),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_fields_are_the_published_ones(name):
    build, expected = PUBLISHED[name]
    model = build().eval()
    layer = list(dict(model.named_children()))[-1]
    example = torch.zeros(1, 1, expected + 130, expected + 130)
    with torch.no_grad():
        rows, columns = model(example).shape[2:]
    box = visual.receptive_fields(model, layer, example, [(rows // 2, columns // 2)]).unclipped[0, 1:]
    assert (box[:, 1] - box[:, 0]).tolist() == [expected, expected]


class Writer(nn.Module):
    """Adds and subtracts in place."""

    def __init__(self, subtracts):
        super().__init__()
        self.subtracts = subtracts
        self.first, self.second, self.last = (nn.Conv2d(n, 4, 3, padding=1) for n in (1, 4, 4))

    def forward(self, x):
        h = self.first(x).relu_()
        out = self.second(h)
        if self.subtracts:
            out -= h
        else:
            out.add_(h)
        return self.last(out)


@pytest.mark.parametrize("subtracts", [False, True])
def test_networks_that_write_in_place_have_fields_and_exemplars(subtracts):
    torch.manual_seed(0)
    model = Writer(subtracts)
    inputs = torch.rand(6, 1, 20, 20)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = visual.receptive_fields(model, "last", inputs[:1], [(8, 9), (0, 0)])
    assert found.boxes.tolist() == [[[0, 1], [5, 12], [6, 13]], [[0, 1], [0, 4], [0, 4]]]
    best = visual.find_exemplars(model, inputs, "last", count=2)
    with torch.no_grad():
        maps = model(inputs)
    torch.testing.assert_close(best.scores, maps.amax((2, 3)).T.sort(1, descending=True).values[:, :2])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
