"""The graph of a network for one input: operations in order, constants, the shape and type of every value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.exporting.tracing import modules_around, traced

if TYPE_CHECKING:
    from torch import Tensor, nn

INPUT, OUTPUT = "x", "logits"


@dataclass(frozen=True)
class Operation:
    """One node of the graph, https://onnx.ai/onnx/operators."""

    kind: str
    layer: str
    """The module that it belongs to, such as conv1.conv; "" is the network itself."""
    inputs: tuple[str, ...]
    """Names of values; "" for one that is left out."""
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def optional(self, number: int) -> str:
        """The name of an input that may be left out; "" where it is."""
        return self.inputs[number] if number < len(self.inputs) else ""


@dataclass(frozen=True)
class Value:
    """Shape and numpy type of a value, batch axis of 1 included."""

    shape: tuple[int, ...]
    dtype: np.dtype


@dataclass(frozen=True)
class Graph:
    """A network from the value INPUT to the value OUTPUT."""

    operations: tuple[Operation, ...]
    constants: Mapping[str, np.ndarray]
    values: Mapping[str, Value]
    """Of the input and of what operations give."""


def read(network: nn.Module, example: Tensor) -> Graph:
    """The graph of `network`, in evaluation mode on the CPU, for inputs like `example` (1, ...)."""
    import onnx
    from onnx import helper, numpy_helper

    program = traced(network, example, INPUT, [OUTPUT], None)
    model = onnx.shape_inference.infer_shapes(program.model_proto, strict_mode=True, data_prop=True)
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    values = {}
    for each in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        kind = each.type.tensor_type
        shape = tuple(size.dim_value for size in kind.shape.dim)
        values[each.name] = Value(shape, np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type)))
    operations = []
    for node in model.graph.node:
        around = modules_around({note.key: note.value for note in node.metadata_props})
        attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        operations.append(
            Operation(node.op_type, around[-1] if around else "", tuple(node.input), tuple(node.output), attributes)
        )
    return _without_constant_nodes(Graph(tuple(operations), constants, values))


def _without_constant_nodes(graph: Graph) -> Graph:
    """Constants that are nodes become constants; nodes whose result nobody reads go."""
    import onnx

    constants, operations = dict(graph.constants), []
    for each in graph.operations:
        if each.kind == "Constant" and "value" in each.attributes:
            constants[each.outputs[0]] = onnx.numpy_helper.to_array(each.attributes["value"])
        else:
            operations.append(each)
    readers = Counter(name for each in operations for name in each.inputs)
    needed = [each for each in operations if OUTPUT in each.outputs or any(readers[name] for name in each.outputs)]
    return Graph(tuple(needed), constants, graph.values)


def folded(graph: Graph) -> Graph:
    """Every batch norm as part of the convolution before it; where there is none, it stays.

    w' = w s, b' = (b - mean) s + shift with s = scale / sqrt(var + eps), in float64.
    """
    constants, operations = dict(graph.constants), list(graph.operations)
    maker = {name: number for number, each in enumerate(operations) for name in each.outputs}
    readers = Counter(name for each in operations for name in each.inputs)
    for number, norm in enumerate(graph.operations):
        before = maker.get(norm.inputs[0]) if norm.kind == "BatchNormalization" else None
        conv = operations[before] if before is not None else None
        if before is None or conv is None or conv.kind != "Conv" or readers[norm.inputs[0]] != 1:
            continue
        if conv.inputs[1] not in constants:
            continue
        weight = constants[conv.inputs[1]].astype(np.float64)
        bias = constants[conv.optional(2)].astype(np.float64) if conv.optional(2) else 0.0
        factor, shift = norm_factors(norm, constants)
        name = conv.inputs[1]
        constants[f"{name}.folded"] = (weight * factor.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.float32)
        constants[f"{name}.bias"] = (bias * factor + shift).astype(np.float32)
        inputs = (conv.inputs[0], f"{name}.folded", f"{name}.bias")
        operations[before] = Operation("Conv", conv.layer, inputs, norm.outputs, conv.attributes)
        operations[number] = Operation("Nothing", norm.layer, (), (), {})
    return Graph(tuple(each for each in operations if each.kind != "Nothing"), constants, graph.values)


def norm_factors(norm: Operation, constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(factor (C,), shift (C,)) float64 of a batch norm in evaluation: y = x factor + shift."""
    scale, shift, mean, variance = (constants[name].astype(np.float64) for name in norm.inputs[1:5])
    factor = scale / np.sqrt(variance + norm.attributes.get("epsilon", 1e-5))
    return factor, shift - mean * factor
