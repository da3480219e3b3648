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
    from cnn_core.errors import UserError
    from cnn_core.exporting.graph import export_onnx
    from cnn_core.fetching.sources import fetch, load_manifest
    from cnn_core.loaded.estimators import DigitClassifier, PhotoClassifier, TextClassifier, WordSpotter
    from cnn_core.loaded.network import Answer, Network, load
    from cnn_core.metrics.classes import Metrics, evaluate_logits
    from cnn_core.nn.architecture import LECTURE, ConvNetConfig, layers
    from cnn_core.nn.blocks import ConvBlock, Dense, GlobalPool, ResidualBlock, pointwise, pooling
    from cnn_core.nn.network import ConvNet
    from cnn_core.nn.shapes import ShapeError, conv_output_size, pool_output_size, receptive_field
    from cnn_core.nn.summary import count_parameters, summary
    from cnn_core.nn.views import AveragedViews
    from cnn_core.runs import Run, restore
    from cnn_core.training.callbacks import Callback
    from cnn_core.training.data import Dataset, Split
    from cnn_core.training.engine import Fit, Interrupted, classification, evaluate, fit, predict_logits
    from cnn_core.training.holdout import folds, hold_out
    from cnn_core.training.recipe import FitConfig
    from cnn_core.version import __version__

_HOME = {
    "nn.architecture": "LECTURE ConvNetConfig layers",
    "nn.blocks": "ConvBlock Dense GlobalPool ResidualBlock pointwise pooling",
    "training.callbacks": "Callback",
    "training.data": "Dataset Split",
    "training.engine": "Fit Interrupted classification evaluate fit predict_logits",
    "errors": "UserError",
    "exporting.graph": "export_onnx",
    "metrics.classes": "Metrics evaluate_logits",
    "nn.network": "ConvNet",
    "nn.summary": "count_parameters summary",
    "training.holdout": "folds hold_out",
    "training.recipe": "FitConfig",
    "loaded.estimators": "DigitClassifier PhotoClassifier TextClassifier WordSpotter",
    "loaded.network": "Answer Network load",
    "runs": "Run restore",
    "nn.shapes": "ShapeError conv_output_size pool_output_size receptive_field",
    "nn.views": "AveragedViews",
    "fetching.sources": "fetch load_manifest",
    "version": "__version__",
}
__all__ = [
    "LECTURE",
    "Answer",
    "AveragedViews",
    "Callback",
    "ConvBlock",
    "ConvNet",
    "ConvNetConfig",
    "Dataset",
    "Dense",
    "DigitClassifier",
    "Fit",
    "FitConfig",
    "GlobalPool",
    "Interrupted",
    "Metrics",
    "Network",
    "PhotoClassifier",
    "ResidualBlock",
    "Run",
    "ShapeError",
    "Split",
    "TextClassifier",
    "UserError",
    "WordSpotter",
    "__version__",
    "classification",
    "conv_output_size",
    "count_parameters",
    "evaluate",
    "evaluate_logits",
    "export_onnx",
    "fetch",
    "fit",
    "folds",
    "hold_out",
    "layers",
    "load",
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
