"""The text app: the value that ties its files together; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.text.config import DATA_SETS, DEFAULT, PRESETS, RANGES, TextConfig
from apps.text.words.vocabulary import FittedText
from cnn_core.app import App, Verb, VerbModule, View, ViewModule

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from cnn_core.runs import Run
    from cnn_core.training.data import Dataset
    from cnn_core.training.inference import Forward, Step
    from cnn_core.visual.optimization.config import MaximizeConfig, Maximized
    from cnn_core.visual.optimization.objectives import Objective


def load(config: TextConfig, fitted: FittedText | None = None) -> Dataset:
    from apps.text import data

    return data.load(config, fitted)


def read(source: Path | bytes, fitted: FittedText) -> np.ndarray:
    from apps.text.words import one_text

    return one_text.read(source, fitted)


def encode(value: Any) -> bytes:
    return str(value).encode("utf-8")


def build(config: TextConfig, labels: Sequence[str], fitted: FittedText | None = None) -> nn.Module:
    from apps.text import model

    return model.build(config, labels, fitted)


def example(config: TextConfig, labels: Sequence[str], fitted: FittedText | None = None) -> Tensor:
    from apps.text import model

    return model.example(config)


def nominal(config: TextConfig) -> FittedText:
    from apps.text.words import vocabulary

    return vocabulary.nominal(config)


def initialize(model: nn.Module, config: TextConfig, fitted: FittedText) -> None:
    from apps.text import model as module

    module.initialize(model, config, fitted)


def multilabel(config: TextConfig) -> bool:
    return config.texts.labels == "several"


def step(config: TextConfig) -> Step:
    from apps.text import model

    return model.step(config)


def forward(config: TextConfig) -> Forward:
    from apps.text import model

    return model.forward(config)


def medium(given: np.ndarray, fitted: FittedText | None = None) -> tuple[str, bytes]:
    from apps.text import render as module

    return "text/plain; charset=utf-8", module.words_of(given, fitted).encode()


def render(given: np.ndarray, heat: np.ndarray | None = None, fitted: FittedText | None = None) -> np.ndarray:
    from apps.text import render as module

    return module.render(given, heat, fitted)


def patch(given: np.ndarray, box: Sequence[tuple[int, int]], fitted: FittedText | None = None) -> np.ndarray:
    from apps.text import render as module

    return module.patch(given, box, fitted)


def maximize(
    run: Run, objectives: list[Objective], config: MaximizeConfig, *, seed: int = 0, progress: bool = False
) -> Maximized:
    from apps.text import maximize as module

    return module.maximize(run, objectives, config, seed=seed, progress=progress)


def report(run: Run, data: Dataset, logits: Tensor, folder: Path) -> tuple[dict[str, Any], str]:
    from apps.text.verbs import report as module

    return module.report(run, data, logits, folder)


def _ngrams() -> ViewModule:
    from apps.text.verbs.views import ngrams

    return ngrams


def _neighbours() -> ViewModule:
    from apps.text.verbs.views import neighbours

    return neighbours


def _word_map() -> ViewModule:
    from apps.text.verbs.views import word_map

    return word_map


def _predict() -> VerbModule:
    from apps.text.verbs import predict

    return predict


def _explain() -> VerbModule:
    from apps.text.verbs import explain

    return explain


def _export() -> VerbModule:
    from apps.text.verbs import export

    return export


def _evaluate() -> VerbModule:
    from apps.text.verbs import evaluate

    return evaluate


def _linear() -> VerbModule:
    from apps.text.verbs import linear

    return linear


def _folds() -> VerbModule:
    from apps.text.verbs import folds

    return folds


def estimator() -> type:
    from apps.text.words.estimator import TextClassifier

    return TextClassifier


APP = App(
    name="text",
    about="Texts in classes (reviews, questions, news, your own): train, measure, predict, see which words decided.",
    config=TextConfig,
    presets=PRESETS,
    default_preset=DEFAULT,
    ranges=RANGES,
    load=load,
    read=read,
    encode=encode,
    build=build,
    example=example,
    nominal=nominal,
    fitted=FittedText,
    initialize=initialize,
    step=step,
    multilabel=multilabel,
    forward=forward,
    render=render,
    medium=medium,
    patch=patch,
    report=report,
    maximize=maximize,
    estimator=estimator,
    gallery=False,
    data_sets=DATA_SETS,
    suffixes=(".txt",),
    free_axes={1: "words"},
    literal=True,
    paths=("data", "texts.test", "vectors.source"),
    what="text",
    views={
        "ngrams": View(
            "for each filter, the n-grams of the training texts that excite it most",
            _ngrams,
            reads=("layer", "units", "count", "exemplars"),
        ),
        "neighbours": View(
            "the words next to those of --input, before and after training",
            _neighbours,
            reads=("input", "count", "exemplars"),
        ),
        "map": View("the word vectors on two axes, coloured by class", _word_map),
    },
    verbs={
        "evaluate": Verb("metrics beside linear models, confusion, calibration, mistakes as text", _evaluate),
        "predict": Verb("answers for texts, files, or standard input line by line", _predict),
        "explain": Verb("the words and n-grams that decided, as coloured text", _explain),
        "export": Verb("ONNX with the vocabulary beside it, and an example without PyTorch", _export),
        "linear": Verb("answers of a linear model that export --linear wrote", _linear),
        "folds": Verb("train and test on each of k folds, beside linear models", _folds),
    },
)
