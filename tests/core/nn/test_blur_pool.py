"""Blurred pooling against its definition, and the sizes and fields that networks with it have."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate1d, maximum_filter

from cnn_core.nn.architecture import ConvNetConfig, layers
from cnn_core.nn.blocks import BlurPool
from cnn_core.nn.network import ConvNet
from cnn_core.visual.modules.receptive import receptive_fields


def defined(x: np.ndarray, steps: tuple[int, ...]) -> np.ndarray:
    """The maximum of each window, blurred by 1 2 1 with the edge repeated, every step-th of it."""
    for axis, step in enumerate(steps):
        origin = -((step - 1) // 2) if step % 2 else -(step // 2)  # windows begin at their place
        x = maximum_filter(x, size=[step if a == axis else 1 for a in range(x.ndim)],
                           origin=[origin if a == axis else 0 for a in range(x.ndim)])  # fmt: skip
        x = x.take(range(x.shape[axis] - step + 1), axis)
    for axis, step in enumerate(steps):
        if step > 1:
            x = correlate1d(x, [0.25, 0.5, 0.25], axis, mode="nearest")
        x = x.take(range(0, x.shape[axis], step), axis)
    return x


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(6, 13), st.integers(6, 13), st.integers(0, 9))
def test_equals_its_definition(high, wide, rows, columns, seed):
    x = np.random.default_rng(seed).normal(size=(rows, columns))
    found = BlurPool((high, wide), 2)(torch.from_numpy(x)[None, None])[0, 0].numpy()
    assert found.shape == (rows // high, columns // wide)
    np.testing.assert_allclose(found, defined(x, (high, wide))[: found.shape[0], : found.shape[1]], atol=1e-12)


def test_in_one_dimension_and_many_channels():
    x = torch.randn(2, 5, 11, dtype=torch.float64)
    found = BlurPool(2, 1)(x)
    assert found.shape == (2, 5, 5)
    for i, j in ((0, 0), (1, 4)):
        np.testing.assert_allclose(found[i, j].numpy(), defined(x[i, j].numpy(), (2,))[:5], atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"pool": "none"}, 7),
        ({"pool": "max"}, 18),
        ({"pool": "blur"}, 24),
        ({"pool": "none", "dilations": (1, 2, 5)}, 17),
        ({"pool": "none", "kernels": (5, 7, 7)}, 17),
        ({"pool": "none", "strides": (2, 2, 1)}, 15),
    ],
)
def test_the_fields_that_the_study_of_pooling_tells(changes, field):
    net = ConvNetConfig(channels=(3, 4, 4), padding=("same",), pools=(2, 2, 1), head="avg", hidden=(), **changes)
    plan = {layer.name: layer for layer in layers(net)}
    assert plan["conv3"].field is not None
    assert plan["conv3"].field.size == field
    torch.manual_seed(0)
    sizes = (2, 2) if changes["pool"] != "none" or "strides" in changes else (1, 1)
    place = 14 // (sizes[0] * sizes[1])
    found = receptive_fields(ConvNet(net).eval(), "conv3", torch.zeros(1, 1, 28, 28), [(place, place)])
    start, stop = found.unclipped[0, 1].tolist()
    assert stop - start == field
