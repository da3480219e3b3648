import pytest
import torch

from cnn_core.errors import UserError
from cnn_core.visual.dream import _gradient, _windows, deep_dream
from cnn_core.visual.optimization.objectives import filter, logit, whole
from cnn_core.visual.optimization.scoring import values


def smooth(*shape, seed=0):
    x = torch.rand(1, shape[0], *[max(2, n // 4) for n in shape[1:]], generator=torch.Generator().manual_seed(seed))
    mode = "bilinear" if len(shape) == 3 else "linear"
    return torch.nn.functional.interpolate(x, size=shape[1:], mode=mode)[0]


def test_the_layer_sees_more_than_before(case, state):
    kept = state(case.model)
    picture = smooth(*case.inputs.shape[1:])
    for what in (case.conv, [case.conv, case.dense], filter(case.conv, 1), logit(2)):
        found = deep_dream(case.model, what, picture, octaves=1, steps=8, jitter=0)
        assert found.shape == picture.shape
        assert found.min() >= 0
        assert found.max() <= 1
        goal = (
            what
            if not isinstance(what, (str, list))
            else sum(whole(w) for w in ([what] if isinstance(what, str) else what))
        )
        before, after = values(case.model, goal, torch.stack([picture, found]))
        assert after > before
    kept.check()


def test_octaves_noise_and_value_range(make):
    model = make["branches"](3)
    frames = []
    found = deep_dream(
        model,
        "second",
        size=(3, 30, 41),
        octaves=3,
        steps=2,
        low=0,
        high=255,
        frame=lambda o, s, x: frames.append((o, s, x.shape)),
    )
    assert found.shape == (3, 30, 41)
    assert 0 <= found.min() < found.max() <= 255
    assert [(o, s) for o, s, _ in frames] == [(o, s) for o in range(3) for s in range(2)]
    assert frames[0][2] == (3, 15, 21)
    again = deep_dream(model, "second", size=(3, 30, 41), octaves=3, steps=2, low=0, high=255)
    assert torch.equal(found, again)
    other = deep_dream(model, "second", size=(3, 30, 41), octaves=3, steps=2, low=0, high=255, seed=1)
    assert not torch.equal(found, other)


def test_tiles_cover_the_picture_once_and_add_up_to_the_whole_gradient():
    x = torch.rand(1, 2, 37, 20)
    covered = torch.zeros_like(x)
    for window in _windows(x, 16):
        covered[window] += 1
        assert max(covered[window].shape[2:]) <= 16
    assert (covered == 1).all()
    # For a sum over pixels tiles change nothing, whatever the roll.
    score = lambda part: part.pow(3).flatten(1).sum(1)  # noqa: E731
    found = _gradient(x, score, 16, 4, torch.Generator().manual_seed(3))
    torch.testing.assert_close(found, 3 * x.square())


def test_tiled_dream_of_a_large_picture(make):
    model = make["branches"](3)
    picture = smooth(3, 50, 70)
    found = deep_dream(model, "second", picture, octaves=2, steps=4, tile=24)
    before, after = values(model, whole("second"), torch.stack([picture, found]))
    assert after > before


def test_a_guide_draws_towards_what_it_shows(make):
    model = make["branches"](3)
    picture, guide = smooth(3, 24, 24), smooth(3, 20, 28, seed=3)
    from cnn_core.visual.dream import _objective

    goal = _objective(model, "second", guide)
    found = deep_dream(model, "second", picture, guide=guide, octaves=1, steps=10)
    before, after = values(model, goal, torch.stack([picture, found]))
    assert after > before
    free = deep_dream(model, "second", picture, octaves=1, steps=10)
    assert not torch.allclose(found, free)


def test_a_guided_dream_wants_all_of_its_guide_and_not_its_strongest_place():
    from cnn_core.visual.dream import _drawn_to

    guide = torch.rand(1, 6, 4, 5)
    guide[:, :, 1, 2] *= 5  # the strongest place
    value = _drawn_to(guide)
    strongest = 10 * guide[:, :, 1:2, 2:3].expand_as(guide)
    assert float(value(guide)) > float(value(strongest))
    torch.testing.assert_close(value(guide), value(guide.roll((1, 2), (2, 3))))  # wherever it is
    torch.testing.assert_close(value(guide), torch.tensor([2.0 * 20]))  # every place met, by all of the guide


def test_mistakes(digits, make):
    picture = smooth(1, 12, 12)
    for options, message in (
        ({}, "either a picture or the size"),
        ({"picture": picture, "size": (1, 12, 12)}, "either a picture or the size"),
        ({"picture": torch.rand(2, 1, 12, 12)}, "expected one input"),
        ({"picture": picture, "octaves": 0}, "octaves"),
    ):
        with pytest.raises(UserError, match=message):
            deep_dream(digits, "conv2", **options)
    with pytest.raises(UserError, match="there is no layer 'conv7'"):
        deep_dream(digits, "conv7", picture)
    with pytest.raises(UserError, match="too small"):
        deep_dream(digits, "conv2", picture, octaves=4, ratio=1.4)
    with pytest.raises(UserError, match="guide"):
        deep_dream(digits, filter("conv2", 0), picture, guide=picture)
    with torch.no_grad():
        digits.conv1.conv.weight.zero_()
        digits.conv1.conv.bias.fill_(-1)
    with pytest.raises(UserError, match="does not react"):
        deep_dream(digits, "conv1", picture, octaves=1)
