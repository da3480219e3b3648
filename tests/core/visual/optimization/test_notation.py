"""Objectives in short form, and as they print themselves."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.errors import UserError
from cnn_core.visual import as_objective, custom, direction, diversity, filter, logit, neuron, whole
from cnn_core.visual.optimization.objectives import Objective


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conv2:7", filter("conv2", 7)),
        ("features.3.block.0#1:7", filter("features.3.block.0#1", 7)),
        ("conv2:7,4,5", neuron("conv2", (7, 4, 5))),
        ("conv2", whole("conv2")),
        (":3", logit(3)),
        ("conv2:7 - 0.5*dense1:2", filter("conv2", 7) - 0.5 * filter("dense1", 2)),
        ("-2 * :1 + conv-1:0 - :2", -2 * logit(1) + filter("conv-1", 0) - logit(2)),
        (" 1e-1*conv:3 ", 0.1 * filter("conv", 3)),
    ],
)
def test_short_forms(text, expected):
    assert as_objective(text) == expected
    assert as_objective(expected) is expected


@pytest.mark.parametrize(
    "text", ["", "  ", "conv2:", "conv2:x", "conv2:7 +", "conv2:7 conv3:1", ":1,2", "3*", "*:1", "a:-1", "logit(3)"]
)
def test_what_is_no_objective_is_said(text):
    with pytest.raises(UserError, match="no objective|no short form|whole numbers|one number"):
        as_objective(text)


def test_other_types_are_a_mistake_of_the_program():
    with pytest.raises(TypeError, match="not a int"):
        as_objective(3)  # type: ignore[arg-type]


def test_objectives_print_as_they_are_written():
    mixed = filter("conv2", 3) + 0.5 * neuron("dense1", 7) - logit(4)
    assert str(mixed) == "filter('conv2', 3) + 0.5 * neuron('dense1', 7) - logit(4)"
    assert str(-2 * filter("a", 1, mean=True)) == "-2 * filter('a', 1, mean=True)"
    assert (
        str(neuron("a", (1, 2)) + whole("b") + diversity("c")) == "neuron('a', (1, 2)) + whole('b') + diversity('c', 0)"
    )
    assert str(direction("a", [1.0, 0.25])) == "direction('a', (1, 0.25))"
    assert str(direction("a", torch.zeros(9))).endswith("0, ...))")
    assert str(custom("a", torch.sum)) == "custom('a', sum)"
    assert str(Objective(())) == "0"


TERMS = st.one_of(
    st.builds(filter, st.sampled_from(["a", "b.c"]), st.integers(0, 9)),
    st.builds(logit, st.integers(0, 9)),
    st.builds(whole, st.just("a")),
)


@given(st.lists(st.tuples(TERMS, st.sampled_from([1, -1, 0.5, -3, 2])), min_size=1, max_size=4))
def test_what_is_printed_is_what_was_meant(parts):
    total = sum((weight * term for term, weight in parts), Objective(()))
    names = {"filter": filter, "logit": logit, "whole": whole}
    again = eval(str(total), {"__builtins__": {}}, names)  # of our own text
    assert (again == total) if total.terms else again == 0
