"""Thresholds and metrics of several labels, against scikit-learn and an exhaustive search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from cnn_core.metrics.labels import best_thresholds, evaluate_answers


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(2, 4), st.integers(0, 10_000))
def test_metrics_equal_scikit_learns(count, labels, seed):
    random = np.random.default_rng(seed)
    answers, truth = random.random((2, count, labels)) < 0.4
    found = evaluate_answers(answers, truth, [str(i) for i in range(labels)])
    p, r, f1, support = precision_recall_fscore_support(truth, answers, average=None, zero_division=np.nan)
    np.testing.assert_allclose(found.precision, p)
    np.testing.assert_allclose(found.recall, r)
    np.testing.assert_array_equal(found.support, support)
    micro = precision_recall_fscore_support(truth, answers, average="micro", zero_division=0)[2]
    assert found.micro_f1 == pytest.approx(micro)
    assert found.exact == (answers == truth).all(1).mean()
    defined = (answers | truth).any(0)
    np.testing.assert_allclose(found.f1[defined], f1[defined])
    assert np.isnan(found.f1[~defined]).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 25), st.integers(0, 10_000))
def test_thresholds_are_the_best_there_are(count, seed):
    random = np.random.default_rng(seed)
    p, truth = random.integers(0, 8, count) / 8, random.random(count) < 0.4

    def f1(threshold: float) -> float:
        told = p >= threshold
        return 2 * (told & truth).sum() / max(told.sum() + truth.sum(), 1)

    (found,) = best_thresholds(p[:, None], truth[:, None])
    assert f1(found) == pytest.approx(max(f1(t) for t in (*np.unique(p), 1.1)))
    if not truth.any():
        assert found == 0.5


def test_wrong_shapes():
    with pytest.raises(ValueError, match=r"both must be \(N, 2\)"):
        evaluate_answers(np.zeros((3, 2), bool), np.zeros((3, 3), bool), "ab")
