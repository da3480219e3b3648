"""Against captum where it has the method, against definitions elsewhere."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnn_core.errors import UserError
from cnn_core.visual import attribution
from cnn_core.visual.optimization.objectives import filter
from cnn_core.visual.optimization.scoring import values

captum = pytest.importorskip("captum.attr", reason="captum, the reference, is not installed")


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_saliency_equals_captum(case):
    model = case.model.eval()
    expected = captum.Saliency(model).attribute(case.inputs.clone().requires_grad_(), target=1)
    close(attribution.saliency(model, case.inputs, 1), expected)
    signed = captum.Saliency(model).attribute(case.inputs.clone().requires_grad_(), target=1, abs=False)
    close(attribution.saliency(model, case.inputs, 1, signed=True), signed)


def test_integrated_gradients_equal_captum_and_are_complete(case):
    model = case.model.eval()
    base = torch.full_like(case.inputs, 0.2)
    found = attribution.integrated_gradients(model, case.inputs, 2, baseline=base, steps=40, batch=7)
    expected, gap = captum.IntegratedGradients(model).attribute(
        case.inputs, baselines=base, target=2, n_steps=40, return_convergence_delta=True
    )
    close(found.values, expected.float())
    torch.testing.assert_close(found.gap, gap.float(), rtol=1e-3, atol=1e-5)
    more = attribution.integrated_gradients(model, case.inputs, 2, baseline=base, steps=400)
    assert more.gap.abs().max() < 0.01


def test_grad_cam_equals_captum(case):
    model = case.model.eval()
    layer = dict(model.named_modules())[case.conv]
    expected = captum.LayerGradCam(model, layer).attribute(case.inputs, target=0, relu_attributions=True)
    close(attribution.grad_cam(model, case.inputs, case.conv, 0, resized=False), expected)
    size = case.inputs.shape[2:]
    mode = "linear" if len(size) == 1 else "bilinear"
    found = attribution.grad_cam(model, case.inputs, case.conv, 0)
    close(found, F.interpolate(expected, size=size, mode=mode, align_corners=False))


def relu_net(in_place):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(in_place), nn.Conv2d(6, 6, 3), nn.ReLU(in_place), nn.Flatten(), nn.Linear(384, 4)
    )


class Functional(nn.Module):
    """The same net, every way to call ReLU without a module."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        x = self.net[0](x)
        F.relu_(x)  # the result is dropped: it must have happened in place
        x = self.net[2](x)
        return self.net[5](self.net[4](x.relu()))


def test_guided_backprop_equals_captum_in_place_or_not():
    x = torch.randn(3, 3, 12, 12)
    reference = relu_net(False)
    with pytest.warns(UserWarning, match=r"(?i)backward hooks"):
        expected = captum.GuidedBackprop(reference).attribute(x.clone().requires_grad_(), target=1)
    assert expected.abs().sum() > 0
    for model in (reference, relu_net(True), Functional(relu_net(False)), nn.Sequential(relu_net(True))):
        close(attribution.guided_backprop(model, x, 1), expected)


def test_guided_backprop_needs_relu():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(72, 2))
    with pytest.raises(UserError, match="none: use saliency"):
        attribution.guided_backprop(model, torch.rand(1, 1, 8, 8), 0)


@pytest.mark.parametrize(("window", "stride"), [((4, 3), (2, 3)), ((3, 3), (1, 1)), ((5, 5), (3, 2))])
def test_occlusion_equals_captum(digits, window, stride):
    x = torch.rand(2, 1, 12, 12)
    model = digits.eval()
    expected = captum.Occlusion(model).attribute(
        x, sliding_window_shapes=(1, *window), strides=(1, *stride), target=1, baselines=0.5
    )
    found = attribution.occlusion(model, x, 1, window=window, stride=stride, fill=0.5, batch=5)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_occlusion_of_signals_and_channels(make):
    model = make["signal"]().eval()
    x = torch.rand(2, 2, 32)
    expected = captum.Occlusion(model).attribute(x, sliding_window_shapes=(2, 5), strides=(2, 2), target=0)
    torch.testing.assert_close(attribution.occlusion(model, x, 0, window=[5]), expected, rtol=1e-3, atol=1e-5)


def test_smooth_grad(case):
    model = case.model.eval()
    still = attribution.smooth_grad(model, case.inputs, 1, noise=0.0, samples=3)
    close(still, attribution.saliency(model, case.inputs, 1))
    one = attribution.smooth_grad(model, case.inputs, 1, samples=10, batch=4)
    assert torch.equal(one, attribution.smooth_grad(model, case.inputs, 1, samples=10, batch=4))
    assert not torch.allclose(one, still)
    # The same draws, one at a time.
    generator = torch.Generator().manual_seed(0)
    x = case.inputs[:1]
    spread = 0.15 * (x.max() - x.min())
    noisy = [x + spread * torch.randn(x.shape, generator=generator) for _ in range(5)]
    expected = torch.stack([attribution.saliency(model, n, 1) for n in noisy]).mean(0)
    close(attribution.smooth_grad(model, x, 1, samples=5, batch=1), expected)


def test_targets(digits):
    x = torch.rand(4, 1, 12, 12)
    best = digits.eval()(x).argmax(1)
    close(attribution.saliency(digits, x), attribution.saliency(digits, x, best))
    each = attribution.saliency(digits, x, [0, 1, 2, 3])
    for row in range(4):
        close(each[row : row + 1], attribution.saliency(digits, x[row : row + 1], row))
    goal = filter("conv2", 1)
    found = attribution.integrated_gradients(digits, x, goal, steps=200)
    torch.testing.assert_close(
        found.values.flatten(1).sum(1), values(digits, goal, x) - values(digits, goal, 0 * x), rtol=0.05, atol=0.05
    )
    with pytest.raises(UserError, match="classes 0 to 4; there is no class 7"):
        attribution.saliency(digits, x, 7)
    with pytest.raises(UserError, match="2 targets for 4 inputs"):
        attribution.saliency(digits, x, [0, 1])
    with pytest.raises(UserError, match="'dense1' has no places"):
        attribution.grad_cam(digits, x, "dense1", 0)
    with pytest.raises(UserError, match="window"):
        attribution.occlusion(digits, x, 0, window=(20, 20))


def test_bytes_are_taken_and_the_model_is_left_alone(digits, state):
    x = (torch.rand(2, 1, 12, 12) * 255).to(torch.uint8)
    digits.train()
    kept = state(digits)
    for lens in (
        lambda: attribution.saliency(digits, x, 1),
        lambda: attribution.smooth_grad(digits, x, 1, samples=2),
        lambda: attribution.integrated_gradients(digits, x, 1, steps=4).values,
        lambda: attribution.guided_backprop(digits, x, 1),
        lambda: attribution.grad_cam(digits, x, "conv2", 1),
        lambda: attribution.occlusion(digits, x, 1, window=(6, 6)),
    ):
        found = lens()
        assert found.shape == (2, 1, 12, 12)
        assert torch.isfinite(found).all()
        kept.check()
