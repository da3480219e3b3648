"""PhotoClassifier: the app's networks as a scikit-learn estimator over colour pictures.

    net = cnn_core.PhotoClassifier("frozen").fit(files, labels)

Letters: N pictures, H x W pixels, S side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from apps.photos import data, features
from apps.photos.config import PhotosConfig
from apps.photos.corpora import framing
from apps.photos.corpora.corpus import Photos
from cnn_core.loaded.estimator import GIVEN, NetworkClassifier, listed
from cnn_core.training.data import Dataset, Split
from cnn_core.verbs.inputs import read_all


class PhotoClassifier(NetworkClassifier):
    """Colour pictures in classes.

    `X` is a list of N picture files, a list of arrays (H, W, 3) or (H, W) or of PIL images, of any sizes, or one array
    (N, H, W, 3) or (N, H, W). Bytes count from 0 to 255, floats from 0 to 1. Every picture is brought to a square of
    `side` pixels as `cnn-photos` does it. Parameters:

    - preset: scratch (all layers learn) or frozen (features of EfficientNet-Lite0), whose settings hold where a
      parameter is None.
    - epochs, learning_rate, batch_size, weight_decay: see `cnn-photos train --help`, fit.
    - least_steps: on few pictures as many more epochs as make so many steps; None: the preset's.
    - side: height and width in pixels; dropout: before the last layer.
    - options: any other setting, named with dots as on the command line: {"augment.flip": False}.
    - calibrate: False skips the calibration, which with fewer than 1,000 pictures trains three more networks.
    - seed; device: auto, cpu, cuda; verbose: progress and notes on standard error.
    """

    _app: ClassVar[str] = "photos"
    _settings: ClassVar[Mapping[str, str]] = {"side": "side", "dropout": "net.head_dropout"}

    def __init__(
        self,
        preset: str = "scratch",
        *,
        epochs: int | None = None,
        least_steps: int | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        weight_decay: float | None = None,
        side: int | None = None,
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
        self.side = side
        self.dropout = dropout
        self.options = options
        self.calibrate = calibrate
        self.seed = seed
        self.device = device
        self.verbose = verbose

    def _examined(self, X: Any, first: bool) -> np.ndarray:
        """Pictures (N, 3, S, S) uint8."""
        given = listed(list(X) if isinstance(X, np.ndarray) and X.ndim > 2 else X, "picture")
        config: PhotosConfig = self._config()

        def read(source: Path | bytes) -> np.ndarray:
            return framing.read(source, config.side, config.frame)

        if all(isinstance(each, str | Path) for each in given):
            return np.stack(read_all([str(each) for each in given], read, "picture", skip_bad=False)[1])
        pixels = (_pixels(each, number) for number, each in enumerate(given, start=1))
        return np.stack([framing.framed(each, config.side, config.frame) for each in pixels])

    def _dataset(self, config: PhotosConfig, inputs: np.ndarray, targets: np.ndarray, labels: Sequence[str]) -> Dataset:
        split = _photos(inputs, targets)
        if config.backbone != "none" and not config.tuned:
            features.remember(config, inputs, progress=self.verbose)
        return Dataset(GIVEN, split, split, tuple(labels), fitted=data.fitted_of(config, split))

    def _split(self, inputs: np.ndarray) -> Split:
        return _photos(inputs, np.zeros(len(inputs), np.int64))


def _pixels(given: Any, number: int) -> np.ndarray:
    """One picture (H, W, 3) uint8. Raises ValueError for what is none."""
    pixels = np.asarray(given.convert("RGB")) if hasattr(given, "convert") else np.asarray(given)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    floats = np.issubdtype(pixels.dtype, np.floating)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size or not (floats or pixels.dtype == np.uint8):
        raise ValueError(
            f"X: picture {number} is {pixels.dtype} of shape {pixels.shape}; give files, or (H, W, 3) or (H, W) as"
            " uint8 or as floats from 0 to 1"
        )
    if floats:
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            raise ValueError(f"X: picture {number} holds floats that are not from 0 to 1")
        pixels = np.rint(pixels * 255).astype(np.uint8)
    return pixels


def _photos(inputs: np.ndarray, targets: np.ndarray) -> Photos:
    """A split in which every picture stands for itself."""
    count = len(inputs)
    own, none = torch.arange(count), torch.zeros(count, dtype=torch.bool)
    return Photos(torch.from_numpy(inputs), torch.from_numpy(targets), own, none)
