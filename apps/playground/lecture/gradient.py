"""A plain network with its gradient as one ONNX graph, so that a browser climbs without a training library.

Written from the network's weights, forwards and backwards by the chain rule: the backward pass of a convolution is
the transposed one over the same weights, that of a ReLU lets through what was positive, that of a maximum goes to the
largest of its group, that of a mean is spread over it. Weights are in the file once.
Letters: N pictures, M maps of the last convolution, h, w their height and width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from cnn_core.nn.blocks import ConvBlock, Dense
from cnn_core.optional import require

OPSET = 17


def with_gradient(
    network: nn.Sequential, scale: float, shift: float, size: tuple[int, int], order: Tensor | None = None
) -> bytes:
    """The ONNX file of a network of convolutions with ReLU, poolings and dense layers behind a front end.

    Inputs: `pixels` (N, 1, H, W) float, 0 to 255, which the network sees as pixels * scale + shift, its places in
    `order` (H * W,) where given; `want` (N, classes) and `dream` (N, M, h, w), the weights of logits and of the last
    convolution's values. Outputs: `logits` (N, classes), `maps` (N, M, h, w) after the ReLU, and `gradient`
    (N, 1, H, W) of sum(want * logits) + sum(dream * maps) by the pixels. Raises ValueError for other layers.
    """
    helper = require("onnx", "the page of the lecture").helper
    graph = _Graph(helper)
    back: list[Any] = []  # functions d(output) -> d(input), in the order of the layers
    x = graph.add("Add", graph.add("Mul", "pixels", graph.constant(scale)), graph.constant(shift))
    if order is not None:
        x = _shuffle(graph, x, order.numpy(), size)
    maps, maps_shape, classes = "", (0, 0, 0), 0
    channels, (height, width) = 1, size
    last_conv = [name for name, layer in network.named_children() if isinstance(layer, ConvBlock)][-1]
    for name, layer in network.named_children():
        if name == "front" or isinstance(layer, nn.Dropout):
            continue
        if isinstance(layer, ConvBlock):
            conv = _plain(layer)
            weight, bias = graph.weights(conv.weight), graph.weights(conv.bias)
            pad = int(conv.padding[0])
            before = graph.add("Conv", x, weight, bias, pads=[pad] * 4)
            x = graph.add("Relu", before)
            back.append(lambda d, w=weight, p=pad: graph.add("ConvTranspose", d, w, pads=[p] * 4))
            back.append(lambda d, x=x: graph.add("Mul", d, _positive(graph, x)))
            channels = conv.out_channels
            height, width = (side + 2 * pad - conv.kernel_size[0] + 1 for side in (height, width))
            if name == last_conv:
                maps, maps_shape = x, (channels, height, width)
                back.append(lambda d: graph.add("Add", d, "dream"))
        elif isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
            side = int(layer.kernel_size)  # type: ignore[arg-type]
            kind = "MaxPool" if isinstance(layer, nn.MaxPool2d) else "AveragePool"
            inside, shape = x, (height, width)
            x = graph.add(kind, x, kernel_shape=[side] * 2, strides=[side] * 2)
            height, width = height // side, width // side
            back.append(
                lambda d, x=x, inside=inside, side=side, shape=shape, kind=kind: _unpooled(
                    graph, d, x, inside, side, shape, kind
                )
            )
        elif isinstance(layer, nn.Flatten):
            x = graph.add("Flatten", x, axis=1)
            to = graph.whole([0, channels, height, width])
            back.append(lambda d, to=to: graph.add("Reshape", d, to))
        elif isinstance(layer, Dense | nn.Linear):
            linear = layer if isinstance(layer, nn.Linear) else next(m for m in layer if isinstance(m, nn.Linear))
            classes = linear.out_features  # in the end
            weight, bias = graph.weights(linear.weight), graph.weights(linear.bias)
            x = graph.add("Gemm", x, weight, bias, transB=1)
            back.append(lambda d, w=weight: graph.add("MatMul", d, w))
            if isinstance(layer, Dense):
                if not any(isinstance(m, nn.ReLU) for m in layer):
                    raise ValueError(f"{name}: the gradient is written for ReLU")
                x = graph.add("Relu", x)
                back.append(lambda d, x=x: graph.add("Mul", d, _positive(graph, x)))
        elif not isinstance(layer, nn.Identity):
            raise ValueError(f"{name}: no gradient is written for {type(layer).__name__}")
    graph.add("Identity", x, to="logits")
    graph.add("Identity", maps, to="maps")
    d = "want"
    for step in reversed(back):
        d = step(d)
    if order is not None:
        d = _shuffle(graph, d, np.argsort(order.numpy()), size)
    graph.add("Mul", d, graph.constant(scale), to="gradient")
    return graph.file(size, classes, maps_shape)


def _plain(block: ConvBlock) -> nn.Conv2d:
    conv = block.get_submodule("conv")
    plain = isinstance(conv, nn.Conv2d) and conv.stride == (1, 1) and conv.dilation == (1, 1) and conv.bias is not None
    if not plain or not any(isinstance(m, nn.ReLU) for m in block.modules()):
        raise ValueError("the gradient is written for convolutions of step 1 without normalisation, and ReLU")
    assert isinstance(conv, nn.Conv2d)
    return conv


def _positive(graph: _Graph, x: str) -> str:
    return graph.add("Cast", graph.add("Greater", x, graph.constant(0.0)), to_type=1)


def _unpooled(graph: _Graph, d: str, x: str, inside: str, side: int, shape: tuple[int, int], kind: str) -> str:
    """d(output) of a pooling -> d(input): spread, in a maximum to the places that hold it; zeros behind the last
    whole group."""
    over = graph.floats([1, 1, side, side])
    scaled = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    spread = graph.add("Resize", d, "", over, **scaled)
    height, width = shape
    rest = (height % side, width % side)
    if any(rest):
        spread = graph.add("Pad", spread, graph.whole([0, 0, 0, 0, 0, 0, *rest]))
    if kind == "AveragePool":
        return graph.add("Mul", spread, graph.constant(1 / side**2))
    largest = graph.add("Resize", x, "", over, **scaled)
    if any(rest):
        largest = graph.add("Pad", largest, graph.whole([0, 0, 0, 0, 0, 0, *rest]))
    return graph.add("Mul", spread, graph.add("Cast", graph.add("Equal", inside, largest), to_type=1))


def _shuffle(graph: _Graph, x: str, order: np.ndarray, size: tuple[int, int]) -> str:
    flat = graph.add("Reshape", x, graph.whole([0, size[0] * size[1]]))
    moved = graph.add("Gather", flat, graph.whole(order.tolist()), axis=1)
    return graph.add("Reshape", moved, graph.whole([0, 1, *size]))


class _Graph:
    """Nodes and weights as they are added; names are numbers."""

    def __init__(self, helper: Any):
        self.helper = helper
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []

    def add(self, kind: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        name = to or f"v{len(self.nodes)}"
        if "to_type" in attributes:
            attributes["to"] = attributes.pop("to_type")
        self.nodes.append(self.helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def _tensor(self, values: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"w{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(values, name))
        return name

    def weights(self, values: Tensor | None) -> str:
        assert values is not None
        return self._tensor(values.detach().cpu().float().contiguous().numpy())

    def constant(self, value: float) -> str:
        return self._tensor(np.array(value, np.float32))

    def floats(self, values: list[float]) -> str:
        return self._tensor(np.array(values, np.float32))

    def whole(self, values: list[int]) -> str:
        return self._tensor(np.array(values, np.int64))

    def file(self, size: tuple[int, int], classes: int, maps: tuple[int, ...]) -> bytes:
        import onnx

        def value(name: str, *shape: int) -> Any:
            return self.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", *shape])

        graph = self.helper.make_graph(
            self.nodes,
            "network with gradient",
            [value("pixels", 1, *size), value("want", classes), value("dream", *maps)],
            [value("logits", classes), value("maps", *maps), value("gradient", 1, *size)],
            self.tensors,
        )
        model = self.helper.make_model(graph, opset_imports=[self.helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.checker.check_model(model)
        return model.SerializeToString()
