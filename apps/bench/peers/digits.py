"""Digits: preset fast, and four programs that a user would start from."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.bench.peers.peer import Found, Setting
from apps.digits.app import APP
from cnn_core.benchmark import cpu_seconds
from cnn_core.training import engine
from cnn_core.training.data import Split

GOAL = 99.0
EPOCHS = 8
PART = 2_000
"""Training digits of a quick run."""


def splits(setting: Setting) -> tuple[Any, Split, Split]:
    """Configuration, training and test digits."""
    config = APP.presets["fast"]
    data = APP.load(config)
    train, test = data.train, data.test
    if setting.quick:
        train, test = train.subset(torch.arange(PART)), test.subset(torch.arange(1_000))
        config = replace(config, fit=replace(config.fit, epochs=4))
    return config, train, test


def floats(split: Split) -> Tensor:
    """(N, 1, 28, 28), normalised as the examples do."""
    return split.inputs.float().div_(255).sub_(0.1307).div_(0.3081)[:, None]


def percent(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Accuracy on the test digits, which costs the side nothing."""
    model.eval()
    with torch.no_grad():
        right = sum(int((model(a).argmax(1) == b).sum()) for a, b in zip(x.split(1000), y.split(1000), strict=True))
    return 100 * right / len(y)


def until_goal(epoch: Callable[[], None], judge: Callable[[], float], epochs: int) -> Found:
    """Epochs until the goal is reached, or the last."""
    spent, quality = 0.0, 0.0
    for _ in range(epochs):
        with cpu_seconds() as one:
            epoch()
        spent += one.cpu
        quality = judge()
        if quality >= GOAL:
            break
    return Found(spent, quality)


def here(setting: Setting) -> Found:
    """Preset fast, its whole schedule."""
    from cnn_core import runs

    config, train, test = splits(setting)
    model = runs.build_seeded(APP, config, tuple(map(str, range(10))), setting.seed)
    found = engine.fit(model, train, config.fit, seed=setting.seed, progress=False)
    accuracy = engine.evaluate(model, test, precision=config.fit.precision)["accuracy"]
    return Found(found.cpu_seconds, 100 * accuracy)


def example(setting: Setting) -> Found:
    """PyTorch's example: Adadelta, batches of 64 by a DataLoader, without torchvision's step through PIL."""
    from torch.utils.data import DataLoader

    from apps.bench.baselines.digits import ExampleNet, Pictures
    from apps.bench.baselines.loop import plain_steps

    _, train, test = splits(setting)
    model = ExampleNet()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    loader = DataLoader(Pictures(train), batch_size=64, shuffle=True)
    x, y = floats(test), test.targets

    def epoch() -> None:
        plain_steps(model, optimizer, loader, loss=functional.nll_loss)
        schedule.step()

    return until_goal(epoch, lambda: percent(model, x, y), 2 if setting.quick else EPOCHS)


class FastNet(nn.Module):
    """The network that train_mnist_fast ends with (T. Oinonen, 2021)."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 24, 5), nn.Conv2d(24, 32, 3)
        self.dense1, self.dense2 = nn.Linear(800, 256), nn.Linear(256, 10)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 28, 28) -> (B, 10)."""
        x = functional.relu(functional.max_pool2d(self.conv1(x), 2))
        x = functional.relu(functional.max_pool2d(self.conv2(x), 2)).flatten(1)
        return self.dense2(functional.relu(self.dense1(x)))


def mnist_fast(setting: Setting) -> Found:
    """Its recipe: one pass in batches of 256 from memory, Adam with betas .7 and .9, one cycle up to .01."""
    _, train, test = splits(setting)
    model = FastNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.7, 0.9))
    order = torch.randperm(len(train)).split(256)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=len(order), cycle_momentum=False)
    x, y = floats(train), train.targets
    with cpu_seconds() as spent:
        for some in order:
            optimizer.zero_grad()
            functional.cross_entropy(model(x[some]), y[some]).backward()
            optimizer.step()
            rates.step()
    return Found(spent.cpu, percent(model, floats(test), test.targets))


def keras_example(setting: Setting) -> Found:
    """Keras' own example (conv 32, conv 64, dropout, Adam, batches of 128) on its torch back end."""
    keras = importlib.import_module("keras")
    keras.utils.set_random_seed(setting.seed)
    _, train, test = splits(setting)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(), layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )  # fmt: skip
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    x, y = (split.inputs[..., None].float().div_(255).numpy() for split in (train, test))
    targets, truth = train.targets.numpy(), test.targets.numpy()

    def epoch() -> None:
        model.fit(x, targets, batch_size=128, epochs=1, verbose=0)

    def judge() -> float:
        return 100 * float(model.evaluate(y, truth, batch_size=1000, verbose=0)[1])

    return until_goal(epoch, judge, 2 if setting.quick else 15)


def support_vectors(setting: Setting) -> Found:
    """A support vector machine on the 784 values; C = 10 and the usual kernel, as its users find best for MNIST."""
    from sklearn.svm import SVC

    _, train, test = splits(setting)
    x, y = (split.inputs.flatten(1).float().div_(255).numpy() for split in (train, test))
    with cpu_seconds() as spent:
        model = SVC(C=10).fit(x, train.targets.numpy())
    return Found(spent.cpu, 100 * float(model.score(y, test.targets.numpy())))
