"""Winograd's convolutions against PyTorch's direct ones."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from cnn_core.errors import UserError
from cnn_core.nn.blocks import ConvBlock, ResidualBlock, pointwise
from cnn_core.nn.equivariance import tie
from cnn_core.nn.winograd import WinogradConv, convolutions
from cnn_core.training import engine
from cnn_core.training.data import Split
from cnn_core.training.recipe import FitConfig

winograd_tiles = pytest.importorskip("cnn_core.nn.winograd_tiles", reason="numba is not installed")


@pytest.fixture(autouse=True, scope="module")
def few_channels():
    """Networks of 8 channels count as worth it: each number of channels takes seconds to compile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnn_core.nn.winograd.CHANNELS", 8)
        yield


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def both_ways(x, weight, slope):
    """Output and gradients of (input, weight) by Winograd, and by float64 direct convolution."""
    x, weight = x.requires_grad_(), weight.requires_grad_()
    found = WinogradConv.apply(x, weight)
    exact = functional.conv2d(x.double(), weight.double(), padding=weight.shape[-1] // 2)
    return (
        (found, *torch.autograd.grad(found, (x, weight), slope)),
        (exact, *torch.autograd.grad(exact, (x, weight), slope.double())),
    )


def assert_close(found, exact):
    for one, other in zip(found, exact, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() <= 2e-5 * other.abs().max().clamp_min(1e-3)


@pytest.mark.long
@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 13),
    st.integers(1, 13),
    st.sampled_from([(8, 8, 3), (8, 3, 3), (3, 8, 5)]),
    st.booleans(),
)
def test_outputs_and_gradients_are_those_of_a_direct_convolution(count, height, width, channels, last):
    inputs, outputs, kernel = channels
    torch.manual_seed(count * height + width)
    x, weight = torch.randn(count, inputs, height, width), torch.randn(outputs, inputs, kernel, kernel)
    if last:
        x, weight = (t.contiguous(memory_format=torch.channels_last) for t in (x, weight))
    assert_close(*both_ways(x, weight, torch.randn(count, outputs, height, width)))


def test_threads_share_the_pictures(two_threads):
    torch.manual_seed(0)
    x, weight, slope = torch.randn(21, 8, 19, 19), torch.randn(8, 8, 3, 3), torch.randn(21, 8, 19, 19)
    found, exact = both_ways(x, weight, slope)
    assert_close(found, exact)
    again, _ = both_ways(x, weight, slope)
    assert all((one == other).all() for one, other in zip(found, again, strict=True))
    assert torch.get_num_threads() == 2


def test_no_gradient_for_an_input_that_needs_none():
    weight = torch.randn(8, 8, 3, 3, requires_grad=True)
    WinogradConv.apply(torch.randn(2, 8, 5, 5), weight).sum().backward()  # type: ignore[union-attr]
    assert weight.grad is not None
    assert weight.grad.abs().sum() > 0


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        ConvBlock(3, 8, 5, padding=None, norm="batch"),
        ResidualBlock(8, 8),
        ConvBlock(8, 8, 3, padding=None),  # with a bias
        ConvBlock(8, 8, 3, padding=None, stride=2),
        pointwise(8, 2),
    )


def slopes(model, x):
    model.zero_grad()
    model(x).square().mean().backward()
    return [p.grad.clone() for p in model.parameters()]


def test_a_network_trains_alike_and_only_what_fits_is_changed(monkeypatch):
    model, x = network(), torch.randn(2, 3, 9, 9)
    calls = []
    real = WinogradConv.apply
    monkeypatch.setattr(WinogradConv, "apply", lambda *args: calls.append(args[1].shape) or real(*args))
    direct = slopes(model, x)
    with convolutions(model):
        fast = slopes(model, x)
        assert calls == [(8, 8, 3, 3)] * 3
        with torch.autocast("cpu", torch.bfloat16):
            model(x)
        model.eval()(x)
        model.train().double()(x.double())
    model.float()(x)
    assert len(calls) == 3
    for one, other in zip(fast, direct, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_tied_weights_stay_tied():
    model = nn.Sequential(ConvBlock(3, 8, 3, padding=None), ConvBlock(8, 8, 3, padding=None), pointwise(8, 1))
    tie(model, plain_inputs=["0.conv"], plain_outputs=["2"])
    x = torch.randn(2, 3, 9, 9)
    with convolutions(model):
        torch.testing.assert_close(model(x.rot90(1, (2, 3))), model(x).rot90(1, (2, 3)), rtol=1e-3, atol=1e-4)


def split(count):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 3, 8, 8, generator=generator)
    return Split(inputs, (inputs[:, 0].mean((1, 2)) > 0).long())


def test_the_engine_uses_it_where_it_is_asked_to(monkeypatch):
    calls = []
    real = WinogradConv.apply
    monkeypatch.setattr(WinogradConv, "apply", lambda *args: calls.append(1) or real(*args))
    losses = {}
    for winograd in (False, True):
        model = nn.Sequential(network(), nn.Flatten(), nn.Linear(32, 2))
        config = FitConfig(epochs=3, batch_size=16, winograd=winograd, precision="fp32", learning_rate=0.003)
        losses[winograd] = engine.fit(model, split(64), config, progress=False).history[-1]["train_loss"]
        assert bool(calls) == winograd
    assert losses[True] < 0.68
    assert losses[True] == pytest.approx(losses[False], rel=0.02)


def test_compiled_networks_are_refused():
    with pytest.raises(UserError, match="exclude each other"):
        FitConfig(winograd=True, compile=True)
