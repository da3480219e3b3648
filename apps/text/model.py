"""The networks for texts: Kim's windows side by side, and a deeper one. Letters: B batch, T time, C channels,
F filters, K width of a window, D numbers of a word vector, V words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.text.config import TextConfig, TextNet
from apps.text.front import PAD, UNKNOWN, WordFront
from apps.text.nets.deep import DeepNet
from apps.text.nets.layers import ClippedLinear, Pool, lengths_of, valid
from apps.text.nets.windows import places_of_maxima, window_maxima
from apps.text.words import vectors
from apps.text.words.vocabulary import FittedText
from cnn_core.errors import UserError
from cnn_core.training.data import Batch
from cnn_core.training.inference import Step, classification


class WindowConv(nn.Module):
    """Filters over windows of K words and ReLU, (B, C, T) -> (B, F, T): place t is the window that begins there.

    Windows that reach beyond the text are zero, but for the first, which a shorter text fills up with zeros.
    """

    def __init__(self, channels: int, filters: int, width: int):
        super().__init__()
        self.width = width
        self.conv = nn.Conv1d(channels, filters, width)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """`lengths` (B,) are those of the texts."""
        y = functional.relu(self.conv(functional.pad(x, (0, self.width - 1))))
        return y * valid(y, (lengths - self.width + 1).clamp(min=1))


class WindowNet(nn.Module):
    """Kim (2014): convolutions of several widths side by side, pooled over time, dropout, one dense layer.

    Children: front, conv<K> for each width, pool, dropout, output. Takes word numbers (B, T), and behind the front end
    word vectors (B, C, T) whose columns of zeros at the end are no words.
    """

    def __init__(self, front: nn.Module, channels: int, net: TextNet, classes: int):
        super().__init__()
        self.front = front
        self.widths = net.windows
        for width in net.windows:
            self.add_module(f"conv{width}", WindowConv(channels, net.filters, width))
        self.pool = Pool(net.pool, net.length if net.pool == "none" else net.k)
        self.dropout = nn.Dropout(net.dropout)
        self.output = ClippedLinear(len(net.windows) * net.filters * self.pool.factor, classes, net.max_norm)

    @property
    def convs(self) -> list[WindowConv]:
        """The convolutions, in the order of the widths."""
        return [self.get_submodule(f"conv{width}") for width in self.widths]  # type: ignore[misc]

    def forward(self, input: Tensor) -> Tensor:
        """Word numbers (B, T) -> logits (B, classes)."""
        if self.pool.kind == "max" and short_way(self, input):
            assert isinstance(self.front, WordFront)
            return self.of_different(*different(self.front, input))
        x = self.front(input)  # (B, C, T)
        lengths = lengths_of(x)
        features = torch.cat([self.pool(conv(x, lengths), lengths - conv.width + 1) for conv in self.convs], 1)
        return self.output(self.dropout(features))

    def of_different(self, rows: Tensor, words: Tensor, lengths: Tensor) -> Tensor:
        """Logits (B, classes) from what `different` gives."""
        maxima = window_maxima(rows, words, lengths, self._weights())
        return self.output(self.dropout(functional.relu(maxima + self._biases())))

    def _weights(self) -> list[Tensor]:
        return [conv.conv.weight for conv in self.convs]

    def _biases(self) -> Tensor:
        return torch.cat([conv.conv.bias for conv in self.convs])  # type: ignore[list-item]

    @torch.no_grad()
    def fired(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """For word numbers (B, T): features (B, all F), and where the window of each begins (B, all F)."""
        assert isinstance(self.front, WordFront)
        values, places = places_of_maxima(*different(self.front, words), self._weights())
        return functional.relu(values + self._biases()), places


class Several(nn.Module):
    """Windows networks side by side, which learn from the same batches and share nothing; probabilities are averaged.

    Children: front, then net1, net2, ..., each with layers named as in WindowNet. In training the logits of all are
    given, (B, members, classes); else (B, classes), the log of the mean probabilities.
    """

    def __init__(self, front: WordFront, net: TextNet, classes: int):
        super().__init__()
        self.front: nn.Module = front
        self.channels, self.members = front.channels, net.members
        for number in range(1, net.members + 1):
            self.add_module(f"net{number}", WindowNet(nn.Identity(), front.channels, net, classes))
        self.pool = net.pool

    def forward(self, input: Tensor) -> Tensor:
        """Word numbers (B, T) -> logits."""
        nets: list[Any] = [self.get_submodule(f"net{number}") for number in range(1, self.members + 1)]
        if self.pool == "max" and short_way(self, input):
            assert isinstance(self.front, WordFront)
            rows, words, lengths = different(self.front, input)
            parts = rows.split(self.channels, 1)
            logits = [net.of_different(part, words, lengths) for net, part in zip(nets, parts, strict=True)]
        else:
            logits = [net(x) for net, x in zip(nets, self.front(input).split(self.channels, 1), strict=True)]
        every = torch.stack(logits, 1)  # (B, members, classes)
        return every if self.training else every.log_softmax(2).logsumexp(1) - math.log(self.members)


def short_way(model: nn.Module, input: Tensor) -> bool:
    """Whether nobody wants to see the image: no hooks, no export."""
    if input.is_floating_point() or torch.compiler.is_compiling():
        return False
    return not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules() if m is not model)


def different(front: WordFront, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors (U, C) of the different words, the pad's first; which stand where (B, T); lengths (B,)."""
    pad = words.new_zeros(1)
    rows, places = torch.cat([pad, front.seen(words).flatten()]).unique(return_inverse=True)
    return front.rows(rows), places[1:].view(words.shape), lengths_of(words[:, None])


def step(config: TextConfig) -> Step:
    """Cross-entropy over classes; of several networks, each has its own and learns from it alone."""
    plain = classification(config.fit.label_smoothing)

    def each(model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        if not model.training:
            return plain(model, batch)
        logits = model(batch.inputs)  # (B, members, classes)
        targets = batch.targets.repeat_interleave(logits.shape[1])
        loss = functional.cross_entropy(logits.flatten(0, 1), targets, label_smoothing=config.fit.label_smoothing)
        with torch.no_grad():
            accuracy = (logits.softmax(2).mean(1).argmax(1) == batch.targets).double().mean()
        return {"loss": loss, "accuracy": accuracy}

    return plain if config.net.members == 1 else each


LENGTH = 30  # words of the example


def example(config: TextConfig) -> Tensor:
    """Two texts (2, 30) int32 of the first words of any vocabulary."""
    return 1 + torch.arange(2 * LENGTH, dtype=torch.int32).view(2, LENGTH) % 3


def build(config: TextConfig, labels: Sequence[str], fitted: FittedText | None = None) -> nn.Module:
    """The network of `config` with one output for each label, for the words of `fitted`; all vectors random.

    Raises UserError without a vocabulary.
    """
    if fitted is None:
        raise UserError("the run keeps no vocabulary, which a network for texts needs; train again")
    words, net = fitted.vocabulary, config.net
    front = WordFront(len(words), config.vectors, fitted.vector_width, words.unseen, net.members)
    if net.kind == "deep":
        return DeepNet(front, net, len(labels))
    if net.members > 1:
        return Several(front, net, len(labels))
    return WindowNet(front, front.channels, net, len(labels))


@torch.no_grad()
def initialize(model: nn.Module, config: TextConfig, fitted: FittedText) -> None:
    """Put the given vectors in; words without one keep random ones of the same variance.

    Raises UserError where the vectors cannot be had or have another width than when the vocabulary was made.
    """
    source = config.vectors.source
    if not source:
        return
    front = model.get_submodule("front")
    assert isinstance(front, WordFront)
    vocabulary = fitted.vocabulary
    if source == vectors.OWN:
        from apps.text.data import load

        train: Any = load(config, fitted).train
        rows = [vocabulary.decode(train.row(i).tolist()) for i in range(len(train))]
        given, found = vectors.train_word2vec(rows, vocabulary.words, fitted.vector_width, config.texts.split_seed)
    else:
        given, found = vectors.look_up(source, vocabulary.words)
    found[[PAD, UNKNOWN]] = False
    places = torch.from_numpy(found.nonzero()[0])
    met, table = places < front.met, torch.from_numpy(given[found])
    known = table[met]
    if not len(known):
        raise UserError(f"{source}: has a vector for none of the words of the training texts")
    table = (table - known.mean(0)) * (config.vectors.scale / 3**0.5 / known.std().clamp(min=1e-12))
    for target in front.tables():
        if target is front.learned and not front.goes_on:
            continue
        copies = 1 if target is front.fixed else front.members
        target.view(len(target), copies, -1)[places[met], :, : table.shape[1]] = table[met][:, None]
    if front.unseen is not None:
        front.unseen[places[~met] - front.met] = table[~met].half()
