"""The layers of any module: output shapes, parameters and multiply-adds, as Keras prints them.

Multiply-adds are the products of convolutions and matrix products in one forward pass; additions of biases,
normalisation and activations are not counted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class LayerSummary:
    """One layer. `shape` is that of its output, batch axis included; None where the layer gives no tensor."""

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Summary:
    """What `summary` found; prints as a table."""

    layers: tuple[LayerSummary, ...]
    parameters: int
    multiply_adds: int
    input_shape: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON data: input_shape, parameters, multiply_adds, and of each layer its fields."""
        return asdict(self)

    def __str__(self) -> str:
        from cnn_core.drawing.tables import table

        rows = [
            [layer.name, layer.kind, _sizes(layer.shape), f"{layer.parameters:,}", f"{layer.multiply_adds:,}"]
            for layer in self.layers
        ]
        rows = [["input", "", _sizes(self.input_shape), "0", "0"], *rows]
        rows.append(["total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}"])
        return table(["layer", "kind", "output", "parameters", "multiply-adds"], rows)


def count_parameters(module: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def summary(model: nn.Module, example: Tensor, depth: int = 1) -> Summary:
    """The layers that the batch `example` goes through, in evaluation mode; `depth` 2 opens the blocks.

    Mode and weights of the model are left as they were. Layers that are not run by themselves have no shape and no
    multiply-adds of their own; these count in the layer around them, and in the total.
    """
    from torch.utils.flop_counter import FlopCounterMode

    names = {name for name, _ in model.named_modules() if name and name.count(".") < depth}
    names = {n for n in names if not any(other.startswith(f"{n}.") for other in names)}
    layers = {name: module for name, module in model.named_modules() if name in names}
    shapes: dict[str, tuple[int, ...]] = {}
    products: dict[str, int] = dict.fromkeys(layers, 0)
    counter = FlopCounterMode(display=False)
    entered: dict[str, int] = {}
    handles = []

    def before(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any) -> None:
            entered[name] = counter.get_total_flops()

        return hook

    def after(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                shapes[name] = tuple(output.shape)
            products[name] += (counter.get_total_flops() - entered[name]) // 2  # a multiply-add is two operations

        return hook

    training = {module: module.training for module in model.modules()}
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    try:
        for name, module in layers.items():
            handles += [module.register_forward_pre_hook(before(name)), module.register_forward_hook(after(name))]
        model.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]), counter:
            model(example.to(device))
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in training.items():
            module.training = mode
    found = tuple(
        LayerSummary(name, type(module).__name__, shapes.get(name), count_parameters(module), products[name])
        for name, module in layers.items()
    )
    return Summary(found, count_parameters(model), counter.get_total_flops() // 2, tuple(example.shape))


def _sizes(shape: tuple[int, ...] | None) -> str:
    return "–" if shape is None else " x ".join(map(str, shape))
