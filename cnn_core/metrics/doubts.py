"""How little a network believes given labels, and how many of them are wrong: confident learning.

The order is that of the loss, the least believed first. The number of wrong labels is what Northcutt, Jiang and Chuang,
Confident Learning (2021), count off the diagonal of their confident joint. The probabilities should be those of
networks that did not learn from the sample. Letters: N samples, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnn_core.metrics.classes import log_softmax


@dataclass(frozen=True)
class Doubts:
    """What a network holds of N given labels."""

    own: NDArray[np.float64]
    """(N,) probability of the given label."""
    believed: NDArray[np.int64]
    """(N,) the likeliest class."""
    probability: NDArray[np.float64]
    """(N,) its probability."""
    order: NDArray[np.int64]
    """(N,) samples, the one whose label is believed least first."""
    errors: int
    """How many labels are wrong, estimated."""


def doubts(logits: ArrayLike, targets: ArrayLike) -> Doubts:
    """The doubts of logits (N, C) about classes (N,) int. Raises ValueError where the shapes differ."""
    scores, given = np.asarray(logits, np.float64), np.asarray(targets)
    if scores.ndim != 2 or given.shape != scores.shape[:1]:
        raise ValueError(f"logits {scores.shape} and targets {given.shape} do not belong together")
    logs = log_softmax(scores)
    rows = np.arange(len(given))
    shares, losses = np.exp(logs), -logs[rows, given]
    # A class is confidently seen where its probability is at least what its own samples have on average.
    sums, counts = np.zeros(scores.shape[1]), np.bincount(given, minlength=scores.shape[1])
    np.add.at(sums, given, shares[rows, given])
    thresholds = np.divide(sums, counts, out=np.full(len(sums), np.inf), where=counts > 0)
    confident = np.where(shares >= thresholds, shares, -1.0)
    seen = confident.max(1, initial=-1.0) >= 0
    latent = confident.argmax(1)
    joint = np.zeros((len(sums), len(sums)))
    np.add.at(joint, (given[seen], latent[seen]), 1)
    known = joint.sum(1)
    # Each row of the joint is brought to the number of samples that have its label.
    wrong = np.divide((known - joint.diagonal()) * counts, known, out=np.zeros(len(sums)), where=known > 0)
    believed = scores.argmax(1)
    order = np.lexsort((rows, -losses))
    return Doubts(shares[rows, given], believed, shares[rows, believed], order, round(float(wrong.sum())))
