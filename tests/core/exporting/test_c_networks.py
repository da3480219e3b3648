"""Networks as C files, compiled by gcc, beside PyTorch."""

import numpy as np
import pytest
import torch
from torch import nn

from cnn_core import AveragedViews, ConvBlock, ConvNet, ConvNetConfig, Dense, GlobalPool, ResidualBlock
from cnn_core.errors import UserError
from cnn_core.exporting.c.reading import folded, read
from cnn_core.exporting.c.source import Source
from cnn_core.exporting.tracing import evaluated_copy
from cnn_core.nn.blocks import BlurPool
from cnn_core.nn.views import unchanged
from tests.helpers.compiled import logits_of, needs_gcc


class Lengthwise(nn.Module):
    """Parts of what fronts and heads do: slices, turns, comparisons, sums, a reflected edge."""

    def forward(self, x):
        x = nn.functional.pad(x, (3, 2), mode="reflect")  # (B, 4, T + 5)
        loud = torch.where(x[:, 1:] > 0.2, x[:, :-1], x[:, 1:].abs().sqrt())
        turned = torch.cat([loud.transpose(1, 2), loud.flip(2).transpose(1, 2).clamp(-0.5, 0.4)], 2)
        scaled = turned / (turned.square().mean((1, 2), keepdim=True) + 1e-3)
        return torch.cat([scaled.sum(1), scaled.amax(1), scaled[:, ::2].tanh().mean(1)], 1)


class Channels(nn.Module):
    """A mixture over channels: a constant matrix on the left, one on the right."""

    def __init__(self):
        super().__init__()
        self.register_buffer("left", torch.randn(5, 4))
        self.register_buffer("right", torch.randn(20, 6))
        self.register_buffer("each", torch.randn(5, 3, 1, 6))

    def forward(self, x):
        x = x + (x[:, 2] * 0.5)[:, None]
        mixed = (self.each @ (self.left @ x @ self.right)[:, :, None, :, None]).flatten(1)
        return mixed + ((self.left @ x).sigmoid() @ self.right).square().log1p().flatten(1).mean(1, keepdim=True)


def shifted(x):
    return nn.functional.pad(x, (1, 1, 1, 1))[:, :, 2:, 1:-1], unchanged


def as_is(x):
    return x, unchanged


def conv(**options):
    return nn.Conv2d(4, 6, **options)


PLANE = ConvNetConfig(input_shape=(4, 12, 10), classes=5, channels=(6, 8), padding=("same",), norm="batch")
NETWORKS = {
    "the suite's blocks": ConvNet(PLANE),
    "residual blocks": nn.Sequential(
        ResidualBlock(4, 4), ResidualBlock(4, 6, stride=2), ResidualBlock(6, 6, dilation=2), GlobalPool("max")
    ),
    "silu, mean pooling": ConvNet(ConvNetConfig(**{**vars(PLANE), "activation": "silu", "pool": "avg"})),
    "gelu, blurred pooling": ConvNet(ConvNetConfig(**{**vars(PLANE), "activation": "gelu", "pool": "blur"})),
    "strides, gaps, groups": nn.Sequential(
        conv(kernel_size=(3, 2), stride=(2, 1), padding=(3, 1)),
        nn.Conv2d(6, 6, 3, dilation=(1, 2), padding=2, groups=3, bias=False),
        nn.BatchNorm2d(6),
        nn.Tanh(),
        nn.Conv2d(6, 12, 1, groups=6),
        nn.ReLU6(),
        GlobalPool("avg"),
    ),
    "pooling with edges": nn.Sequential(
        nn.MaxPool2d(3, 2, padding=1),
        nn.BatchNorm2d(4),
        nn.AvgPool2d(2, 2, padding=1, count_include_pad=False),
        nn.AvgPool2d((2, 1), 1, padding=(1, 0)),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.Flatten(),
        Dense(24, 7),
    ),
    "averaged views": AveragedViews(nn.Sequential(ConvBlock(4, 3), GlobalPool("max")), [shifted, as_is]),
    "pointwise": nn.Sequential(ConvBlock(4, 5, padding=None), nn.Conv2d(5, 1, 1), nn.Flatten()),
}
LINES = {
    "signals": nn.Sequential(
        ConvBlock(4, 6, 5, stride=2, padding=4, dilation=2, norm="batch", dims=1),
        ResidualBlock(6, 8, stride=2, dims=1),
        nn.AvgPool1d(2),
        BlurPool(2, dims=1),
        nn.MaxPool1d(2, padding=1),
        nn.Conv1d(8, 8, 1, groups=8),
        GlobalPool("avg"),
    ),
    "moves": Lengthwise(),
    "products": Channels(),
}


def settled(network):
    """The network after some steps in training: running statistics, and factors of norms, other than 1 and 0."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network.eval()


def written(network, example, temperature=1.0):
    with torch.no_grad():
        classes = network(example).flatten(1).shape[1]
    graph = folded(read(evaluated_copy(network), example))
    return Source(graph, [f"label {n}" for n in range(classes)], temperature, False, {"name": "a */ test"}), classes


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("name", [*NETWORKS, *LINES])
def test_logits_are_those_of_pytorch(name, tmp_path):
    torch.manual_seed(0)
    network = settled({**NETWORKS, **LINES}[name])
    inputs = torch.rand(9, 4, 20) if name in LINES else torch.randn(9, 4, 12, 10)
    source, classes = written(network, inputs[:1], 1.25)
    with torch.no_grad():
        expected = network(inputs).flatten(1).numpy() / 1.25
    assert np.ptp(expected, 0).max() > 1e-3, "answers that depend on the input"
    found = logits_of(source.text, inputs.numpy(), classes, tmp_path)
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(1, np.abs(expected).max()))


class Bytes(nn.Module):
    def forward(self, x):
        flags = torch.cat([(x & 3) == 2, x == 200, (torch.minimum(x, torch.tensor(4, dtype=torch.uint8)) == 4)], 1)
        return torch.cat([flags.float().sum((2, 3)), x.float().mean((2, 3))], 1)


@needs_gcc
@pytest.mark.slow
def test_bytes_are_bytes(tmp_path):
    inputs = torch.randint(0, 256, (6, 2, 5, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    source, classes = written(Bytes(), inputs[:1])
    found = logits_of(source.text, inputs.numpy(), classes, tmp_path)
    np.testing.assert_allclose(found, Bytes()(inputs).numpy(), rtol=1e-6)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential()
        self.inner.add_module("mix", nn.MultiheadAttention(4, 2, batch_first=True))

    def forward(self, x):
        return self.inner.mix(x.transpose(1, 2), x.transpose(1, 2), x.transpose(1, 2))[0].mean(1)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.front = nn.Embedding(3000, 4)

    def forward(self, words):
        return self.front(words).mean(1)


class Grown(nn.Module):
    def __init__(self):
        super().__init__()
        self.grow = nn.Upsample(scale_factor=2)

    def forward(self, x):
        return self.grow(x[:, :, None]).flatten(1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "example", "layer", "reason"),
    [
        (Attention(), torch.rand(1, 4, 6), "inner.mix", "attention"),
        (Words(), torch.ones(1, 6, dtype=torch.int32), "front", "word vectors"),
        (nn.Sequential(nn.LayerNorm(6), nn.Flatten()), torch.rand(1, 4, 6), "0", "transformers"),
        (Grown(), torch.rand(1, 4, 6), "grow", "Resize"),
    ],
)
def test_what_is_no_plain_network_is_refused_by_the_name_of_its_layer(network, example, layer, reason):
    with pytest.raises(UserError, match=f"layer {layer} cannot be written as plain C: .*{reason}") as refused:
        written(network.eval(), example)
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_weights_that_are_not_finite_are_refused():
    network = nn.Linear(3, 2)
    nn.init.constant_(network.weight, float("nan"))
    with pytest.raises(UserError, match="not finite"):
        written(network, torch.ones(1, 3))
