"""A graph becomes steps: lines of C, each with the buffers that it writes and reads. Moving values costs no step:
a slice, a transposition or a reshape is another view of the same buffer wherever it can be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from cnn_core.errors import UserError
from cnn_core.exporting.c.loops import literal, loops
from cnn_core.exporting.c.memory import TYPES, Buffer, View, in_order
from cnn_core.exporting.c.reading import INPUT, Graph, Operation

ELEMENT = Callable[[Sequence[str]], str]
"""C expressions of one element of each input -> the C expression of one element of the output."""


@dataclass(frozen=True)
class Step:
    """Lines of C that write one buffer."""

    title: str
    lines: Sequence[str]
    writes: Buffer
    makes: bool
    """Whether it is the first to write there."""


class Program:
    """The steps of a graph, in the making; `cnn_core.exporting.c.operations` adds them."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.steps: list[Step] = []
        self.buffers: list[Buffer] = []
        self.arrays: dict[str, np.ndarray] = {}
        """C name -> constant array that some step reads."""
        self.helpers: set[str] = set()
        """Names of the functions that some step calls."""
        self._views: dict[str, View] = {}
        self._names: set[str] = set()
        self._array_names: dict[str, str] = {}
        given = graph.values[INPUT]
        self._views[INPUT] = self.view_of(Buffer(INPUT, given.dtype, prod(given.shape), given=True), given.shape)

    def name(self, mark: str, text: str) -> str:
        """A C identifier that nothing else has; its beginning `mark` keeps it away from C's own words."""
        base = mark + re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
        found, number = base, 1
        while found in self._names:
            number += 1
            found = f"{base}_{number}"
        self._names.add(found)
        return found

    @staticmethod
    def view_of(buffer: Buffer, shape: Sequence[int]) -> View:
        """All of a buffer, as an array of this shape."""
        return View(buffer, tuple(shape), in_order(shape))

    def constant(self, name: str) -> np.ndarray | None:
        """The value if it is a constant, else None."""
        return self.graph.constants.get(name)

    def view(self, name: str) -> View:
        """The view of a value; a constant becomes an array of the file."""
        if name not in self._views:
            values = self.graph.constants[name]
            self._views[name] = self.view_of(
                Buffer(self.array(name, values), values.dtype, values.size, given=True), values.shape
            )
        found = self._views[name]
        self._read(found)
        return found

    def array(self, name: str, values: np.ndarray) -> str:
        """The C name of a constant array of the file."""
        if name not in self._array_names:
            self._array_names[name] = self.name("w_", name.removesuffix(".folded"))
            self.arrays[self._array_names[name]] = values
        return self._array_names[name]

    def channels(self, name: str, values: np.ndarray, rank: int) -> View:
        """A constant of one number a channel (C,), as it goes with values (1, C, ...) of `rank` axes."""
        buffer = Buffer(self.array(name, values), values.dtype, values.size, given=True)
        return View(buffer, (len(values), *[1] * (rank - 2)), (1, *[0] * (rank - 2)))

    def is_computed(self, name: str) -> bool:
        """Whether a value depends on the input."""
        return name not in self.graph.constants

    def alias(self, operation: Operation, view: View, output: int = 0) -> None:
        """The output is another view of a buffer that is there."""
        self._views[operation.outputs[output]] = view

    def contiguous(self, operation: Operation, name: str) -> View:
        """The view of a value with its elements in order, copied where they are not."""
        view = self.view(name)
        if view.contiguous:
            return view
        copy = self.view_of(self._buffer(operation, view.buffer.dtype, prod(view.shape)), view.shape)
        lines = loops([copy, view], lambda each: [f"{each[0]} = {each[1]};"])
        self._add(f"{self.title(operation)}: in order", lines, copy.buffer, [view])
        self._views[name] = copy
        return copy

    def result(self, operation: Operation, upon: Sequence[View] = ()) -> View:
        """A new buffer for what an operation gives."""
        value = self.graph.values[operation.outputs[0]]
        buffer = self._buffer(operation, value.dtype, prod(value.shape))
        moved = [each.buffer for each in upon if not each.whole]  # such a one is read at other places than written
        buffer.upon = [each.buffer for each in upon if each.buffer not in moved]
        found = self.view_of(buffer, value.shape)
        self._views[operation.outputs[0]] = found
        return found

    def add(self, operation: Operation, lines: Sequence[str], result: View, reads: Sequence[View]) -> None:
        """A step that writes `result`."""
        sizes = " x ".join(map(str, result.shape[1:])) or "1"
        self._add(f"{self.title(operation)}: {sizes}", lines, result.buffer, reads)

    def elementwise(self, operation: Operation, names: Sequence[str], expression: ELEMENT) -> None:
        """A step that computes each element from the same element of its inputs, repeated as numpy does it."""
        shape = self.graph.values[operation.outputs[0]].shape
        read, scalars = [], {}
        for number, name in enumerate(names):
            values = self.constant(name)
            if values is not None and values.size == 1:
                scalars[number] = self.literal(operation, values)
            else:
                read.append(self.view(name).broadcast(shape))
        result = self.result(operation, upon=read)

        def body(each: Sequence[str]) -> list[str]:
            rest = iter(each[1:])
            inputs = [scalars[number] if number in scalars else next(rest) for number in range(len(names))]
            return [f"{each[0]} = {expression(inputs)};"]

        self.add(operation, loops([result, *read], body), result, read)

    @staticmethod
    def title(operation: Operation) -> str:
        """What a step's comment says."""
        return f"{operation.layer or 'the network'} ({operation.kind})"

    @staticmethod
    def literal(operation: Operation, values: np.ndarray) -> str:
        """The C literal of a constant of one element. Raises UserError where C has none."""
        try:
            return literal(values.reshape(-1)[0], values.dtype)
        except ValueError as error:
            raise refusal(operation, str(error)) from error

    def _buffer(self, operation: Operation, dtype: np.dtype, size: int) -> Buffer:
        if dtype.name not in TYPES:
            raise refusal(operation, f"its values are {dtype.name}, which the C file has not")
        buffer = Buffer(self.name("t_", operation.layer or operation.kind), dtype, size)
        self.buffers.append(buffer)
        return buffer

    def _add(self, title: str, lines: Sequence[str], writes: Buffer, reads: Sequence[View]) -> None:
        number = len(self.steps)
        makes = writes.first < 0
        if makes:
            writes.first = number
        writes.last = max(writes.last, number)
        for each in reads:
            each.buffer.last = max(each.buffer.last, number)
        self.steps.append(Step(title, lines, writes, makes))

    def _read(self, view: View) -> None:
        view.buffer.last = max(view.buffer.last, len(self.steps))


def refusal(operation: Operation, reason: str) -> UserError:
    """The one line about an operation that the C file cannot have."""
    layer = operation.layer or "the network itself"
    return UserError(f"--c: layer {layer} cannot be written as plain C: {reason}; without --c you get an ONNX file")
