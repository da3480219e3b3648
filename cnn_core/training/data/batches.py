"""Minibatches cut from a split, on the device that computes."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from cnn_core.training.data.feeding import fed
from cnn_core.training.data.order import BlockOrder
from cnn_core.training.data.split import Split
from cnn_core.training.distributed import Ranks


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


def batches_per_epoch(count: int, batch_size: int) -> int:
    """Number of minibatches, the last and smaller one included."""
    return -(-count // batch_size)


def minibatches(
    split: Split,
    batch_size: int,
    *,
    order: Tensor | BlockOrder | None = None,
    first: int = 0,
    ranks: Ranks | None = None,
    device: torch.device | None = None,
) -> Iterator[Batch]:
    """Cut `split` into minibatches of `batch_size` samples over all ranks; each rank gets its share.

    `order` names the samples to take, all when left out; `first` skips so many minibatches. A last minibatch with fewer
    samples than ranks goes to every rank whole, with a weight to match, so that no rank waits for another. Batches of
    data that lie elsewhere than on `device` are moved to it, some steps before they are used.
    """
    ranks = ranks or Ranks()
    home = split.inputs.device
    order = order.to(home) if isinstance(order, Tensor) else order
    count = len(split) if order is None else len(order)
    starts = range(first * batch_size, count, batch_size)

    def cut() -> Iterator[tuple[Tensor, Tensor]]:
        for start in starts:
            stop = min(start + batch_size, count)
            whole = stop - start < ranks.world
            shard = slice(start, stop) if whole else slice(start + ranks.rank, stop, ranks.world)
            yield split.take(shard if order is None else order[shard].to(home))

    batches = cut() if device is None or device == home else fed(cut(), device)
    for start, (inputs, targets) in zip(starts, batches, strict=True):
        whole = min(start + batch_size, count) - start < ranks.world
        yield Batch(inputs, targets, len(inputs) / ranks.world if whole else len(inputs))
