"""A network asked about several views of an input: the mean of its answers, and the same network in all else."""

import copy

import torch
from torch import nn

from cnn_core import visual
from cnn_core.nn.architecture import ConvNetConfig
from cnn_core.nn.network import ConvNet
from cnn_core.nn.views import AveragedViews, unchanged


def mirrored(x):
    """Left and right exchanged; of the classes, the first two."""
    return x.flip(-1), lambda answer: answer[:, [1, 0, 2]]


def plain(x):
    return x, unchanged


def network() -> ConvNet:
    torch.manual_seed(5)
    return ConvNet(ConvNetConfig((1, 10, 10), 3, (4, 6), hidden=(5,), norm="batch", dropout=(0.5,))).eval()


INPUTS = torch.randn(6, 1, 10, 10, generator=torch.Generator().manual_seed(0))


def test_the_answer_is_the_log_of_the_mean_probability():
    model = network()
    expected = torch.zeros(6, 3)
    for i in range(6):
        p, q = model(INPUTS[i : i + 1])[0].softmax(0), model(INPUTS[i : i + 1].flip(-1))[0].softmax(0)
        for k, other in enumerate((1, 0, 2)):
            expected[i, k] = torch.log((p[k] + q[other]) / 2)
    found = AveragedViews(model, [mirrored, plain])(INPUTS)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(AveragedViews(model, [plain])(INPUTS), model(INPUTS).log_softmax(1))


def test_it_is_the_network_in_all_else():
    model = network()
    averaged = AveragedViews(model, [mirrored, plain])
    assert not averaged.training
    assert [name for name, _ in averaged.named_modules()] == [name for name, _ in model.named_modules()]
    assert averaged.state_dict().keys() == model.state_dict().keys()
    averaged.load_state_dict(model.state_dict())
    assert averaged.front is model.front
    assert all(a is b for a, b in zip(averaged.parameters(), model.parameters(), strict=True))
    logits = []
    for each in (model.train(), averaged.train()):
        torch.manual_seed(3)
        logits.append(each(INPUTS))
    assert torch.equal(*logits), "while training there are no views"


def test_lenses_see_the_last_view():
    model = network()
    averaged = AveragedViews(model, [mirrored, plain])
    found = visual.record(averaged, INPUTS, ["conv1", "conv1#0"])
    torch.testing.assert_close(found["conv1"], visual.record(model, INPUTS, "conv1")["conv1"])
    torch.testing.assert_close(found["conv1#0"], visual.record(model, INPUTS.flip(-1), "conv1")["conv1"])


def test_a_copy_is_another_network():
    averaged = AveragedViews(network(), [mirrored, plain])
    other = copy.deepcopy(averaged)
    nn.init.zeros_(other.output.weight)
    nn.init.zeros_(other.output.bias)
    torch.testing.assert_close(other(INPUTS), torch.full((6, 3), 1 / 3).log())
    assert averaged(INPUTS).std() > 1e-4
