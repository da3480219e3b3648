"""Layers that do not give (B, C, places): read rightly, or refused; never a map of the wrong axes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from cnn_core import visual
from cnn_core.errors import UserError
from cnn_core.visual.modules.axes import Layout


class LastNet(nn.Module):
    """Patches as (B, H, W, C), a block with a shortcut, a permutation back: as Swin and ConvNeXt are built."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 4, 4)
        self.norm = nn.LayerNorm(6)
        self.block = Block()
        self.scale = nn.Identity()
        self.output = nn.Linear(6, 4)

    def forward(self, x):
        h = self.block(self.norm(self.patches(x).permute(0, 2, 3, 1)))
        return self.output(self.scale(h).mean((1, 2)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = Functional()
        self.wide, self.narrow = nn.Linear(6, 10), nn.Linear(10, 6)

    def forward(self, x):
        x = x + self.attention(x)
        return x + self.narrow(F.gelu(self.wide(x)))


class Functional(nn.Module):
    """Uses weights without running the layers that hold them."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 6))

    def forward(self, x):
        return x @ self.weight


class TokenNet(nn.Module):
    """A class token before the patches of a grid."""

    def __init__(self, leading=1):
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 4, 4)
        self.leading = nn.Parameter(torch.randn(1, leading, 6))
        self.mix = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True)
        self.last = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True)
        self.output = nn.Linear(6, 4)

    def forward(self, x):
        h = self.patches(x).flatten(2).transpose(1, 2)
        h = torch.cat([self.leading.expand(len(x), -1, -1), h], 1)
        return self.output(self.last(self.mix(h))[:, 0])


class Frames(nn.Module):
    """Frames (B, F, C, H, W) go through the convolution as pictures of a larger batch."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 5, 3, padding=1)
        self.output = nn.Linear(5, 3)

    def forward(self, x):
        h = self.conv(x.flatten(0, 1)).relu()
        return self.output(h.mean((2, 3)).view(len(x), -1, 5).mean(1))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def by_hand(model, x, layer, target, arrange):
    """Grad-CAM by a hook and autograd; `arrange` makes (B, C, H, W) of maps and gradients."""
    kept = []
    module = model.get_submodule(layer)
    handle = module.register_forward_hook(lambda _m, _i, output: kept.append(output))
    score = model.eval()(x.clone().requires_grad_())[:, target].sum()
    handle.remove()
    (gradient,) = torch.autograd.grad(score, kept[0])
    maps, gradient = arrange(kept[0].detach()), arrange(gradient)
    return (gradient.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()


@pytest.mark.parametrize("layer", ["norm", "block", "block.attention", "block.wide", "block.narrow", "scale"])
def test_channels_last_is_recognised(layer):
    model, x = LastNet(), torch.rand(3, 3, 16, 24)
    expected = by_hand(model, x, layer, 2, lambda h: h.permute(0, 3, 1, 2))
    torch.testing.assert_close(visual.grad_cam(model, x, layer, 2, resized=False), expected)
    told = visual.grad_cam(model, x, layer, 2, resized=False, axes="BHWC")
    torch.testing.assert_close(told, expected)
    best = visual.find_exemplars(model, x, layer, count=1)
    with torch.no_grad():
        maps = visual.record(model, x, layer)[layer]
    torch.testing.assert_close(best.scores[:, 0], maps.amax((0, 1, 2)))
    assert len(best.units) == maps.shape[-1]
    found = visual.optimize(model, f"{layer}:1", visual.Pixels((3, 16, 24)), steps=5)
    with torch.no_grad():
        value = visual.record(model, found.inputs, layer)[layer][..., 1].sum()
    torch.testing.assert_close(found.after[0], value)
    assert found.after[0] > found.before[0]


def test_a_class_token_before_a_grid_is_recognised():
    model, x = TokenNet(), torch.rand(2, 3, 16, 24)
    expected = by_hand(model, x, "mix", 1, lambda h: h[:, 1:].transpose(1, 2).unflatten(2, (4, 6)))
    torch.testing.assert_close(visual.grad_cam(model, x, "mix", 1, resized=False), expected)
    torch.testing.assert_close(visual.grad_cam(model, x, "mix", 1, resized=False, axes="B(1HW)C"), expected)
    assert visual.grad_cam(model, x, "mix", 1).shape == (2, 1, 16, 24)
    registers = TokenNet(leading=5)  # told by the grid of the patches' convolution
    expected = by_hand(registers, x, "mix", 1, lambda h: h[:, 5:].transpose(1, 2).unflatten(2, (4, 6)))
    torch.testing.assert_close(visual.grad_cam(registers, x, "mix", 1, resized=False), expected)
    with pytest.raises(UserError, match="does not react to layer 'last'.*choose a layer before it"):
        visual.grad_cam(model, x, "last", 1)  # its patches are not used


def test_frames_in_the_batch_are_refused_or_told():
    model, x = Frames(), torch.rand(2, 4, 2, 8, 8)
    for lens in (
        lambda **axes: visual.grad_cam(model, x, "conv", 1, resized=False, **axes),
        lambda **axes: visual.find_exemplars(model, x, "conv", count=1, **axes).scores,
        lambda **axes: visual.values(model, [visual.filter("conv", 2), visual.filter("conv", 2)], x, **axes),
        lambda **axes: visual.values(model, visual.whole("conv"), x, **axes),
    ):
        with pytest.raises(UserError, match=r"gives 4x5x8x8 for one input.*axes='\(BF\)CHW'"):
            lens()
        lens(axes="(BF)CHW")
    with torch.no_grad():
        maps = model.conv(x.flatten(0, 1)).unflatten(0, (2, 4))  # (B, F, C, H, W)
    found = visual.values(model, "conv:2", x, axes="(BF)CHW")
    torch.testing.assert_close(found, maps[:, :, 2].sum((1, 2, 3)))
    best = visual.find_exemplars(model, x, "conv", count=1, axes="(BF)CHW")
    torch.testing.assert_close(best.scores[:, 0], maps.amax((0, 1, 3, 4)))
    assert best.places.shape == (5, 1, 3)


def test_tokens_before_the_batch():
    model = nn.Sequential(nn.Identity(), nn.LSTM(3, 4), Last())
    x = torch.rand(2, 7, 3)

    class First(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(3, 4)
            self.output = nn.Linear(4, 2)

        def forward(self, x):
            return self.output(self.inner(x.transpose(0, 1)).tanh().mean(0))

    model = First()
    with pytest.raises(UserError, match="gives 7x1x4 for one input"):
        visual.values(model, "inner:1", x)
    with torch.no_grad():
        expected = model.inner(x)[..., 1].sum(1)
    torch.testing.assert_close(visual.values(model, "inner:1", x, axes="TBC"), expected)
    torch.testing.assert_close(visual.values(model, "inner:1", x, axes={"inner": "TBC"}), expected)


class Last(nn.Module):
    def forward(self, pair):
        return pair[0][:, -1]


def test_what_cannot_be_told_is_refused():
    class Unclear(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Linear(3, 6)
            self.turn = Turn()
            self.output = nn.Linear(6, 2)

        def forward(self, x):
            return self.output(self.turn(self.embed(x)).mean(2))

    class Turn(nn.Module):
        def forward(self, x):
            return x.transpose(1, 2).reshape(len(x), 6, -1)

    model, x = Unclear(), torch.rand(2, 5, 3)
    with pytest.raises(UserError, match="layer 'turn' gives 1x6x5.*say axes='BCT' or 'BTC'"):
        visual.grad_cam(model, x, "turn", 0)
    assert visual.grad_cam(model, x, "turn", 0, axes="BCT", resized=False).shape == (2, 1, 5)
    visual.values(model, visual.whole("turn"), x)  # asks for no axis
    for wrong, message in (
        ("BXQT", "axes 'BXQT'"),
        ("BCHW", "no layer here has"),
        ("B(T)(1C)", "write one letter"),
        ("BT(FC)", "write one letter"),
    ):
        with pytest.raises(UserError, match=message):
            visual.grad_cam(model, x, "turn", 0, axes=wrong)


def test_a_linear_layer_behind_convolutions_over_time_keeps_its_own_axis():
    model = nn.Sequential(nn.Conv1d(2, 5, 3), nn.Linear(8, 7), nn.Flatten(), nn.Linear(35, 3))
    x = torch.rand(2, 2, 10)
    with torch.no_grad():
        maps = model[0](x)
    with pytest.raises(UserError, match="is used both ways"):
        visual.values(model, "0:1", x)
    torch.testing.assert_close(visual.values(model, "0:1", x, axes="BCT"), maps[:, 1].sum(1))


LAYOUTS = ["BCHW", "BHWC", "BTC", "TBC", "B(HW)C", "B(1HW)C", "B(5HW)C", "(BF)CHW", "(FB)CT", "B(FT)C"]


@given(st.sampled_from(LAYOUTS), st.integers(1, 3), st.integers(1, 4), st.integers(2, 3))
def test_layouts_there_and_back(text, batch, channels, side):
    layout = Layout.parse(text)
    letters = {"B": batch, "C": channels, "H": side, "W": side * 2, "T": side * 2, "F": side}
    shape = []
    for group in layout.groups:
        size = 1
        for item in group:
            size *= 1 if item.isdigit() else letters[item]
        shape.append(size + sum(int(item) for item in group if item.isdigit()))
    output = torch.rand(shape)
    sizes = layout.sizes("layer", shape, batch, (side * 8, side * 16))
    maps = layout.channels_first(output, sizes)
    assert maps.shape[:2] == (batch, channels)
    assert list(maps.shape[2:]) == [letters[letter] for letter in layout.places]
    assert torch.equal(layout.restored(maps, output), output)
