import pytest
import torch

from cnn_core.errors import UserError
from cnn_core.visual.optimization.canvas import COLOUR_AXES, Fourier, Pixels

SHAPES = [(1, 12, 12), (3, 9, 14), (5, 7, 7), (2, 33), (1, 4, 5, 6)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["clamp", "sigmoid", "fourier"])
def test_inputs_are_of_the_shape_and_in_the_range(shape, kind):
    canvas = Fourier(shape, -3, 255) if kind == "fourier" else Pixels(shape, -3, 255, squash=kind)
    parameters = canvas.start(4, generator())
    for p in parameters:
        p.add_(20 * torch.randn(p.shape, generator=generator(1)))
    x = canvas.render(parameters)
    assert x.shape == (4, *shape)
    assert x.min() >= -3
    assert x.max() <= 255
    leaves = [p.requires_grad_() for p in canvas.start(2, generator())]
    gradients = torch.autograd.grad(canvas.render(leaves).square().sum(), leaves)
    assert all(g.abs().sum() > 0 for g in gradients)


@pytest.mark.parametrize("canvas", [Pixels((1, 16, 16)), Fourier((1, 16, 16)), Pixels((1, 16, 16), squash="sigmoid")])
def test_the_start_is_grey_noise_of_the_seed(canvas):
    x = canvas.render(canvas.start(3, generator(4)))
    assert torch.equal(x, canvas.render(canvas.start(3, generator(4))))
    assert not torch.equal(x, canvas.render(canvas.start(3, generator(5))))
    assert abs(float(x.mean()) - 0.5) < 0.1
    assert 0.005 < float(x.std()) < 0.1


def test_clamped_pixels_can_come_back_from_the_edge():
    canvas = Pixels((1, 2, 2))
    (p,) = canvas.start(1, generator())
    p.fill_(1.7).requires_grad_()
    x = canvas.render([p])
    assert float(x.detach().max()) == 1.0
    (gradient,) = torch.autograd.grad(-x.sum(), p)
    assert (gradient == -1).all()


def test_fourier_follows_one_over_f():
    canvas = Fourier((1, 64, 64), spread=0.01)  # so small that the sigmoid is straight
    x = canvas.render(canvas.start(200, generator())) - 0.5
    power = torch.fft.rfft2(x).abs().square().mean((0, 1))
    ratio = (power[0, 4] / power[0, 16]) ** 0.5
    assert 3.2 < float(ratio) < 4.8


def test_fourier_spread_does_not_depend_on_the_size():
    for shape in SHAPES:
        canvas = Fourier(shape, spread=0.02)
        x = canvas.render(canvas.start(300, generator()))
        assert 0.01 < float(x.std()) < 0.04, shape


def test_decorrelated_colour_mixes_the_axes():
    canvas = Fourier((3, 8, 8), spread=0.01, colour=True)
    x = torch.logit(canvas.render(canvas.start(2000, generator()))) / 4
    found = torch.cov(x.transpose(0, 1).flatten(1))
    axes = torch.tensor(COLOUR_AXES)
    expected = axes @ axes.T * float(found.trace() / (axes @ axes.T).trace())
    torch.testing.assert_close(found, expected, rtol=0.1, atol=float(expected.max()) * 0.05)


def test_pixels_start_from_a_picture():
    picture = torch.rand(1, 5, 5) * 255
    for squash in ("clamp", "none"):
        canvas = Pixels((1, 5, 5), 0, 255, start_from=picture, squash=squash)
        torch.testing.assert_close(canvas.render(canvas.start(2, generator()))[1], picture)
    inner = picture.clamp(10, 245)
    canvas = Pixels((1, 5, 5), 0, 255, start_from=inner, squash="sigmoid")
    torch.testing.assert_close(canvas.render(canvas.start(1, generator()))[0], inner, rtol=1e-3, atol=0.1)


def test_mistakes():
    with pytest.raises(UserError, match="needs 3 channels"):
        Fourier((1, 8, 8), colour=True)
    with pytest.raises(UserError, match="must rise"):
        Pixels((1, 8, 8), 1, 1)
    with pytest.raises(UserError, match="squash"):
        Pixels((1, 8, 8), squash="tanh")
    with pytest.raises(UserError, match="the canvas takes"):
        Pixels((1, 8, 8), start_from=torch.rand(1, 9, 9)).start(1, generator())
