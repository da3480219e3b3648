"""Weights of an ONNX file in 8 bits, with one scale for each filter.

The runtime converts them back to floats: the file is a quarter as large and as fast as before.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from cnn_core.exporting.graph import session
from cnn_core.files import atomic
from cnn_core.training.data import Split

LEAST = 64  # tensors with fewer weights stay float


def write_int8(path: Path, out: Path, names: Collection[str] | None = None) -> int:
    """Write a copy of the ONNX file `path` with the weights `names` (all) in 8 bits to `out`; returns how many."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(path)
    graph = model.graph
    initializers, added, nodes, changed = [], [], [], 0
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        chosen = names is None or tensor.name in names
        if values.dtype != np.float32 or values.ndim < 2 or values.size < LEAST or not chosen:
            initializers.append(tensor)
            continue
        scale = np.abs(values).reshape(len(values), -1).max(1) / 127
        scale = np.where(scale > 0, scale, 1).astype(np.float32)
        whole = np.rint(values / scale.reshape(-1, *[1] * (values.ndim - 1))).astype(np.int8)
        name = tensor.name
        added += [numpy_helper.from_array(whole, f"{name}.int8"), numpy_helper.from_array(scale, f"{name}.scale")]
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}.int8", f"{name}.scale"], [name], axis=0))
        changed += values.size
    del graph.initializer[:]
    graph.initializer.extend(initializers + added)
    for place, node in enumerate(nodes):
        graph.node.insert(place, node)
    onnx.checker.check_model(model)
    with atomic(out) as part:
        part.write_bytes(model.SerializeToString())
    return changed


def accuracy(path: Path, split: Split, batch_size: int = 256) -> float:
    """Accuracy of an ONNX file on a split, by onnxruntime."""
    runtime: Any = session(path)
    name = runtime.get_inputs()[0].name
    right = 0
    for start in range(0, len(split), batch_size):
        inputs, targets = split.take(slice(start, start + batch_size))
        (logits,) = runtime.run(["logits"], {name: inputs.numpy()})
        right += int((logits.argmax(1) == targets.numpy()).sum())
    return right / len(split)
