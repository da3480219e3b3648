"""The training loop: it learns, it resumes with the same bits, it leaves the process as it was."""

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from cnn_core.errors import UserError
from cnn_core.nn.architecture import ConvNetConfig
from cnn_core.nn.network import ConvNet
from cnn_core.training import checkpoint
from cnn_core.training.callbacks import Callback, MovingAverage
from cnn_core.training.data import Split
from cnn_core.training.engine import Interrupted, evaluate, fit, predict_logits
from cnn_core.training.monitoring.log import read_log
from cnn_core.training.optim import make_optimizer
from cnn_core.training.recipe import FitConfig, for_samples

SCRIPT = Path(__file__).parents[2] / "helpers" / "train_small.py"
NET = {"norm": "batch", "dropout": [0.2]}
FIT = {"epochs": 3, "batch_size": 32, "ema": 0.9, "save_seconds": 0.0, "clip_norm": 1.0, "label_smoothing": 0.1}


def bars(count: int, seed: int = 0) -> Split:
    """Noise with a bright row or a bright column: two classes that a small CNN can tell apart."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, 1, 12, 12, generator=generator)
    y = torch.randint(0, 2, (count,), generator=generator)
    place = torch.randint(2, 10, (count,), generator=generator)
    for i in range(count):
        if y[i]:
            x[i, 0, place[i]] += 1
        else:
            x[i, 0, :, place[i]] += 1
    return Split(x, y)


def small_net(**changes) -> ConvNet:
    torch.manual_seed(1)
    return ConvNet(ConvNetConfig((1, 12, 12), 2, (6, 8), hidden=(16,), **changes))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_learns_what_it_is_shown(optimizer, precision):
    model = small_net(norm="batch")
    rate = 0.01 if optimizer == "adamw" else 0.05
    config = FitConfig(epochs=4, batch_size=50, learning_rate=rate, optimizer=optimizer, precision=precision)
    result = fit(model, bars(1000), config, progress=False)
    losses = [entry["train_loss"] for entry in result.history]
    assert losses[-1] < losses[0] / 2
    assert evaluate(model, bars(400, seed=9))["accuracy"] > 0.95
    assert result.steps == 80
    assert result.cpu_seconds > 0


def test_a_step_of_the_users_own():
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 1))
    data = bars(200)
    split = Split(data.inputs, data.inputs.mean((1, 2, 3)))

    def regression(model, batch):
        error = model(batch.inputs)[:, 0] - batch.targets
        return {"loss": error.square().mean(), "absolute": error.abs().mean()}

    history = fit(
        model, split, FitConfig(epochs=5, batch_size=20, precision="fp32"), step=regression, progress=False
    ).history
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 3
    assert set(history[0]) >= {"train_absolute", "train_loss"}


def test_reported_means_are_those_of_the_whole_epoch():
    model = small_net().eval()
    data = bars(70)
    expected = nn.functional.cross_entropy(model(data.inputs), data.targets).item()
    found = evaluate(model, data, batch_size=32, precision="fp32")  # 32 + 32 + 6: the last must not count as a third
    assert found["loss"] == pytest.approx(expected, rel=1e-5)
    logits = predict_logits(model, data.inputs, batch_size=32, precision="fp32")
    torch.testing.assert_close(logits, model(data.inputs).detach())
    assert found["accuracy"] == pytest.approx((logits.argmax(1) == data.targets).float().mean().item())


def test_leaves_the_global_random_state_alone():
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    fit(small_net_without_seed(), bars(64), FitConfig(epochs=1, batch_size=32), progress=False)
    assert torch.equal(torch.rand(3), expected)


def small_net_without_seed() -> ConvNet:
    with torch.random.fork_rng(devices=[]):
        return small_net(dropout=(0.5,))


def test_same_seed_same_bits_other_seed_other_bits():
    def trained(seed: int) -> torch.Tensor:
        model = small_net(dropout=(0.3,))
        fit(model, bars(128), FitConfig(epochs=1, batch_size=32), seed=seed, progress=False)
        return model.output.weight.detach().clone()

    assert torch.equal(trained(4), trained(4))
    assert not torch.equal(trained(4), trained(5))


def test_decay_spares_norms_and_biases():
    model = small_net(norm="batch")
    decayed, spared = make_optimizer(model, FitConfig(weight_decay=0.3)).param_groups
    assert decayed["weight_decay"] == 0.3
    assert spared["weight_decay"] == 0
    assert all(p.dim() > 1 for p in decayed["params"])
    assert {id(p) for p in spared["params"]} >= {id(model.conv1.norm.weight), id(model.output.bias)}
    assert len(decayed["params"]) + len(spared["params"]) == len(list(model.parameters()))


def test_moving_average_is_the_recursion():
    model = nn.Linear(1, 1, bias=False)
    average = MovingAverage(model, 0.5, steps=100)
    expected = model.weight.item()
    for value in (1.0, 4.0, -2.0):
        with torch.no_grad():
            model.weight.fill_(value)
        average.update()
        expected = 0.5 * expected + 0.5 * value
    with average.applied():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == -2.0


def test_early_stopping_returns_the_best_epoch(tmp_path):
    # Targets that mean nothing: the validation loss soon rises.
    noise = Split(torch.rand(200, 1, 12, 12), torch.randint(0, 2, (200,)))
    other = Split(torch.rand(200, 1, 12, 12), torch.randint(0, 2, (200,)))
    model = small_net()
    config = FitConfig(epochs=60, batch_size=20, validation=0.1, patience=3, schedule="constant", precision="fp32")
    history = fit(model, noise, config, validation=other, run=tmp_path, progress=False).history
    losses = [entry["validation_loss"] for entry in history]
    best = losses.index(min(losses))
    assert len(history) == best + 1 + 3 < 60
    assert checkpoint.load(tmp_path / "best").metrics["epoch"] == best + 1
    assert evaluate(model, other, precision="fp32")["loss"] == pytest.approx(losses[best])


def test_patience_needs_something_to_watch():
    with pytest.raises(UserError, match="patience needs a validation split"):
        fit(small_net(), bars(32), FitConfig(patience=2), progress=False)


def test_a_split_may_unpack_and_order_its_samples(tmp_path):
    class Packed(Split):
        """Eight pixels a byte; every other epoch sorted."""

        def take(self, index):
            bits = self.inputs[index][:, :, None] >> torch.arange(8) & 1
            return bits.reshape(-1, 1, 12, 12).float(), self.targets[index]

        def order(self, seed, epoch, batch_size, epoch_samples=0):
            return self.inputs.float().sum(1).argsort() if epoch % 2 else super().order(seed, epoch, batch_size)

    plain = bars(64)
    bits = (plain.inputs > 1).reshape(64, 18, 8).to(torch.uint8)
    packed = Packed((bits << torch.arange(8)).sum(2).to(torch.uint8), plain.targets)
    assert len(packed.subset(torch.arange(10))) == 10
    assert isinstance(packed.to("cpu"), Packed)
    model = small_net()
    history = fit(model, packed, FitConfig(epochs=4, batch_size=16, precision="fp32"), progress=False).history
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert torch.equal(predict_logits(model, packed), predict_logits(model, packed.take(slice(None))[0]))


class StopAt(Callback):
    """Ctrl-C after a step."""

    def __init__(self, number: int):
        self.number = number

    def after_step(self, step, means):
        if step.number == self.number:
            os.kill(os.getpid(), signal.SIGINT)


def test_epochs_of_a_part_resume_in_the_middle_of_one(tmp_path):
    config = FitConfig(epochs=4, epoch_samples=70, batch_size=16, ema=0.9, precision="fp32", save_seconds=1e9)
    data = bars(100)

    def trained(run: Path, model: ConvNet, **options):
        result = fit(model, data, config, seed=3, run=run, progress=False, **options)
        return result, model.state_dict()

    taken = []

    class Taken(Callback):
        def before_step(self, step):
            taken.append(step.batch.inputs)

    whole, expected = trained(tmp_path / "whole", small_net(dropout=(0.3,)), callbacks=[Taken()])
    assert whole.steps == 4 * 5  # 16 + 16 + 16 + 16 + 6 samples an epoch
    assert [len(batch) for batch in taken] == [16, 16, 16, 16, 6] * 4
    first = torch.cat(taken)[:100].flatten(1)
    assert torch.equal(first.sum(1).sort().values, data.inputs.flatten(1).sum(1).sort().values)
    with pytest.raises(Interrupted, match="epoch 3 after step 13"):
        trained(tmp_path / "stopped", small_net(dropout=(0.3,)), callbacks=[StopAt(12)])
    counters = checkpoint.load(tmp_path / "stopped" / "last", with_state=True).state.counters
    assert (counters.epoch, counters.batch, counters.averaged_steps) == (2, 3, 13)
    resumed, found = trained(tmp_path / "stopped", small_net(dropout=(0.3,)), resume=True)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert [e["train_loss"] for e in resumed.history] == [e["train_loss"] for e in whole.history]


def test_a_state_json_of_the_first_version_resumes(tmp_path):
    config = FitConfig(epochs=3, batch_size=16, ema=0.9, precision="fp32", save_seconds=1e9)
    expected = small_net()
    fit(expected, bars(64), config, validation=bars(20, 1), progress=False)
    with pytest.raises(Interrupted):
        fit(small_net(), bars(64), config, validation=bars(20, 1), run=tmp_path, progress=False, callbacks=[StopAt(5)])
    last = tmp_path / "last"
    saved = json.loads((last / "state.json").read_text())
    written = {
        "epoch": 1,
        "batch": 2,
        "best": saved["best"],
        "waited": 0,
        "averaged_steps": 6,
        "cpu_seconds": 100.5,
        "seconds": 200,  # whole numbers are times too
        "history": saved["history"],
    }
    assert list(saved) == list(written)
    assert saved == written | {name: saved[name] for name in ("cpu_seconds", "seconds")}
    (last / "state.json").write_text(json.dumps(written))
    sums = json.loads((last / "sums.json").read_text())
    sums["state.json"] = hashlib.sha256((last / "state.json").read_bytes()).hexdigest()
    (last / "sums.json").write_text(json.dumps(sums))
    model = small_net()
    result = fit(model, bars(64), config, validation=bars(20, 1), run=tmp_path, resume=True, progress=False)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in expected.state_dict().items())
    assert [entry["epoch"] for entry in result.history] == [1, 2, 3]
    assert 100.5 < result.cpu_seconds < 200 < result.seconds


def test_loss_that_is_no_number_is_one_line(tmp_path):
    model = small_net()
    with torch.no_grad():
        model.output.bias.fill_(math.nan)
    with pytest.raises(UserError, match="training loss is nan in epoch 1; lower learning_rate"):
        fit(model, bars(32), FitConfig(epochs=1), run=tmp_path, progress=False)
    assert not checkpoint.exists(tmp_path / "last")


def train(run: Path, **options) -> subprocess.Popen:
    """train_small.py as a process."""
    options = {"samples": 500, "net": NET, "fit": FIT} | options
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(run), json.dumps(options)], stdout=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    run = tmp_path_factory.mktemp("whole")
    process = train(run)
    process.communicate()
    assert process.returncode == 0
    return run


def same_bits(a: Path, b: Path) -> None:
    one, two = (torch.load(run / "final.pt", weights_only=True) for run in (a, b))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    histories = [json.loads((run / "history.json").read_text()) for run in (a, b)]
    for first, second in zip(*histories, strict=True):
        clocks = {"cpu_seconds", "seconds"}
        assert {k: v for k, v in first.items() if k not in clocks} == {
            k: v for k, v in second.items() if k not in clocks
        }
    assert [r["epoch"] for r in read_log(a)] == [r["epoch"] for r in read_log(b)] == [1, 2, 3]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_stopped_process_resumes_to_the_same_bits(uninterrupted, tmp_path, number):
    process = train(tmp_path)
    assert process.stdout is not None
    process.stdout.readline()  # the first epoch has ended; the second is under way
    while not (tmp_path / "last" / "state.json").exists() or _step(tmp_path) == 16:
        assert process.poll() is None
    process.send_signal(number)
    process.communicate()
    assert process.returncode != 0
    assert not (tmp_path / "final.pt").exists()
    resumed = train(tmp_path, resume=True)
    resumed.communicate()
    assert resumed.returncode == 0
    same_bits(uninterrupted, tmp_path)


def _step(run: Path) -> int:
    try:
        counters = json.loads((run / "last" / "state.json").read_text())
    except (OSError, ValueError):  # just being replaced
        return 16
    return counters["epoch"] * 16 + counters["batch"]


@pytest.mark.slow
def test_killed_before_the_first_checkpoint(uninterrupted, tmp_path):
    process = train(tmp_path, resume=True)  # nothing to resume: from the start
    process.communicate()
    assert process.returncode == 0
    same_bits(uninterrupted, tmp_path)


def test_interrupt_saves_and_says_so(tmp_path):
    def stop(entry):
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match="step 2"):
        fit(small_net(), bars(64), FitConfig(epochs=3, batch_size=32), run=tmp_path, progress=False, on_epoch=stop)
    assert signal.getsignal(signal.SIGINT) is before
    assert checkpoint.load(tmp_path / "last", with_state=True).state.counters.epoch == 1


def test_state_of_another_network_is_refused(tmp_path):
    fit(small_net(), bars(32), FitConfig(epochs=1), run=tmp_path, progress=False)
    other = ConvNet(ConvNetConfig((1, 12, 12), 2, (5, 8), hidden=(16,)))
    with pytest.raises(UserError, match="does not fit this network") as caught:
        fit(other, bars(32), FitConfig(epochs=2), run=tmp_path, resume=True, progress=False)
    assert "\n" not in str(caught.value)


def test_few_samples_get_more_passes():
    model = nn.Sequential(OrderedDict(front=nn.Identity(), output=nn.Linear(3, 2)))
    split = Split(torch.randn(20, 3), torch.arange(20) % 2)
    config = FitConfig(epochs=2, batch_size=8, least_steps=10, precision="fp32")
    found = fit(model, split, config, progress=False)
    assert (found.steps, len(found.history)) == (12, 4)
    assert fit(model, split, replace(config, least_steps=0), progress=False).steps == 6
    assert for_samples(config, 800) == config, "enough as it is"


def test_saving_does_not_outlast_short_epochs(tmp_path, monkeypatch):
    """A checkpoint that takes long is made in some epochs only, and of the last one always."""
    names, save = [], checkpoint.save

    def slow(folder, *args, **kwargs):
        names.append(folder.name)
        time.sleep(0.1)
        save(folder, *args, **kwargs)

    monkeypatch.setattr(checkpoint, "save", slow)
    torch.manual_seed(0)
    split = Split(torch.randn(32, 3), torch.arange(32) % 2)

    def model():
        torch.manual_seed(1)
        return nn.Sequential(OrderedDict(front=nn.Identity(), output=nn.Linear(3, 2)))

    first, config = model(), FitConfig(epochs=20, batch_size=8, precision="fp32")
    found = fit(first, split, config, run=tmp_path, record={}, progress=False)
    assert len(found.history) == 20
    assert 1 <= names.count("last") <= 4
    assert checkpoint.load(tmp_path / "last", with_state=True).metrics["epoch"] == 20
    again = model()
    assert fit(again, split, config, run=tmp_path, record={}, resume=True, progress=False).steps == found.steps
    torch.testing.assert_close(again.output.weight, first.output.weight, rtol=0, atol=0)
    assert [entry["epoch"] for entry in read_log(tmp_path)] == list(range(1, 21))


def test_rare_classes_are_repeated_by_the_engine_itself():
    """So that a training by `cnn_core.fit` and one by `train` are the same."""
    model = nn.Sequential(OrderedDict(front=nn.Identity(), output=nn.Linear(3, 2)))
    split = Split(torch.randn(40, 3), (torch.arange(40) < 4).long())
    config = FitConfig(epochs=1, batch_size=8, balance=True, precision="fp32")
    assert fit(model, split, config, progress=False).steps == 9  # 36 and 9 times 4 samples
    assert fit(model, split, replace(config, balance=False), progress=False).steps == 5


def test_parts_of_a_step_make_the_same_step():
    train = replace(bars(50), inputs=bars(50).inputs.double())
    results = []
    for accumulate in (1, 3, 50):
        torch.manual_seed(0)
        model = small_net(norm="none").double()
        seen: list[int] = []
        model.register_forward_pre_hook(lambda _m, args, seen=seen: seen.append(len(args[0])))
        config = FitConfig(
            epochs=2, batch_size=16, accumulate=accumulate, precision="fp32", clip_norm=1.0, calibration=0
        )
        done = fit(model, train, config, progress=False)
        results.append((model.state_dict(), done.history[-1], seen))
    (whole, log, sizes), *others = results
    assert max(sizes) == 16
    for weights, other_log, other_sizes in others:
        assert max(other_sizes) < 7
        assert sum(other_sizes) == sum(sizes)
        for name, value in whole.items():
            torch.testing.assert_close(weights[name], value, rtol=1e-9, atol=1e-11)
        assert other_log["train_loss"] == pytest.approx(log["train_loss"], rel=1e-9)
        assert other_log["train_accuracy"] == pytest.approx(log["train_accuracy"], rel=1e-9)
    with pytest.raises(UserError, match="accumulate"):
        FitConfig(accumulate=0)
