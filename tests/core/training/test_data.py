"""Splits and minibatches: every sample once, also over ranks."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.errors import UserError
from cnn_core.training.data import (
    Split,
    balanced,
    batches_per_epoch,
    epoch_length,
    minibatches,
    mix,
    permutation,
)
from cnn_core.training.distributed import Ranks


def numbered(count: int) -> Split:
    return Split(torch.arange(count, dtype=torch.int32), torch.arange(count) % 3)


@given(count=st.integers(1, 60), size=st.integers(1, 20), seed=st.integers(0, 9), first=st.integers(0, 3))
def test_minibatches_cover_the_epoch_in_order(count, size, seed, first):
    split, order = numbered(count), permutation(count, seed, 0)
    batches = list(minibatches(split, size, order=order, first=first))
    seen = torch.cat([batch.inputs for batch in batches]) if batches else torch.zeros(0, dtype=torch.int32)
    assert seen.tolist() == order[first * size :].tolist()
    assert len(batches) == max(batches_per_epoch(count, size) - first, 0)
    assert all(batch.inputs.dtype == torch.int32 for batch in batches)
    assert all((batch.inputs % 3 == batch.targets).all() for batch in batches)


@given(count=st.integers(1, 40), size=st.integers(1, 12), world=st.integers(1, 4))
def test_ranks_share_every_minibatch(count, size, world):
    split, order = numbered(count), permutation(count, 1, 1)
    alone = list(minibatches(split, size, order=order))
    shared = [list(minibatches(split, size, order=order, ranks=Ranks(rank, world))) for rank in range(world)]
    assert all(len(batches) == len(alone) for batches in shared), "a rank with fewer steps would leave others waiting"
    for whole, *parts in zip(alone, *shared, strict=True):
        assert all(len(part) > 0 for part in parts)
        assert sum(part.weight for part in parts) == pytest.approx(len(whole))
        assert {int(i) for part in parts for i in part.inputs} == {int(i) for i in whole.inputs}


def test_permutations_depend_on_seed_and_epoch_only():
    assert torch.equal(permutation(50, 3, 1), permutation(50, 3, 1))
    assert not torch.equal(permutation(50, 3, 1), permutation(50, 3, 2))
    assert not torch.equal(permutation(50, 3, 1), permutation(50, 4, 1))
    assert len({mix(a, b) for a in range(20) for b in range(20)}) == 400


def test_parts_of_one_long_order():
    split = numbered(10)
    orders = [split.order(3, epoch, 2, 4).tolist() for epoch in range(6)]
    # As the first version of it did: runs of that time must go on.
    assert orders == [[5, 3, 0, 4], [1, 9, 7, 2], [6, 8, 6, 7], [3, 1, 2, 9], [4, 5, 8, 0], [6, 4, 9, 0]]


@given(count=st.integers(1, 40), part=st.integers(1, 50), seed=st.integers(0, 5), size=st.integers(1, 9))
def test_epochs_of_a_part_take_every_sample_before_any_comes_again(count, part, seed, size):
    split = numbered(count)
    orders = [split.order(seed, epoch, size, part) for epoch in range(5)]
    assert {len(order) for order in orders} == {epoch_length(count, part)} == {min(count, part)}
    joined = torch.cat(orders)
    for turn in range(len(joined) // count):
        assert joined[turn * count : (turn + 1) * count].sort().values.tolist() == list(range(count))
    assert torch.equal(split.order(seed, 3, size, part), orders[3])
    assert torch.equal(split.order(seed, 3, size), permutation(count, seed, 3))
    seen = torch.cat([batch.inputs for batch in minibatches(split, size, order=orders[1])])
    assert seen.tolist() == orders[1].tolist()


@given(counts=st.lists(st.integers(2, 30), min_size=1, max_size=4), share=st.floats(0.05, 0.5), seed=st.integers(0, 5))
def test_hold_out_is_stratified_and_disjoint(counts, share, seed):
    targets = torch.cat([torch.full((n,), c) for c, n in enumerate(counts)])
    split = Split(torch.arange(len(targets)), targets)
    rest, held = split.hold_out(share, seed)
    assert sorted(rest.inputs.tolist() + held.inputs.tolist()) == list(range(len(split)))
    for c, n in enumerate(counts):
        assert int((held.targets == c).sum()) == min(max(round(share * n), 1), n - 1)


def test_nothing_to_hold_out():
    with pytest.raises(UserError, match="too few"):
        Split(torch.arange(2), torch.arange(2)).hold_out(0.1, 0)


def test_split_of_two_lengths():
    with pytest.raises(ValueError, match="3 inputs but 2 targets"):
        Split(torch.zeros(3), torch.zeros(2))


def test_rare_classes_are_repeated():
    classes = torch.tensor([0] * 90 + [1] * 9 + [2])
    index = balanced(classes)
    assert sorted(set(index.tolist())) == list(range(100))
    assert classes[index].bincount().tolist() == [90, 90, 90]
    assert classes[balanced(classes, most=20)].bincount().tolist() == [90, 90, 20]
    assert torch.equal(balanced(torch.tensor([1, 1, 2, 2])), torch.arange(4))
    assert len(balanced(torch.tensor([], dtype=torch.int64))) == 0
