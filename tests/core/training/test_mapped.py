"""Training on mapped samples: each once an epoch, well shuffled, resumed with the same bits, fed to another device."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cnn_core.fetching.mapped import Mapped
from cnn_core.training.callbacks import Callback
from cnn_core.training.data import BlockOrder, Blocks, Rows, Split, minibatches, samples_of, together
from cnn_core.training.data.feeding import ahead, fed
from cnn_core.training.data.order import MOST_WINDOW
from cnn_core.training.distributed import Ranks
from cnn_core.training.engine import Interrupted, evaluate, fit, predict_logits
from cnn_core.training.recipe import FitConfig

BLOCKS = Blocks(4, 3)


def mapped(values: np.ndarray, parts: int = 3) -> Mapped:
    return Mapped(tuple(np.array_split(values, parts)))


def pictures(count: int = 70) -> tuple[np.ndarray, torch.Tensor]:
    values = np.random.default_rng(0).integers(0, 255, (count, 6)).astype(np.uint8)
    return values, torch.from_numpy(values.astype(np.int64).sum(1) % 3)


def both(count: int = 70) -> tuple[Split, Split]:
    """The same samples in memory and mapped, shuffled in the same way."""
    values, targets = pictures(count)
    split = Split(torch.from_numpy(values), targets, blocks=BLOCKS)
    return split, Split(samples_of(mapped(values)), targets, blocks=BLOCKS)


@given(
    count=st.integers(1, 90),
    block=st.integers(1, 9),
    window=st.integers(1, 6),
    part=st.integers(0, 95),
    batch=st.integers(1, 20),
    seed=st.integers(0, 5),
)
def test_every_sample_comes_once_before_any_comes_again(count, block, window, part, batch, seed):
    split = Split(torch.arange(count), torch.zeros(count), blocks=Blocks(block, window))
    orders = [split.order(seed, epoch, batch, part) for epoch in range(4)]
    whole = torch.cat([order[:] for order in orders])
    for turn in range(len(whole) // count):
        assert whole[turn * count : (turn + 1) * count].sort().values.tolist() == list(range(count))
    again = split.order(seed, 2, batch, part)
    cut = [again[start : start + batch] for start in range(0, len(again), batch)]
    assert torch.equal(torch.cat(cut[len(cut) // 2 :] + cut[: len(cut) // 2]).sort().values, orders[2][:].sort().values)
    assert torch.equal(torch.cat(cut), orders[2][:])
    assert torch.equal(again[1::3], orders[2][:][1::3])


def test_places_in_the_order_are_uniform():
    """Chi-square of the places of single samples over 1,000 epochs: 9 degrees of freedom, 27.9 at one in a thousand."""
    count, epochs = 1000, 1000
    places = torch.empty(epochs, count, dtype=torch.int64)
    for epoch in range(epochs):
        places[epoch, BlockOrder(count, Blocks(10, 10), 0, epoch * count, count)[:]] = torch.arange(count)
    for sample in (0, 1, 9, 333, 500, 995, 999):
        seen = torch.bincount(places[:, sample] * 10 // count, minlength=10).double()
        assert float(((seen - epochs / 10) ** 2 / (epochs / 10)).sum()) < 27.9, sample
    # Inside a window all orders are as likely: neighbours of a block are no nearer to one another than others of it.
    apart = (places[:, 501] - places[:, 500]).abs()
    near = apart[apart < 100].double()
    assert len(near) / epochs == pytest.approx(0.9 + 0.1 * 0.19, abs=0.03)  # of one block unless it begins between them
    assert float(near.mean()) == pytest.approx(101 / 3, rel=0.06)  # of two of 100 places drawn at random
    far = ((places[:, 900] - places[:, 100]).abs() < 100).double().mean()
    assert float(far) == pytest.approx(0.19, abs=0.03)  # of two of 1,000


def test_batches_of_sorted_classes_are_mixed():
    """10,000 samples sorted by class: the counts of a class in a batch vary as those of a random order, and of its
    window: 64 p q and 64^2 p q / blocks of the window."""
    count, blocks = 10_000, Blocks(8, 250)
    seen = []
    for epoch in range(6):
        order = BlockOrder(count, blocks, 1, epoch * count, count)[:] * 10 // count
        seen += [torch.bincount(order[start : start + 64], minlength=10) for start in range(0, count - 64, 64)]
    variance = float(torch.stack(seen).double().var(0).mean())
    expected = 64 * 0.09 * (1 + 64 / 250 * 0.8)  # a window is a fifth of the samples, drawn without replacement
    assert variance == pytest.approx(expected, rel=0.12)


def test_the_order_of_many_samples_takes_little_memory():
    order = BlockOrder(200_000_000, Blocks.of_rows(8), 0, 0, 200_000_000)
    first = order[:256]
    assert len(order[199_999_999:200_000_256]) == 1
    ((_, turn),), *tensors = (each.kept for each in (order._turn, order._window, order._chunk))
    held = turn.starts.numel() + turn.lengths.numel() + sum(value.numel() for ((_, value),) in tensors)
    assert held < 3 * MOST_WINDOW  # of 200 million
    assert torch.equal(order[:256], first)
    assert Blocks.of_rows(32_000) == Blocks(8, 2097)


@given(seed=st.integers(0, 3), batch=st.integers(1, 30), world=st.integers(1, 3))
def test_mapped_batches_equal_those_in_memory(seed, batch, world):
    split, rows = both()
    order = rows.order(seed, 1, batch)
    for rank in range(world):
        found = [list(minibatches(each, batch, order=order, ranks=Ranks(rank, world))) for each in (split, rows)]
        for one, other in zip(*found, strict=True):
            assert torch.equal(one.inputs, other.inputs)
            assert torch.equal(one.targets, other.targets)
            assert one.weight == other.weight


def test_subsets_and_parts_of_mapped_samples_stay_mapped():
    split, rows = both()
    for one, other in (
        (split.subset(torch.tensor([5, 60, 5])), rows.subset(torch.tensor([5, 60, 5]))),
        *zip(split.hold_out(0.2, 0), rows.hold_out(0.2, 0), strict=True),
    ):
        assert other.mapped
        assert torch.equal(one.inputs, other.inputs[:])
        assert torch.equal(one.targets, other.targets)
    assert rows.to("meta") is rows
    assert torch.equal(torch.cat([*rows.inputs.split(16)]), split.inputs)
    assert torch.equal(rows.inputs[:, 2], split.inputs[:, 2])
    assert torch.equal(rows.inputs[3], split.inputs[3])
    assert rows.inputs.shape == split.inputs.shape
    assert torch.equal(together(split.inputs, rows.inputs)[:], torch.cat([split.inputs, split.inputs]))
    assert Rows(mapped(np.arange(9, dtype=np.int16)), torch.int64)[2:4].dtype == torch.int64
    assert replace(rows, blocks=None).shuffling() == Blocks(64, 65_536)
    assert replace(split, blocks=None).shuffling() == Blocks()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.dropout, self.layer = nn.Dropout(0.2), nn.Linear(6, 3)

    def forward(self, x):
        return self.layer(self.dropout(x.float() / 255))


class StopAt(Callback):
    def __init__(self, step: int):
        self.step = step

    def after_step(self, info, means):
        if info.number == self.step:
            raise Interrupted


@pytest.mark.parametrize("resumed_in_memory", [False, True])
def test_resumed_with_the_same_bits_wherever_the_samples_lie(tmp_path, resumed_in_memory):
    split, rows = (replace(each, blocks=None) for each in both())
    small = Blocks(4, 3)
    rows = replace(rows, blocks=small)
    config = FitConfig(epochs=3, batch_size=8, precision="fp32", save_seconds=0.0)
    whole = Net()
    fit(whole, rows, config, progress=False)
    with pytest.raises(Interrupted):
        fit(Net(), rows, config, run=tmp_path, progress=False, callbacks=[StopAt(13)])
    again = Net()
    # A machine with more memory: the run's own order holds.
    rest = split if resumed_in_memory else replace(rows, blocks=None)
    fit(again, rest, config, run=tmp_path, resume=True, progress=False)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in whole.state_dict().items())
    assert torch.equal(predict_logits(whole, rows), predict_logits(whole, split))
    assert evaluate(whole, rows) == evaluate(whole, split)


def test_batches_are_cut_ahead_in_order_and_end_with_their_user():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    assert list(ahead(items(), 2)) == list(range(100))
    made.clear()
    some = ahead(items(), 2)
    assert [next(some) for _ in range(3)] == [0, 1, 2]
    some.close()
    assert len(made) <= 7
    assert not [thread for thread in threading.enumerate() if thread.name == "batches"]

    def broken():
        yield 1
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(ahead(broken(), 2))


def test_batches_for_another_device_come_in_the_same_order():
    _, rows = both()
    order = rows.order(0, 0, 16)
    here = list(minibatches(rows, 16, order=order))
    there = list(minibatches(rows, 16, order=order, device=torch.device("meta")))
    assert [(len(one), one.weight) for one in here] == [(len(one), one.weight) for one in there]
    assert all(batch.inputs.is_meta and batch.targets.is_meta for batch in there)
    same = list(fed(iter([(torch.ones(2),)]), torch.device("cpu")))
    assert same[0][0].tolist() == [1, 1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_batches_reach_a_gpu_through_pinned_memory():
    _, rows = both()
    order = rows.order(0, 0, 16)
    device = torch.device("cuda")
    for one, other in zip(
        minibatches(rows, 16, order=order), minibatches(rows, 16, order=order, device=device), strict=True
    ):
        assert other.inputs.is_cuda
        assert torch.equal(one.inputs, other.inputs.cpu())
        assert torch.equal(one.targets, other.targets.cpu())
