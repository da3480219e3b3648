"""The network as the page runs it: an ONNX file that also gives every layer's maps and filters."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnn_core.exporting.run import export_run
from cnn_core.optional import require
from cnn_core.runs import Run


def graph_of(run: Run, layers: Sequence[str]) -> tuple[bytes, dict[str, dict[str, Any]]]:
    """The ONNX file, and for each of `layers` that is a convolution its window.

    Outputs: `logits`, at the run's temperature; `unlikeness`, where the run can tell it; every layer by its name;
    `NAME:weight` and `NAME:bias`, the filters of layer NAME as the graph computes with them, that is with its batch
    normalisation folded in. They are the graph's own weights, so they cost nothing. A window is {"kernel": (..),
    "stride": (..), "pads": (..), "dilation": (..)}.
    """
    onnx = require("onnx", "a page")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_run(run, path, layers=layers)
        model = onnx.load(path)
    makers = {name: node for node in model.graph.node for name in node.output}
    initial = {tensor.name: tensor for tensor in model.graph.initializer}
    windows: dict[str, dict[str, Any]] = {}
    for layer in layers:
        node = makers.get(layer)
        while node is not None and node.op_type in ("Identity", "Relu", "Gelu", "Sigmoid", "Mul"):
            node = makers.get(node.input[0])
        if node is None or node.op_type not in ("Conv", "Gemm") or node.input[1] not in initial:
            continue
        for source, part in zip(node.input[1:], ("weight", "bias"), strict=False):
            output = f"{layer}:{part}"
            model.graph.node.append(onnx.helper.make_node("Identity", [source], [output]))
            dims = list(initial[source].dims)
            model.graph.output.append(onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, dims))
        if node.op_type == "Conv":
            windows[layer] = _window(onnx, node, len(initial[node.input[1]].dims) - 2)
    onnx.checker.check_model(model)
    return model.SerializeToString(), windows


def _window(onnx: Any, node: Any, axes: int) -> dict[str, Any]:
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {
        "kernel": list(given["kernel_shape"]),
        "stride": list(given.get("strides", [1] * axes)),
        "pads": list(given.get("pads", [0] * 2 * axes)),
        "dilation": list(given.get("dilations", [1] * axes)),
    }
