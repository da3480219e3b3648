import math
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from cnn_core.errors import UserError
from cnn_core.visual.fast.threads import fitting_threads
from cnn_core.visual.modules.activations import record
from cnn_core.visual.optimization.canvas import Fourier, Pixels
from cnn_core.visual.optimization.maximize import optimize
from cnn_core.visual.optimization.objectives import filter, filters, logit, logits, neurons, whole
from cnn_core.visual.optimization.penalties import L1, L2, TotalVariation
from cnn_core.visual.optimization.scoring import values
from cnn_core.visual.optimization.transforms import GENTLE, Jitter, Rotate, Scale

CANVAS = Pixels((1, 12, 12))


@pytest.mark.parametrize("rule", ["adam", "plain"])
@pytest.mark.parametrize("train", [False, True])
def test_every_objective_rises_in_every_kind_of_model(case, state, rule, train):
    case.model.train(train)
    kept = state(case.model)
    for canvas in (Pixels(tuple(case.inputs.shape[1:])), Fourier(tuple(case.inputs.shape[1:]))):
        goals = [*filters(case.conv, [0, 3]), logit(1), whole(case.dense), filter(case.conv, 2) + logit(0)]
        found = optimize(case.model, goals, canvas, steps=20, rule=rule)
        assert found.inputs.shape == (5, *case.inputs.shape[1:])
        assert found.history.shape == (20, 5)
        assert (found.after > found.before).all(), (found.before, found.after)
        case.model.eval()
        torch.testing.assert_close(found.after, values(case.model, goals, found.inputs), rtol=1e-3, atol=1e-4)
        case.model.train(train)
        assert found.inputs.min() >= 0
        assert found.inputs.max() <= 1
    if not train:
        kept.check()


def test_a_batch_gives_what_each_unit_gives_alone(digits):
    goals = [*filters("conv2", [1, 4, 6]), *neurons("dense1", [2, 3])]
    together = optimize(digits, goals, CANVAS, steps=15, transforms=GENTLE)
    chunked = optimize(digits, goals, CANVAS, steps=15, transforms=GENTLE, chunk=2)
    torch.testing.assert_close(together.inputs, chunked.inputs, rtol=1e-3, atol=1e-3)
    for b, goal in enumerate(goals):
        alone = optimize(digits, goal, CANVAS, steps=15, transforms=GENTLE)
        torch.testing.assert_close(alone.inputs[0], together.inputs[b], rtol=1e-3, atol=1e-3)


def test_agrees_with_a_plain_loop(digits):
    """torch's own Adam, hooks, the whole forward and backward pass, one unit at a time."""
    digits.eval()
    start = CANVAS.start(1, torch.Generator().manual_seed(0))[0]
    seen = {}
    handle = digits.conv2.register_forward_hook(lambda module, args, output: seen.update(h=output))
    reached = []
    for unit in range(4):
        x = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([x], lr=0.05)
        for _ in range(25):
            optimizer.zero_grad()
            digits(x)
            (-seen["h"][:, unit].sum()).backward()
            optimizer.step()
            with torch.no_grad():
                x.clamp_(0, 1)
        with torch.no_grad():
            digits(x)
        reached.append(seen["h"][0, unit].sum())
    handle.remove()
    found = optimize(digits, filters("conv2", range(4)), CANVAS, steps=25)
    torch.testing.assert_close(found.after, torch.stack(reached), rtol=2e-3, atol=1e-3)


def test_the_seed_decides_and_torchs_generator_is_left_alone(digits):
    goals = filters("conv2", [0, 1])
    before = torch.get_rng_state()
    one = optimize(digits, goals, CANVAS, steps=5, transforms=GENTLE, seed=1)
    torch.rand(3)
    two = optimize(digits, goals, CANVAS, steps=5, transforms=GENTLE, seed=1)
    other = optimize(digits, goals, CANVAS, steps=5, transforms=GENTLE, seed=2)
    assert torch.equal(one.inputs, two.inputs)
    assert not torch.equal(one.inputs, other.inputs)
    torch.set_rng_state(before)
    optimize(digits, goals, Fourier((1, 12, 12)), steps=3, transforms=[Jitter(3)])
    assert torch.equal(torch.get_rng_state(), before)


def test_the_lectures_penalty_leaves_more_blank(digits):
    plain = optimize(digits, logits(range(5)), CANVAS, steps=60)
    spared = optimize(digits, logits(range(5)), CANVAS, steps=60, penalties=[L1(0.02)])
    assert (spared.inputs < 0.02).float().mean() > (plain.inputs < 0.02).float().mean() + 0.1
    start = CANVAS.render(CANVAS.start(1, torch.Generator().manual_seed(0)))
    penalised = spared.after - 0.02 * spared.inputs.flatten(1).sum(1)
    assert (penalised > spared.before - 0.02 * start.sum()).all()
    assert (penalised > plain.after - 0.02 * plain.inputs.flatten(1).sum(1)).all()


def test_a_unit_that_does_not_react_is_woken_and_bothers_nobody():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    with torch.no_grad():
        grey = 0.5 * model[0].weight.sum((1, 2, 3))
        model[0].bias.copy_(torch.tensor([-0.4, 0.1, -0.3, -100.0]) - grey)
    found = optimize(model, filters("1", range(4)), CANVAS, steps=30, transforms=[Jitter(1)])
    assert found.before[0] == found.before[2] == 0
    assert found.after[:3].min() > 0
    assert found.after[3] == 0  # nothing can wake this one
    for unit in range(4):
        alone = optimize(model, filter("1", unit), CANVAS, steps=30, transforms=[Jitter(1)])
        torch.testing.assert_close(alone.inputs[0], found.inputs[unit], rtol=1e-3, atol=1e-3)


def test_variety_makes_the_copies_differ(digits):
    def likeness(found):
        x = nn.functional.normalize(record(digits, found.inputs, "conv1")["conv1"].flatten(1), dim=1)
        return float((x[0] * x[1]).sum() + (x[2] * x[3]).sum())

    goals = filters("conv1", [0, 3])
    same = optimize(digits, goals, CANVAS, steps=30, copies=2)
    varied = optimize(digits, goals, CANVAS, steps=30, copies=2, variety=5.0)
    assert varied.inputs.shape == (4, 1, 12, 12)
    assert likeness(varied) < likeness(same)
    with pytest.raises(UserError, match="copies of at least 2"):
        optimize(digits, goals, CANVAS, variety=1.0)


def test_watch_sees_every_step(digits):
    seen = []
    optimize(
        digits, filters("conv2", [0, 1]), CANVAS, steps=4, watch=lambda step, x, v: seen.append((step, x.shape, len(v)))
    )
    assert seen == [(s, (2, 1, 12, 12), 2) for s in range(4)]


def test_a_canvas_of_ones_own(digits):
    """Stripes, as an app's canvas of something else than pixels: it hardens as the ascent proceeds."""

    @dataclass(frozen=True)
    class Stripes:
        def start(self, count, generator):
            return [torch.randn((count, 12), generator=generator) * 0.1]

        def render(self, parameters, done=1.0):
            soft = torch.sigmoid(parameters[0] * (1 + 4 * done))
            return ((soft > 0.5).to(soft) if done == 1 else soft)[:, None, None, :].expand(-1, 1, 12, 12)

    found = optimize(digits, filters("conv2", [0, 5]), Stripes(), steps=30, rate=0.3)
    assert set(found.inputs.unique().tolist()) <= {0.0, 1.0}
    assert (found.after > found.before).all()


def test_double_precision(digits):
    assert optimize(digits.double(), filter("conv2", 0), CANVAS, steps=3).inputs.dtype == torch.float64


@pytest.mark.parametrize(
    ("goal", "canvas", "options", "message"),
    [
        (filter("conv9", 0), CANVAS, {}, "there is no layer 'conv9'.*conv1"),
        (filter("conv2", 8), CANVAS, {}, "filters 0 to 7; there is no filter 8"),
        (logit(5), CANVAS, {}, "classes 0 to 4"),
        (filter("conv2", 0), Pixels((1, 5, 5)), {}, "1x5x5 is too small"),
        (filter("conv2", 0), CANVAS, {"rule": "sgd"}, "rule must be one of adam, plain"),
        (filter("conv2", 0), CANVAS, {"penalties": [L2(math.inf)]}, "not a number at step 1"),
        (filter("conv2", 0), CANVAS, {"steps": 0}, "at least 1"),
        ([], CANVAS, {}, "needs an objective"),
    ],
)
def test_user_mistakes(digits, state, goal, canvas, options, message):
    kept = state(digits)
    with pytest.raises(UserError, match=message) as error:
        optimize(digits, goal, canvas, **({"steps": 3} | options))
    assert "\n" not in str(error.value)
    kept.check()


def test_nan_weights_are_reported(digits):
    with torch.no_grad():
        digits.conv2.conv.weight[1].fill_(math.nan)
    with pytest.raises(UserError, match=r"not a number at step 0 \(sample 1\)"):
        optimize(digits, filters("conv2.conv", [0, 1]), CANVAS)


def test_penalties_against_their_definition():
    x = torch.rand(3, 2, 4, 5) * 255
    torch.testing.assert_close(L1(2, blank=255, unit=255)(x), 2 * (255 - x).sum((1, 2, 3)) / 255)
    torch.testing.assert_close(L2(2, unit=255)(x), 2 * (x / 255).square().sum((1, 2, 3)))
    down, right = (x[:, :, 1:] - x[:, :, :-1]).abs(), (x[..., 1:] - x[..., :-1]).abs()
    torch.testing.assert_close(TotalVariation(3)(x), 3 * (down.sum((1, 2, 3)) + right.sum((1, 2, 3))))
    signal = torch.tensor([[[0.0, 2.0, 1.0]]])
    assert TotalVariation(1)(signal).item() == 3


def test_transforms():
    x = torch.rand(2, 3, 16, 20)
    g = torch.Generator().manual_seed(0)
    rolled = Jitter(4)(x, g)
    assert torch.equal(rolled.flatten(1).sort(1).values, x.flatten(1).sort(1).values)
    assert not torch.equal(rolled, x)
    torch.testing.assert_close(Rotate(0)(x, g), x)
    torch.testing.assert_close(Scale(1, 1)(x, g), x)
    # A turn moves a point about the centre and keeps its distance, also where the sides differ.
    point = torch.zeros(1, 1, 21, 41)
    point[0, 0, 10, 28] = 1
    for seed in range(5):
        turned = Rotate(40.0)(point, torch.Generator().manual_seed(seed))[0, 0]
        rows, columns = torch.meshgrid(torch.arange(21.0) - 10, torch.arange(41.0) - 20, indexing="ij")
        y, x_ = float((turned * rows).sum() / turned.sum()), float((turned * columns).sum() / turned.sum())
        assert abs(math.hypot(y, x_) - 8) < 0.4
    # Enlarging by 2 shows the middle half.
    big = Scale(2, 2)(x, g)
    torch.testing.assert_close(big.mean((2, 3)), x[:, :, 4:12, 5:15].mean((2, 3)), rtol=0.1, atol=0.05)
    signal = torch.rand(2, 3, 40)
    assert Scale(0.8, 1.2)(signal, g).shape == signal.shape
    assert Jitter(3)(signal, g).shape == signal.shape
    with pytest.raises(UserError, match="pictures"):
        Rotate(5)(signal, g)


def test_small_work_is_done_by_one_thread_and_the_setting_comes_back(digits):
    torch.set_num_threads(2)
    seen = []
    optimize(digits, filter("conv2", 0), CANVAS, steps=2, watch=lambda *_: seen.append(torch.get_num_threads()))
    assert seen == [1, 1]
    assert torch.get_num_threads() == 2
    with pytest.raises(UserError):
        optimize(digits, filter("conv2", 99), CANVAS, steps=2)
    assert torch.get_num_threads() == 2
    large = nn.Sequential(nn.Conv2d(3, 64, 3), nn.Conv2d(64, 64, 3))
    with fitting_threads(large, torch.rand(9, 3, 224, 224)):
        assert torch.get_num_threads() == 2


def test_one_filter_each_works_under_autocast(case):
    goals, canvas = filters(case.conv, [0, 3]), Pixels(tuple(case.inputs.shape[1:]))
    case.model.eval()
    plain = optimize(case.model, goals, canvas, steps=8)
    with torch.autocast("cpu", torch.bfloat16):
        half = optimize(case.model, goals, canvas, steps=8)
    assert (half.after > half.before).all()
    torch.testing.assert_close(half.after.float(), plain.after, rtol=0.1, atol=0.1)
