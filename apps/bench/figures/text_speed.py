"""Sentences per CPU-second: the training loop and prediction of preset rand against a plain loop.

    cnn-bench text-speed --data mr          about ten minutes, nearly all of it the plain loop

Both train Kim's network (300 numbers a word, windows of 3, 4, 5, 100 filters each, batches of 50). The plain loop is
what a first program does: random batches padded to their longest text, an embedding and conv1d in PyTorch, dense
gradients, Adam at its usual rate. They take turns, so that a slow spell of the machine hits both; only training
counts. Then both train to the end, and their accuracy on the same test texts is compared, beside a linear model's and
its speed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from apps.bench.figures.figure import Figure, Report, outcome, rate
from apps.bench.figures.measure import in_turns
from apps.bench.options import BenchOptions, on_processor
from apps.text.app import APP
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    from torch import Tensor

    from apps.text.words.ragged import TextSplit

PLAIN = "plain conv1d, dense Adam"


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of text-speed."""

    data: str = "movie-snippets"
    """Data set or file; the first fold of ten is the test split."""
    rounds: int = 5
    """Turns of each loop."""
    texts: int = 1500
    """Training texts a turn."""
    epochs: int = 4
    """Epochs of the plain loop when accuracy is compared; the best of them counts for it."""


parse = parser(Options, "Time training and prediction of preset rand beside a plain loop, then compare accuracies.")


def run(app: App | None, options: Options) -> Outcome:
    """Speeds in turns, then the accuracies."""
    config = APP.presets["rand"]
    config = replace(config, data=options.data, texts=replace(config.texts, folds=10))
    with on_processor(options.common):
        source = APP.load(config)
        figures = [*speeds(config, source, options), *scores(config, source, options)]
        return outcome(Report("text-speed", tuple(figures)))


def _plain(source: Any, words: int) -> tuple[Any, Any]:
    """The plain network and its optimizer."""
    import torch

    from apps.bench.baselines.text import PlainNet

    model = PlainNet(words, len(source.labels))
    return model, torch.optim.Adam(model.parameters())


def _shuffled(train: TextSplit) -> Iterator[tuple[Tensor, Tensor]]:
    """Random batches of 50."""
    import torch

    return map(train.take, torch.randperm(len(train)).split(50))


def speeds(config: Any, source: Any, options: Options) -> list[Figure]:
    """Texts per CPU-second of both, in training and in prediction."""
    import torch

    from apps.bench.baselines.loop import plain_steps
    from apps.text.model import forward, step
    from cnn_core import runs
    from cnn_core.training import engine

    train: Any = source.train
    model = runs.build_seeded(APP, config, source.labels, options.common.seed, source.fitted)
    plain, optimizer = _plain(source, len(model.get_parameter("front.learned")))
    fit = replace(config.fit, epochs=1, patience=0, validation=0.0)

    def part(turn: int) -> TextSplit:
        return train.subset(torch.randperm(len(train), generator=torch.Generator().manual_seed(turn))[: options.texts])

    parts = [part(turn) for turn in range(options.rounds)]

    def learn(turn: int) -> int:
        engine.fit(model, parts[turn], fit, step=step(config), seed=turn, progress=False)
        return len(parts[turn])

    def predict(_: int) -> int:
        return len(engine.predict_logits(model, train, precision="fp32", forward=forward(config.net)))

    @torch.no_grad()
    def plain_predict(turn: int) -> int:
        plain.eval()
        return sum(len(plain(parts[turn].take(batch)[0])) for batch in torch.arange(len(parts[turn])).split(50))

    ways = {
        "learn": learn,
        "plain learn": lambda turn: plain_steps(plain, optimizer, _shuffled(parts[turn])),
        "predict": predict,
        "plain predict": plain_predict,
    }
    rates = in_turns(ways, options.rounds, warm=False)
    conditions = {"data": options.data, "texts": options.texts}
    return [
        rate(f"text: {name}", "texts/CPU-s", rates[verb], PLAIN, rates[f"plain {verb}"], **conditions)
        for name, verb in (("training", "learn"), ("prediction", "predict"))
    ]


def scores(config: Any, source: Any, options: Options) -> Iterator[Figure]:
    """Test accuracy of preset rand beside the plain loop's best epoch, and what linear models do in what time."""
    from apps.bench.baselines.loop import plain_steps
    from apps.text.baselines import compare
    from apps.text.model import step
    from apps.text.verbs.folds import fit_once
    from cnn_core.benchmark import cpu_seconds
    from cnn_core.training import engine

    model, fitted = fit_once(APP, config, source, options.common.seed)
    here = 100 * engine.evaluate(model, source.test, step=step(config), precision="fp32")["accuracy"]
    plain, optimizer = _plain(source, len(model.get_parameter("front.learned")))
    accuracies = []
    with cpu_seconds() as spent:
        for _ in range(options.epochs):
            plain_steps(plain, optimizer, _shuffled(source.train))
            accuracies.append(100 * engine.evaluate(plain, source.test, precision="fp32")["accuracy"])
    yield Figure(
        "text: test accuracy", "%", here, baseline=f"{PLAIN}, its best epoch", baseline_value=max(accuracies),
        conditions={"cpu_seconds": fitted.cpu_seconds, "baseline_cpu_seconds": spent.cpu, "each_epoch": accuracies},
    )  # fmt: skip
    vocabulary = source.fitted.vocabulary
    train, test = ([vocabulary.tokenize(t) for t in split.texts] for split in (source.train, source.test))
    for each in compare(train, source.train.targets.numpy(), test, source.test.targets.numpy()):
        speed = {"training_texts_per_cpu_second": len(train) / each.train_seconds}
        speed["prediction_texts_per_cpu_second"] = each.texts_per_second
        yield Figure(f"text: test accuracy, {each.name}", "%", 100 * each.accuracy, conditions=speed)
