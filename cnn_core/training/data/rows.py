"""Rows: samples that lie in mapped files, where code expects a tensor of them. Letters: N samples, B batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from torch import Tensor

from cnn_core.fetching.mapped import Mapped, Values, joined

IN_MEMORY = 1 << 24
Index = int | slice | Tensor | tuple


class Rows:
    """Samples (N, ...) on the CPU, read when they are indexed: then they are a tensor of those alone.

    It has what splits and batches need of a tensor: `len`, `shape`, `dtype`, `device`, indexing, `index_select`,
    `split`; `rows` is the same without reading. With `dtype`, what is indexed is converted to it.
    """

    device = torch.device("cpu")

    def __init__(self, values: Mapped, dtype: torch.dtype | None = None):
        self.values = values
        self.dtype = dtype or torch.from_numpy(np.empty(0, values.dtype)).dtype

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> torch.Size:
        """(N, ...)."""
        return torch.Size(self.values.shape)

    def dim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, index: Index) -> Tensor:
        if isinstance(index, tuple):
            return self[index[0]][(*_first(index[0]), *index[1:])]
        if isinstance(index, int):
            return self._tensor(self.values[index : index + 1 or None])[0]
        return self._tensor(self.values[index if isinstance(index, slice) else index.cpu().numpy()])

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """The samples at `index` (B,); `dim` is 0."""
        assert dim == 0
        return self._tensor(self.values.take(index.cpu().numpy()))

    def split(self, size: int) -> Iterator[Tensor]:
        """All samples, `size` at a time."""
        for block in self.values.blocks(size):
            yield self._tensor(block)

    def rows(self, index: Tensor) -> Rows:
        """The samples at `index`, still in their files."""
        return Rows(self.values.rows(index.cpu().numpy()), self.dtype)

    def cpu(self) -> Rows:
        """Itself."""
        return self

    def numpy(self) -> Mapped:
        """The same, whose parts are arrays."""
        return self.values

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self.dtype)


def _first(index: int | slice | Tensor) -> tuple[slice, ...]:
    return () if isinstance(index, int) else (slice(None),)


def samples_of(values: Values, dtype: torch.dtype | None = None) -> Tensor:
    """An array as a tensor, a mapped one as Rows, which answer as a tensor in a split."""
    if isinstance(values, Mapped):
        return cast(Tensor, Rows(values, dtype))
    return torch.from_numpy(np.ascontiguousarray(values)).to(dtype)


def is_mapped(values: Tensor) -> bool:
    """Whether these are Rows."""
    return isinstance(values, Rows)


def picked(values: Tensor, index: Tensor) -> Tensor:
    """The rows at `index`: copied, or where they are mapped only named."""
    if isinstance(values, Rows):
        return cast(Tensor, values.rows(index))
    return values[index.to(values.device)]


def loaded(values: Tensor) -> Tensor:
    """Rows of at most IN_MEMORY numbers as a tensor, which can do all that tensors can; others as they are."""
    return values[:] if isinstance(values, Rows) and values.shape.numel() <= IN_MEMORY else values


def together(*tensors: Tensor) -> Tensor:
    """One after the other; Rows where some are."""
    if not any(map(is_mapped, tensors)):
        return torch.cat(tensors)
    return samples_of(joined(*(cast(Values, each.numpy()) for each in tensors)))


def row_bytes(values: Tensor) -> int:
    """Bytes of a sample as it is kept."""
    if isinstance(values, Rows):
        return Rows.numpy(values).row_bytes
    return values[:1].numel() * values.element_size()
