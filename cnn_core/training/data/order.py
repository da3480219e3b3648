"""The order of the samples in an epoch: a function of seed and epoch alone, so that a resumed run repeats it.

In memory all samples are shuffled. Of mapped data that would read every page of the files again and again in a random
order, and the order itself might not fit: there blocks of neighbouring samples are shuffled, then the samples within a
window of so many blocks, and the order is computed as it is used. Letters: N samples, K blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Generic, TypeVar

import torch
from torch import Tensor

BLOCK_BYTES, MOST_BLOCK = 256 << 10, 64
"""A block of neighbouring samples has about so many bytes, read at once, and at most so many samples: fewer than a game
has positions."""
WINDOW_BYTES, MOST_WINDOW, LEAST_BLOCKS = 512 << 20, 1 << 22, 64
"""A window has about so many bytes, so that the system keeps it in memory, at most so many samples (their order takes
8 bytes each) and, whatever they take, so many blocks."""
CHUNK = 1 << 18  # places that are arranged at once

T = TypeVar("T")
Arrange = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Blocks:
    """How mapped samples are shuffled. `samples` 0: all of them at once, as in memory."""

    samples: int = 0
    """Neighbouring samples of a block."""
    window: int = 0
    """Blocks whose samples are shuffled among one another."""

    @staticmethod
    def of_rows(row_bytes: int) -> Blocks:
        """For samples of `row_bytes` bytes."""
        samples = min(max(BLOCK_BYTES // max(row_bytes, 1), 1), MOST_BLOCK)
        window = min(WINDOW_BYTES // max(row_bytes, 1), MOST_WINDOW)
        return Blocks(samples, max(window // samples, LEAST_BLOCKS))


def permutation(count: int, seed: int, epoch: int) -> Tensor:
    """The order of the samples in an epoch: a function of seed and epoch alone, so a resumed run repeats it."""
    return torch.randperm(count, generator=generator_of(seed, epoch))


def generator_of(*numbers: int) -> torch.Generator:
    """A random generator that depends on `numbers` alone."""
    return torch.Generator().manual_seed(mix(*numbers))


def part_of_order(count: int, seed: int, epoch: int, size: int) -> Tensor:
    """(size,) the part for `epoch` of one long order: the permutations of `count` samples 0, 1, ... end to end."""
    places = torch.arange(epoch * size, (epoch + 1) * size)
    turns = places // count
    return torch.cat([permutation(count, seed, int(turn))[places[turns == turn] % count] for turn in turns.unique()])


def epoch_length(count: int, epoch_samples: int) -> int:
    """Samples of an epoch: `epoch_samples`, or all `count` where that is 0 or more than there are."""
    return epoch_samples if 0 < epoch_samples < count else count


def mix(*numbers: int) -> int:
    """A 63-bit seed from several numbers; neighbours give unrelated seeds (splitmix64, Steele et al. 2014)."""
    mask = (1 << 64) - 1
    state = 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & mask
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
        state ^= state >> 31
    return state >> 1


class Turn:
    """One order of `count` samples by blocks, window after window; never all of it at once.

    Where blocks begin is drawn too, so that other samples share a block in the next turn. For K blocks it keeps 16 K
    bytes.
    """

    def __init__(self, count: int, blocks: Blocks, seed: int, turn: int):
        self.count, self.blocks, self.seed, self.turn = count, blocks, seed, turn
        generator = generator_of(seed, turn)
        size = blocks.samples
        shift = int(torch.randint(size, (), generator=generator))
        inner = torch.arange(size - shift, max(count, size - shift), size)
        edges = torch.cat([torch.tensor([0]), inner, torch.tensor([count])])
        chosen = torch.randperm(len(edges) - 1, generator=generator)
        self.starts, self.lengths = edges[chosen], edges[chosen + 1] - edges[chosen]
        ends = self.lengths.cumsum(0)
        last = ends[blocks.window - 1 :: blocks.window]
        self.edges = torch.cat([torch.tensor([0]), last, ends[-1:]]).unique()
        """Place in the order at which each window begins, and the end of the last."""

    def window(self, number: int) -> Tensor:
        """The samples of a window, shuffled."""
        part = slice(number * self.blocks.window, (number + 1) * self.blocks.window)
        starts, lengths = self.starts[part], self.lengths[part]
        first = (lengths.cumsum(0) - lengths).repeat_interleave(lengths)
        samples = starts.repeat_interleave(lengths) + torch.arange(len(first)) - first
        return samples[torch.randperm(len(samples), generator=generator_of(self.seed, self.turn, number + 1))]


class Last(Generic[T]):
    """The value that was made last, with its key."""

    def __init__(self) -> None:
        self.kept: list[tuple[object, T]] = []

    def get(self, key: object, make: Callable[[], T]) -> T:
        """The value of `key`: the kept one, or another made in its place."""
        if not self.kept or self.kept[0][0] != key:
            self.kept.clear()  # first, so that two are never there at once
            self.kept.append((key, make()))
        return self.kept[0][1]


@dataclass(frozen=True)
class BlockOrder:
    """The order of an epoch of mapped samples: `size` places of one long order, from place `first` on.

    The long order has all `count` samples, by blocks, before they come again, by other blocks. It answers to `len` and
    slices as a tensor (size,) int64 does; a chunk of it is in memory, and one window.
    """

    count: int
    blocks: Blocks
    seed: int
    first: int
    size: int
    arrange: Arrange | None = None
    """What reorders the samples of a chunk for batches; a chunk has a whole number of them."""
    batch_size: int = 1
    _turn: Last[Turn] = field(default_factory=Last, repr=False, compare=False)
    _window: Last[Tensor] = field(default_factory=Last, repr=False, compare=False)
    _chunk: Last[Tensor] = field(default_factory=Last, repr=False, compare=False)

    def __len__(self) -> int:
        return self.size

    @cached_property
    def chunk_size(self) -> int:
        """Places that are arranged at once: a whole number of batches."""
        return -(-CHUNK // self.batch_size) * self.batch_size

    def __getitem__(self, part: slice) -> Tensor:
        start, stop, step = part.indices(self.size)
        found, place = [], start
        while place < stop:
            chunk = place // self.chunk_size
            end = min(stop, (chunk + 1) * self.chunk_size)
            found.append(self._arranged(chunk)[place - chunk * self.chunk_size : end - chunk * self.chunk_size])
            place = end
        return (torch.cat(found) if found else torch.zeros(0, dtype=torch.int64))[::step]

    def _arranged(self, number: int) -> Tensor:
        def make() -> Tensor:
            start = number * self.chunk_size
            samples = self._places(self.first + start, self.first + min(start + self.chunk_size, self.size))
            return self.arrange(samples, generator_of(self.seed, self.first, number)) if self.arrange else samples

        return self._chunk.get(number, make)

    def _places(self, start: int, stop: int) -> Tensor:
        """The samples at places `start` to `stop` of the long order."""
        found = []
        while start < stop:
            turn = start // self.count
            order = self._turn.get(turn, partial(Turn, self.count, self.blocks, self.seed, turn))
            inside = start - turn * self.count
            number = int(torch.searchsorted(order.edges, inside, right=True)) - 1
            window = self._window.get((turn, number), partial(order.window, number))
            begin = int(order.edges[number])
            taken = window[inside - begin : stop - turn * self.count - begin]
            found.append(taken)
            start += len(taken)
        return torch.cat(found) if found else torch.zeros(0, dtype=torch.int64)
