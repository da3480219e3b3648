"""Holding out: the share of each class, whole groups, the same choice for the same seed, and when it is impossible."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cnn_core.errors import UserError
from cnn_core.training.holdout import folds, hold_out

GROUPS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 6)), min_size=1, max_size=30)
"""Groups of one class each: (class, samples)."""
MIXED = st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 12)), min_size=1, max_size=60)
"""Samples: (class, group); a group may have several classes."""
SHARE, SEED = st.floats(0.02, 0.8), st.integers(0, 5)


def samples(groups):
    """Labels and groups of the samples, the groups' samples not side by side."""
    rows = [(label, number) for number, (label, size) in enumerate(groups) for _ in range(size)]
    order = np.random.default_rng(len(rows)).permutation(len(rows))
    return [rows[i][0] for i in order], [rows[i][1] for i in order]


def sides(held, keys):
    return ({key for key, out in zip(keys, held, strict=True) if out == side} for side in (True, False))


@given(GROUPS, SHARE, SEED)
def test_each_class_has_its_share_in_whole_groups(groups, share, seed):
    labels, keys = samples(groups)
    assume(any(count > 1 for count in Counter(label for label, _ in groups).values()))
    held = hold_out(labels, share, seed, keys)
    assert held.dtype == bool
    out, rest = sides(held, keys)
    assert out.isdisjoint(rest)
    for label in set(labels):
        sizes = [size for other, size in groups if other == label]
        count = sum(h for h, other in zip(held, labels, strict=True) if other == label)
        assert count < sum(sizes), "some of each class stay"
        if len(sizes) == 1:
            assert count == 0
            continue
        assert count > 0
        target = max(round(share * sum(sizes)), 1)
        first = min(sizes) > target  # even the smallest group is too large, and one goes all the same
        last = sum(sizes) - max(sizes) < target  # what is left when one group has to stay
        assert last or abs(count - target) <= max(sizes) / 2 or (first and count == min(sizes))


@given(st.lists(st.integers(2, 40), min_size=1, max_size=4), SHARE, SEED)
def test_without_groups_the_share_is_exact(counts, share, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    held = hold_out(labels, share, seed)
    expected = [min(max(round(share * n), 1), n - 1) for n in counts]
    assert np.bincount(labels[held], minlength=len(counts)).tolist() == expected


@given(MIXED, SHARE, SEED)
def test_groups_of_several_classes_are_whole_and_no_class_goes_entirely(rows, share, seed):
    labels, keys = [label for label, _ in rows], [key for _, key in rows]
    try:
        held = hold_out(labels, share, seed, keys)
    except UserError:
        # Of every group, some class has no other group.
        classes_of = {key: {label for label, other in rows if other == key} for key in keys}
        lone = {label for label in labels if len({key for other, key in rows if other == label}) == 1}
        assert all(classes & lone for classes in classes_of.values())
        return
    out, rest = sides(held, keys)
    assert out.isdisjoint(rest)
    assert out
    _, labels_left = sides(held, labels)
    assert labels_left == set(labels)


@given(MIXED, SHARE, SEED)
def test_the_same_seed_holds_out_the_same_samples(rows, share, seed):
    labels, keys = [label for label, _ in rows], [key for _, key in rows]
    for function in (lambda: hold_out(labels, share, seed, keys), lambda: folds(labels, 2, seed, keys)):
        try:
            first = function()
        except UserError:
            continue
        np.testing.assert_array_equal(first, function())


def test_another_seed_holds_out_others():
    labels = np.arange(200) % 2
    assert not np.array_equal(hold_out(labels, 0.2, 0), hold_out(labels, 0.2, 1))
    assert not np.array_equal(folds(labels, 5, 0), folds(labels, 5, 1))


def test_samples_of_sorted_files_are_shuffled():
    labels = ["a"] * 300 + ["b"] * 100
    held = hold_out(labels, 0.1, 0)
    assert Counter(np.array(labels)[held].tolist()) == {"a": 30, "b": 10}
    assert len(set(folds(labels, 10, 0)[:10].tolist())) > 3
    assert np.flatnonzero(held)[:30].tolist() != list(range(30))


def test_a_speaker_is_on_one_side_with_all_words():
    words, speakers = np.arange(400) % 8, np.arange(400) // 8 % 10
    held = hold_out(words, 0.2, 0, speakers)
    assert len(set(speakers[held])) == 2
    assert np.bincount(words[held]).tolist() == [10] * 8


@pytest.mark.parametrize(
    ("labels", "groups"), [([], None), (["a"], None), (["a", "b"], None), (["a", "a", "b", "b"], [0, 0, 1, 1])]
)
def test_nothing_to_hold_out_is_one_line(labels, groups):
    with pytest.raises(UserError, match="too few to hold out 10%") as caught:
        hold_out(labels, 0.1, 0, groups)
    assert "\n" not in str(caught.value)


@given(MIXED, st.integers(2, 5), SEED)
def test_folds_are_whole_groups_and_none_is_empty(rows, count, seed):
    labels, keys = [label for label, _ in rows], [key for _, key in rows]
    try:
        found = folds(labels, count, seed, keys)
    except UserError as error:
        assert f"too few for {count} folds" in str(error)
        assert len(set(keys)) < count
        return
    assert len(set(keys)) >= count
    assert set(found.tolist()) == set(range(count))
    for key in set(keys):
        assert len({fold for fold, other in zip(found.tolist(), keys, strict=True) if other == key}) == 1


@given(GROUPS, st.integers(2, 5), SEED)
def test_folds_are_stratified(groups, count, seed):
    labels, keys = samples(groups)
    try:
        found = folds(labels, count, seed, keys)
    except UserError:
        return
    for label in set(labels):
        sizes = [size for other, size in groups if other == label]
        each = [sum(1 for f, other in zip(found, labels, strict=True) if (f, other) == (fold, label))
                for fold in range(count)]  # fmt: skip
        assert max(each) - min(each) <= max(sizes)


def test_wrong_numbers_are_errors_of_the_caller():
    with pytest.raises(ValueError, match="between 0 and 1"):
        hold_out([0, 0], 1.0, 0)
    with pytest.raises(ValueError, match="at least two folds"):
        folds([0, 0], 1, 0)
