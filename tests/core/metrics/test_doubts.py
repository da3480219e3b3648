"""Doubts against a direct reading of Northcutt, Jiang and Chuang (2021), and the order against the loss."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from cnn_core.metrics.doubts import doubts


def estimated(logits: np.ndarray, targets: np.ndarray) -> float:
    """Errors off the diagonal of the confident joint, sample by sample."""
    shares = functional.softmax(torch.from_numpy(logits), 1).numpy()
    classes = logits.shape[1]
    joint = np.zeros((classes, classes))
    for share, label in zip(shares, targets, strict=True):
        over = [
            k for k in range(classes) if (targets == k).any() and share[k] >= shares[targets == k][:, k].mean() - 1e-15
        ]
        if over:
            joint[label, max(over, key=lambda k: share[k])] += 1
    total = 0.0
    for label in range(classes):
        if joint[label].sum():
            wrong = joint[label].sum() - joint[label, label]
            total += wrong / joint[label].sum() * (targets == label).sum()
    return total


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 6))
def test_as_the_paper_counts(seed, count, classes):
    generator = np.random.default_rng(seed)
    logits, targets = generator.normal(size=(count, classes)) * 3, generator.integers(0, classes, count)
    found = doubts(logits, targets)
    assert abs(found.errors - estimated(logits, targets)) <= 0.5 + 1e-9
    losses = functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(targets), reduction="none").numpy()
    assert (np.diff(losses[found.order]) <= 1e-9).all()
    np.testing.assert_allclose(found.own, np.exp(-losses), rtol=1e-9)
    assert (found.believed == logits.argmax(1)).all()


def test_planted_errors_come_first():
    targets = np.arange(300) % 3
    logits = 6.0 * np.eye(3)[targets] + np.random.default_rng(0).normal(size=(300, 3))
    planted = [4, 100, 299]
    given_labels = targets.copy()
    given_labels[planted] = (targets[planted] + 1) % 3
    found = doubts(logits, given_labels)
    assert {*found.order[:3].tolist()} == {*planted}
    assert found.errors == pytest.approx(3, abs=1)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="do not belong together"):
        doubts(np.zeros((3, 2)), np.zeros(4, int))
