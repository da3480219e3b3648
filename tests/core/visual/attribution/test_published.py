"""Values that captum's own tests state (tests/attr of its repository), for networks of the same weights."""

import pytest
import torch
from torch import nn

from cnn_core import visual


class OneConv(nn.Module):
    """Two filters of ones, biases -50 and -75; a second input is added to the first."""

    def __init__(self, in_place=False):
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(1, 2, 3), nn.ReLU(in_place)
        self.fc1, self.relu2 = nn.Linear(8, 4), nn.ReLU(in_place)
        with torch.no_grad():
            self.conv1.weight.fill_(1)
            self.conv1.bias.copy_(torch.tensor([-50.0, -75.0]))
            self.fc1.weight.copy_(torch.cat([torch.ones(4, 5), -torch.ones(4, 3)], 1))
            self.fc1.bias.zero_()

    def forward(self, x, x2=None):
        x = x if x2 is None else x + x2
        return self.relu2(self.fc1(self.relu1(self.conv1(x)).view(-1, 8)))


class Layers(nn.Module):
    """The identity, ones with biases -10, 1, 1, 1, ReLU, ones with biases -1, 1."""

    def __init__(self):
        super().__init__()
        self.linear0, self.linear1, self.linear2 = nn.Linear(3, 3), nn.Linear(3, 4), nn.Linear(4, 2)
        with torch.no_grad():
            self.linear0.weight.copy_(torch.eye(3))
            self.linear0.bias.zero_()
            for layer, bias in ((self.linear1, [-10.0, 1, 1, 1]), (self.linear2, [-1.0, 1])):
                layer.weight.fill_(1)
                layer.bias.copy_(torch.tensor(bias))

    def forward(self, x):
        return self.linear2(self.linear1(self.linear0(x)).relu())


class TwoNumbers(nn.Module):
    """relu(relu(x1) - 1 - relu(x2)), the first example of Sundararajan et al. (2017), or the second."""

    def __init__(self, second):
        super().__init__()
        self.second = second

    def forward(self, x):
        first = (x[:, :1] - 1).relu() if self.second else x[:, :1].relu() - 1
        return (first - x[:, 1:].relu()).relu()


PICTURE = torch.arange(16.0).view(1, 1, 4, 4)
ONES = torch.ones(1, 1, 4, 4)
ROW = torch.tensor([[20.0, 50.0, 30.0]])


def grad_cam(layer, **options):
    return visual.grad_cam(OneConv(), PICTURE, layer, 0, resized=False, **options)


CASES = {
    "Grad-CAM, before ReLU": (lambda: grad_cam("conv1"), [[11.25, 13.5], [20.25, 22.5]]),
    "Grad-CAM, behind ReLU": (lambda: grad_cam("relu1"), [[0, 4], [28, 32.5]]),
    "Grad-CAM, two inputs": (lambda: grad_cam("conv1", extra=(ONES,)), [[14.5, 19], [32.5, 37]]),
    "guided backprop": (
        lambda: visual.guided_backprop(OneConv(), PICTURE, 0),
        [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]],
    ),
    "guided backprop, two inputs, in place": (
        lambda: visual.guided_backprop(OneConv(in_place=True), PICTURE, 0, extra=(ONES,)),
        [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]],
    ),
    "guided Grad-CAM": (
        lambda: visual.guided_grad_cam(OneConv(), PICTURE, "relu1", 0),
        [[0, 0, 4, 4], [0, 0, 12, 8], [28, 84, 97.5, 65], [28, 56, 65, 32.5]],
    ),
    "guided Grad-CAM, two inputs": (
        lambda: visual.guided_grad_cam(OneConv(), PICTURE, "conv1", 0, extra={"x2": ONES}),
        [[14.5, 29, 38, 19], [29, 58, 76, 38], [65, 130, 148, 74], [32.5, 65, 74, 37]],
    ),
    "occlusion of single values": (lambda: visual.occlusion(Layers(), ROW, 0, window=(1,)), [80, 200, 120]),
    "occlusion of pairs, one step": (
        lambda: visual.occlusion(Layers(), ROW, 0, window=(2,), stride=(1,), fill=10.0),
        [200, 220, 240],
    ),
    "occlusion of pairs, two steps": (
        lambda: visual.occlusion(Layers(), ROW, 0, window=(2,), stride=(2,)),
        [280, 280, 120],
    ),
    "occlusion of a whole picture": (
        lambda: visual.occlusion(OneConv(), PICTURE, 0, window=(4, 4), extra=(ONES,)),
        [[67] * 4] * 4,
    ),
    "integrated gradients, first example": (
        lambda: visual.integrated_gradients(TwoNumbers(False), torch.tensor([[3.0, 1.0]]), 0, steps=500).values,
        [1.5, -0.5],
    ),
    "integrated gradients, second example": (
        lambda: visual.integrated_gradients(TwoNumbers(True), torch.tensor([[3.0, 1.0]]), 0, steps=500).values,
        [1.5, -0.5],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_captums_published_values(name):
    compute, expected = CASES[name]
    found = compute()
    torch.testing.assert_close(found.flatten(), torch.tensor(expected).float().flatten(), rtol=0, atol=0.01)
