"""The shared core: conv blocks with optional pooling, one training engine, and tools that show what a CNN sees.

    import torch, cnn_core

    config = cnn_core.ConvNetConfig(input_shape=(1, 28, 28), classes=10, channels=(16, 32), pool="max")
    model = cnn_core.ConvNet(config)
    print(cnn_core.summary(model, torch.zeros(1, 1, 28, 28)))
    data = cnn_core.Split(images, labels)                                  # (N, 1, 28, 28), (N,)
    cnn_core.fit(model, data, cnn_core.FitConfig(epochs=3))
    print(cnn_core.evaluate(model, test))                                  # {"loss": ..., "accuracy": ...}

`cnn_core.visual` shows what a network sees. The names below are imported when they are first used.
"""

from typing import TYPE_CHECKING

from cnn_core.lazy import attach

if TYPE_CHECKING:
    from cnn_core.architecture import LECTURE, ConvNetConfig, layers
    from cnn_core.blocks import ConvBlock, Dense, GlobalPool, ResidualBlock, pointwise, pooling
    from cnn_core.data import Dataset, Split, hold_out
    from cnn_core.engine import Fit, Interrupted, classification, evaluate, fit, predict_logits
    from cnn_core.errors import UserError
    from cnn_core.export import export_onnx
    from cnn_core.metrics import Metrics, evaluate_logits
    from cnn_core.network import ConvNet, count_parameters, summary
    from cnn_core.recipe import FitConfig
    from cnn_core.runs import Run, restore
    from cnn_core.shapes import ShapeError, conv_output_size, pool_output_size, receptive_field
    from cnn_core.sources import fetch, load_manifest

_HOME = {
    "architecture": "LECTURE ConvNetConfig layers",
    "blocks": "ConvBlock Dense GlobalPool ResidualBlock pointwise pooling",
    "data": "Dataset Split hold_out",
    "engine": "Fit Interrupted classification evaluate fit predict_logits",
    "errors": "UserError",
    "export": "export_onnx",
    "metrics": "Metrics evaluate_logits",
    "network": "ConvNet count_parameters summary",
    "recipe": "FitConfig",
    "runs": "Run restore",
    "shapes": "ShapeError conv_output_size pool_output_size receptive_field",
    "sources": "fetch load_manifest",
}
__all__ = [
    "LECTURE",
    "ConvBlock",
    "ConvNet",
    "ConvNetConfig",
    "Dataset",
    "Dense",
    "Fit",
    "FitConfig",
    "GlobalPool",
    "Interrupted",
    "Metrics",
    "ResidualBlock",
    "Run",
    "ShapeError",
    "Split",
    "UserError",
    "classification",
    "conv_output_size",
    "count_parameters",
    "evaluate",
    "evaluate_logits",
    "export_onnx",
    "fetch",
    "fit",
    "hold_out",
    "layers",
    "load_manifest",
    "pointwise",
    "pool_output_size",
    "pooling",
    "predict_logits",
    "receptive_field",
    "restore",
    "summary",
]

__getattr__ = attach(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted([*__all__, "visual"])
