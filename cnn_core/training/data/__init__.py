"""Data sets as compact tensors, in memory or in mapped files, and minibatches cut from them on the device."""

from cnn_core.training.data.batches import Batch, batches_per_epoch, minibatches
from cnn_core.training.data.order import (
    BlockOrder,
    Blocks,
    epoch_length,
    generator_of,
    mix,
    part_of_order,
    permutation,
)
from cnn_core.training.data.rows import Rows, is_mapped, loaded, picked, samples_of, together
from cnn_core.training.data.split import Dataset, Split, balanced, evenly

__all__ = [
    "Batch",
    "BlockOrder",
    "Blocks",
    "Dataset",
    "Rows",
    "Split",
    "balanced",
    "batches_per_epoch",
    "epoch_length",
    "evenly",
    "generator_of",
    "is_mapped",
    "loaded",
    "minibatches",
    "mix",
    "part_of_order",
    "permutation",
    "picked",
    "samples_of",
    "together",
]
