"""Texts of different lengths in one array, and batches of them, padded to the longest of each.

Letters: N texts, B batch, T time (tokens).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from apps.text.reading.tokenizers import normal_form
from cnn_core.training.data import Split

MOST_WORDS = 1 << 17
"""Words of a batch that is evaluated, padding included: with 300 numbers each, their vectors take 160 MB."""


@dataclass(frozen=True)
class TextSplit(Split):
    """Rows of word numbers, one after the other in `tokens`; `inputs` (N, 2) says where each begins and its length.

    `take` gives (B, T) int32, padded with 0; `arrange` puts texts of like length into one batch.
    """

    tokens: Tensor  # (all tokens,) int32
    texts: tuple[str, ...] = ()
    """The texts as they were read, in the order of the samples; empty where they are not needed."""

    def to(self, device: torch.device | str) -> Self:
        """The same texts on `device`."""
        moved = {name: getattr(self, name).to(device) for name in ("inputs", "targets", "tokens")}
        return replace(self, **moved)

    def subset(self, index: Tensor) -> Self:
        """The texts at `index`; all share one array."""
        texts = tuple(self.texts[i] for i in index.tolist()) if self.texts else ()
        index = index.to(self.inputs.device)
        return replace(self, inputs=self.inputs[index], targets=self.targets[index], texts=texts)

    def take(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Word numbers (B, T) int32 and targets (B,); T is the longest of them, and at least 1."""
        places, targets = super().take(index)
        return pad(self.tokens, places[:, 0], places[:, 1]), targets

    def arrange(self, samples: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
        """An order in which batches hold texts of like length, and come in a random order.

        The texts left over for the last, smaller batch are random ones.
        """
        whole = len(samples) // batch_size * batch_size
        inside, rest = samples[:whole], samples[whole:]
        inside = inside[self.inputs[:, 1].cpu()[inside].sort(stable=True).indices]
        batches = inside.view(-1, batch_size)
        return torch.cat([batches[torch.randperm(len(batches), generator=generator)].flatten(), rest])

    def evaluation_order(self) -> Tensor:
        """(N,) by length: no time is lost on padding."""
        return self.inputs[:, 1].cpu().sort(stable=True).indices

    def evaluation_batches(self, batch_size: int) -> Iterator[Tensor]:
        """At most `batch_size` texts, and at most MOST_WORDS words with the padding unless one text has more."""
        order = self.evaluation_order()
        lengths = self.inputs[:, 1].cpu()[order].tolist()  # ascending
        start = 0
        for end in range(1, len(lengths) + 1):
            full = end - start == batch_size
            if end == len(lengths) or full or (end + 1 - start) * lengths[end] > MOST_WORDS:
                yield order[start:end]
                start = end

    def row(self, number: int) -> Tensor:
        """Word numbers (T,) of one text, not padded."""
        start, length = self.inputs[number].tolist()
        return self.tokens[start : start + length]

    def groups(self) -> list[str] | None:
        """(N,) the texts' normal forms: equal texts stay on one side. None where the texts are not at hand."""
        return [normal_form(text) for text in self.texts] if self.texts else None


def pad(tokens: Tensor, starts: Tensor, lengths: Tensor) -> Tensor:
    """(B, T) rows of `tokens` that begin at `starts` and are `lengths` long (both (B,)), zeros behind them."""
    longest = max(int(lengths.max()), 1) if len(lengths) else 1
    step = torch.arange(longest, device=tokens.device)
    if not len(tokens):
        return torch.zeros(len(starts), longest, dtype=torch.int32, device=tokens.device)
    places = (starts[:, None] + step).clamp_(max=len(tokens) - 1)
    return tokens[places].masked_fill_(step >= lengths[:, None], 0)


def rows_of(rows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """(places (N, 2) int64, tokens int32) of rows of word numbers."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    starts = np.cumsum(lengths) - lengths
    tokens = np.concatenate([np.empty(0, np.int32), *rows]).astype(np.int32, copy=False)
    return torch.from_numpy(np.stack([starts, lengths], axis=1)), torch.from_numpy(tokens)


def split_of(rows: Sequence[np.ndarray], texts: Sequence[str]) -> TextSplit:
    """Rows of word numbers as a split without classes (all targets 0)."""
    places, tokens = rows_of(rows)
    return TextSplit(places, torch.zeros(len(rows), dtype=torch.int64), tokens, tuple(texts))
