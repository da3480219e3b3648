"""The photos app: the value that ties its files together; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.photos.config import DATA_SETS, DEFAULT, PRESETS, RANGES, SUFFIXES, PhotosConfig
from apps.photos.fitted import FittedPhotos
from cnn_core.app import App, Verb, VerbModule

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from cnn_core.runs import Run
    from cnn_core.training.data import Dataset
    from cnn_core.training.inference import Forward, Step
    from cnn_core.visual.optimization.config import MaximizeConfig, Maximized
    from cnn_core.visual.optimization.objectives import Objective


def load(config: PhotosConfig, fitted: FittedPhotos | None = None) -> Dataset:
    from apps.photos import data

    return data.load(config, fitted)


def read(source: Path | bytes, fitted: FittedPhotos) -> np.ndarray:
    from apps.photos.corpora import framing

    return framing.read(source, fitted.side, fitted.frame)


def encode(value: Any) -> bytes:
    from cnn_core.drawing import pictures

    return pictures.as_png(value)


def build(config: PhotosConfig, labels: Sequence[str], fitted: FittedPhotos | None = None) -> nn.Module:
    from apps.photos import model

    return model.build(config, labels, fitted)


def initialize(model: nn.Module, config: PhotosConfig, fitted: FittedPhotos | None = None) -> None:
    from apps.photos import model as module

    module.initialize(model, config, fitted)


def example(config: PhotosConfig, labels: Sequence[str], fitted: FittedPhotos | None = None) -> Tensor:
    from apps.photos import model

    return model.example(config, fitted)


def nominal(config: PhotosConfig) -> FittedPhotos:
    from apps.photos import fitted

    return fitted.nominal(config)


def step(config: PhotosConfig) -> Step:
    from apps.photos import features

    return features.step(config)


def forward(config: PhotosConfig) -> Forward:
    from apps.photos import features

    return features.forward(config)


def render(given: np.ndarray, heat: np.ndarray | None = None, fitted: FittedPhotos | None = None) -> np.ndarray:
    from apps.photos import render as module

    return module.render(given, heat)


def patch(given: np.ndarray, box: Sequence[tuple[int, int]], fitted: FittedPhotos | None = None) -> np.ndarray:
    from apps.photos import render as module

    return module.patch(given, box)


def maximize(
    run: Run, objectives: list[Objective], config: MaximizeConfig, *, seed: int = 0, progress: bool = False
) -> Maximized:
    from apps.photos import maximize as module

    return module.maximize(run, objectives, config, seed=seed, progress=progress)


def report(run: Run, data: Dataset, logits: Tensor, folder: Path) -> tuple[dict[str, Any], str]:
    from apps.photos.verbs import report as module

    return module.report(run, data, logits, folder)


def _predict() -> VerbModule:
    from apps.photos.verbs import predict

    return predict


def _evaluate() -> VerbModule:
    from apps.photos.verbs import evaluate

    return evaluate


def estimator() -> type:
    from apps.photos.estimator import PhotoClassifier

    return PhotoClassifier


APP = App(
    name="photos",
    about="Colour pictures in your own classes: train, measure, predict, see what decided.",
    config=PhotosConfig,
    presets=PRESETS,
    default_preset=DEFAULT,
    ranges=RANGES,
    estimator=estimator,
    load=load,
    read=read,
    encode=encode,
    build=build,
    initialize=initialize,
    example=example,
    nominal=nominal,
    fitted=FittedPhotos,
    step=step,
    forward=forward,
    render=render,
    patch=patch,
    maximize=maximize,
    report=report,
    data_sets=DATA_SETS,
    suffixes=SUFFIXES,
    what="picture",
    verbs={
        "evaluate": Verb("metrics, confusion matrix, calibration, mistakes sorted by loss", _evaluate),
        "predict": Verb("answers for your own pictures, folders, or standard input", _predict),
    },
)
