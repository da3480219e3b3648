"""Data sets as compact tensors, in memory or in mapped files. Letters: N samples, B batch."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from cnn_core.training.data.order import BlockOrder, Blocks, epoch_length, generator_of, part_of_order
from cnn_core.training.data.rows import is_mapped, loaded, picked, row_bytes
from cnn_core.training.holdout import hold_out


@dataclass(frozen=True)
class Split:
    """Inputs (N, ...) in a compact type (uint8 pixels, packed moves, int16 samples) and targets (N,) int64 classes,
    or (N, classes) uint8, 1 where a sample has the label, where it may have several.

    What is stored need not be what the model takes: a subclass may override `take` to unpack the samples of a
    batch, and `arrange` to put samples of like length into one batch. Data larger than memory are Rows, which read the
    samples of a batch from mapped files. Raises ValueError when inputs and targets differ in length.
    """

    inputs: Tensor
    targets: Tensor
    blocks: Blocks | None = field(default=None, kw_only=True)
    """How the samples are shuffled; None: all at once in memory, by blocks where they are mapped."""

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"{len(self.inputs)} inputs but {len(self.targets)} targets")

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def mapped(self) -> bool:
        """Whether the samples lie in files and not in memory."""
        return is_mapped(self.inputs)

    def shuffling(self) -> Blocks:
        """How the samples are shuffled, which a run keeps: `blocks`, or what suits where they lie."""
        if self.blocks is not None:
            return self.blocks
        return Blocks.of_rows(row_bytes(self.inputs)) if self.mapped else Blocks()

    def to(self, device: torch.device | str) -> Self:
        """The same data on `device`; free when it is there already. Mapped data stay where they are: batches move."""
        if self.mapped:
            return self
        tensors = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(self, **{name: each.to(device) for name, each in tensors.items() if isinstance(each, Tensor)})

    def subset(self, index: Tensor) -> Self:
        """The samples at `index`; inputs that are mapped are not read."""
        return replace(self, inputs=picked(self.inputs, index), targets=loaded(picked(self.targets, index)))

    def plain(self) -> Self:
        """The split whose `take` gives what prediction sees, where training sees more."""
        return self

    def take(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """The inputs (B, ...) as the model takes them, and the targets (B,), of the samples at `index`."""
        if isinstance(index, slice):
            return self.inputs[index], self.targets[index]
        return self.inputs.index_select(0, index), self.targets.index_select(0, index)

    def epoch_length(self, epoch_samples: int) -> int:
        """Samples of an epoch, the length of `order`: `epoch_samples`, or all where that is 0 or too many."""
        return epoch_length(len(self), epoch_samples)

    def order(self, seed: int, epoch: int, batch_size: int, epoch_samples: int = 0) -> Tensor | BlockOrder:
        """(N,) the order of the samples in an epoch, cut into batches of `batch_size` one after the other.

        With `epoch_samples` below N only so many: each epoch takes the next part of one long order, in which all N
        samples come, shuffled, before they come again, shuffled anew. A function of its arguments alone, so that a
        resumed run repeats it. Where samples are shuffled by blocks, it is computed as it is used.
        """
        blocks = self.shuffling()
        if blocks.samples:
            return self._block_order(blocks, seed, epoch, batch_size, epoch_samples)
        generator = generator_of(seed, epoch)
        if epoch_length(len(self), epoch_samples) == len(self):
            samples = torch.randperm(len(self), generator=generator)
        else:
            samples = part_of_order(len(self), seed, epoch, epoch_samples)
        return self.arrange(samples, batch_size, generator)

    def _block_order(
        self, blocks: Blocks, seed: int, epoch: int, batch_size: int, epoch_samples: int
    ) -> Tensor | BlockOrder:
        size = self.epoch_length(epoch_samples)

        def arrange(samples: Tensor, generator: torch.Generator) -> Tensor:
            return self.arrange(samples, batch_size, generator)

        return BlockOrder(len(self), blocks, seed, epoch * size, size, arrange, batch_size)

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
