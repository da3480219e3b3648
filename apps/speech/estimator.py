"""WordSpotter: the app's networks as a scikit-learn estimator over recordings. Letters: N recordings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from apps.speech.corpora.clips import Clips
from apps.speech.signal import audio
from cnn_core.loaded.estimator import GIVEN, NetworkClassifier, listed, read_files
from cnn_core.training.data import Dataset, Split


class WordSpotter(NetworkClassifier):
    """Recordings of single words in classes.

    `X` is a list of N files, of pairs (samples, samples a second), or of arrays of samples at 16 kHz, or one array
    (N, samples) of these; int16, or floats from -1 to 1. Of a recording of more than a second the loudest second is
    heard. Parameters:

    - preset: time, wide and so on (`cnn-speech train --help`), whose settings hold where a parameter is None.
    - epochs, learning_rate, batch_size, weight_decay: see `cnn-speech train --help`, fit.
    - least_steps: on few clips as many more epochs as make so many steps; None: 200, or 0 where epochs are given.
    - width: factor of the number of filters; dropout: before the last layer.
    - options: any other setting, named with dots as on the command line: {"augment.noise": 0.0}.
    - calibrate: False skips the calibration, which with fewer than 1,000 clips trains three more networks.
    - seed; device: auto, cpu, cuda; verbose: progress and notes on standard error.
    """

    _app: ClassVar[str] = "speech"
    _settings: ClassVar[Mapping[str, str]] = {"width": "net.width", "dropout": "net.dropout"}

    def __init__(
        self,
        preset: str = "time",
        *,
        epochs: int | None = None,
        least_steps: int | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        weight_decay: float | None = None,
        width: float | None = None,
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
        self.width = width
        self.dropout = dropout
        self.options = options
        self.calibrate = calibrate
        self.seed = seed
        self.device = device
        self.verbose = verbose

    def _examined(self, X: Any, first: bool) -> np.ndarray:
        """Clips (N, 16000) int16."""
        rows = isinstance(X, np.ndarray) and X.ndim == 2
        if isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype != object and X.dtype.kind not in "USO":
            raise ValueError("X is one recording; give a list of recordings, [X]")
        given = listed(list(X) if rows else X, "recording")
        if all(isinstance(each, str | Path) for each in given):
            return read_files(self._app, given)
        return np.stack([_clip(each, number) for number, each in enumerate(given, start=1)])

    def _dataset(self, config: Any, inputs: np.ndarray, targets: np.ndarray, labels: tuple[str, ...]) -> Dataset:
        split = _clips(inputs, targets)
        return Dataset(GIVEN, split, split, labels)

    def _split(self, inputs: np.ndarray) -> Split:
        return _clips(inputs, np.zeros(len(inputs), np.int64))


def _clip(given: Any, number: int) -> np.ndarray:
    """One second (16000,) int16. Raises ValueError for what is no recording, UserError for a file that is none."""
    if isinstance(given, str | Path):
        return audio.read(Path(given))
    samples, rate = given if isinstance(given, tuple) and len(given) == 2 else (given, audio.RATE)
    samples = np.asarray(samples)
    floats = np.issubdtype(samples.dtype, np.floating)
    if samples.ndim not in (1, 2) or not len(samples) or not (floats or samples.dtype == np.int16):
        raise ValueError(
            f"X: recording {number} is {samples.dtype} of shape {samples.shape}; give files, or samples as int16 or"
            " floats from -1 to 1"
        )
    if not np.isfinite(samples).all():
        raise ValueError(f"X: recording {number} holds samples that are NaN or infinite")
    return audio.read(audio.as_wav((samples, rate)))


def _clips(inputs: np.ndarray, targets: np.ndarray) -> Clips:
    nobody = torch.zeros(len(inputs), dtype=torch.int64)
    return Clips(torch.from_numpy(inputs), torch.from_numpy(targets), nobody, ())
