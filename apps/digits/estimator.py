"""DigitClassifier: the app's networks as a scikit-learn estimator over pictures.

    X, y = sklearn.datasets.load_digits(return_X_y=True)    # (1797, 64), 0 to 16
    cnn_core.DigitClassifier().fit(X, y)

Letters: N pictures, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.validation import validate_data
from torch.nn import functional

from cnn_core.loaded.estimator import GIVEN, NetworkClassifier, read_files
from cnn_core.training.data import Dataset, Split

SIDE = 28


class DigitClassifier(NetworkClassifier):
    """Small pictures in classes.

    `X` is an array (N, pixels), (N, H, W), or a list of picture files. Rows of other than H * W pixels fill the
    smallest square, zeros behind them. Bytes count from 0 to 255; other numbers are scaled so that the lowest and the
    highest of `fit` become 0 and 255, and `predict` clips to these. Pictures of other sizes are resized to 28 x 28;
    files are framed as `cnn-digits predict` does.

    - preset: fast, accurate or lecture, whose settings hold where a parameter is None.
    - epochs, learning_rate, batch_size, weight_decay: see `cnn-digits train --help`, fit.
    - least_steps: on few pictures as many more epochs as make so many steps; None: 200, or 0 where epochs are given.
    - channels: filters of each convolution, as many as the preset has; dropout: before each dense layer.
    - options: any other setting, named with dots as on the command line: {"augment.rotate": 10.0}.
    - calibrate: False skips the calibration, which with fewer than 1,000 pictures trains three more networks.
    - seed; device: auto, cpu, cuda; verbose: progress and notes on standard error.
    """

    _app: ClassVar[str] = "digits"
    _settings: ClassVar[Mapping[str, str]] = {"channels": "net.channels", "dropout": "net.head_dropout"}

    def __init__(
        self,
        preset: str = "fast",
        *,
        epochs: int | None = None,
        least_steps: int | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        weight_decay: float | None = None,
        channels: tuple[int, ...] | None = None,
        dropout: float | None = None,
        options: Mapping[str, Any] | None = None,
        calibrate: bool = True,
        seed: int = 0,
        device: str = "auto",
        verbose: bool = False,
    ):
        self.preset = preset
        self.epochs = epochs
        self.least_steps = least_steps
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.channels = channels
        self.dropout = dropout
        self.options = options
        self.calibrate = calibrate
        self.seed = seed
        self.device = device
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _examined(self, X: Any, first: bool) -> np.ndarray:
        """(N, H, W) pixels in the caller's units, or (N, 28, 28) uint8 of files."""
        if isinstance(X, list | tuple) and X and all(isinstance(each, str | Path) for each in X):
            return read_files(self._app, X)
        found = validate_data(self, X, reset=first, allow_nd=True, dtype="numeric")  # type: ignore[arg-type]
        assert isinstance(found, np.ndarray)
        if found.ndim > 3:
            raise ValueError(f"X must be (N, pixels) or (N, H, W), not {found.shape}")
        if first:
            self._range_ = (0.0, 255.0) if found.dtype == np.uint8 else (float(found.min()), float(found.max()))
            self._shape_ = found.shape[1:]
        elif found.shape[1:] != self._shape_:
            raise ValueError(f"X has pictures of shape {found.shape[1:]}, and those of fit were {self._shape_}")
        return found if found.ndim == 3 else _squares(found)

    def _dataset(self, config: Any, inputs: np.ndarray, targets: np.ndarray, labels: tuple[str, ...]) -> Dataset:
        split = Split(self._pictures(inputs), torch.from_numpy(targets))
        return Dataset(GIVEN, split, split, labels)

    def _split(self, inputs: np.ndarray) -> Split:
        return Split(self._pictures(inputs), torch.zeros(len(inputs), dtype=torch.int64))

    def _pictures(self, pixels: np.ndarray) -> torch.Tensor:
        """(N, H, W) in the caller's units -> (N, 28, 28) uint8."""
        if pixels.dtype == np.uint8:
            found = torch.from_numpy(np.array(pixels))
        else:
            low, high = getattr(self, "_range_", (0.0, 255.0))
            scaled = (pixels.astype(np.float64) - low) * (255 / (high - low) if high > low else 0.0)
            found = torch.from_numpy(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
        if found.shape[1:] == (SIDE, SIDE):
            return found
        size = {"size": (SIDE, SIDE), "mode": "bilinear", "align_corners": False, "antialias": True}
        parts = [functional.interpolate(part[:, None].float(), **size)[:, 0] for part in found.split(4096)]
        return torch.cat(parts).round().clamp(0, 255).to(torch.uint8)


def _squares(rows: np.ndarray) -> np.ndarray:
    """(N, pixels) -> (N, S, S) with S * S >= pixels, zeros behind them."""
    count = rows.shape[1]
    side = int(np.ceil(np.sqrt(count)))
    found = np.zeros((len(rows), side * side), rows.dtype)
    found[:, :count] = rows
    return found.reshape(-1, side, side)
