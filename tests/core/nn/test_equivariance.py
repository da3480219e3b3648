"""Weights tied over the 8 symmetries of the square."""

import io
from collections import OrderedDict
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from cnn_core.nn.blocks import ConvBlock, ResidualBlock, pointwise
from cnn_core.nn.equivariance import tie, untied
from cnn_core.nn.symmetry import SYMMETRIES, group, places


def turned(x, g):
    """Pictures (..., H, W) turned by numpy and torch alone: the reference."""
    x = torch.rot90(x, g % 4, (-2, -1))
    return x.transpose(-2, -1) if g >= 4 else x


def free_network(planes=3, groups=2, side=5, seed=0):
    torch.manual_seed(seed)
    channels = groups * SYMMETRIES
    parts = OrderedDict(
        conv1=ConvBlock(planes, channels, side, padding=None, norm="batch"),
        res2=ResidualBlock(channels, channels),
        conv3=ConvBlock(channels, channels, 3, padding=None),  # with a bias
        output=pointwise(channels, 2),
    )
    return nn.Sequential(parts)


def network(*sizes, **more):
    model = free_network(*sizes, **more)
    tie(model, plain_inputs=["conv1.conv"], plain_outputs=["output"])
    return model


def trained(model, size=7):
    """A few steps on random pictures, so that no number keeps a first value that is alike for all channels."""
    optimizer = torch.optim.SGD(model.parameters(), 0.3)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 3, size, size)).square().mean().backward()
        optimizer.step()
    return model.eval()


@settings(max_examples=20)
@given(st.integers(1, 3), st.sampled_from([1, 3, 5]), st.integers(4, 9), st.integers(0, 7))
def test_a_trained_network_turns_its_answer_with_its_input(groups, side, size, g):
    model = trained(network(3, groups, side), size)
    x = torch.randn(2, 3, size, size)
    torch.testing.assert_close(model(turned(x, g)), turned(model(x), g), rtol=1e-4, atol=1e-5)


def test_an_untied_network_does_not():
    torch.manual_seed(0)
    model, x = nn.Conv2d(1, 8, 3, padding=1), torch.randn(1, 1, 7, 7)
    assert (model(turned(x, 1)) - turned(model(x), 1)).abs().max() > 0.1


def test_free_weights_begin_as_the_tied_ones():
    model = trained(network())
    free = free_network(seed=1).eval()
    free.load_state_dict(untied(model))
    x = torch.randn(2, 3, 7, 7)
    torch.testing.assert_close(free(x), model(x))


def test_the_first_layer_holds_the_8_views_of_each_filter():
    weight = network().get_submodule("conv1.conv").weight.detach().unflatten(0, (2, SYMMETRIES))
    views = [turned(weight[:, 0], g) for g in range(SYMMETRIES)]
    assert all(any(torch.equal(weight[:, k], view) for view in views) for k in range(SYMMETRIES))
    assert not any(torch.equal(weight[:, a], weight[:, b]) for a, b in combinations(range(SYMMETRIES), 2))


def test_an_eighth_of_the_numbers_is_learned():
    planes, groups, channels = 3, 2, 2 * SYMMETRIES
    free = nn.Sequential(
        ConvBlock(planes, channels, 5, padding=None, norm="batch"),
        ResidualBlock(channels, channels),
        ConvBlock(channels, channels, 3, padding=None),
    )
    count = [sum(p.numel() for p in model.parameters()) for model in (free, network()[:3])]
    assert count[0] == SYMMETRIES * count[1]
    assert sum(p.numel() for p in network()[3].parameters()) == 2 * groups + 2


def test_group_is_closed_and_undone():
    undo, product = group()
    moved = places(5)
    points = np.arange(25)
    for a in range(SYMMETRIES):
        assert (moved[a][moved[undo[a]]] == points).all()
        assert sorted(product[a]) == list(range(SYMMETRIES))
        for b in range(SYMMETRIES):
            assert (moved[product[a, b]] == moved[a][moved[b]]).all()


def test_dense_layers_tie_their_channels():
    torch.manual_seed(0)
    whole = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 16))
    head = nn.Linear(16, 3)
    model = nn.Sequential(*whole, nn.ReLU(), head)
    tie(model, plain_inputs=["0"], plain_outputs=["5"])
    x = torch.randn(2, 1, 6, 6)
    for g in range(SYMMETRIES):
        torch.testing.assert_close(model(turned(x, g)), model(x))
    features = model[:4]
    assert not torch.allclose(features(turned(x, 1)), features(x), atol=1e-3)  # they trade places
    torch.testing.assert_close(
        features(turned(x, 1)).unflatten(1, (2, 8)).sum(2), features(x).unflatten(1, (2, 8)).sum(2)
    )


def test_running_statistics_are_shared_by_the_views_of_a_filter():
    model = network()
    model.train()(torch.randn(4, 3, 7, 7).cumsum(3))  # pictures that are brighter on the right
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for running in (module.running_mean, module.running_var):
                groups = running.unflatten(0, (-1, SYMMETRIES))
                assert torch.equal(groups, groups[:, :1].expand_as(groups))
                assert groups[:, 0].unique().numel() > 1


def test_gradients_are_those_of_the_sum_over_the_views():
    torch.manual_seed(0)
    layer, x = nn.Conv2d(1, 8, 3, padding=1, bias=False), torch.randn(1, 1, 6, 6)
    model = nn.Sequential(layer)
    tie(model, plain_inputs=["0"])
    model(x).square().sum().backward()
    stored = layer.parametrizations.weight.original
    filter_ = stored.detach().view(1, 1, 3, 3).clone().requires_grad_()
    sum(functional.conv2d(x, turned(filter_, g), padding=1).square().sum() for g in range(SYMMETRIES)).backward()
    torch.testing.assert_close(stored.grad.view(1, 1, 3, 3), filter_.grad)


def test_weights_are_kept_as_they_are_stored():
    model, other = trained(network(seed=0)), network(seed=1)
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    x = torch.randn(2, 3, 6, 6)
    assert torch.equal(other.eval()(x), model(x))


@pytest.mark.parametrize(
    ("layer", "word"),
    [
        (nn.Conv2d(8, 12, 3), "12 channels"),
        (nn.Conv2d(4, 8, 3), "4 channels"),
        (nn.Conv2d(8, 8, (1, 3)), "square"),
        (nn.Conv2d(8, 8, 3, groups=8), "square"),
        (nn.BatchNorm2d(4), "4 channels"),
        (nn.Linear(8, 3), "3 channels"),
    ],
)
def test_what_cannot_be_tied_is_refused(layer, word):
    with pytest.raises(ValueError, match=word):
        tie(nn.Sequential(layer))


def test_a_layer_needs_groups_on_one_side():
    with pytest.raises(ValueError, match="on one side"):
        tie(nn.Sequential(nn.Conv2d(1, 1, 3)), plain_inputs=["0"], plain_outputs=["0"])
