"""Weights of an ONNX file in 8 bits, with one scale for each filter, row or unit, and what that costs.

Weights alone: the runtime makes floats of them when it loads the file, so that answers take the time that they took and
are the same on every processor. onnxruntime's own quantizer makes activations 8 bits too; see docs/exporting.md for
why it is not used. Rows of tables of vectors are made floats as they are looked up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from torch import nn

from cnn_core.exporting.cost import cost
from cnn_core.exporting.run import export_answers
from cnn_core.files import atomic
from cnn_core.runs import Run
from cnn_core.training.data import Split

CHECKED = 20  # samples on which a file that is written on the way must agree with PyTorch
LEAST = 64  # tensors with fewer weights stay float

Choice = Callable[[str, np.ndarray], bool]
"""Whether the weights of this name and these values are to be in 8 bits."""


def export_int8(run: Run, path: Path, out: Path, split: Split, unlikeness: bool = True) -> dict[str, Any]:
    """Write the ONNX file `path` of `run` with weights in 8 bits to `out`, and measure both on all of `split`.

    Without `unlikeness` the small file lacks the features of training samples from which "none of these" is told. Gives
    onnx, bytes, weights (how many are in 8 bits) and what `cnn_core.exporting.cost.Cost` holds, which the file's
    metadata hold too.
    """
    thresholds = run.thresholds.numpy() if run.several_labels else None
    with TemporaryDirectory() as folder:
        trial, whole = Path(folder) / "trial.onnx", path
        if not unlikeness and run.bank is not None:
            whole = Path(folder) / "whole.onnx"
            export_answers(replace(run, bank=None), whole, split.take(slice(0, CHECKED))[0], beside=False)
        changed = write_int8(whole, trial, learned(run.model))
        found = cost(path, trial, split, thresholds).to_json()
        write_int8(whole, out, learned(run.model), metadata={"weights": "int8", "int8": json.dumps(found)})
    return {"onnx": str(out), "bytes": out.stat().st_size, "weights": changed, **found}


def learned(model: nn.Module) -> Choice:
    """All weights but what the model computes for itself: constants of front ends, in which 8 bits would be noise."""
    fixed = [
        getattr(module, name).detach().cpu().numpy()
        for module in model.modules()
        for name in module._non_persistent_buffers_set
        if getattr(module, name) is not None
    ]

    def choose(_name: str, values: np.ndarray) -> bool:
        return _whole(values) or not any(_same(values, each) for each in fixed)

    return choose


def _same(values: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays hold the same numbers, one perhaps turned or of another shape."""
    if values.size != other.size:
        return False
    return any(np.array_equal(values.ravel(), each.ravel()) for each in (other, other.T))


def write_int8(
    path: Path,
    out: Path,
    names: Collection[str] | Choice | None = None,
    metadata: Mapping[str, str] | None = None,
) -> int:
    """Write a copy of the ONNX file `path` with the weights `names` (all) in 8 bits to `out`; returns how many.

    `metadata` are added to those of the file.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(path)
    graph = model.graph
    kept, added, changed = [], _Added([], []), 0
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        floats = values.dtype in (np.float32, np.float16) and values.ndim >= 2 and values.size >= LEAST
        if not floats or not _chosen(names, tensor.name, values):
            kept.append(tensor)
            continue
        whole, scale = rows_of(values)
        readers = [node for node in graph.node if tensor.name in node.input]
        if readers and all(_looks_up(node, tensor.name) for node in readers):
            for number, node in enumerate(readers):
                _look_up(node, f"{tensor.name}.{number}", tensor.name, added, values.dtype)
        else:
            added.convert(f"{tensor.name}.int8", f"{tensor.name}.scale", tensor.name, values.dtype)
        added.tensors += [
            numpy_helper.from_array(whole, f"{tensor.name}.int8"),
            numpy_helper.from_array(scale, f"{tensor.name}.scale"),
        ]
        changed += values.size
    del graph.initializer[:]
    graph.initializer.extend(kept + added.tensors)
    nodes = _in_order([*added.nodes, *graph.node], [each.name for each in (*graph.initializer, *graph.input)])
    del graph.node[:]
    graph.node.extend(nodes)
    told = {each.key: each.value for each in model.metadata_props}
    helper.set_model_props(model, told | dict(metadata or {}))
    onnx.checker.check_model(model)
    with atomic(out) as part:
        part.write_bytes(model.SerializeToString())
    return changed


def rows_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (N, ...) -> (int8 (N, ...), scales (N, 1, ...) float32); whole numbers below 128 are kept exactly."""
    scale = np.abs(values.astype(np.float32)).reshape(len(values), -1).max(1) / 127
    if _whole(values):
        scale = np.ones(len(values), np.float32)
    scale = np.where(scale > 0, scale, 1).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    return np.rint(values / scale).astype(np.int8), scale


def _whole(values: np.ndarray) -> bool:
    """Whether 8 bits hold the values exactly."""
    return bool(np.abs(values).max(initial=0) <= 127) and np.array_equal(values, np.rint(values))


@dataclass
class _Added:
    nodes: list[Any]
    tensors: list[Any]

    def convert(self, whole: str, scale: str, out: str, dtype: np.dtype) -> None:
        """Nodes for out = whole * scale. Not DequantizeLinear, which onnxruntime computes again for every answer."""
        from onnx import helper

        float32, given = np.dtype(np.float32), np.dtype(dtype)
        product = out if given == float32 else f"{out}.product"
        to = helper.np_dtype_to_tensor_dtype(float32)
        self.nodes.append(helper.make_node("Cast", [whole], [f"{out}.float"], to=to))
        self.nodes.append(helper.make_node("Mul", [f"{out}.float", scale], [product]))
        if given != float32:
            self.nodes.append(helper.make_node("Cast", [product], [out], to=helper.np_dtype_to_tensor_dtype(given)))


def _chosen(names: Collection[str] | Choice | None, name: str, values: np.ndarray) -> bool:
    if names is None:
        return True
    return names(name, values) if callable(names) else name in names


def _looks_up(node: Any, name: str) -> bool:
    """Whether a node picks rows of the tensor."""
    axis = next((each.i for each in node.attribute if each.name == "axis"), 0)
    return node.op_type == "Gather" and node.input[0] == name and node.input[1] != name and axis == 0


def _look_up(node: Any, name: str, table: str, added: _Added, dtype: np.dtype) -> None:
    """The node picks rows of whole numbers; others pick the scales, and make the product that the node gave."""
    from onnx import helper

    out, places = node.output[0], node.input[1]
    node.input[0], node.output[0] = f"{table}.int8", f"{name}.rows"
    added.nodes.append(helper.make_node("Gather", [f"{table}.scale", places], [f"{name}.scales"], axis=0))
    added.convert(f"{name}.rows", f"{name}.scales", out, dtype)


def _in_order(nodes: Sequence[Any], given: Sequence[str]) -> list[Any]:
    """The nodes such that each comes after those that it reads from."""
    known, waiting, found = {"", *given}, list(nodes), []
    while waiting:
        ready = [node for node in waiting if known.issuperset(node.input)]
        assert ready, "a graph has no circle"
        found += ready
        known.update(name for node in ready for name in node.output)
        waiting = [node for node in waiting if not known.issuperset(node.output)]
    return found
