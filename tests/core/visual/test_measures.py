import math

import pytest
import torch

from cnn_core.errors import UserError
from cnn_core.visual.measures import blank_share, energy_inside, predictions, texture


def test_a_repeated_pattern_is_told_from_noise_and_from_one_blob():
    motif = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    repeated = motif.repeat(1, 1, 7, 7)
    noise = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    y, x = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    blob = torch.exp(-((y - 8) ** 2 + (x - 8) ** 2) / 20)[None, None]
    found = texture(torch.cat([repeated, noise, blob]))
    assert found.repetition[0] > 0.99
    assert found.period[0] == 4
    assert found.repetition[1] < 0.5
    assert found.concentration[0] > 0.9 > found.concentration[1]
    assert found.evenness[0] > 0.99
    assert found.evenness[2] < 0.8


def test_the_period_of_a_signal():
    t = torch.arange(100.0)
    wave = torch.sin(2 * math.pi * t / 10)[None, None]
    found = texture(torch.cat([wave, torch.zeros(1, 1, 100)]))
    assert found.period[0] % 10 == 0
    assert found.repetition[0] > 0.99
    assert found.repetition[1] == found.evenness[1] == 0
    with pytest.raises(UserError, match="pictures"):
        texture(torch.rand(4, 4))


def test_shares():
    x = torch.tensor([[0.0, 0.04, 0.5, 1.0], [1.0, 1.0, 1.0, 0.0]])
    assert blank_share(x).tolist() == [0.5, 0.25]
    assert blank_share(255 * x, unit=255, blank=255).tolist() == [0.25, 0.75]
    gradient = torch.zeros(1, 1, 6, 6)
    gradient[0, 0, 2, 2], gradient[0, 0, 5, 5] = 3, 1
    box = torch.tensor([[[0, 1], [-1, 4], [1, 4]]])
    assert abs(float(energy_inside(gradient, box)) - 0.9) < 1e-6


def test_predictions(digits):
    x = torch.rand(3, 1, 12, 12)
    number, probability = predictions(digits, x)
    expected = digits.eval()(x).softmax(1).max(1)
    assert torch.equal(number, expected.indices)
    torch.testing.assert_close(probability, expected.values.detach())
