"""Callbacks: the order in which they are called, what each of them does, a user's own, and that all is undone."""

from contextlib import contextmanager

import pytest
import torch
from torch import nn

from cnn_core.training.callbacks import Callback, Freezing, MovingAverage, StepInfo, standard
from cnn_core.training.data import Batch, Split
from cnn_core.training.engine import fit
from cnn_core.training.monitoring.log import read_log
from cnn_core.training.optim import make_optimizer
from cnn_core.training.recipe import FitConfig

CONFIG = FitConfig(epochs=2, batch_size=4, precision="fp32", learning_rate=0.1, schedule="constant")


class Small(nn.Sequential):
    """Two dense layers; follows training as modules may."""

    def __init__(self):
        torch.manual_seed(2)
        super().__init__(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        self.progress = -1.0
        self.steps = 0

    def after_step(self):
        self.steps += 1


def data(count: int = 10) -> Split:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, 3, generator=generator)
    return Split(x, (x[:, 0] > 0).long())


class Diary(Callback):
    """Writes down each moment, and what is true then."""

    def __init__(self, model):
        self.model, self.lines = model, []

    @contextmanager
    def during_fit(self):
        self.lines.append("begin")
        try:
            yield
        finally:
            self.lines.append("end")

    def before_step(self, step):
        self.lines.append(("before_step", step.number, self.model.progress, self.model[0].weight.requires_grad))

    def after_backward(self, step):
        norms = [p.grad.norm() for p in self.model.parameters() if p.grad is not None]
        self.lines.append(("after_backward", step.number, torch.stack(norms).norm().item() < 1e-3))

    def after_step(self, step, means):
        self.lines.append(("after_step", step.number, self.model.steps, means["loss"].item() > 0))

    def after_epoch(self, entry):
        self.lines.append(("after_epoch", entry["epoch"], "train_loss" in entry, "validation_loss" in entry))


def test_moments_come_in_order_and_after_the_standard_ones():
    model = Small()
    diary = Diary(model)
    config = FitConfig(
        epochs=2, batch_size=5, precision="fp32", clip_norm=1e-4, freeze=(0.5,), learning_rate=0.1, ema=0.9
    )
    fit(model, data(), config, validation=data(), progress=False, callbacks=[diary])
    expected = ["begin"]
    for step in range(4):
        # Progress is set, the gradients are clipped, modules have been told, and the first layer freezes half-way.
        expected += [
            ("before_step", step, step / 4, step < 2),
            ("after_backward", step, True),
            ("after_step", step, step + 1, True),
        ]
        if step % 2:
            expected.append(("after_epoch", step // 2 + 1, True, False))
    assert diary.lines == [*expected, "end"]


def test_the_order_of_the_standard_callbacks():
    model = Small()
    config = FitConfig(freeze=(0.5,), clip_norm=1.0, winograd=True, precision="fp32", ema=0.9)

    def names(config, processes=1):
        return [type(c).__name__ for c in standard(model, config, make_optimizer(model, config), None, processes)]

    assert names(config) == ["ModuleHooks", "Freezing", "Densify", "ClipNorm", "Winograd"]
    assert names(config, processes=2)[:3] == ["ModuleHooks", "Freezing", "GlobalNorms"]
    assert names(FitConfig(local_norms=True), processes=2) == ["ModuleHooks", "LocalNorms"]
    assert names(FitConfig()) == ["ModuleHooks"]
    assert names(FitConfig(optimizer="sgd")) == ["ModuleHooks", "Densify"]
    assert names(FitConfig(winograd=True, precision="bf16")) == ["ModuleHooks"]


def test_the_moving_average_takes_in_what_a_users_callback_leaves():
    class Constant(Callback):
        def after_step(self, step, means):
            with torch.no_grad():
                model[0].weight.fill_(3.0)

    model = Small()
    with torch.no_grad():
        model[0].weight.fill_(3.0)
    fit(model, data(), FitConfig(epochs=2, batch_size=4, ema=0.9), progress=False, callbacks=[Constant()])
    torch.testing.assert_close(model[0].weight, torch.full((4, 3), 3.0))


def test_a_users_callback_changes_gradients_and_the_log(tmp_path):
    class Still(Callback):
        """The last layer gets no gradient."""

        def after_backward(self, step):
            model[2].weight.grad = None

        def after_epoch(self, entry):
            entry["largest"] = model[0].weight.abs().max().item()

    model = Small()
    before = [model[0].weight.clone(), model[2].weight.clone()]
    result = fit(model, data(), CONFIG, progress=False, run=tmp_path, callbacks=[Still()])
    assert not torch.equal(model[0].weight, before[0])
    assert torch.equal(model[2].weight, before[1])
    assert [entry["largest"] for entry in read_log(tmp_path)] == [entry["largest"] for entry in result.history]
    assert result.history[-1]["largest"] == model[0].weight.abs().max().item()


def test_everything_is_undone_after_an_exception():
    class Fails(Callback):
        def after_step(self, step, means):
            if step.number == 3:
                raise RuntimeError("enough")

    model = Small()
    diary = Diary(model)
    config = FitConfig(epochs=2, batch_size=4, freeze=(0.1, 0.2), ema=0.9, precision="fp32")
    with pytest.raises(RuntimeError, match="enough"):
        fit(model, data(), config, progress=False, callbacks=[diary, Fails()])
    assert diary.lines[-1] == "end"
    assert diary.lines[-4][3] is False  # the layer was frozen at the last step
    assert all(p.requires_grad for p in model.parameters())


def test_frozen_layers_keep_weights_and_statistics():
    model = Small()
    seen = {}

    class Copy(Callback):
        def before_step(self, step):
            if step.number == 3:
                seen.update({name: value.clone() for name, value in model.state_dict().items()})

    fit(model, data(), FitConfig(epochs=2, batch_size=4, freeze=(0.5, 0.5)), progress=False, callbacks=[Copy()])
    after = model.state_dict()
    assert all(torch.equal(after[name], seen[name]) for name in after if name.startswith(("0.", "1.")))
    assert not torch.equal(after["2.weight"], seen["2.weight"])


def test_processes_that_wait_for_gradients_get_them_and_drop_them():
    model = Small()
    freezing = Freezing(model, (0.0,), processes=2)
    info = StepInfo(0, 10, Batch(torch.zeros(1, 3), torch.zeros(1), 1))
    freezing.before_step(info)
    model(torch.randn(4, 3)).sum().backward()
    assert model[0].weight.grad is not None
    freezing.after_backward(info)
    assert model[0].weight.grad is None
    assert model[2].weight.grad is not None


def test_a_moving_average_goes_on_from_saved_weights():
    model = Small()
    first, second = MovingAverage(model, 0.9), MovingAverage(model, 0.9)
    for average in (first, second):
        with torch.no_grad():
            model[0].weight.fill_(1.0)
        average.update()
    second.restore(first.average, first.steps)
    for average in (first, second):
        with torch.no_grad():
            model[0].weight.fill_(-2.0)
        average.update()
    assert first.steps == second.steps == 2
    assert all(torch.equal(first.average[name], second.average[name]) for name in first.average)
    with pytest.raises(KeyError):
        second.restore({}, 1)
