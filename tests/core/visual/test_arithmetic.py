"""The numbers of the lecture's first half against PyTorch, and its figures."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from cnn_core import visual
from cnn_core.errors import UserError
from cnn_core.visual.arithmetic import numbers
from cnn_core.visual.arithmetic.cells import products

PICTURE = np.array([list(map(int, row)) for row in ("100001", "010010", "001100", "100010", "010010", "001010")])
DIAGONAL = np.array([[1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
PUBLISHED = [[3, -1, -3, -1], [-3, 1, 0, -3], [-3, -3, 0, 1], [3, -2, -2, -1]]  # Hung-yi Lee's slides


def test_the_lectures_own_numbers():
    assert numbers.inner_products(PICTURE, DIAGONAL).tolist() == PUBLISHED
    assert numbers.inner_products(PICTURE, DIAGONAL, 2).tolist() == [[3, -3], [-3, 0]]
    assert numbers.pooled(PUBLISHED)[0].tolist() == [[3, 0], [3, 1]]
    assert numbers.output_side(28, 3) == 26
    assert products(PICTURE[:3, :3], DIAGONAL).endswith("= 3")


@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 4), st.integers(1, 3), st.integers(0, 100))
def test_inner_products_connections_and_pooling_equal_pytorch(channels, side, more, stride, seed):
    random = np.random.default_rng(seed)
    x, w = random.normal(size=(channels, side + more, side + more)), random.normal(size=(channels, side, side))
    found = numbers.inner_products(x, w, stride, 0.5)
    expected = F.conv2d(torch.from_numpy(x)[None], torch.from_numpy(w)[None], torch.tensor([0.5]).double(), stride)[
        0, 0
    ]
    torch.testing.assert_close(torch.from_numpy(found), expected)
    assert found.shape == (numbers.output_side(side + more, side, stride),) * 2
    if channels == 1:
        matrix = numbers.connections(x[0].shape, w[0], stride)
        np.testing.assert_allclose(matrix @ x[0].ravel() + 0.5, found.ravel())
    for kind, reference in (("max", F.max_pool2d), ("average", F.avg_pool2d)):
        pooled, places = numbers.pooled(x[0], side, stride, kind)
        torch.testing.assert_close(
            torch.from_numpy(pooled), reference(torch.from_numpy(x[:1])[None], side, stride)[0, 0]
        )
        largest = numbers.pooled(x[0], side, stride)[0]
        np.testing.assert_array_equal(x[0][places[..., 0], places[..., 1]], largest)


def test_figures_of_any_small_arrays_are_drawn(tmp_path):
    maps = np.array(PUBLISHED)
    for figure, shown in (
        (visual.convolution(PICTURE, DIAGONAL, stride=2, place=(1, 1), bias=0.5, title="mine"), 36 + 9 + 4),
        (visual.places(PICTURE, DIAGONAL), 16 * 36),
        (visual.cube(np.stack([PICTURE] * 3), np.stack([DIAGONAL] * 3), place=(3, 0)), 3 * 45 + 16),
        (visual.connection((6, 6), DIAGONAL), 144),
        (visual.pooling(maps, kind="both"), 16 + 4 + 4),
        (visual.flattening(np.stack([maps, maps])), 2 * 32),
    ):
        figure.savefig(tmp_path / "figure.png", dpi=40)
        texts = [text.get_text() for axes in figure.axes for text in axes.texts]
        numbers_shown = [text for text in texts if text.replace("−", "").replace(".", "").isdigit()]
        assert len(numbers_shown) >= shown


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda: visual.convolution(PICTURE, np.ones((7, 7))),
            "a filter of 7 with stride 1 does not fit a picture of 6",
        ),
        (lambda: visual.convolution(np.ones((20, 20)), DIAGONAL), "20 x 20 cells are too many to read; 16 a side"),
        (lambda: visual.convolution(PICTURE, DIAGONAL, place=(4, 0)), "rows 0 to 3, columns 0 to 3"),
        (lambda: visual.convolution(np.stack([PICTURE] * 2), DIAGONAL), "has 2 channels: `cube` draws these"),
        (lambda: visual.cube(np.stack([PICTURE] * 2), DIAGONAL), "2 channels needs a filter of as many, not of 1"),
        (lambda: visual.convolution([1, 2, 3], DIAGONAL), "has rows and columns"),
        (lambda: visual.convolution(PICTURE, DIAGONAL, stride=0), "a stride is at least 1, not 0"),
        (lambda: visual.convolution(PICTURE * np.nan, DIAGONAL), "holds some that are infinite or none"),
        (lambda: visual.pooling(PICTURE, kind="least"), "pooling is max or average, not 'least'"),
        (lambda: visual.places(np.ones((16, 16)), DIAGONAL), "too many to draw one by one"),
        (lambda: visual.connection((20, 20), DIAGONAL), "too large to draw"),
        (lambda: visual.flattening(np.ones((9, 4, 4))), "too many to draw in a row"),
    ],
)
def test_what_cannot_be_drawn_is_said(draw, message):
    with pytest.raises(UserError, match=message):
        draw()


def test_a_subspace_holds_what_examples_have_in_common():
    torch.manual_seed(0)
    axes = torch.linalg.qr(torch.randn(30, 3))[0]
    examples = (torch.randn(200, 3) * torch.tensor([3.0, 2, 1])) @ axes.T + 5
    canvas = visual.Subspace.of(examples.view(200, 1, 5, 6), 3, low=-100, high=100, reach=2)
    random = torch.get_rng_state()
    start = canvas.start(4, torch.Generator().manual_seed(1))
    assert torch.equal(torch.get_rng_state(), random)
    x = canvas.render(start)
    assert x.shape == (4, 1, 5, 6)
    inside = (x.flatten(1) - examples.mean(0)) @ axes @ axes.T
    torch.testing.assert_close(inside, x.flatten(1) - examples.mean(0), rtol=1e-3, atol=1e-3)
    far = canvas.render([torch.full((1, 3), 50.0)]).flatten(1) - examples.mean(0)
    spread = ((far @ axes).abs() / torch.tensor([3.0, 2, 1])).max()
    assert float(spread) < 2 * 3**0.5 * 1.3  # no further out than the reach
    assert float(canvas.render([torch.zeros(1, 3)]).sub(examples.mean(0).view(1, 5, 6)).abs().max()) < 1e-4
    with pytest.raises(UserError, match="3 components need more than 3 examples"):
        visual.Subspace.of(examples[:3], 3)
