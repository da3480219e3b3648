"""The network as the page runs it: an ONNX file that also gives every layer's maps and filters."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnn_core.errors import UserError
from cnn_core.exporting.run import export_run
from cnn_core.exporting.session import FILE
from cnn_core.networks import pretrained
from cnn_core.optional import require
from cnn_core.runs import Run


def graph_of(run: Run, layers: Sequence[str]) -> tuple[bytes, dict[str, dict[str, Any]]]:
    """The ONNX file, and for each of `layers` that is a convolution its window.

    Outputs: `logits`, at the run's temperature; `unlikeness`, where the run can tell it; every layer by its name;
    `NAME:weight` and `NAME:bias`, the filters of layer NAME as the graph computes with them, that is with its batch
    normalisation folded in. They are the graph's own weights, so they cost nothing. A window is {"kernel": (..),
    "stride": (..), "pads": (..), "dilation": (..)}.

    Of a ready-made network it is the file that lies beside its weights, and `added` at its end.
    """
    onnx = require("onnx", "a page")
    if pretrained.card_of(run.folder):
        file = (pretrained.place(run.folder) / FILE).read_bytes()
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            export_run(run, path, layers=layers)
            file = path.read_bytes()
    tail, windows = added(file, layers)
    onnx.checker.check_model(onnx.load_model_from_string(file + tail))
    return file + tail, windows


def added(file: bytes, layers: Sequence[str]) -> tuple[bytes, dict[str, dict[str, Any]]]:
    """What makes an ONNX file give its layers and filters when it is put at its end, and the windows.

    A message of Protocol Buffers followed by another of its type is read as both merged, lists one after the other; so
    nodes and outputs are added by a few hundred bytes, and no package is needed where they are put there.
    """
    onnx = require("onnx", "a page")
    model, tail = onnx.load_model_from_string(file), onnx.ModelProto()
    makers = {name: node for node in model.graph.node for name in node.output}
    weights = {tensor.name for tensor in model.graph.initializer}
    given = {output.name for output in model.graph.output}
    windows: dict[str, dict[str, Any]] = {}
    for layer in layers:
        node = makers.get(layer)
        while node is not None and node.op_type in ("Identity", "Relu", "Gelu", "Sigmoid", "Mul"):
            node = makers.get(node.input[0])
        if node is None or node.op_type not in ("Conv", "Gemm") or not _is_constant(node.input[1], makers, weights):
            continue
        for source, part in zip(node.input[1:], ("weight", "bias"), strict=False):
            tail.graph.node.append(onnx.helper.make_node("Identity", [source], [f"{layer}:{part}"]))
        if node.op_type == "Conv":
            windows[layer] = _window(onnx, node)
    names = [layer for layer in layers if layer not in given] + [node.output[0] for node in tail.graph.node]
    model.MergeFrom(tail)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    known = {value.name: value for value in inferred.graph.value_info}
    missing = [name for name in names if name not in known]
    if missing:
        raise UserError(f"the exported file does not give the layer {missing[0]}; export it again")
    tail.graph.output.extend(known[name] for name in names)
    return tail.SerializeToString(), windows


def _is_constant(name: str, makers: dict[str, Any], weights: set[str]) -> bool:
    """Whether a value is a weight, or made of weights alone, as those of 8 bits and their scales are."""
    if name in weights:
        return True
    node = makers.get(name)
    return node is not None and all(_is_constant(each, makers, weights) for each in node.input)


def _window(onnx: Any, node: Any) -> dict[str, Any]:
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    axes = len(given["kernel_shape"])
    return {
        "kernel": list(given["kernel_shape"]),
        "stride": list(given.get("strides", [1] * axes)),
        "pads": list(given.get("pads", [0] * 2 * axes)),
        "dilation": list(given.get("dilations", [1] * axes)),
    }
