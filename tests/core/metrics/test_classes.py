import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from cnn_core.metrics.classes import calibration, confusion_matrix, evaluate_logits, log_softmax, wilson_interval


@st.composite
def cases(draw):
    classes = draw(st.integers(2, 12))
    count = draw(st.integers(1, 60))
    scale = draw(st.sampled_from([0.0, 0.1, 3.0, 50.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(size=(count, classes)) * scale
    return logits, rng.integers(0, classes, count)


def names(classes):
    return [f"class {c}" for c in range(classes)]


@settings(max_examples=60, deadline=None)
@given(cases())
def test_agrees_with_scikit_learn(case):
    logits, targets = case
    classes = logits.shape[1]
    labels = np.arange(classes)
    found = evaluate_logits(logits.astype(np.float32), targets, names(classes))
    logits = logits.astype(np.float32).astype(np.float64)
    predictions = logits.argmax(axis=1)

    assert found.accuracy == pytest.approx(reference.accuracy_score(targets, predictions))
    assert np.array_equal(found.confusion, reference.confusion_matrix(targets, predictions, labels=labels))
    precision, recall, f1, support = reference.precision_recall_fscore_support(
        targets, predictions, labels=labels, zero_division=np.nan
    )
    assert np.array_equal(found.support, support)
    np.testing.assert_allclose(found.precision, precision)
    np.testing.assert_allclose(found.recall, recall)
    np.testing.assert_allclose(found.f1, f1)
    # scikit-learn clips probabilities at the smallest float, so only the part it does not clip is compared.
    spread = logits.max(axis=1) - logits[np.arange(len(targets)), targets]
    kept = spread < 30
    if kept.any():
        exp = np.exp(logits[kept] - logits[kept].max(axis=1, keepdims=True))
        probabilities = exp / exp.sum(axis=1, keepdims=True)
        expected = reference.log_loss(targets[kept], probabilities, labels=labels)
        assert found.losses[kept].mean() == pytest.approx(expected, rel=1e-6, abs=1e-12)
    if kept.all():
        assert found.negative_log_likelihood == pytest.approx(found.losses.mean())


@settings(max_examples=40, deadline=None)
@given(cases())
def test_top_k_by_sorting(case):
    logits, targets = case
    classes = logits.shape[1]
    found = evaluate_logits(logits, targets, names(classes), top=range(1, classes + 3))
    order = np.argsort(-logits, axis=1, kind="stable")
    assert list(found.top_k) == list(range(1, classes + 1))
    assert found.top_k[1] == found.accuracy
    assert found.top_k[classes] == 1.0
    for k, share in found.top_k.items():
        assert share == pytest.approx((order[:, :k] == targets[:, None]).any(axis=1).mean())


@settings(max_examples=60, deadline=None)
@given(cases())
def test_calibration_by_a_loop_over_bins(case):
    logits, targets = case
    found = evaluate_logits(logits, targets, names(logits.shape[1]))
    probabilities = np.exp(log_softmax(logits))
    top, right = probabilities.max(axis=1), logits.argmax(axis=1) == targets
    error, seen = 0.0, 0
    for b, (low, high) in enumerate(zip(found.calibration.edges, found.calibration.edges[1:], strict=False)):
        inside = (top > low) & (top <= high)
        assert found.calibration.counts[b] == inside.sum()
        if inside.any():
            seen += inside.sum()
            error += inside.mean() * abs(right[inside].mean() - top[inside].mean())
            assert found.calibration.confidence[b] == pytest.approx(top[inside].mean())
        else:
            assert np.isnan(found.calibration.accuracy[b])
    assert seen == len(targets)
    assert found.calibration.error == pytest.approx(error, abs=1e-12)


def test_calibration_known_value_and_edges():
    # Ten samples at .8 of which five are right: off by .3. A bin's upper edge belongs to it.
    found = calibration([0.8] * 10, [True] * 5 + [False] * 5, bins=5)
    assert found.error == pytest.approx(0.3)
    assert found.counts.tolist() == [0, 0, 0, 10, 0]
    assert calibration([1.0, 0.0], [True, False]).counts[[0, -1]].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        # Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, method 3, printed to 4 decimals.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_published_values(correct, total, low, high):
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=5.1e-5)


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_wilson_ends_solve_its_equation(total, share):
    correct = round(share * total)
    for end in wilson_interval(correct, total):
        # (p - end)^2 = z^2 end (1 - end) / n defines the interval.
        left = (correct / total - end) ** 2
        assert left == pytest.approx(1.959963984540054**2 * end * (1 - end) / total, rel=1e-5, abs=1e-12)
    low, high = wilson_interval(correct, total)
    mirrored = wilson_interval(total - correct, total)
    assert 0 <= low <= correct / total <= high <= 1
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_wilson_refuses_nonsense():
    assert wilson_interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 of 2"):
        wilson_interval(3, 2)
    with pytest.raises(ValueError, match="confidence"):
        wilson_interval(1, 2, confidence=1)


def test_one_sample_two_classes_and_a_class_without_samples():
    found = evaluate_logits([[2.0, 0.0]], [0], ["no", "yes"])
    assert found.accuracy == 1
    assert found.top_k == {1: 1.0}
    assert found.negative_log_likelihood == pytest.approx(np.log1p(np.exp(-2.0)))
    assert np.isnan(found.recall[1])
    assert np.isnan(found.precision[1])
    assert np.isnan(found.f1[1])
    plain = found.to_json()
    assert plain["per_class"][1]["recall"] is None
    assert plain["per_class"][1]["accuracy_interval"] == [0.0, 1.0]
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_equal_logits_answer_the_lower_class_and_top_k_agrees():
    found = evaluate_logits(np.zeros((4, 4)), np.arange(4), names(4), top=(1, 2))
    assert found.predictions.tolist() == [0, 0, 0, 0]
    assert found.top_k == {1: 0.25, 2: 0.5}
    assert found.confidence == pytest.approx([0.25] * 4)


def test_huge_logits_do_not_overflow():
    found = evaluate_logits([[1e30, -1e30, 0], [0, 1e4, 1e4]], [1, 2], names(3))
    assert found.losses == pytest.approx([2e30, np.log(2)])
    assert found.confidence == pytest.approx([1.0, 0.5])


def test_mistakes_come_with_the_largest_loss_first():
    logits = np.array([[9.0, 0], [0, 1], [0, 5], [3, 0]])
    found = evaluate_logits(logits, [0, 0, 0, 1], names(2))
    assert found.mistakes().tolist() == [2, 3, 1]


def test_confusion_rows_are_truth():
    assert confusion_matrix([0, 0, 1], [1, 1, 1], 2).tolist() == [[0, 2], [0, 1]]


@pytest.mark.parametrize(
    ("logits", "targets", "message"),
    [
        ([[0.0, np.nan], [1, 2]], [0, 1], "1 of 2 samples are NaN or infinite, first: 0"),
        ([[0.0, np.inf]], [0], "NaN or infinite"),
        ([[0.0, 1, 2]], [0], r"\(N, 2\)"),
        (np.zeros((0, 2)), np.zeros(0, int), "no samples"),
        ([[0.0, 1]], [2], r"0\.\.1, found 2"),
        ([[0.0, 1]], [-1], "found -1"),
        ([[0.0, 1]], [0.0], "whole numbers"),
        ([[0.0, 1]], [0, 1], "whole numbers"),
    ],
)
def test_bad_input_is_a_clear_error(logits, targets, message):
    with pytest.raises(ValueError, match=message):
        evaluate_logits(logits, targets, ["a", "b"])
