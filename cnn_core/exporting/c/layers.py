"""Layers in C: convolutions, pooling, dense layers, norms, sums. Letters: C channels, H height, W width, T time."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from cnn_core.exporting.c.loops import loops, reduction
from cnn_core.exporting.c.memory import View, in_order
from cnn_core.exporting.c.program import Program, refusal
from cnn_core.exporting.c.reading import Operation, norm_factors

TWO_COMPUTED = "it multiplies two computed values, as attention does"
INNER_SOFTMAX = "it is a softmax over an inner axis, as attention has"


def batch_norm(program: Program, operation: Operation) -> None:
    """A batch norm that stands alone."""
    found = dict(zip(("factor", "shift"), norm_factors(operation, program.graph.constants), strict=True))
    x = program.view(operation.inputs[0])
    result = program.result(operation, upon=[x])
    columns = [
        program.channels(f"{operation.layer}.{name}", values.astype(np.float32), len(x.shape)).broadcast(x.shape)
        for name, values in found.items()
    ]
    lines = loops([result, x, *columns], lambda each: [f"{each[0]} = {each[1]} * {each[2]} + {each[3]};"])
    program.add(operation, lines, result, [x])


def convolution(program: Program, operation: Operation) -> None:
    """Conv, over pictures or signals."""
    given = operation.attributes
    weight = program.constant(operation.inputs[1])
    if weight is None:
        raise refusal(operation, "its filters are computed from the input")
    if given.get("auto_pad", b"NOTSET") != b"NOTSET":
        raise refusal(operation, "its padding is left to the runtime")
    x = program.contiguous(operation, operation.inputs[0])
    result = program.result(operation)
    filters = program.array(operation.inputs[1], weight)
    bias = program.view(operation.optional(2)).pointer if operation.optional(2) else "0"
    dims = len(x.shape) - 2
    channels, height, width = _plane(x)
    count, rows, columns = _plane(result)
    kernel = _pair(weight.shape[2:], 1)
    stride = _pair(given.get("strides", [1] * dims), 1)
    dilation = _pair(given.get("dilations", [1] * dims), 1)
    top, left = _pair(given.get("pads", [0] * 2 * dims)[:dims], 0)
    groups = given.get("group", 1)
    program.helpers.add("convolution")
    numbers = [*kernel, *stride, top, left, *dilation, groups]
    line = (
        f"convolution({x.pointer}, {channels}, {height}, {width}, {filters}, {bias}, "
        f"{', '.join(map(str, numbers))}, {result.pointer}, {count}, {rows}, {columns});"
    )
    program.add(operation, [line], result, [x])


def pooling(program: Program, operation: Operation) -> None:
    """MaxPool and AveragePool."""
    given = operation.attributes
    largest = operation.kind == "MaxPool"
    if given.get("auto_pad", b"NOTSET") != b"NOTSET":
        raise refusal(operation, "its padding is left to the runtime")
    x = program.contiguous(operation, operation.inputs[0])
    result = program.result(operation)
    dims = len(x.shape) - 2
    kernel, stride = _pair(given["kernel_shape"], 1), _pair(given.get("strides", [1] * dims), 1)
    if any(each != 1 for each in given.get("dilations", [])):
        raise refusal(operation, "it is a pooling with gaps")
    pads = given.get("pads", [0] * 2 * dims)
    if given.get("ceil_mode") and given.get("count_include_pad") and any(pads):
        raise refusal(operation, "it is a mean over padding that is rounded up")
    top, left = _pair(pads[:dims], 0)
    channels, height, width = _plane(x)
    _, rows, columns = _plane(result)
    numbers = [channels, height, width, *kernel, *stride, top, left]
    if not largest:
        numbers.append(given.get("count_include_pad", 0))
    name = "max_pooling" if largest else "mean_pooling"
    program.helpers.add(name)
    numbers_text = ", ".join(map(str, numbers))
    line = f"{name}({x.pointer}, {numbers_text}, {result.pointer}, {rows}, {columns});"
    program.add(operation, [line], result, [x])


def _plane(view: View) -> tuple[int, int, int]:
    """(channels, height, width) of (1, C, H, W), or of (1, C, T) with a height of 1."""
    return (view.shape[1], *_pair(view.shape[2:], 1))  # type: ignore[return-value]


def _pair(values: Sequence[int], fill: int) -> tuple[int, int]:
    """Two numbers, of which a signal has one."""
    first, second = ([fill] * (2 - len(values)) + list(values))[-2:]
    return first, second


def gemm(program: Program, operation: Operation) -> None:
    """Gemm with constant weights: a dense layer."""
    weight = program.constant(operation.inputs[1])
    if weight is None or not program.is_computed(operation.inputs[0]):
        raise refusal(operation, TWO_COMPUTED)
    given = operation.attributes
    if given.get("transA"):
        raise refusal(operation, "its input is transposed")
    name = operation.inputs[1]
    if not given.get("transB"):
        weight, name = np.ascontiguousarray(weight.T), f"{name}.transposed"
    if given.get("alpha", 1.0) != 1:
        weight, name = weight * np.float32(given["alpha"]), f"{name}.scaled"
    bias = program.constant(operation.optional(2))
    if operation.optional(2) and (bias is None or given.get("beta", 1.0) != 1):
        raise refusal(operation, "it adds a computed value to a product")
    _dense(program, operation, name, weight, bias)


def matmul(program: Program, operation: Operation) -> None:
    """MatMul with a constant on one side."""
    second = program.constant(operation.inputs[1])
    if second is not None and second.ndim == 2:
        _dense(program, operation, f"{operation.inputs[1]}.transposed", np.ascontiguousarray(second.T), None)
        return
    if all(map(program.is_computed, operation.inputs)):
        raise refusal(operation, TWO_COMPUTED)
    a, b = (program.view(name) for name in operation.inputs)  # (..., M, K) and (..., K, N)
    result = program.result(operation)
    if min(len(a.shape), len(b.shape)) < 2:
        raise refusal(operation, "it multiplies by a vector")
    lead, (rows, inner), columns = result.shape[:-2], a.shape[-2:], b.shape[-1]
    a, b = a.broadcast((*lead, rows, inner)), b.broadcast((*lead, inner, columns))
    full = (*lead, rows, columns, inner)
    over = [
        View(result.buffer, full, (*result.strides, 0)),
        View(a.buffer, full, (*a.strides[:-1], 0, a.strides[-1]), a.offset),
        View(b.buffer, full, (*b.strides[:-2], 0, b.strides[-1], b.strides[-2]), b.offset),
    ]
    zero = loops([result], lambda e: [f"{e[0]} = 0.0f;"])
    lines = [*zero, *loops(over, lambda e: [f"{e[0]} += {e[1]} * {e[2]};"])]
    program.add(operation, lines, result, [a, b])


def _dense(program: Program, operation: Operation, name: str, weight: np.ndarray, bias: np.ndarray | None) -> None:
    """Rows (..., inputs) times a constant weight (outputs, inputs)."""
    x = program.contiguous(operation, operation.inputs[0])
    result = program.result(operation)
    array = program.array(name, weight)
    added = "0" if bias is None else program.view(operation.optional(2)).pointer
    outputs, inputs = weight.shape
    program.helpers.add("dense")
    rows = prod(x.shape[:-1])
    if rows == 1:
        lines = [f"dense({x.pointer}, {inputs}, {array}, {added}, {result.pointer}, {outputs});"]
    else:
        source, target = f"{x.pointer} + i * {inputs}", f"{result.pointer} + i * {outputs}"
        line = f"dense({source}, {inputs}, {array}, {added}, {target}, {outputs});"
        lines = [f"for (int i = 0; i < {rows}; i++)", f"    {line}"]
    program.add(operation, lines, result, [x])


def reduce(program: Program, operation: Operation) -> None:
    """Mean, sum or maximum over some axes."""
    x = program.view(operation.inputs[0])
    rank = len(x.shape)
    if operation.kind.startswith("Global"):
        axes: Any = range(2, rank)
    elif operation.optional(1):
        constant = program.constant(operation.optional(1))
        assert constant is not None
        axes = constant.reshape(-1).tolist()
    else:
        axes = operation.attributes.get("axes") or range(rank)
    over = sorted(axis % rank for axis in axes)
    kept = [axis for axis in range(rank) if axis not in over]
    result = program.result(operation)
    outer = View(x.buffer, tuple(x.shape[a] for a in kept), tuple(x.strides[a] for a in kept), x.offset)
    inner = View(x.buffer, tuple(x.shape[a] for a in over), tuple(x.strides[a] for a in over))
    target = View(result.buffer, outer.shape, in_order(outer.shape))
    if operation.kind in ("ReduceMax", "GlobalMaxPool"):
        lines = reduction(target, outer, inner, "", "s = {0} > s ? {0} : s;", "s")
    else:
        mean = operation.kind in ("ReduceMean", "GlobalAveragePool")
        lines = reduction(target, outer, inner, "0.0f", "s += {0};", f"s / {prod(inner.shape)}.0f" if mean else "s")
    program.add(operation, lines, result, [x])


def softmax(program: Program, operation: Operation) -> None:
    """Softmax over the last axis of one row."""
    axis = operation.attributes.get("axis", -1)
    x = program.contiguous(operation, operation.inputs[0])
    count = x.shape[-1]
    if axis % len(x.shape) != len(x.shape) - 1 or prod(x.shape) != count:
        raise refusal(operation, INNER_SOFTMAX)
    result = program.result(operation)
    program.helpers.add("softmax")
    program.add(operation, [f"softmax({x.pointer}, {result.pointer}, {count});"], result, [x])
