"""Data sets as compact tensors in memory, and minibatches cut from them on the device.

Letters: N samples, B batch.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor

from cnn_core.training.distributed import Ranks
from cnn_core.training.holdout import hold_out


@dataclass(frozen=True)
class Split:
    """Inputs (N, ...) in a compact type (uint8 pixels, packed moves, int16 samples) and targets (N,) int64 classes,
    or (N, classes) uint8, 1 where a sample has the label, where it may have several.

    What is stored need not be what the model takes: a subclass may override `take` to unpack the samples of a
    batch, and `arrange` to put samples of like length into one batch. Raises ValueError when the two differ in length.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"{len(self.inputs)} inputs but {len(self.targets)} targets")

    def __len__(self) -> int:
        return len(self.inputs)

    def to(self, device: torch.device | str) -> Self:
        """The same data on `device`; free when it is there already."""
        return replace(self, inputs=self.inputs.to(device), targets=self.targets.to(device))

    def subset(self, index: Tensor) -> Self:
        """The samples at `index`."""
        index = index.to(self.inputs.device)
        return replace(self, inputs=self.inputs[index], targets=self.targets[index])

    def plain(self) -> Self:
        """The split whose `take` gives what prediction sees, where training sees more."""
        return self

    def take(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """The inputs (B, ...) as the model takes them, and the targets (B,), of the samples at `index`."""
        if isinstance(index, slice):
            return self.inputs[index], self.targets[index]
        return self.inputs.index_select(0, index), self.targets.index_select(0, index)

    def order(self, seed: int, epoch: int, batch_size: int, epoch_samples: int = 0) -> Tensor:
        """(N,) the order of the samples in an epoch, cut into batches of `batch_size` one after the other.

        With `epoch_samples` below N only so many: each epoch takes the next part of one long order, in which all N
        samples come, shuffled, before they come again, shuffled anew. A function of its arguments alone, so that a
        resumed run repeats it.
        """
        generator = generator_of(seed, epoch)
        if epoch_length(len(self), epoch_samples) == len(self):
            samples = torch.randperm(len(self), generator=generator)
        else:
            samples = part_of_order(len(self), seed, epoch, epoch_samples)
        return self.arrange(samples, batch_size, generator)

    def arrange(self, samples: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
        """The `samples` of an epoch, which come shuffled, in the order in which they are cut into batches."""
        return samples

    def evaluation_order(self) -> Tensor | None:
        """(N,) the order in which evaluation cuts its batches, or None for the samples' own.

        Answers come back in the samples' own order all the same; a subclass may save padding with it.
        """
        return None

    def evaluation_batches(self, batch_size: int) -> Iterator[Tensor | slice]:
        """The samples of each batch of evaluation: `evaluation_order`, cut at `batch_size`.

        A subclass may cut smaller batches where its samples are large.
        """
        order = self.evaluation_order()
        for start in range(0, len(self), batch_size):
            part = slice(start, start + batch_size)
            yield part if order is None else order[part]

    def groups(self) -> Sequence[Hashable] | None:
        """(N,) what samples that must stay on one side of a split have in common; None where each is on its own."""
        return None

    def strata(self) -> Tensor:
        """(N,) what is kept in proportion where samples are held out: the class; of several labels the rarest."""
        targets = self.targets.cpu()
        if targets.dim() == 1:
            return targets
        rarity = torch.where(targets > 0, targets.sum(0), len(targets) + 1)
        return torch.where(targets.sum(1) > 0, rarity.argmin(1), -1)

    def hold_out(self, share: float, seed: int) -> tuple[Self, Self]:
        """(rest, held out): about `share` of each class, whole groups, as `cnn_core.training.holdout.hold_out` chooses.

        Raises UserError when nothing can be held out.
        """
        held = torch.from_numpy(hold_out(self.strata().numpy(), share, seed, self.groups()))
        return self.subset((~held).nonzero().squeeze(1)), self.subset(held.nonzero().squeeze(1))


def balanced(classes: Tensor, most: int = 100) -> Tensor:
    """Numbers of samples of `classes` (N,) in which all classes come about equally often.

    All N samples come, those of rare classes as many times as make up for it, at most `most` times.
    """
    if not len(classes):
        return torch.arange(0)
    _, number, counts = classes.unique(return_inverse=True, return_counts=True)
    times = (counts.max() / counts).round().clamp(1, most).to(torch.int64)
    return torch.arange(len(classes)).repeat_interleave(times[number])


def evenly(total: int, count: int) -> Tensor:
    """Numbers of `count` samples spread evenly over `total`, of all where there are no more."""
    count = min(count, total)
    return torch.arange(count) * total // max(count, 1)


@dataclass(frozen=True)
class Batch:
    """A minibatch on the device. `weight` is the number of samples it stands for in sums over ranks."""

    inputs: Tensor  # (B, ...)
    targets: Tensor  # (B,)
    weight: float

    def __len__(self) -> int:
        return len(self.inputs)

    def parts(self, count: int) -> list["Batch"]:
        """`count` parts of nearly equal size, in order; the batch itself for one."""
        if count == 1:
            return [self]
        edges = [len(self) * i // count for i in range(count + 1)]
        share = self.weight / len(self)
        return [
            Batch(self.inputs[first:stop], self.targets[first:stop], share * (stop - first))
            for first, stop in pairwise(edges)
        ]


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


def batches_per_epoch(count: int, batch_size: int) -> int:
    """Number of minibatches, the last and smaller one included."""
    return -(-count // batch_size)


def minibatches(
    split: Split,
    batch_size: int,
    *,
    order: Tensor | None = None,
    first: int = 0,
    ranks: Ranks | None = None,
) -> Iterator[Batch]:
    """Cut `split` into minibatches of `batch_size` samples over all ranks; each rank gets its share.

    `order` names the samples to take, all when left out; `first` skips so many minibatches. A last minibatch with fewer
    samples than ranks goes to every rank whole, with a weight to match, so that no rank waits for another.
    """
    ranks = ranks or Ranks()
    device = split.inputs.device
    order = order if order is None else order.to(device)
    count = len(split) if order is None else len(order)
    for start in range(first * batch_size, count, batch_size):
        stop = min(start + batch_size, count)
        whole = stop - start < ranks.world
        shard = slice(start, stop) if whole else slice(start + ranks.rank, stop, ranks.world)
        inputs, targets = split.take(shard if order is None else order[shard])
        yield Batch(inputs, targets, len(inputs) / ranks.world if whole else len(inputs))


@dataclass(frozen=True)
class Dataset:
    """A whole data set: training and test split, and the names of the classes by number.

    `validation` is the data set's own, where it has one (by speaker, by game); else a part of `train` is held out.
    """

    name: str
    train: Split
    test: Split
    labels: tuple[str, ...]
    validation: Split | None = None
    fitted: Any = None
    """What the training data decide beside the labels (a vocabulary, say); saved with the run and handed to the app's
    functions as `fitted`; an instance of `App.fitted`."""

    def label_of(self, target: Tensor) -> str:
        """The name of a class (), or the names of the labels (C,) that are 1, with commas between."""
        if not target.dim():
            return self.labels[int(target)]
        return ", ".join(self.labels[n] for n in target.nonzero()[:, 0].tolist())
