"""The short cuts must give the ordinary way's values and gradients, or not be taken."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnn_core.visual.fast.patches import few_channels, fits, poolable
from cnn_core.visual.fast.shortcut import chain, shortcut
from cnn_core.visual.modules.activations import tapped, undisturbed
from cnn_core.visual.optimization.objectives import bind, filter, filters, logits, neurons, whole


def both_ways(model, objectives, x):
    layers = objectives[0].layers
    with undisturbed(model):
        with tapped(model, layers, x) as run:
            given = {name: h[:1].detach() for name, h in run(x).items()}
            leaf = x.clone().requires_grad_()
            slow = bind(objectives, given)(run(leaf))
            (slow_gradient,) = torch.autograd.grad(slow.sum(), leaf)
        short = shortcut(model, objectives, x[:1], given)
        if short is None:
            return None
        leaf = x.clone().requires_grad_()
        fast = short(leaf)
        (fast_gradient,) = torch.autograd.grad(fast.sum(), leaf)
    return slow.detach(), slow_gradient, fast.detach(), fast_gradient


def agree(model, objectives, x):
    found = both_ways(model, objectives, x)
    assert found is not None, "no short cut"
    slow, slow_gradient, fast, fast_gradient = found
    assert slow_gradient.abs().sum() > 0
    torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(fast_gradient, slow_gradient, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("layer", ["conv1", "conv1.conv", "pool1", "conv2.conv", "conv2.norm", "conv2"])
def test_filters_of_a_chain(digits, layer):
    digits.conv2.norm.running_mean.uniform_(-0.5, 0.5)
    digits.conv2.norm.running_var.uniform_(0.5, 2)
    nn.init.uniform_(digits.conv2.norm.weight, -1, 1)
    x = torch.randn(5, 1, 12, 12)
    agree(digits, filters(layer, range(5)), x)
    agree(digits, [2.5 * f for f in filters(layer, [3, 3, 0, 1, 2], mean=True)], x)


def test_neurons_classes_and_whole_layers_of_a_chain(digits):
    x = torch.randn(4, 1, 12, 12)
    agree(digits, neurons("dense1", [0, 3, 5, 7]), x)
    agree(digits, logits(range(4)), x)
    agree(digits, [whole("conv2")] * 4, x)


@pytest.mark.parametrize("in_place", [False, True])
def test_in_place_activations(in_place):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(in_place), nn.MaxPool2d(2), nn.Conv2d(6, 4, 3), nn.ReLU(in_place)
    )
    agree(model, filters("4", range(4)), torch.randn(4, 3, 10, 10))


def test_one_dimension(make):
    x = torch.randn(4, 2, 32)
    agree(make["signal"](), filters("conv2", [0, 3, 6, 1]), x)
    agree(make["signal"](), filters("act2", [0, 3, 6, 1]), x)


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 0, 1)])
def test_geometry_of_the_last_convolution(stride, padding, dilation):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(8, 5, (3, 2), stride, padding, dilation, bias=False), nn.Tanh())
    agree(model, filters("1", range(5)), torch.randn(5, 8, 11, 9))


@pytest.mark.parametrize(
    ("stride", "padding", "pool"), [(1, 0, 2), (1, 1, 2), (2, 1, None), (1, 0, (1, 2)), (1, 2, None)]
)
@pytest.mark.parametrize("size", [(9, 9), (10, 13)])
@pytest.mark.parametrize("relu", [False, True])
def test_few_channels_equal_the_library(stride, padding, pool, size, relu):
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 5, 3, stride, padding).requires_grad_(False)
    pooling = None if pool is None else nn.MaxPool2d(pool)
    assert fits(conv)
    assert pooling is None or poolable(conv, pooling)
    step = few_channels(conv, pooling, relu)
    for _ in range(2):  # the memory is used again
        x = torch.randn(3, 2, *size, requires_grad=True)
        expected = conv(x) if pooling is None else pooling(conv(x))
        expected = F.relu(expected) if relu else expected
        weight = torch.randn_like(expected)
        (gradient,) = torch.autograd.grad((expected * weight).sum(), x)
        found = step(x)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        (other,) = torch.autograd.grad((found * weight).sum(), x)
        torch.testing.assert_close(other, gradient, rtol=1e-5, atol=1e-5)


def test_equal_values_go_to_the_first_place_as_in_the_library():
    conv = nn.Conv2d(1, 2, 1).requires_grad_(False)
    x = torch.ones(1, 1, 4, 4, requires_grad=True)
    (expected,) = torch.autograd.grad(F.max_pool2d(conv(x), 2).sum(), x)
    (found,) = torch.autograd.grad(few_channels(conv, nn.MaxPool2d(2), False)(x).sum(), x)
    torch.testing.assert_close(found, expected)


def test_memory_used_again_too_early_is_an_error_not_a_wrong_gradient():
    step = few_channels(nn.Conv2d(1, 2, 3).requires_grad_(False), nn.MaxPool2d(2), True)
    x = torch.rand(1, 1, 8, 8, requires_grad=True)
    first = step(x)
    step(x + 1)
    with pytest.raises(RuntimeError, match="modified"):
        first.sum().backward()


def test_what_is_no_chain_is_left_alone(make, digits):
    branches = make["branches"]()
    picture = torch.rand(1, 3, 12, 12)
    with undisturbed(branches):
        assert chain(branches, "second", picture) is not None  # up to here it is one
        assert chain(branches, "output", picture) is None
    assert both_ways(branches, filters("relu", range(4)), picture.expand(4, -1, -1, -1)) is None

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.act = nn.Conv2d(1, 4, 3), nn.ReLU()

        def forward(self, x):
            return self.act(2 * self.conv(x))

    x = torch.randn(4, 1, 8, 8)
    assert both_ways(Scaled(), filters("act", range(4)), x) is None
    handle = digits.conv1.register_forward_hook(lambda module, args, output: output * 2)
    assert both_ways(digits, [filter("conv2", 0)] * 4, torch.randn(4, 1, 12, 12)) is None
    handle.remove()
    grouped = nn.Sequential(nn.Conv2d(4, 4, 3, groups=2))
    assert both_ways(grouped, filters("0", range(4)), torch.randn(4, 4, 8, 8)) is not None
