"""Blocks, ConvNetConfig and ConvNet: the paper plan and the built network agree."""

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnn_core.errors import UserError
from cnn_core.nn.architecture import LECTURE, ConvNetConfig, layers
from cnn_core.nn.blocks import ConvBlock, GlobalPool, ResidualBlock, pooling
from cnn_core.nn.equivariance import tie
from cnn_core.nn.network import ConvNet
from cnn_core.nn.shapes import ShapeError
from cnn_core.nn.summary import count_parameters, summary


def shapes_of(model: ConvNet, x: torch.Tensor) -> dict[str, tuple[int, ...]]:
    """Output shape of each child, without the batch axis."""
    found = {}
    for name, module in model.named_children():
        x = module(x)
        found[name] = tuple(x.shape[1:])
    return found


def test_lecture_network():
    model = ConvNet(LECTURE)
    found = shapes_of(model, torch.zeros(2, 1, 28, 28))
    del found["front"]
    assert found == {
        "conv1": (25, 26, 26),
        "pool1": (25, 13, 13),
        "conv2": (50, 11, 11),
        "pool2": (50, 5, 5),
        "flatten": (1250,),
        "dense1": (100,),
        "output": (10,),
    }
    assert model.conv1.conv.weight[0].numel() == 9
    assert model.conv2.conv.weight[0].numel() == 225
    assert count_parameters(model) == (9 + 1) * 25 + (225 + 1) * 50 + (1250 + 1) * 100 + (100 + 1) * 10


configs = st.builds(
    ConvNetConfig,
    input_shape=st.sampled_from([(1, 28, 28), (3, 17, 23), (4, 40), (1, 30)]),
    classes=st.integers(1, 5),
    channels=st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple),
    kernels=st.sampled_from([(1,), (3,), (5,)]),
    strides=st.sampled_from([(1,), (2,)]),
    dilations=st.sampled_from([(1,), (2,)]),
    padding=st.sampled_from([("valid",), ("same",)]),
    pool=st.sampled_from(["none", "max", "avg"]),
    pools=st.sampled_from([(1,), (2,)]),
    block=st.sampled_from(["conv", "residual"]),
    norm=st.sampled_from(["none", "batch"]),
    activation=st.sampled_from(["relu", "gelu", "silu"]),
    dropout=st.sampled_from([(0.0,), (0.3,)]),
    head=st.sampled_from(["dense", "avg", "max", "pointwise"]),
    hidden=st.sampled_from([(), (7,)]),
    head_dropout=st.sampled_from([0.0, 0.2]),
)


@settings(deadline=None, max_examples=60)
@given(configs)
def test_built_network_has_the_planned_layers(config):
    try:
        plan = layers(config)
    except ShapeError as error:
        assert any(name in str(error) for name in ("conv", "pool", "res"))
        with pytest.raises(ShapeError):
            ConvNet(config)
        return
    model = ConvNet(config)
    found = shapes_of(model, torch.randn(3, *config.input_shape))
    assert {layer.name: layer.shape for layer in plan} == {k: v for k, v in found.items() if k != "front"}
    with_pooling = [name for name in found if name.startswith("pool")]
    assert not (config.pool == "none" and with_pooling)


def test_one_switch_changes_pooling_everywhere():
    kinds = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}
    for pool, kind in kinds.items():
        found = [m for m in ConvNet(LECTURE.with_pool(pool)).modules() if isinstance(m, nn.MaxPool2d | nn.AvgPool2d)]
        assert len(found) == 2
        assert all(isinstance(m, kind) for m in found)
    assert [layer.name for layer in layers(LECTURE.with_pool("none"))] == [
        "conv1",
        "conv2",
        "flatten",
        "dense1",
        "output",
    ]


def test_pooling_halves_and_takes_largest_or_mean():
    x = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    assert pooling("max", 2)(x).item() == 6
    assert pooling("avg", 2)(x).item() == 3
    assert torch.equal(pooling("none", 2)(x), x)
    assert GlobalPool("max")(x).item() == 6
    assert GlobalPool("avg")(x).item() == 3
    with pytest.raises(ValueError, match="avg or max"):
        GlobalPool("none")


def test_conv_block_with_and_without_pooling():
    x = torch.randn(2, 3, 10, 12)
    assert ConvBlock(3, 4)(x).shape == (2, 4, 8, 10)
    assert ConvBlock(3, 4, padding=None, pool="max")(x).shape == (2, 4, 5, 6)
    assert ConvBlock(3, 4, 5, dims=1, pool="avg", pool_size=3)(x[:, :, 0]).shape == (2, 4, 2)
    assert [name for name, _ in ConvBlock(3, 4, norm="batch").named_children()] == ["conv", "norm", "act"]
    assert ConvBlock(3, 4, norm="batch").conv.bias is None


def test_residual_block_is_the_formula():
    block = ResidualBlock(4, 4, norm="none").double()
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    expected = (block.second(block.first(x)) + x).relu()
    torch.testing.assert_close(block(x), expected)
    assert ResidualBlock(4, 8, stride=2)(x.float()).shape == (2, 8, 3, 3)


def test_activations_are_out_of_place():
    assert not any(getattr(m, "inplace", False) for m in ConvNet(replace(LECTURE, norm="batch")).modules())


def test_fully_convolutional_network_takes_any_size():
    config = ConvNetConfig(
        input_shape=(2, 9, 9), classes=1, channels=(4, 4), padding=("same",), pool="none", head="pointwise"
    )
    model = ConvNet(config)
    assert model(torch.zeros(1, 2, 9, 9)).shape == (1, 1, 9, 9)
    assert model(torch.zeros(1, 2, 19, 19)).shape == (1, 1, 19, 19)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": ()}, "channels is empty"),
        ({"channels": (4, 0)}, "channels must be positive"),
        ({"kernels": (3, 3, 3)}, "kernels has 3 entries for 2 blocks"),
        ({"classes": 0}, "classes must be at least 1"),
        ({"dropout": (1.0,)}, r"dropout must lie in \[0, 1\)"),
        ({"input_shape": (1,)}, "input_shape must be"),
        ({"channels": (4,) * 6}, "conv4: a window of 3 does not fit into an input of size 1"),
        ({"kernels": (4,), "padding": ("same",)}, "conv1: 'same' padding needs an odd window"),
    ],
)
def test_contradictions_are_one_line(change, message):
    with pytest.raises(UserError, match=message) as caught:
        layers(replace(LECTURE, **change))
    assert "\n" not in str(caught.value)


def test_summary_counts_and_changes_nothing():
    model = ConvNet(replace(LECTURE, norm="batch")).train()
    model.conv1.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    text = str(summary(model, torch.randn(2, 1, 28, 28)))
    assert "conv2" in text
    assert f"{count_parameters(model):,}" in text
    assert model.training
    assert not model.conv1.training
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    lecture = summary(ConvNet(LECTURE), torch.zeros(1, 1, 28, 28))
    products = {layer.name: layer.multiply_adds for layer in lecture.layers}
    assert products["conv1"] == 26 * 26 * 25 * 9 == 152_100  # places x filters x weights, biases not counted
    assert products["conv2"] == 11 * 11 * 50 * 225 == 1_361_250
    assert products["dense1"] == 1250 * 100
    assert lecture.multiply_adds == sum(products.values())
    assert lecture.to_json()["layers"][1]["shape"] == (1, 25, 26, 26)


def test_summary_of_tied_weights_and_opened_blocks():
    free, tied = (
        nn.Sequential(OrderedDict(conv1=nn.Conv2d(3, 8, 3, padding=1), conv2=nn.Conv2d(8, 8, 3, padding=1)))
        for _ in range(2)
    )
    tie(tied, plain_inputs=["conv1"])
    example = torch.zeros(1, 3, 9, 9)
    of_free, of_tied = summary(free, example), summary(tied, example)
    assert of_tied.multiply_adds == of_free.multiply_adds == 81 * 8 * 9 * (3 + 8)
    assert of_tied.parameters < of_free.parameters / 4
    opened = summary(ConvNet(replace(LECTURE, norm="batch")), torch.zeros(1, 1, 28, 28), depth=2)
    assert {"conv1.conv", "conv1.norm"} <= {layer.name for layer in opened.layers}
    assert opened.multiply_adds == sum(layer.multiply_adds for layer in opened.layers)
