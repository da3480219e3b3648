"""The dream app: the value that ties its files together; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from apps.dream.config import DEFAULT, PRESETS, SUFFIXES, DreamConfig
from cnn_core.app import App, Verb, VerbModule

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from cnn_core.training.data import Dataset


def load(config: DreamConfig) -> Dataset:
    from apps.dream import data

    return data.load(config)


def read(source: Path | bytes) -> np.ndarray:
    from apps.dream import data

    return data.read(source)


def build(config: DreamConfig, labels: Sequence[str] = ()) -> nn.Module:
    from apps.dream import model

    return model.build(config, tuple(labels))


def render(given: np.ndarray, heat: np.ndarray | None = None) -> np.ndarray:
    from apps.dream import render as module

    return module.render(given, heat)


def _prepare() -> VerbModule:
    from apps.dream.verbs import prepare

    return prepare


def _visualize() -> VerbModule:
    from apps.dream.verbs import visualize

    return visualize


def _dream() -> VerbModule:
    from apps.dream.verbs import dream

    return dream


def _style() -> VerbModule:
    from apps.dream.verbs import style

    return style


def _mirror() -> VerbModule:
    from apps.dream.verbs import mirror

    return mirror


def _explain() -> VerbModule:
    from apps.dream.verbs import explain

    return explain


APP = App(
    name="dream",
    about="Natural pictures through the eyes of a trained network: optima of its filters, dreams, styles, reasons.",
    config=DreamConfig,
    presets=PRESETS,
    default_preset=DEFAULT,
    load=load,
    read=read,
    build=build,
    render=render,
    data_sets=("photos", "backbones"),
    suffixes=SUFFIXES,
    what="picture",
    offers=(),
    verbs={
        "prepare": Verb("fetch and verify networks and sample photographs", _prepare),
        "visualize": Verb("what excites the filters of a layer most: optima, weights, photographs", _visualize),
        "dream": Verb("Deep Dream: a picture in which a layer sees more of what it sees", _dream),
        "style": Verb("Deep Style: one picture's content in the style of others", _style),
        "explain": Verb("which parts of a picture made a classifier answer as it does", _explain),
        "mirror": Verb("copy networks and photographs into a folder for machines without internet", _mirror),
    },
)
