"""The parts of the C file: literals, strings and comments, loops, and the places of buffers in memory."""

import ast
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.console import visible
from cnn_core.exporting.c.loops import literal, loops, merged, reduction
from cnn_core.exporting.c.memory import Buffer, View, in_order, place
from cnn_core.exporting.c.source import commented, string

FLOAT = np.dtype(np.float32)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_literal_is_the_same_float(value):
    text = literal(np.float32(value), FLOAT)
    assert re.fullmatch(r"-?(\d*\.\d+|\d+\.\d*|\d+)(e[+-]\d+)?f", text)
    assert "." in text or "e" in text
    assert np.float32(text.removesuffix("f")) == np.float32(value)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_no_literal_for_what_is_not_finite(value):
    with pytest.raises(ValueError, match="not finite"):
        literal(np.float32(value), FLOAT)


@given(st.text())
def test_a_string_holds_its_text_and_nothing_else(text):
    found = string(text)
    assert found.isascii()
    assert ast.literal_eval("b" + found) == visible(text).encode()  # Python reads octal escapes as C does
    assert not re.search(r'["?\\]', re.sub(r"\\[0-7]{3}", "", found[1:-1]))


@given(st.text(alphabet="*/?\\\n a\r\x1bé", max_size=12))
def test_nothing_ends_a_comment(text):
    found = commented(text)
    assert found.isascii()
    assert not re.search(r"\*/|/\*|\?\?|[\r\n\x1b]", found)
    assert not found.endswith("\\")


def run_lines(lines, arrays):
    """What lines of C loops do, done by Python: each for becomes a for over a range."""
    program = []
    for line in lines:
        body = line.strip()
        depth = (len(line) - len(body)) // 4
        if body == "{":
            body = "if True:"
        loop = re.fullmatch(r"for \(int (?!s)(\w) = 0; \1 < (\d+); \1\+\+\)(?: \{)?", body)
        if loop:
            body = f"for {loop[1]} in range({loop[2]}):"
        choice = re.fullmatch(r"s = (.*) > s \? (.*) : s;", body)
        if choice:
            body = f"s = max(s, {choice[1]})"
        if body != "}":
            program.append("    " * depth + body.replace("float s", "s").rstrip(";").replace("0.0f", "0.0"))
    exec("\n".join(program), {"max": max}, arrays)


@given(st.data())
def test_loops_reach_every_element_of_moved_views(data):
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    values = np.arange(np.prod(shape) + 3, dtype=np.float64)
    order = data.draw(st.permutations(range(len(shape))))
    source = View(Buffer("a", FLOAT, values.size), tuple(shape), in_order(shape), 3)
    moved = View(source.buffer, tuple(shape[a] for a in order), tuple(source.strides[a] for a in order), 3)
    flipped = data.draw(st.sampled_from(range(len(shape))))
    strides = list(moved.strides)
    offset = moved.offset + strides[flipped] * (moved.shape[flipped] - 1)
    strides[flipped] *= -1
    moved = View(moved.buffer, moved.shape, tuple(strides), offset)
    target = View(Buffer("b", FLOAT, values.size - 3), moved.shape, in_order(moved.shape))
    found = np.zeros(values.size - 3)
    run_lines(loops([target, moved], lambda each: [f"{each[0]} = {each[1]};"]), {"a": values, "b": found})
    expected = np.flip(values[3:].reshape(shape).transpose(order), flipped)
    np.testing.assert_array_equal(found.reshape(moved.shape), expected)


@pytest.mark.slow
@given(st.data())
def test_reductions_gather_over_any_axes(data):
    shape = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=7))
    over = sorted(data.draw(st.sets(st.sampled_from(range(len(shape))))))
    kept = [axis for axis in range(len(shape)) if axis not in over]
    values = np.random.default_rng(0).integers(-9, 9, np.prod(shape)).astype(np.float64)
    strides = in_order(shape)
    source = Buffer("a", FLOAT, values.size)
    outer = View(source, tuple(shape[a] for a in kept), tuple(strides[a] for a in kept))
    inner = View(source, tuple(shape[a] for a in over), tuple(strides[a] for a in over))
    target = View(Buffer("b", FLOAT, 1), outer.shape, in_order(outer.shape))
    found = np.zeros(int(np.prod(outer.shape)))
    run_lines(reduction(target, outer, inner, "0.0f", "s += {0};", "s"), {"a": values, "b": found})
    np.testing.assert_array_equal(found.reshape(outer.shape), values.reshape(shape).sum(tuple(over)))
    run_lines(reduction(target, outer, inner, "", "s = {0} > s ? {0} : s;", "s"), {"a": values, "b": found})
    expected = values.reshape(shape).max(tuple(over)) if over else values.reshape(shape)
    np.testing.assert_array_equal(found.reshape(outer.shape), expected)


def test_axes_that_lie_in_order_are_one_loop():
    whole = View(Buffer("a", FLOAT, 24), (1, 2, 3, 4), in_order((1, 2, 3, 4)))
    assert merged([whole]) == [(24, (1,))]
    column = View(Buffer("b", FLOAT, 2), (1, 2, 1, 1), (2, 1, 1, 1)).broadcast((1, 2, 3, 4))
    assert merged([whole, column]) == [(2, (12, 1)), (12, (1, 0))]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=9))
def test_buffers_that_live_at_the_same_time_lie_apart(rows):
    buffers = []
    for first, (size, life, before, small) in enumerate(rows):
        kind = np.dtype(np.uint8) if small else FLOAT
        made = Buffer(f"b{first}", kind, size, first=first, last=first + life)
        made.upon = buffers[-1 - before : len(buffers) - before]
        buffers.append(made)
    lives = [(each.first, each.last) for each in buffers]
    sizes = place(buffers)
    for i, one in enumerate(buffers):
        assert one.offset + one.size <= sizes[one.type]
        for j, other in enumerate(buffers[:i]):
            upon = other in one.upon and lives[j][1] == lives[i][0] and other.offset == one.offset
            if one.type == other.type and lives[j][1] >= lives[i][0] and not upon:
                assert one.offset + one.size <= other.offset or other.offset + other.size <= one.offset


def test_a_value_takes_the_place_of_the_one_that_it_is_made_of():
    first = Buffer("a", FLOAT, 5, first=0, last=1)
    second = Buffer("b", FLOAT, 5, first=1, last=2, upon=[first])
    third = Buffer("c", FLOAT, 5, first=2, last=3)
    assert place([first, second, third]) == {"float": 10}
    assert (first.offset, second.offset, third.offset) == (0, 0, 5)
