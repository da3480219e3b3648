"""Class activation maps and noise tunnels against captum, pytorch-grad-cam and their formulas."""

import pytest
import torch
from torch import nn

from cnn_core import visual
from cnn_core.errors import UserError

captum = pytest.importorskip("captum.attr", reason="captum, the reference, is not installed")


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Flatten(),
        nn.LazyLinear(4),
    )  # fmt: skip


@pytest.fixture
def model():
    model = net()
    with torch.no_grad():
        model(torch.rand(1, 3, 12, 14))
    return model.eval()


X = torch.rand(3, 3, 12, 14, generator=torch.Generator().manual_seed(3))


@pytest.mark.filterwarnings("ignore:Setting backward hooks")
def test_guided_grad_cam_equals_captum(model):
    expected = captum.GuidedGradCam(model, model[3]).attribute(X.clone().requires_grad_(), target=2)
    close(visual.guided_grad_cam(model, X, "3", 2), expected)
    with pytest.raises(UserError, match="has no places"):
        visual.guided_grad_cam(model, X, "6", 2)


@pytest.mark.parametrize("layer", [0, 3])
def test_layer_cam_and_grad_cam_plus_plus_equal_pytorch_grad_cam(model, layer):
    reference = pytest.importorskip("pytorch_grad_cam", reason="pytorch-grad-cam, the reference, is not installed")
    targets = [reference.utils.model_targets.ClassifierOutputTarget(1)] * len(X)
    for ours, theirs in (
        (visual.grad_cam, reference.GradCAM),
        (visual.grad_cam_plus_plus, reference.GradCAMPlusPlus),
        (visual.layer_cam, reference.LayerCAM),
    ):
        with theirs(model=model, target_layers=[model[layer]]) as cam:
            expected = torch.from_numpy(cam(X.clone(), targets))
        found = ours(model, X, str(layer), 1, resized=False)
        # Theirs is scaled to 0..1, enlarged by OpenCV, and scaled again.
        enlarged = torch.nn.functional.interpolate(scaled(found), size=(12, 14), mode="bilinear", align_corners=False)
        torch.testing.assert_close(scaled(enlarged)[:, 0], expected, rtol=0, atol=5e-3)


def scaled(maps):
    low, high = maps.flatten(1).amin(1)[:, None, None, None], maps.flatten(1).amax(1)[:, None, None, None]
    return (maps - low) / (1e-7 + high - low)


def test_layer_cam_is_its_formula(model):
    h = model[:4](X).detach().requires_grad_()
    score = model[4:](h)[:, 1].sum()
    (gradient,) = torch.autograd.grad(score, h)
    close(visual.layer_cam(model, X, "3", 1, resized=False), (gradient.relu() * h).sum(1, keepdim=True).relu().detach())


@pytest.mark.parametrize("kind", ["mean", "square", "variance"])
def test_noise_tunnels_are_statistics_over_noisy_copies(model, kind):
    found = visual.noise_tunnel(visual.saliency, model, X, target=1, samples=6, noise=0.2, kind=kind, seed=4)
    generator, expected = torch.Generator().manual_seed(4), []
    for row in X:
        copies = row + 0.2 * (row.max() - row.min()) * torch.randn((6, *row.shape), generator=generator)
        each = visual.saliency(model, copies, 1)
        expected.append(
            {"mean": each.mean(0), "square": each.square().mean(0), "variance": each.var(0, correction=0)}[kind]
        )
    close(found, torch.stack(expected))
    smooth = visual.smooth_grad(model, X, 1, samples=6, noise=0.2, seed=4)
    if kind == "mean":
        close(found, smooth)


@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq", "vargrad"])
def test_noise_tunnels_agree_with_captum_in_the_mean(model, kind):
    x = X[:1]
    spread = float(x.max() - x.min())
    torch.manual_seed(0)
    tunnel = captum.NoiseTunnel(captum.Saliency(model))
    expected = tunnel.attribute(x.clone().requires_grad_(), nt_type=kind, nt_samples=600, stdevs=0.1 * spread, target=1)
    ours = {"smoothgrad": "mean", "smoothgrad_sq": "square", "vargrad": "variance"}[kind]
    found = visual.noise_tunnel(visual.saliency, model, x, target=1, samples=600, noise=0.1, kind=ours)
    assert torch.corrcoef(torch.stack([found.flatten(), expected.flatten()]))[0, 1] > 0.97
    assert abs(float(found.sum() / expected.sum()) - 1) < 0.1


def test_noise_tunnels_over_any_method(model):
    cam = visual.noise_tunnel(visual.layer_cam, model, X, "3", target=1, samples=2, noise=0.0)
    close(cam, visual.layer_cam(model, X, "3", 1))
    paths = visual.noise_tunnel(visual.integrated_gradients, model, X, target=1, samples=2, noise=0.0, steps=9)
    close(paths, visual.integrated_gradients(model, X, 1, steps=9).values)
    with pytest.raises(UserError, match="kind must be mean, square or variance"):
        visual.noise_tunnel(visual.saliency, model, X, kind="median")


@pytest.mark.parametrize(
    ("activation", "slope"),
    [
        (nn.ReLU6(), lambda h: ((h > 0) & (h < 6)).to(h)),
        (nn.LeakyReLU(0.2), lambda h: torch.where(h > 0, 1.0, 0.2)),
        (nn.ELU(inplace=True), lambda h: torch.where(h > 0, 1.0, h.exp())),
        (nn.SiLU(inplace=True), lambda h: h.sigmoid() * (1 + h * (1 - h.sigmoid()))),
        (nn.Hardswish(), lambda h: torch.where(h <= -3, 0.0, torch.where(h >= 3, 1.0, (2 * h + 3) / 6))),
        (nn.ReLU6(inplace=True), lambda h: ((h > 0) & (h < 6)).to(h)),
    ],
)
def test_guided_backprop_through_the_kin_of_relu(activation, slope):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), activation, nn.Linear(7, 2))
    x = torch.randn(4, 5) * 4
    h = model[0](x).detach()
    expected = (model[2].weight[1].clamp(min=0) * slope(h)) @ model[0].weight
    close(visual.guided_backprop(model, x, 1), expected.detach())
