import gc
import tracemalloc
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from cnn_core import visual
from cnn_core.errors import UserError
from cnn_core.visual.modules.activations import layer_names, record, tapped
from cnn_core.visual.optimization.objectives import filter, whole
from cnn_core.visual.optimization.scoring import scoring


def test_names_with_dots_and_values(digits):
    digits.eval()
    x = torch.rand(2, 1, 12, 12)
    found = record(digits, x, ["conv2.conv", "conv1", ""])
    assert list(found) == ["conv2.conv", "conv1", ""]
    assert torch.equal(found["conv1"], torch.relu(digits.conv1.conv(x)))
    assert torch.equal(found["conv2.conv"], digits.conv2.conv(digits.pool1(found["conv1"])))
    assert torch.equal(found[""], digits(x))
    assert "conv2.norm" in layer_names(digits)
    assert not found[""].requires_grad


def test_shared_layer_counts_by_its_last_run_or_by_number(make):
    model = make["branches"]()
    x = torch.rand(2, 3, 12, 12)
    found = record(model, x, ["relu", "relu#0", "relu#1", "second", "shortcut"])
    first = torch.relu(model.first(x))
    torch.testing.assert_close(found["relu#0"], first)
    torch.testing.assert_close(found["relu#1"], torch.relu(model.second(first)))
    torch.testing.assert_close(found["relu"], torch.relu(found["relu#1"] + model.shortcut(first)))
    torch.testing.assert_close(found["shortcut"], model.shortcut(first))


def test_an_in_place_activation_does_not_change_what_was_recorded(make):
    plain, in_place = make["branches"](3, False), make["branches"](3, True)
    x = torch.rand(2, 3, 12, 12)
    names = ["first", "second", "relu#0", ""]
    torch.testing.assert_close(record(in_place, x, names), record(plain, x, names))
    assert (record(in_place, x, "first")["first"] < 0).any()


def test_a_first_layer_in_place_leaves_the_input_alone():
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(1, 2, 3))
    x = torch.randn(2, 1, 8, 8)
    kept = x.clone()
    record(model, x, "1")
    assert torch.equal(x, kept)
    with scoring(model, [filter("1", 0)] * 2, x) as score:
        score(x)
    assert torch.equal(x, kept)


def test_the_pass_stops_at_the_deepest_layer_asked_for(digits):
    runs = {"conv2": 0, "dense1": 0}
    digits.conv2.conv.forward = counted(digits.conv2.conv.forward, runs, "conv2")
    digits.dense1.linear.forward = counted(digits.dense1.linear.forward, runs, "dense1")
    with tapped(digits, ["conv1", "conv2.conv"], torch.rand(1, 1, 12, 12)) as run:
        trial = dict(runs)
        run(torch.rand(4, 1, 12, 12))
    assert runs["conv2"] == trial["conv2"] + 1
    assert runs["dense1"] == trial["dense1"]


def counted(forward, runs, name):
    def wrapper(x):
        runs[name] += 1
        return forward(x)

    return wrapper


def test_taps_on_one_model_do_not_disturb_each_other(digits):
    x = torch.rand(1, 1, 12, 12)
    with tapped(digits, "conv1", x) as outer, tapped(digits, "output", x) as inner:
        assert list(inner(x)) == ["output"]
        assert outer(x)["conv1"].shape == (1, 6, 10, 10)
        assert digits(x).shape == (1, 5)  # and the model itself runs as ever


def test_a_model_that_catches_exceptions_does_not_catch_the_stop():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x):
            try:
                return self.conv(x)
            except Exception:
                return x

    x = torch.rand(1, 1, 8, 8)
    assert record(Careful(), x, "conv")["conv"].shape == (1, 2, 6, 6)


@pytest.mark.parametrize("train", [False, True])
def test_state_is_untouched(case, state, train):
    case.model.train(train)
    next(iter(case.model.children())).eval()  # mixed modes must come back mixed
    next(case.model.parameters()).requires_grad_(False)
    loss = case.model(case.inputs).sum()
    loss.backward()
    kept = state(case.model)
    record(case.model, case.inputs, [case.conv, case.dense])
    kept.check()
    with scoring(case.model, [whole(case.conv)] * 3, case.inputs) as score:
        x = case.inputs.clone().requires_grad_()
        score(x).sum().backward()
        assert x.grad is not None
        assert x.grad.abs().sum() > 0
    kept.check()


def test_train_mode_is_run_in_eval_semantics(digits):
    x = torch.rand(4, 1, 12, 12)
    in_eval = record(digits.eval(), x, "conv2")["conv2"]
    in_train = record(digits.train(), x, "conv2")["conv2"]
    assert torch.equal(in_eval, in_train)


@pytest.mark.slow
def test_no_hooks_and_no_memory_after_many_calls_that_work_and_raise(digits, state):
    x = torch.rand(2, 1, 12, 12)
    kept = state(digits)

    def calls(count):
        for _ in range(count):
            record(digits, x, ["conv1", "dense1"])
            with pytest.raises(UserError):
                record(digits, x[..., :4, :4], "conv2")
            with pytest.raises(UserError), scoring(digits, [filter("conv2", 99)] * 2, x):
                pass
            with pytest.raises(KeyError), tapped(digits, "conv2", x) as run:
                raise KeyError(len(run(x)))

    calls(5)
    gc.collect()
    tracemalloc.start()
    calls(20)
    gc.collect()
    first, _ = tracemalloc.get_traced_memory()
    tensors = live_tensors()
    calls(60)
    gc.collect()
    second, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert live_tensors() == tensors
    assert second - first < 20_000
    kept.check()


def live_tensors():
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


def test_user_mistakes_are_one_clear_line(digits, make):
    x = torch.rand(1, 1, 12, 12)
    with pytest.raises(UserError, match=r"there is no layer 'conv9'.*conv1, conv1.conv.*output") as error:
        record(digits, x, "conv9")
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"5x5 is too small: it reaches layer 'conv2.conv' with only 1 of the 3"):
        record(digits, x[..., :5, :5], "conv2")
    with pytest.raises(UserError, match=r"'conv1.conv' takes 1 channels but an input of 3x12x12 gives it 3"):
        record(digits, torch.rand(1, 3, 12, 12), "conv2")
    with pytest.raises(UserError, match="takes 72 values but an input of 1x16x16 gives it 200"):
        record(digits, torch.rand(1, 1, 16, 16), "dense1")
    model = make["branches"]()
    picture = torch.rand(1, 3, 12, 12)
    with pytest.raises(UserError, match=r"'pair' \(Pair\) gives no tensor but a tuple"):
        record(model, picture, "pair")
    with pytest.raises(UserError, match=r"'unused'.*never run"):
        record(model, picture, "unused")
    with pytest.raises(UserError, match="runs 3 times"):
        record(model, picture, "relu#3")


def test_a_picture_of_another_size_does_for_layers_before_the_dense_ones(digits):
    assert record(digits, torch.rand(1, 1, 20, 20), "conv2")["conv2"].shape == (1, 8, 7, 7)


def test_real_errors_come_through():
    class Broken(nn.Module):
        def forward(self, x):
            raise ZeroDivisionError("a bug in the model")

    model = nn.Sequential(Broken(), nn.Conv2d(1, 1, 3))
    with pytest.raises(ZeroDivisionError, match="a bug in the model"):
        record(model, torch.rand(1, 1, 8, 8), "1")


def test_four_threads_look_into_one_model():
    torch.manual_seed(0)
    layers = {
        "a": nn.Conv2d(1, 4, 3),
        "r": nn.ReLU(),
        "b": nn.Conv2d(4, 3, 3),
        "p": nn.Flatten(),
        "o": nn.Linear(48, 5),
    }
    model = nn.Sequential(OrderedDict(layers))
    inputs = torch.rand(3, 1, 8, 8)
    calls = [
        lambda: visual.record(model, inputs, "b")["b"],
        lambda: visual.saliency(model, inputs, 1),
        lambda: visual.guided_backprop(model, inputs, 2),
        lambda: visual.integrated_gradients(model, inputs, 0).values,
        lambda: visual.grad_cam(model, inputs, "b", 1),
        lambda: visual.find_exemplars(model, inputs, "a", count=1).scores,
        lambda: visual.record(model[2:], torch.rand(1, 4, 6, 6, generator=torch.Generator().manual_seed(0)), "b")["b"],
    ]
    expected = [call() for call in calls]
    with ThreadPoolExecutor(4) as pool:
        found = [(i % len(calls), pool.submit(calls[i % len(calls)])) for i in range(140)]
        for i, future in found:
            torch.testing.assert_close(future.result(), expected[i])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert model.training
