"""A linear model to compare with, on the same pictures: logistic regression on a backbone's features, or on pixels.

Letters: N pictures, F features.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from apps.photos import features
from apps.photos.config import PhotosConfig
from apps.photos.corpora.corpus import Photos
from cnn_core.benchmark import cpu_seconds
from cnn_core.errors import UserError
from cnn_core.optional import require
from cnn_core.training.data import evenly
from cnn_core.training.holdout import hold_out

MOST = 10_000  # training pictures
VALIDATION = 0.2
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C: the inverse of the penalty, on features of variance 1
PIXELS = 16  # side to which pictures are brought where there is no backbone


@dataclass(frozen=True)
class Baseline:
    """How the linear model did; `predictions` (N,) on the test pictures."""

    name: str
    accuracy: float
    train_seconds: float
    """CPU-seconds of training, the choice of the penalty included, the features not."""
    strength: float
    samples: int
    predictions: np.ndarray


def compare(config: PhotosConfig, train: Photos, test: Photos, seed: int = 0) -> Baseline:
    """Logistic regression trained on `train` and asked on `test`; its penalty is chosen on a fifth of `train`, or by
    the middle of the grid where none can be held out. Raises UserError where scikit-learn is missing."""
    require("sklearn", "comparing with a linear model")
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    train = train.subset(evenly(len(train), MOST))
    x, asked, targets = inputs_of(config, train), inputs_of(config, test), train.targets.numpy()

    with cpu_seconds() as spent:
        mean, sd = x.mean(0), x.std(0) + 1e-3
        x, asked = (x - mean) / sd, (asked - mean) / sd

        def fit(rows: np.ndarray, strength: float) -> LogisticRegression:
            with warnings.catch_warnings():  # near the optimum is near enough for a model to compare with
                warnings.simplefilter("ignore", ConvergenceWarning)
                return LogisticRegression(C=strength, max_iter=300).fit(x[rows], targets[rows])

        try:
            held = hold_out(targets, VALIDATION, seed + 1, train.groups())
            scores = [fit(~held, strength).score(x[held], targets[held]) for strength in STRENGTHS]
            strength = STRENGTHS[int(np.argmax(scores))]
        except (UserError, ValueError):  # ValueError: one class is left
            strength = STRENGTHS[len(STRENGTHS) // 2]
        model = fit(np.ones(len(x), bool), strength)
    predictions = np.asarray(model.predict(asked))
    what = "pixels" if config.backbone == "none" else f"features of {config.backbone}"
    right = float(np.mean(predictions == test.targets.numpy()))
    return Baseline(f"logistic regression on {what}", right, spent.cpu, strength, len(train), predictions)


def inputs_of(config: PhotosConfig, split: Photos) -> np.ndarray:
    """(N, F) float64 of a split."""
    if config.backbone != "none":
        return features.remember(config, split.inputs.numpy()).astype(np.float64)
    small = [functional.adaptive_avg_pool2d(part.float(), PIXELS).flatten(1) for part in split.inputs.split(1024)]
    return torch.cat(small).numpy().astype(np.float64)
