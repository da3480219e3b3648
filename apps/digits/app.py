"""The digits app: the value that ties its files together; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.digits.config import DATA_SETS, DEFAULT, PRESETS, RANGES, DigitsConfig
from cnn_core.app import App, Verb, VerbModule, View, ViewModule
from cnn_core.verbs.views import MAXIMIZE_OPTIONS

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from cnn_core.training.data import Dataset


def load(config: DigitsConfig) -> Dataset:
    from apps.digits import data

    return data.load(config)


def read(source: Path | bytes) -> np.ndarray:
    from apps.digits import frame

    return frame.read(source)


def encode(value: Any) -> bytes:
    from cnn_core.drawing import pictures

    return pictures.as_png(value)


def build(config: DigitsConfig, labels: Sequence[str]) -> nn.Module:
    from apps.digits import model

    return model.build(config, tuple(labels))


def example(config: DigitsConfig, labels: Sequence[str]) -> Tensor:
    from apps.digits import model

    return model.example(config)


def render(given: np.ndarray, heat: np.ndarray | None = None) -> np.ndarray:
    from apps.digits import render as module

    return module.render(given, heat)


def patch(given: np.ndarray, box: Sequence[tuple[int, int]]) -> np.ndarray:
    from apps.digits import render as module

    return module.patch(given, box)


def _lecture() -> ViewModule:
    from apps.digits.lecture import view

    return view


def _predict() -> VerbModule:
    from apps.digits.verbs import predict

    return predict


def estimator() -> type:
    from apps.digits.estimator import DigitClassifier

    return DigitClassifier


APP = App(
    name="digits",
    about="Handwritten digits, or any small pictures in classes: train, measure, read your own, look inside.",
    config=DigitsConfig,
    presets=PRESETS,
    default_preset=DEFAULT,
    ranges=RANGES,
    load=load,
    read=read,
    encode=encode,
    build=build,
    example=example,
    render=render,
    patch=patch,
    estimator=estimator,
    data_sets=DATA_SETS,
    suffixes=(".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"),
    what="picture",
    verbs={"predict": Verb("answers for your own pictures, folders, or standard input", _predict)},
    views={
        "lecture": View(
            "the lecture as one page: both halves, each claim with its number", _lecture, reads=MAXIMIZE_OPTIONS
        )
    },
)
