"""Sentences per CPU-second: the training loop and prediction of preset rand against a plain loop. One thread.

    python -m apps.bench text-speed --data mr          about ten minutes, nearly all of it the plain loop

Both train Kim's network (300 numbers a word, windows of 3, 4, 5, 100 filters each, batches of 50). The plain loop is
what a first program does: random batches padded to their longest text, an embedding and conv1d in PyTorch, dense
gradients, Adam at its usual rate. They take turns, so that a slow spell of the machine hits both; only training
counts. Then both train to the end, and their accuracy on the same test texts is compared, beside a linear model's and
its speed.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.text.app import APP
from apps.text.baselines import compare
from apps.text.model import forward, step
from apps.text.verbs.folds import fit_once
from apps.text.words.ragged import TextSplit
from cnn_core import benchmark
from cnn_core import config as config_module
from cnn_core.drawing.tables import table
from cnn_core.training import engine, runs


@dataclass(frozen=True)
class Options:
    """Options of text-speed."""

    data: str = "movie-snippets"
    """Data set or file; the first fold of ten is the test split."""
    rounds: int = 5
    """Turns of each loop."""
    texts: int = 1500
    """Training texts a turn."""
    epochs: int = 4
    """Epochs of the plain loop when accuracy is compared; the best of them counts for it."""
    json: bool = False
    """Print one JSON object on standard output."""


class PlainNet(nn.Module):
    """Kim's network as it is usually written."""

    def __init__(self, words: int, classes: int, width: int = 300, filters: int = 100):
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        nn.init.uniform_(self.embedding.weight, -0.25, 0.25)
        self.convs = nn.ModuleList([nn.Conv1d(width, filters, k, padding=k - 1) for k in (3, 4, 5)])
        self.output = nn.Linear(3 * filters, classes)

    def forward(self, words: Tensor) -> Tensor:
        """(B, T) -> (B, classes)."""
        x = self.embedding(words).transpose(1, 2)
        features = torch.cat([functional.relu(conv(x)).amax(2) for conv in self.convs], 1)
        return self.output(functional.dropout(features, 0.5, self.training))


def plain_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, train: TextSplit) -> None:
    """One pass over the training texts in random batches of 50."""
    model.train()
    for index in torch.randperm(len(train)).split(50):
        words, targets = train.take(index)
        optimizer.zero_grad()
        functional.cross_entropy(model(words), targets).backward()
        optimizer.step()


def main(args: list[str]) -> int:
    """Measure all and print the table."""
    options = config_module.parse(Options, args, prog="python -m apps.bench text-speed")
    result = measure(options)
    print(json.dumps(result) if options.json else text(result))
    return 0


def measure(options: Options) -> dict[str, Any]:
    """Speeds in turns, then the accuracies."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = APP.presets["rand"]
    config = replace(config, data=options.data, texts=replace(config.texts, folds=10))
    source = APP.load(config)
    train: Any = source.train
    speeds = _speeds(config, source, train, options)
    model, fitted = fit_once(APP, config, source, 0)
    ours = engine.evaluate(model, source.test, step=step(config), precision="fp32")["accuracy"]
    plain = PlainNet(len(model.get_parameter("front.learned")), len(source.labels))
    optimizer = torch.optim.Adam(plain.parameters())
    accuracies = []
    with benchmark.cpu_seconds() as spent:
        for _ in range(options.epochs):
            plain_epoch(plain, optimizer, train)
            accuracies.append(engine.evaluate(plain, source.test, precision="fp32")["accuracy"])
    vocabulary = source.fitted.vocabulary
    cut = [[vocabulary.tokenize(t) for t in split.texts] for split in (train, source.test)]  # type: ignore[attr-defined]
    linear = compare(cut[0], train.targets.numpy(), cut[1], source.test.targets.numpy())
    return {
        "data": options.data,
        **speeds,
        "accuracy": ours,
        "cpu_seconds": fitted.cpu_seconds,
        "plain_accuracies": accuracies,
        "plain_cpu_seconds": spent.cpu,
        "linear": [{k: v for k, v in vars(each).items() if k != "predictions"} for each in linear],
        "linear_train_texts": len(train),
        "environment": benchmark.environment(),
    }


def _speeds(config: Any, source: Any, train: TextSplit, options: Options) -> dict[str, Any]:
    model = runs.build_seeded(APP, config, source.labels, 0, source.fitted)
    plain = PlainNet(len(model.get_parameter("front.learned")), len(source.labels))
    optimizer = torch.optim.Adam(plain.parameters())
    fit = replace(config.fit, epochs=1, patience=0, validation=0.0)
    rates: dict[str, list[float]] = {"train": [], "plain_train": [], "predict": [], "plain_predict": []}
    for turn in range(options.rounds):
        index = torch.randperm(len(train), generator=torch.Generator().manual_seed(turn))[: options.texts]
        part = train.subset(index)
        with benchmark.cpu_seconds() as spent:
            engine.fit(model, part, fit, step=step(config), seed=turn, progress=False)
        rates["train"].append(len(part) / spent.cpu)
        with benchmark.cpu_seconds() as spent:
            plain_epoch(plain, optimizer, part)
        rates["plain_train"].append(len(part) / spent.cpu)
        with benchmark.cpu_seconds() as spent:
            engine.predict_logits(model, train, precision="fp32", forward=forward(config.net))
        rates["predict"].append(len(train) / spent.cpu)
        with benchmark.cpu_seconds() as spent, torch.no_grad():
            plain.eval()
            for batch in torch.arange(len(part)).split(50):
                plain(part.take(batch)[0])
        rates["plain_predict"].append(len(part) / spent.cpu)
    ratio = benchmark.paired_ratio(rates["train"], rates["plain_train"])
    means = {name: vars(benchmark.summary(values)) for name, values in rates.items()}
    return {"texts_per_cpu_second": means, "train_ratio": vars(ratio)}


def text(result: dict[str, Any]) -> str:
    """The figures as a table."""
    speed = result["texts_per_cpu_second"]

    def cell(name: str) -> str:
        return f"{speed[name]['mean']:.0f} ± {speed[name]['sd']:.0f}"

    best = max(result["plain_accuracies"])
    rows = [
        ["preset rand", cell("train"), cell("predict"), f"{result['accuracy']:.2%}"],
        ["plain conv1d, dense Adam", cell("plain_train"), cell("plain_predict"), f"{best:.2%} (its best epoch)"],
    ]
    for each in result["linear"]:
        trained = result["linear_train_texts"] / each["train_seconds"]
        rows.append([each["name"], f"{trained:.0f}", f"{each['texts_per_second']:.0f}", f"{each['accuracy']:.2%}"])
    ratio = result["train_ratio"]
    head = [f"texts per CPU-second, {result['data']}", "training", "prediction", "test accuracy"]
    return (
        f"{table(head, rows)}\n\ntraining, preset rand against the plain loop: {ratio['median']:.1f} times"
        f" ({ratio['low']:.1f} to {ratio['high']:.1f} of {ratio['n']} turns)"
    )
