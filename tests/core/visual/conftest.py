"""Small nets of every kind that the lenses must work for."""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNN_SUITE_CACHE", os.fspath(tmp_path))  # type: ignore[arg-type]


def digits_net(seed: int = 0) -> nn.Sequential:
    """Grey 12 x 12 pictures, 5 classes, built as the lecture's network is."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        OrderedDict(
            conv1=nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 6, 3), act=nn.ReLU())),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Sequential(
                OrderedDict(conv=nn.Conv2d(6, 8, 3), norm=nn.BatchNorm2d(8), act=nn.ReLU()),
            ),
            flatten=nn.Flatten(),
            dense1=nn.Sequential(OrderedDict(linear=nn.Linear(72, 16), act=nn.ReLU())),
            output=nn.Linear(16, 5),
        )
    )
    nn.init.constant_(model.conv2.norm.bias, 0.3)  # type: ignore[union-attr]  # alive, as in a trained net
    return model


class Branches(nn.Module):
    """One ReLU run three times, a shortcut, a functional step, a layer that gives a tuple, one never run."""

    def __init__(self, channels: int = 3, in_place: bool = False):
        super().__init__()
        self.first = nn.Conv2d(channels, 6, 3, padding=1)
        self.relu = nn.ReLU(inplace=in_place)
        self.second = nn.Conv2d(6, 6, 3, padding=1, stride=2)
        self.shortcut = nn.Conv2d(6, 6, 1, stride=2)
        self.pair = Pair()
        self.unused = nn.Conv2d(6, 6, 3)
        self.output = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.first(x))
        y = self.relu(self.second(x)) + self.shortcut(x)
        y, _ = self.pair(self.relu(y))
        return self.output(y.mean((2, 3)))


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x * 2, x


def signal_net(channels: int = 2) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv1d(channels, 5, 5, padding=2),
            act1=nn.ReLU(),
            pool1=nn.MaxPool1d(2),
            conv2=nn.Conv1d(5, 7, 3, stride=2),
            act2=nn.ReLU(),
            flatten=nn.Flatten(),
            output=nn.Linear(7 * 7, 3),
        )
    )


def branches(channels: int = 3, in_place: bool = False) -> nn.Module:
    torch.manual_seed(0)
    return Branches(channels, in_place)


class Case:
    """A model, an input and its layers."""

    def __init__(self, model: nn.Module, inputs: Tensor, conv: str, dense: str):
        self.model, self.inputs, self.conv, self.dense = model, inputs, conv, dense


CASES: dict[str, Callable[[], Case]] = {
    "grey": lambda: Case(digits_net(), noise(3, 1, 12, 12), "conv2", "dense1"),
    "colour": lambda: Case(branches(3), noise(3, 3, 12, 12), "second", "output"),
    "planes": lambda: Case(branches(5, in_place=True), noise(3, 5, 9, 9), "second", "output"),
    "signal": lambda: Case(signal_net(), noise(3, 2, 32), "conv2", "output"),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


class State:
    """All that must not change in a model."""

    def __init__(self, model: nn.Module):
        self.model = model
        self.before = self._now()

    def _now(self) -> dict[str, object]:
        return {
            "tensors": {name: tensor.clone() for name, tensor in self.model.state_dict().items()},
            "modes": [module.training for module in self.model.modules()],
            "wants": [parameter.requires_grad for parameter in self.model.parameters()],
            "grads": [None if p.grad is None else p.grad.clone() for p in self.model.parameters()],
            "hooks": sum(
                len(hooks)
                for module in self.model.modules()
                for hooks in (
                    module._forward_hooks,
                    module._forward_pre_hooks,
                    module._backward_hooks,
                    module._backward_pre_hooks,
                )
            ),
            "random": torch.get_rng_state(),
        }

    def check(self) -> None:
        now = self._now()
        for key in ("modes", "wants", "hooks"):
            assert now[key] == self.before[key], key
        torch.testing.assert_close(now["tensors"], self.before["tensors"], rtol=0, atol=0)
        torch.testing.assert_close(now["random"], self.before["random"], rtol=0, atol=0)
        for new, old in zip(now["grads"], self.before["grads"], strict=True):  # type: ignore[call-overload]
            assert (new is None) == (old is None)
            if new is not None:
                assert torch.equal(new, old)


@pytest.fixture
def state() -> type[State]:
    return State


@pytest.fixture
def digits() -> nn.Sequential:
    return digits_net()


@pytest.fixture
def make() -> dict[str, Callable[..., nn.Module]]:
    return {"digits": digits_net, "branches": branches, "signal": signal_net}
