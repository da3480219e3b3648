"""Kim's network (2014), windows of several widths side by side, and an ensemble of such networks.

Both have two ways to the same logits. The plain one goes through the front end and the layers, so that lenses and
exporters see them. With `fast`, which training and prediction ask for, `window_maxima` computes with the different
words of the batch and never makes the image; the layers are not called. (While training, dropout of vectors then falls
on a word with all its occurrences.)
Letters: B batch, T time, C channels, F filters of one width, K width of a window, U different words of a batch.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.text.config import TextNet
from apps.text.front import WordFront
from apps.text.nets.layers import ClippedLinear, Pool, text_lengths, valid
from apps.text.nets.windows import places_of_maxima, window_maxima


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

    Children: front, conv<K> for each width, pool, dropout, output.
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

    def forward(self, input: Tensor, lengths: Tensor | None = None, *, fast: bool = False) -> Tensor:
        """Word numbers (B, T), or behind the front end vectors (B, C, T), -> logits (B, classes).

        `lengths` (B,) are those of the texts, where the input does not say them (`text_lengths`). `fast` takes word
        numbers and a maximum over time.
        """
        if fast:
            return self.logits_of_unique(*unique_words(self.front, input))
        lengths = text_lengths(input) if lengths is None else lengths
        x = self.front(input)  # (B, C, T)
        features = torch.cat([self.pool(conv(x, lengths), lengths - conv.width + 1) for conv in self.convs], 1)
        return self.output(self.dropout(features))

    def logits_of_unique(self, rows: Tensor, words: Tensor, lengths: Tensor) -> Tensor:
        """Logits (B, classes) from what `unique_words` gives. Raises ValueError for another pool than max."""
        if self.pool.kind != "max":
            raise ValueError(f"the fast way has no pool {self.pool.kind}")
        maxima = window_maxima(rows, words, lengths, self._weights())
        return self.output(self.dropout(functional.relu(maxima + self._biases())))

    @torch.no_grad()
    def strongest_windows(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """For word numbers (B, T): the maximum over time of each filter (B, all F), and where its window begins."""
        if isinstance(self.front, WordFront):
            values, places = places_of_maxima(*unique_words(self.front, words), self._weights())
            return functional.relu(values + self._biases()), places
        x, lengths = self.front(words), text_lengths(words)  # a word's vector is another in each text
        found = [conv(x, lengths).max(2) for conv in self.convs]
        return torch.cat([maxima for maxima, _ in found], 1), torch.cat([places for _, places in found], 1)

    def _weights(self) -> list[Tensor]:
        return [conv.conv.weight for conv in self.convs]

    def _biases(self) -> Tensor:
        return torch.cat([conv.conv.bias for conv in self.convs])  # type: ignore[list-item]


class WindowEnsemble(nn.Module):
    """Networks with windows that learn from the same batches and share nothing; their probabilities are averaged.

    Children: front, then net1, net2, ..., each with layers named as in WindowNet. In training the logits of all are
    given, (B, members, classes); else (B, classes), the log of the mean probabilities.
    """

    def __init__(self, front: WordFront, net: TextNet, classes: int):
        super().__init__()
        self.front: nn.Module = front
        self.channels, self.members = front.channels, net.members
        for number in range(1, net.members + 1):
            self.add_module(f"net{number}", WindowNet(nn.Identity(), front.channels, net, classes))

    def forward(self, input: Tensor, *, fast: bool = False) -> Tensor:
        """Word numbers (B, T), or behind the front end vectors (B, members * C, T), -> logits; `fast` as WindowNet."""
        nets: list[Any] = [self.get_submodule(f"net{number}") for number in range(1, self.members + 1)]
        if fast:
            rows, words, lengths = unique_words(self.front, input)
            parts = rows.split(self.channels, 1)
            logits = [net.logits_of_unique(part, words, lengths) for net, part in zip(nets, parts, strict=True)]
        else:
            lengths, parts = text_lengths(input), self.front(input).split(self.channels, 1)
            logits = [net(part, lengths) for net, part in zip(nets, parts, strict=True)]
        every = torch.stack(logits, 1)  # (B, members, classes)
        return every if self.training else every.log_softmax(2).logsumexp(1) - math.log(self.members)


def unique_words(front: nn.Module, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors (U, C) of the different words of a batch, the pad's first; which stand where (B, T); lengths (B,)."""
    assert isinstance(front, WordFront)
    pad = words.new_zeros(1)
    numbers, places = torch.cat([pad, front.drop_words(words).flatten()]).unique(return_inverse=True)
    return front.rows(numbers), places[1:].view(words.shape), text_lengths(words)
