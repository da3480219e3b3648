"""Where values lie: views of buffers, and the place of every buffer in one static array for each type.

Buffers whose lives do not meet share memory (first fit); one that takes the place of another element by element lies
upon it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

TYPES = {
    "float32": "float",
    "bool": "uint8_t",
    "uint8": "uint8_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
}
"""C type of each numpy type that a value may have."""


@dataclass(eq=False)
class Buffer:
    """An array in the C file: part of the static memory, or one that is there already (the input, constants)."""

    name: str
    dtype: np.dtype
    size: int
    """Elements."""
    given: bool = False
    """Whether it is not part of the memory: nothing may be written there."""
    first: int = -1
    last: int = -1
    """The step that writes it, and the last one that reads it."""
    upon: list[Buffer] = field(default_factory=list)
    """Buffers that it may lie upon if the step that writes it is the last one that reads them."""
    offset: int = 0
    """In elements of its type."""

    @property
    def type(self) -> str:
        """Its C type."""
        return TYPES[self.dtype.name]


@dataclass(frozen=True)
class View:
    """A value: some elements of a buffer, by offset and strides in elements."""

    buffer: Buffer
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def contiguous(self) -> bool:
        """Whether its elements lie one after another in their order."""
        real = [(size, stride) for size, stride in zip(self.shape, self.strides, strict=True) if size != 1]
        step = 1
        for size, stride in reversed(real):
            if stride != step:
                return False
            step *= size
        return True

    @property
    def whole(self) -> bool:
        """Whether it is all of its buffer, in order."""
        return self.contiguous and self.offset == 0 and prod(self.shape) == self.buffer.size

    @property
    def pointer(self) -> str:
        """The C expression for its first element's address."""
        return f"{self.buffer.name} + {self.offset}" if self.offset else self.buffer.name

    def reshaped(self, shape: Sequence[int]) -> View:
        """The same elements in the same order; the view must be contiguous."""
        assert self.contiguous
        return View(self.buffer, tuple(shape), in_order(shape), self.offset)

    def broadcast(self, shape: Sequence[int]) -> View:
        """The same value repeated to `shape`, as numpy does it."""
        missing = len(shape) - len(self.shape)
        strides = [0] * missing
        for size, stride, wanted in zip(self.shape, self.strides, shape[missing:], strict=True):
            strides.append(0 if size == 1 and wanted != 1 else stride)
        return View(self.buffer, tuple(shape), tuple(strides), self.offset)


def in_order(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides of an array whose elements lie one after another."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def place(buffers: Sequence[Buffer]) -> dict[str, int]:
    """Give every buffer its offset; the size of the memory, in elements, by C type."""
    sizes: dict[str, int] = {}
    placed: list[Buffer] = []
    for buffer in sorted((each for each in buffers if not each.given), key=lambda each: each.first):
        over = next((each for each in buffer.upon if _fits(buffer, each)), None)
        if over is not None:
            buffer.offset = over.offset
            over.last = buffer.first - 1  # its place is taken
        else:
            near = [each for each in placed if each.type == buffer.type and each.last >= buffer.first]
            buffer.offset = _gap(near, buffer.size)
        placed.append(buffer)
        sizes[buffer.type] = max(sizes.get(buffer.type, 0), buffer.offset + buffer.size)
    return sizes


def _fits(buffer: Buffer, under: Buffer) -> bool:
    same = under.type == buffer.type and under.size == buffer.size
    return same and not under.given and under.last == buffer.first


def _gap(taken: Sequence[Buffer], size: int) -> int:
    offset = 0
    for each in sorted(taken, key=lambda each: each.offset):
        if offset + size <= each.offset:
            break
        offset = max(offset, each.offset + each.size)
    return offset
