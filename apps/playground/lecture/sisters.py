"""Sisters: small networks that differ in one thing, their pooling or the order of their pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from apps.digits.app import APP
from apps.digits.config import PRESETS, DigitsConfig
from cnn_core import runs
from cnn_core.nn.architecture import Pooling
from cnn_core.training.data import Dataset

SIZE = (28, 28)


@dataclass(frozen=True)
class Sister:
    """One network of the family."""

    name: str
    pool: Pooling = "max"
    shuffled: bool = False


SISTERS = (Sister("max"), Sister("average", "avg"), Sister("none", "none"), Sister("shuffled", shuffled=True))


def config_of(sister: Sister) -> DigitsConfig:
    """Two convolutions of 12 and 24 filters of 5x5 and one dense layer, trained as the lecture's own network is."""
    preset = PRESETS["lecture"]
    net = replace(preset.net, channels=(12, 24), kernels=(5,), hidden=(), pool=sister.pool)
    return replace(preset, net=net)


def order_of(sister: Sister) -> Tensor | None:
    """(H * W,): the pixel that comes to each place, for all pictures alike; None where pixels stay."""
    if not sister.shuffled:
        return None
    return torch.randperm(SIZE[0] * SIZE[1], generator=torch.Generator().manual_seed(28))


class Shuffled(nn.Module):
    """A front end, and behind it the pixels in another order: (N, 28, 28) -> (N, 1, 28, 28)."""

    def __init__(self, front: nn.Module, order: Tensor):
        super().__init__()
        self.inside = front
        self.order: Tensor
        self.register_buffer("order", order, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class."""
        x = self.inside(pixels)
        return x.flatten(1)[:, self.order].view_as(x)


def network_of(sister: Sister, labels: tuple[str, ...], seed: int) -> nn.Module:
    """The untrained network (N, 28, 28) -> (N, classes)."""
    model = runs.build_seeded(APP, config_of(sister), labels, seed, None)
    order = order_of(sister)
    if order is not None:
        model.front = Shuffled(model.get_submodule("front"), order)
    return model


def trained(sister: Sister, data: Dataset, seed: int = 0) -> tuple[nn.Module, dict[str, Any]]:
    """The trained network, and {"accuracy", "low", "high", "count", "cpu_seconds"} on the test data (95 %)."""
    from cnn_core import benchmark
    from cnn_core.training import engine

    model = network_of(sister, data.labels, seed)
    timer = benchmark.Timer()
    timer.start()
    engine.fit(model, data.train, config_of(sister).fit, validation=data.validation, seed=seed)
    timer.stop()
    return model.eval(), {**measured(model, data), "cpu_seconds": round(timer.cpu, 1)}


def measured(model: nn.Module, data: Dataset) -> dict[str, Any]:
    """{"accuracy", "low", "high", "count"}: share of right answers on the test data and its 95 % interval."""
    from cnn_core.metrics.classes import evaluate_logits
    from cnn_core.training import engine

    logits = engine.predict_logits(model, data.test)
    found = evaluate_logits(logits.numpy(), data.test.targets.numpy(), data.labels)
    low, high = found.accuracy_interval
    return {"accuracy": found.accuracy, "low": low, "high": high, "count": found.count}
