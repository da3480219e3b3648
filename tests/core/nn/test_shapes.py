"""cnn_core.nn.shapes against torch itself and the lecture's numbers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from cnn_core.errors import UserError
from cnn_core.nn.shapes import (
    ShapeError,
    Window,
    conv_output_size,
    pool_output_size,
    receptive_field,
    same_padding,
)

small = st.integers(1, 5)


@given(size=st.integers(1, 40), kernel=small, stride=small, padding=st.integers(0, 4), dilation=st.integers(1, 3))
def test_convolution_has_the_size_that_torch_gives(size, kernel, stride, padding, dilation):
    x, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    try:
        expected = functional.conv1d(x, weight, stride=stride, padding=padding, dilation=dilation).shape[2]
    except RuntimeError:
        with pytest.raises(ShapeError):
            conv_output_size(size, kernel, stride, padding, dilation)
    else:
        assert conv_output_size(size, kernel, stride, padding, dilation) == expected


@given(size=st.integers(1, 40), window=small, stride=st.none() | small)
def test_pooling_has_the_size_that_torch_gives(size, window, stride):
    if window > size:
        with pytest.raises(ShapeError):
            pool_output_size(size, window, stride)
    else:
        assert (
            pool_output_size(size, window, stride)
            == functional.max_pool1d(torch.zeros(1, size), window, stride).shape[1]
        )


def test_lecture_sizes():
    assert conv_output_size(6, 3) == 4
    assert pool_output_size(4, 2) == 2
    sizes = [conv_output_size(28, 3)]
    sizes.append(pool_output_size(sizes[-1], 2))
    sizes.append(conv_output_size(sizes[-1], 3))
    sizes.append(pool_output_size(sizes[-1], 2))
    assert sizes == [26, 13, 11, 5]


def test_error_names_layer_and_numbers_in_one_line():
    with pytest.raises(UserError, match=r"^conv3: a window of 5 does not fit into an input of size 2;.*$") as caught:
        conv_output_size(2, 5, layer="conv3")
    assert "\n" not in str(caught.value)
    with pytest.raises(ShapeError, match="stride must be at least 1, not 0"):
        conv_output_size(5, 3, stride=0)
    with pytest.raises(ShapeError, match="padding must not be negative"):
        conv_output_size(5, 3, padding=-1)


@given(size=st.integers(3, 30), kernel=st.sampled_from([1, 3, 5, 7]), dilation=st.integers(1, 3))
def test_same_padding_keeps_the_size(size, kernel, dilation):
    assert conv_output_size(size, kernel, padding=same_padding(kernel, dilation), dilation=dilation) == size


def test_same_padding_refuses_even_windows():
    with pytest.raises(ShapeError, match="odd"):
        same_padding(4)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)), max_size=4))
def test_receptive_field_is_where_gradients_arrive(layers):
    x = torch.zeros(1, 1, 900, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel, stride, padding, dilation in layers:
        weight = torch.ones(1, 1, kernel, dtype=torch.float64)
        y = functional.conv1d(y, weight, stride=stride, padding=padding, dilation=dilation)
    unit = y.shape[2] // 2
    y[0, 0, unit].backward()
    assert x.grad is not None
    seen = x.grad[0, 0].nonzero().squeeze(1)
    field = receptive_field([Window(*layer) for layer in layers])
    first, last = field.span(unit)
    assert (first, last) == (int(seen[0]), int(seen[-1]) + 1)  # 900 samples: the middle unit sees no padding
