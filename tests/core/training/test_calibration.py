"""Temperature, levels and unlikeness, and their way through runs, predict and ONNX files."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch import nn

from cnn_core.errors import UserError
from cnn_core.metrics.classes import log_softmax, paired, risk_coverage
from cnn_core.metrics.limits import JSON, LEVELS, NONE, REJECTED, UNCALIBRATED, Calibration, Limits, limits_of
from cnn_core.training import calibration
from cnn_core.training.calibration import temperature_of
from cnn_core.training.data import Split


def answers(count, temperature, seed=0):
    """Logits whose softmax at `temperature` are the true probabilities, and targets drawn from these."""
    generator = np.random.default_rng(seed)
    true = generator.normal(0, 2, (count, 5))
    p = np.exp(log_softmax(true))
    targets = np.array([generator.choice(5, p=row) for row in p])
    return true * temperature, targets


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_is_found(temperature):
    logits, targets = answers(20_000, temperature)
    assert temperature_of(logits, targets) == pytest.approx(temperature, rel=0.04)


@given(st.integers(0, 10_000))
def test_it_is_the_maximum_of_the_likelihood(seed):
    logits, targets = answers(300, 1.7, seed)
    ranked = np.sort(logits, 1)
    narrow = (ranked[:, -1] - ranked[:, -2]).argsort()[15]
    logits_ = np.concatenate([logits, logits[narrow : narrow + 1]])
    targets_ = np.append(targets, np.argsort(logits[narrow])[-2])

    def loss(log_inverse):
        return -log_softmax(logits_ * np.exp(log_inverse))[np.arange(301), targets_].mean()

    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9}).x
    assert temperature_of(logits, targets) == pytest.approx(np.exp(-best), rel=1e-3)


def test_answers_that_are_all_right_are_not_certain():
    targets = np.arange(200) % 3
    logits = np.eye(3)[targets] * 10
    p = np.exp(log_softmax(logits / temperature_of(logits, targets))).max(1)
    assert 0.98 < p.min() < 0.9999  # about 200 of 201


def test_a_single_doubtful_right_answer_does_not_make_the_others_certain():
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 3, 200)
    logits = np.eye(3)[targets] * generator.uniform(4, 16, (200, 1))
    logits[0] = np.eye(3)[targets[0]] * 0.01
    p = np.exp(log_softmax(logits / temperature_of(logits, targets))).max(1)
    assert 0.98 < np.median(p) < 0.9999


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.front = nn.Identity()
        self.output = nn.Linear(4, 2)

    def forward(self, x):
        return self.output(self.front(x))


def test_unlikeness_tells_strange_inputs_and_survives_the_disk(tmp_path):
    torch.manual_seed(0)
    inputs = torch.randn(1200, 4) * 0.1 + torch.tensor([1.0, 1.0, 0.0, 0.0])
    split = Split(inputs, (inputs[:, 0] > 1).long())
    model = Tiny()
    rest, held = calibration.held_out_for_calibration(split, 0.05, 0)
    assert held is not None
    assert len(held) == pytest.approx(200, abs=2)  # more than 5 %, for fewer are too few
    found, bank = calibration.fit(model, rest, held)
    assert bank is not None
    layer = calibration.last_dense(model)
    assert layer is not None

    def unlikeness(x):
        features = calibration.features_of(model, layer, lambda: model(x))[1]
        return calibration.unlikeness_of(features, bank)

    limit = found.most_unlikeness(0.05)
    assert (unlikeness(held.inputs) > limit).float().mean() == pytest.approx(0.05, abs=0.02)
    assert (unlikeness(torch.tensor([[0.0, 0.0, 1.0, -1.0]])) > limit).all()
    calibration.save(tmp_path, found, bank)
    again, kept = calibration.load(tmp_path)
    assert again == found
    assert kept is not None
    torch.testing.assert_close(kept, bank)
    calibration.remove(tmp_path)
    assert calibration.load(tmp_path) == (UNCALIBRATED, None)


def test_few_samples_are_calibrated_by_folds(capsys):
    """Every sample is answered by a network that did not learn from it; the network itself learns from all."""
    torch.manual_seed(0)
    inputs = torch.randn(300, 4)
    split = Split(inputs, (torch.rand(300) < (2 * inputs[:, 0]).sigmoid()).long())
    rest, held = calibration.held_out_for_calibration(split, 0.05, 0)
    assert held is None
    assert len(rest) == 300
    parts = []

    def trained(part):
        parts.append(part)
        model = Tiny()
        with torch.no_grad():
            model.output.weight.zero_()
            model.output.weight[1, 0] = 10.0  # five times too sure
            model.output.bias.zero_()
        return model

    found = calibration.fit_by_folds(trained, split, 0, "picture")
    assert found is not None
    assert [len(part) for part in parts] == pytest.approx([200] * 3, abs=2)
    together = torch.cat([part.inputs for part in parts])
    assert all((together == row).all(1).sum() == 2 for row in inputs), "two of three networks learn from each sample"
    assert found.samples == 300
    assert found.temperature == pytest.approx(5, rel=0.3)
    assert found.error_after < found.error_before / 2
    assert len(found.confidence) == len(found.unlikeness) == 101
    assert "calibrating on 3 folds" in capsys.readouterr().err


@pytest.mark.parametrize("targets", [torch.arange(30) % 2, torch.tensor([0] * 59 + [1])])
def test_too_few_samples_are_said(targets, capsys):
    split = Split(torch.zeros(len(targets), 2), targets)
    assert calibration.held_out_for_calibration(split, 0.05, 0) == (split, None)
    assert calibration.fit_by_folds(lambda _: pytest.fail("trained"), split, 0, "picture") is None
    assert f"{len(targets)} pictures, or those of a class, are too few" in capsys.readouterr().err


@pytest.mark.parametrize("text", ['{"temperature": 0}', '{"temperature": 1, "confidence": [1]}', '{"other": 1}', "no"])
def test_a_strangers_calibration_is_checked(tmp_path, text):
    (tmp_path / JSON).write_text(text)
    with pytest.raises(UserError):
        calibration.load(tmp_path)


def test_a_bank_that_is_missing_or_wrong_is_said(tmp_path):
    levels = [0.0] * LEVELS
    (tmp_path / JSON).write_text(json.dumps({"temperature": 1.0, "unlikeness": levels}))
    with pytest.raises(UserError, match="cannot be read"):
        calibration.load(tmp_path)
    (tmp_path / calibration.TENSORS).write_bytes(b"nothing")
    with pytest.raises(UserError, match="damaged"):
        calibration.load(tmp_path)


def test_reject_and_none_mean_what_they_say():
    levels = tuple(i / 100 for i in range(101))
    found = Calibration(1.0, 500, confidence=levels, unlikeness=levels)
    limits = limits_of(found, "5%", "2%")
    assert limits.probability == pytest.approx(0.05)
    assert limits.unlikeness == pytest.approx(0.98)
    assert limits_of(found, ".7", "0") == Limits(0.7)
    assert limits.verdict(0.04, 0.5) == REJECTED
    assert limits.verdict(0.04, 0.99) == NONE
    assert limits.verdict(0.9, None) == ""
    for reject, none in (("x", "0"), ("2", "0"), ("0", "0.1"), ("-1%", "0"), ("nan", "0")):
        with pytest.raises(UserError):
            limits_of(found, reject, none)
    with pytest.raises(UserError, match="no held-out samples"):
        limits_of(UNCALIBRATED, "5%", "0")


def test_risk_falls_with_coverage():
    confidence = np.linspace(0.5, 1, 1000)
    right = np.random.default_rng(0).random(1000) < confidence
    curve = risk_coverage(confidence, right)
    assert curve[0].risk == pytest.approx(1 - right.mean())
    assert curve[-1].risk < curve[0].risk
    assert all(each.low <= each.risk <= each.high for each in curve)


def test_paired_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"\(N,\)"):
        paired([True], [True, False])
