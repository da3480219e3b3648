"""What each operation of a graph is in C. Whatever is not here is refused, by the name of its layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cnn_core.exporting.c import layers, moves
from cnn_core.exporting.c.program import Program, refusal
from cnn_core.exporting.c.reading import Operation

UNARY: dict[str, str] = {
    "Abs": "fabsf({0})",
    "Erf": "erff({0})",
    "Exp": "expf({0})",
    "Log": "logf({0})",
    "Neg": "-{0}",
    "Not": "!{0}",
    "Relu": "{0} > 0.0f ? {0} : 0.0f",
    "Sigmoid": "1.0f / (1.0f + expf(-{0}))",
    "Sqrt": "sqrtf({0})",
    "Tanh": "tanhf({0})",
}
GELU = {
    "none": "0.5f * {0} * (1.0f + erff({0} * 0.70710678f))",
    "tanh": "0.5f * {0} * (1.0f + tanhf(0.7978845608f * ({0} + 0.044715f * {0} * {0} * {0})))",
}
BINARY: dict[str, str] = {
    "Add": "{0} + {1}",
    "And": "{0} && {1}",
    "BitwiseAnd": "{0} & {1}",
    "Div": "{0} / {1}",
    "Equal": "{0} == {1}",
    "Greater": "{0} > {1}",
    "GreaterOrEqual": "{0} >= {1}",
    "Less": "{0} < {1}",
    "LessOrEqual": "{0} <= {1}",
    "Max": "{0} > {1} ? {0} : {1}",
    "Min": "{0} < {1} ? {0} : {1}",
    "Mul": "{0} * {1}",
    "Or": "{0} || {1}",
    "Sub": "{0} - {1}",
}
REASONS = {
    "LayerNormalization": "it normalizes over features, as transformers do",
}


def translate(program: Program) -> Program:
    """`program` with the steps of all operations of its graph. Raises UserError for what has no form here."""
    for operation in program.graph.operations:
        kind = operation.kind
        if kind in UNARY:
            program.elementwise(operation, operation.inputs, lambda each, form=UNARY[kind]: form.format(*each))
        elif kind in BINARY and len(operation.inputs) == 2:
            program.elementwise(operation, operation.inputs, lambda each, form=BINARY[kind]: form.format(*each))
        elif kind in TRANSLATORS:
            TRANSLATORS[kind](program, operation)
        else:
            raise refusal(operation, REASONS.get(kind, f"the operation {kind} is not among those of plain networks"))
    return program


def _gelu(program: Program, operation: Operation) -> None:
    form = GELU[operation.attributes.get("approximate", b"none").decode()]
    program.elementwise(operation, operation.inputs, lambda each: form.format(*each))


def _cast(program: Program, operation: Operation) -> None:
    dtype = program.graph.values[operation.outputs[0]].dtype
    form = "{0} != 0" if dtype == np.bool_ else "{0}"
    program.elementwise(operation, operation.inputs, lambda each: form.format(*each))


def _pow(program: Program, operation: Operation) -> None:
    power = program.constant(operation.inputs[1])
    square = power is not None and power.size == 1 and float(power.reshape(-1)[0]) == 2
    form = "{0} * {0}" if square else "powf({0}, {1})"
    program.elementwise(operation, operation.inputs, lambda each: form.format(*each))


def _clip(program: Program, operation: Operation) -> None:
    low, high = operation.optional(1), operation.optional(2)
    names = [name for name in (operation.inputs[0], low, high) if name]
    form = "{0} < {1} ? {1} : {0}" if low else "{0}"
    if high:
        limit = "{2}" if low else "{1}"
        form = f"{{0}} > {limit} ? {limit} : {form}"
    program.elementwise(operation, names, lambda each: form.format(*each))


def _where(program: Program, operation: Operation) -> None:
    program.elementwise(operation, operation.inputs, lambda each: f"{each[0]} ? {each[1]} : {each[2]}")


TRANSLATORS: dict[str, Callable[[Program, Operation], None]] = {
    "AveragePool": layers.pooling,
    "BatchNormalization": layers.batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": moves.concat,
    "Conv": layers.convolution,
    "Expand": moves.expand,
    "Flatten": moves.reshape,
    "Gather": moves.gather,
    "Gelu": _gelu,
    "Gemm": layers.gemm,
    "GlobalAveragePool": layers.reduce,
    "GlobalMaxPool": layers.reduce,
    "Identity": moves.identity,
    "MatMul": layers.matmul,
    "MaxPool": layers.pooling,
    "Pad": moves.pad,
    "Pow": _pow,
    "ReduceMax": layers.reduce,
    "ReduceMean": layers.reduce,
    "ReduceSum": layers.reduce,
    "Reshape": moves.reshape,
    "Slice": moves.cut,
    "Softmax": layers.softmax,
    "Split": moves.split,
    "Squeeze": moves.squeeze,
    "Transpose": moves.transpose,
    "Unsqueeze": moves.squeeze,
    "Where": _where,
}
