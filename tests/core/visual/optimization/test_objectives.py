import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.errors import UserError
from cnn_core.visual.optimization.objectives import (
    bind,
    custom,
    direction,
    diversity,
    filter,
    filters,
    logit,
    neuron,
    whole,
)
from cnn_core.visual.optimization.scoring import scoring, values

H = torch.randn(4, 5, 3, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
weights = st.floats(-3, 3, allow_nan=False)


def value(objective, h=H):
    return bind([objective] * len(h), {"a": h[:1], "": h[:1]})({"a": h, "": h})


def test_each_kind_against_its_definition():
    torch.testing.assert_close(value(filter("a", 2)), H[:, 2].sum((1, 2)))
    torch.testing.assert_close(value(filter("a", 2, mean=True)), H[:, 2].mean((1, 2)))
    torch.testing.assert_close(value(neuron("a", 7)), H.flatten(1)[:, 7])
    torch.testing.assert_close(value(neuron("a", (3, 2, 1))), H[:, 3, 2, 1])
    torch.testing.assert_close(value(logit(4)), H.flatten(1)[:, 4])
    v = torch.arange(5.0, dtype=torch.float64)
    torch.testing.assert_close(value(direction("a", v)), torch.einsum("bcij,c->b", H, v))
    w = torch.arange(30.0, dtype=torch.float64)
    torch.testing.assert_close(value(direction("a", w.view(5, 3, 2))), H.flatten(1) @ w)
    torch.testing.assert_close(value(whole("a")), 0.5 * H.square().sum((1, 2, 3)))
    torch.testing.assert_close(value(custom("a", lambda h: h.amax((1, 2, 3)))), H.amax((1, 2, 3)))


@given(weights, weights)
def test_algebra_of_values(a, b):
    one, two = filter("a", 1), neuron("a", 9)
    if a == 0 and b == 0:
        return
    expected = a * value(one) + b * value(two)
    torch.testing.assert_close(value(a * one + two * b), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(value(-(a * one) - b * two), -expected, rtol=1e-5, atol=1e-6)


def test_a_plus_two_b_is_not_two_times_a_plus_b():
    a, b = filter("a", 0), filter("a", 1)
    torch.testing.assert_close(value(a + 2 * b), value(a) + 2 * value(b))
    assert not torch.allclose(value(a + 2 * b), value(2 * (a + b)))


def test_equality_and_sums():
    a, b = filter("a", 0), whole("b")
    assert a + a == 2 * a == sum([a, a])
    assert a + b == b + a
    assert hash(a + b) == hash(b + a)
    assert -(-1 * a) == a
    assert (a + b) / 2 == 0.5 * a + 0.5 * b
    assert a - b != b - a
    assert (a + b).layers == ["a", "b"]
    with pytest.raises(TypeError):
        a + 1  # type: ignore[operator]
    with pytest.raises(UserError, match="cancel"):
        value(a - a)


def test_every_row_has_its_own_objective():
    objectives = [filter("a", 1) + 3 * neuron("a", 2), neuron("a", 0), whole("a"), filter("a", 4, mean=True)]
    rows = bind(objectives, {"a": H[:1]})({"a": H})
    for r, objective in enumerate(objectives):
        torch.testing.assert_close(rows[r], value(objective)[r])


def test_many_weighted_units_are_one_term_each_and_right():
    goal = sum((k * f for k, f in enumerate(filters("a", range(1, 5)), start=1)), filter("a", 0))
    expected = H[:, 0].sum((1, 2)) + sum(k * H[:, k].sum((1, 2)) for k in range(1, 5))
    torch.testing.assert_close(value(goal), expected)


def test_gradient_by_finite_differences(case):
    model, x = case.model.double(), case.inputs.double()
    goal = [filter(case.conv, 1) + 0.3 * logit(2) - 0.1 * whole(case.dense)] * 3
    with scoring(model, goal, x) as score:
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(score(leaf).sum(), leaf)
        generator = torch.Generator().manual_seed(5)
        for _ in range(3):
            way = torch.randn(x.shape, generator=generator, dtype=torch.float64)
            step = 1e-6
            numeric = (score(x + step * way) - score(x - step * way)) / (2 * step)
            torch.testing.assert_close((gradient * way).flatten(1).sum(1), numeric, rtol=1e-4, atol=1e-6)


def test_diversity_falls_when_samples_differ_and_keeps_groups_apart():
    same = torch.ones(2, 3, 4, 4)
    apart = torch.zeros(2, 3, 4, 4)
    apart[0, 0], apart[1, 1] = 1, 1
    torch.testing.assert_close(value(diversity("a"), same), -torch.ones(2))
    torch.testing.assert_close(value(diversity("a"), apart), torch.zeros(2))
    both = bind([diversity("a", g) for g in (0, 0, 1, 1)], {"a": same[:1]})({"a": torch.cat([same, apart])})
    torch.testing.assert_close(both, torch.tensor([-1.0, -1.0, 0.0, 0.0]))


def test_units_out_of_range_name_the_range():
    for goal, message in (
        (filter("a", 5), "layer 'a' has filters 0 to 4; there is no filter 5"),
        (neuron("a", 30), "layer 'a' has neurons 0 to 29"),
        (filter("a", -1), "there is no filter -1"),
        (logit(30), "the model's output has classes 0 to 29; there is no class 30"),
        (neuron("a", (1, 3, 0)), "no neuron"),
        (direction("a", [1.0, 2.0]), "has 5 values"),
    ):
        with pytest.raises(UserError, match=message):
            value(goal)


def test_values(digits):
    x = torch.rand(3, 1, 12, 12)
    digits.eval()
    torch.testing.assert_close(values(digits, logit(1), x), digits(x)[:, 1].detach())
    torch.testing.assert_close(values(digits, [logit(0), logit(1), logit(2)], x), digits(x).detach().diag())
    with pytest.raises(UserError, match="2 objectives for 3 inputs"):
        values(digits, [logit(0), logit(1)], x)
