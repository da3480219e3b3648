"""The networks: published numbers of parameters, layers by name, and BC-ResNet beside a plain one."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from apps.speech.app import APP
from apps.speech.config import NetConfig, SpeechConfig
from apps.speech.model import build, layers
from apps.speech.nets.broadcast import AlongFrequency, AlongTime, BroadcastBlock, Head, Norm, Tail
from cnn_core.errors import UserError
from cnn_core.nn.summary import count_parameters

PUBLISHED = {
    "TC-ResNet8": (NetConfig(kind="tc-resnet8"), 65_168),
    "res8": (NetConfig(kind="res8", pool="avg", pool_bands=3, pool_frames=4), 110_307),
    "BC-ResNet-1": (NetConfig(kind="bc-resnet"), 9_232),
    "BC-ResNet-2": (NetConfig(kind="bc-resnet", width=2), 27_284),
    "BC-ResNet-3": (NetConfig(kind="bc-resnet", width=3), 54_168),
    "BC-ResNet-8": (NetConfig(kind="bc-resnet", width=8), 321_068),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_the_published_ones(name):
    net, count = PUBLISHED[name]
    assert count_parameters(nn.Sequential(layers(net, 12))) == count


def weights(model, name):
    return sum(p.numel() for n, p in model.named_parameters() if n.startswith(name) and p.dim() > 1)


def test_sainath_and_paradas_layers_have_their_published_sizes():
    """On their input of 32 frames and 40 bands (Interspeech 2015, tables 1 and 3), multiplications of weights."""
    trad = nn.Sequential(layers(NetConfig(kind="trad-fpool3", pool="max", pool_bands=3), 4, frames=32))
    sizes = [weights(trad, name) for name in ("conv1", "conv2", "lowrank", "dense1")]
    assert sizes == [10_240, 163_840, 65_536, 4_096]
    one = nn.Sequential(layers(NetConfig(kind="one-fstride4"), 4, frames=32))
    assert [weights(one, name) for name in ("conv1", "lowrank", "dense1", "dense2")] == [47_616, 53_568, 4_096, 16_384]


@pytest.mark.parametrize("name", APP.presets)
def test_every_preset_answers_and_every_layer_learns(name):
    preset = APP.presets[name]
    model = build(preset, ("a", "b", "c"))
    sounds = torch.randint(-9000, 9000, (6, 16_000), dtype=torch.int16)
    logits = model(sounds)
    assert logits.shape == (6, 3)
    logits.square().sum().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent
    names = [child for child, _ in model.named_children()]
    assert names[0] == "front"
    assert names[-1] == "output"


@pytest.mark.parametrize("kind", ["windows", "one-fpool3", "tc-resnet8", "res8", "trad-fpool3", "bc-resnet"])
@pytest.mark.parametrize("pool", ["none", "max", "avg"])
def test_pooling_is_a_switch_on_each_axis(kind, pool):
    along = {"windows": (2, 1), "one-fpool3": (3, 1), "tc-resnet8": (1, 2)}.get(kind, (2, 2))
    # BC-ResNet's groups of bands need 20, 10, 5 of them: it can be pooled along time alone.
    bands, frames = (1, 2) if kind == "bc-resnet" else along
    net = NetConfig(kind=kind, pool=pool, pool_bands=bands, pool_frames=frames)
    model = build(SpeechConfig(net=net), ("a", "b")).eval()
    assert model(torch.zeros(2, 16_000, dtype=torch.int16)).shape == (2, 2)
    assert any(isinstance(m, nn.MaxPool2d | nn.AvgPool2d | nn.MaxPool1d | nn.AvgPool1d) for m in model.modules()) == (
        pool != "none"
    )


def test_a_pooling_along_an_axis_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"pool_bands must be 1 for tc-resnet8; bands are its channels"):
        NetConfig(kind="tc-resnet8", pool="max", pool_bands=2)
    with pytest.raises(UserError, match="pool_frames must be 1 for windows"):
        NetConfig(kind="windows", pool="max", pool_frames=2)
    with pytest.raises(UserError, match="multiple of 5"):
        layers(NetConfig(kind="bc-resnet", pool="max", pool_bands=3), 2)
    with pytest.raises(UserError, match="width"):
        NetConfig(width=0)


def test_mfcc_has_its_own_number_of_bands():
    preset = APP.presets["time"]
    model = build(replace(preset, front=replace(preset.front, kind="mfcc", coefficients=20)), ("a", "b"))
    assert model(torch.zeros(2, 16_000, dtype=torch.int16)).shape == (2, 2)


class PlainBlock(nn.Module):
    """A BC-ResNet block from torch's own layers, as the paper draws it."""

    def __init__(self, ours: BroadcastBlock, inputs: int, channels: int, stride: int, dilation: int):
        super().__init__()
        self.first = ours.change is not None
        if self.first:
            self.change = nn.Sequential(nn.Conv2d(inputs, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
        self.frequency = nn.Conv2d(
            channels, channels, (3, 1), stride=(stride, 1), padding=(1, 0), groups=channels, bias=False
        )
        self.norm = nn.BatchNorm2d(channels * 5)
        self.pool = nn.AdaptiveAvgPool2d((1, None))
        self.time = nn.Conv2d(
            channels, channels, (1, 3), padding=(0, dilation), dilation=(1, dilation), groups=channels, bias=False
        )
        self.time_norm = nn.BatchNorm2d(channels)
        self.mix = nn.Conv2d(channels, channels, 1, bias=False)
        with torch.no_grad():
            if ours.change is not None:
                self.change[0].weight.copy_(ours.change.pointwise.weight[:, :, None, None])
            self.frequency.weight.copy_(ours.frequency.weight[:, None, :, None])
            self.time.weight.copy_(ours.time.weight[:, None, None, :])
            self.mix.weight.copy_(ours.mix.weight[:, :, None, None])

    def forward(self, x):
        y = self.change(x) if self.first else x
        y = self.frequency(y)
        batch, channels, bands, frames = y.shape
        f2 = self.norm(y.view(batch, channels * 5, bands // 5, frames)).view(y.shape)
        f1 = self.mix(nn.functional.silu(self.time_norm(self.time(self.pool(f2)))))
        return (f2 + f1 if self.first else f2 + f1 + x).relu()


@pytest.mark.parametrize(("first", "stride", "dilation"), [(True, 2, 1), (True, 1, 8), (False, 1, 4)])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_a_block_is_that_of_the_paper(first, stride, dilation, training):
    torch.manual_seed(0)
    inputs, channels = (6, 8) if first else (8, 8)
    ours = BroadcastBlock(inputs, channels, first=first, stride=stride, dilation=dilation, dropout=0.0)
    plain = PlainBlock(ours, inputs, channels, stride, dilation)
    ours.train(training), plain.train(training)
    x = torch.randn(4, inputs, 20, 31)
    gradients = []
    for block in (ours, plain):
        given = x.clone().requires_grad_()
        out = block(given)
        (out * torch.linspace(-1, 1, out.numel()).view(out.shape)).sum().backward()
        gradients.append((out, given.grad, block.time.weight.grad.flatten(), block.frequency.weight.grad.flatten()))
    for found, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_head_and_the_tail_are_convolutions():
    torch.manual_seed(0)
    head, x = Head(4).eval(), torch.randn(3, 1, 40, 25)
    expected = nn.functional.conv2d(x, head.conv.weight.view(4, 1, 5, 5), stride=(2, 1), padding=2)
    torch.testing.assert_close(head(x), (expected / (1 + 1e-5) ** 0.5).relu(), rtol=1e-4, atol=1e-5)
    tail, x = Tail(4, 5), torch.randn(3, 4, 5, 25)
    kernel = tail.weight.transpose(1, 2)[:, None]  # (C, 1, bands, taps)
    expected = nn.functional.conv2d(x, kernel, padding=(0, 2), groups=4)
    torch.testing.assert_close(tail(x), expected, rtol=1e-4, atol=1e-5)


def test_single_convolutions_of_rows():
    x = torch.randn(3, 10, 14)  # (C, F, N)
    layer = AlongFrequency(3, 2)
    expected = nn.functional.conv1d(x.permute(2, 0, 1), layer.weight[:, None], stride=2, padding=1, groups=3)
    torch.testing.assert_close(layer(x), expected.permute(1, 2, 0))
    x = torch.randn(3, 5, 20)  # (C, B, T)
    layer = AlongTime(3, 4)
    expected = nn.functional.conv1d(x.transpose(0, 1), layer.weight[:, None], padding=4, dilation=4, groups=3)
    torch.testing.assert_close(layer(x), expected.transpose(0, 1))


def test_norm_keeps_running_statistics_as_batch_norm_does():
    x = torch.randn(4, 10, 33) * 3 + 1  # (C, F, N)
    ours, plain = Norm(4, 5), nn.BatchNorm2d(20)
    found = ours(x)
    expected = plain(x.view(20, 2, 33).permute(2, 0, 1)[..., None])[..., 0].permute(1, 2, 0).reshape(4, 10, 33)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.running_mean, plain.running_mean)
    torch.testing.assert_close(ours.running_var, plain.running_var)
