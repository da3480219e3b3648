import pytest
import torch

from cnn_core.errors import UserError
from cnn_core.visual.modules.activations import record
from cnn_core.visual.pictures.colour import LUMA, luminance_of, match_colours
from cnn_core.visual.style import gram, stylize

LAYERS = {"content_layers": ["second"], "style_layers": {"first": 1.0, "second": 2.0}}


def pictures(*sizes):
    return [torch.rand(3, *size, generator=torch.Generator().manual_seed(i)) for i, size in enumerate(sizes)]


def test_gram_against_its_definition():
    h = torch.randn(2, 3, 4, 5)
    expected = torch.einsum("bihw,bjhw->bij", h, h) / 20
    torch.testing.assert_close(gram(h), expected)
    assert gram(torch.randn(2, 3, 7)).shape == (2, 3, 3)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("start", ["content", "noise"])
def test_the_result_takes_the_style_and_keeps_the_content(make, state, optimizer, start):
    model = make["branches"](3)
    kept = state(model)
    content, style = pictures((20, 24), (17, 31))
    style = style * torch.tensor([1.0, 0.2, 0.1]).view(3, 1, 1)
    found = stylize(model, content, style, **LAYERS, start=start, optimizer=optimizer, steps=40)
    kept.check()
    assert found.picture.shape == content.shape
    assert 0 <= found.picture.min() < found.picture.max() <= 1
    assert len(found.history) <= 40
    assert found.history.min() < 0.5 * found.history[0]

    def style_of(x):
        return gram(record(model, x[None], "first")["first"])

    wanted = style_of(style)
    assert (style_of(found.picture) - wanted).norm() < 0.5 * (style_of(content) - wanted).norm()


def test_content_alone_is_found_again_from_noise(make):
    content, style = pictures((12, 12), (12, 12))
    found = stylize(
        make["branches"](3), content, style, content_layers=["first"], style_layers=[], start="noise", steps=150
    )
    assert found.history[-1] < 1e-3


def test_several_styles_are_blended(make):
    model = make["branches"](3)
    content, one, two = pictures((16, 16), (16, 16), (20, 12))
    options = dict(LAYERS, steps=30, content_weight=0.0)
    alone = stylize(model, content, one, **options)
    blended = stylize(model, content, [one, two], blend=[1, 0], **options)
    torch.testing.assert_close(alone.picture, blended.picture, rtol=1e-3, atol=1e-3)
    half = stylize(model, content, [one, two], **options)
    assert not torch.allclose(half.picture, alone.picture, atol=1e-2)


def test_colours_of_the_content_can_be_kept(make):
    content, style = pictures((16, 16), (16, 16))
    style = style * torch.tensor([1.0, 0.1, 0.1]).view(3, 1, 1)
    model = make["branches"](3)
    kept = stylize(model, content * 0.4 + 0.3, style, **LAYERS, colours="luminance", steps=15).picture
    chroma = kept - (kept * torch.tensor(LUMA).view(3, 1, 1)).sum(0)
    given = content * 0.4
    given = given - (given * torch.tensor(LUMA).view(3, 1, 1)).sum(0)
    inside = (kept > 0).all(0) & (kept < 1).all(0)
    torch.testing.assert_close(chroma[:, inside], given[:, inside], rtol=1e-3, atol=1e-3)
    assert stylize(model, content, style, **LAYERS, colours="histogram", steps=5).picture.shape == content.shape


def test_colour_tools():
    one, two = torch.rand(1, 3, 9, 9), torch.rand(1, 3, 12, 7) * torch.tensor([1.0, 0.5, 0.2]).view(1, 3, 1, 1)
    matched = match_colours(one, two)
    torch.testing.assert_close(matched.mean((0, 2, 3)), two.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        torch.cov(matched[0].flatten(1), correction=0), torch.cov(two[0].flatten(1), correction=0), rtol=1e-3, atol=1e-5
    )
    grey = torch.rand(1, 1, 9, 9).expand(1, 3, 9, 9)
    torch.testing.assert_close(luminance_of(one, grey).std(1), torch.zeros(1, 9, 9), rtol=0, atol=1e-6)


def test_watch_and_signals(make):
    seen = []
    model = make["signal"]()
    found = stylize(
        model, torch.rand(2, 32), torch.rand(2, 40), content_layers=["conv2"], style_layers=["conv1"], optimizer="adam",
        steps=6, watch=lambda step, x, loss: seen.append((step, x.shape, loss)),
    )  # fmt: skip
    assert found.picture.shape == (2, 32)
    assert [s[0] for s in seen] == list(range(6))
    assert torch.allclose(torch.tensor([s[2] for s in seen]), found.history)


def test_mistakes(make):
    model = make["branches"](3)
    content, style = pictures((16, 16), (16, 16))
    for options, message in (
        ({"colours": "grey"}, "colours must be one of style, luminance, histogram"),
        ({"optimizer": "sgd"}, "optimizer must be one of lbfgs, adam"),
        ({"start": "white"}, "start must be content, noise"),
        ({"blend": [1, 2]}, "2 weights for 1 styles"),
        ({"steps": 0}, "at least 1 step"),
        ({"content_layers": ["nine"]}, "there is no layer 'nine'"),
        ({"content_layers": [], "style_layers": []}, "needs a content or a style layer"),
    ):
        with pytest.raises(UserError, match=message):
            stylize(model, content, style, **(LAYERS | options))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="not a number"):
        stylize(model, content * float("nan"), style, **LAYERS)
    with pytest.raises(UserError, match="3 channels"):
        stylize(make["branches"](5), torch.rand(5, 9, 9), torch.rand(5, 9, 9), **LAYERS, colours="luminance", steps=2)


def test_bf16_layers_with_fp32_losses_paint_nearly_the_same(make, state):
    model = make["branches"](3)
    kept = state(model)
    content, style = pictures((20, 24), (17, 31))
    plain, half = (
        stylize(model, content, style, **LAYERS, steps=30, precision=precision) for precision in ("fp32", "bf16")
    )
    kept.check()
    assert half.picture.dtype == half.history.dtype == torch.float32
    assert half.history.min() < 0.5 * half.history[0]
    assert half.history.min() < 1.5 * plain.history.min() + 0.05 * plain.history[0]
    assert 0 < (half.picture - plain.picture).abs().mean() < 0.15
    with pytest.raises(UserError, match="precision must be one of auto, fp32, bf16"):
        stylize(model, content, style, **LAYERS, precision="fp8")


def test_a_style_that_is_too_small_for_the_layers_is_said():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.MaxPool2d(2), torch.nn.MaxPool2d(2), torch.nn.Conv2d(4, 4, 1)
    )
    layers = {"content_layers": ["3"], "style_layers": ["0", "3"]}
    with pytest.raises(UserError, match="5 x 5 pixels is too small"):
        stylize(model, torch.rand(3, 24, 24), torch.rand(3, 5, 5), **layers, steps=1)
