"""The Go app: the value that ties its files together; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from apps.go.config import DATA_SETS, DEFAULT, PRESETS, RANGES, GoConfig
from cnn_core.app import SHARED_VERBS, App, Further, Verb, VerbModule

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from cnn_core.runs import Run
    from cnn_core.training.data import Dataset
    from cnn_core.training.inference import Step
    from cnn_core.visual.optimization.config import MaximizeConfig, Maximized
    from cnn_core.visual.optimization.objectives import Objective


def load(config: GoConfig) -> Dataset:
    from apps.go import data

    return data.load(config)


def read(source: Path | bytes) -> np.ndarray:
    from apps.go.records import last_position

    return last_position.read(source)


def build(config: GoConfig, labels: Sequence[str]) -> nn.Module:
    from apps.go import model

    return model.build(config, tuple(labels))


def example(config: GoConfig, labels: Sequence[str]) -> Tensor:
    from apps.go import model

    return model.example(config)


def render(given: np.ndarray, heat: np.ndarray | None = None) -> np.ndarray:
    from apps.go import render as module

    return module.render(given, heat)


def marked(given: np.ndarray, label: str, heat: np.ndarray | None = None) -> np.ndarray:
    from apps.go import render as module

    return module.marked(given, label, heat)


def patch(given: np.ndarray, box: Sequence[tuple[int, int]]) -> np.ndarray:
    from apps.go import render as module

    return module.patch(given, box)


def labels(config: GoConfig) -> tuple[str, ...]:
    from apps.go.rules import points

    return points.labels(config.size, config.passes)


def step(config: GoConfig) -> Step:
    from apps.go import model

    return model.step(config)


def further(config: GoConfig) -> Further | None:
    return Further(("value", "score", "ownership"), judged) if config.judge else None


def judged(network: nn.Module, inputs: Tensor) -> tuple[Tensor, ...]:
    from apps.go import model

    return model.judged(network, inputs)


def maximize(
    run: Run, objectives: list[Objective], config: MaximizeConfig, *, seed: int = 0, progress: bool = False
) -> Maximized:
    from apps.go import maximize as module

    return module.maximize(run, objectives, config, seed=seed, progress=progress)


def _prepare() -> VerbModule:
    from apps.go.verbs import prepare

    return prepare


def _selfplay() -> VerbModule:
    from apps.go.verbs import selfplay

    return selfplay


def _evaluate() -> VerbModule:
    from apps.go.verbs import evaluate

    return evaluate


def _predict() -> VerbModule:
    from apps.go.verbs import predict

    return predict


def _annotate() -> VerbModule:
    from apps.go.verbs import annotate

    return annotate


def _gtp() -> VerbModule:
    from apps.go.verbs import gtp

    return gtp


def _match() -> VerbModule:
    from apps.go.verbs import match

    return match


APP = App(
    name="go",
    about="Go: predict expert moves without pooling, play over GTP, look inside.",
    config=GoConfig,
    presets=PRESETS,
    default_preset=DEFAULT,
    ranges=RANGES,
    load=load,
    read=read,
    build=build,
    example=example,
    labels=labels,
    render=render,
    offers=tuple(verb for verb in SHARED_VERBS if verb != "review"),  # a move that was played is no wrong label
    patch=patch,
    marked=marked,
    step=step,
    further=further,
    maximize=maximize,
    data_sets=DATA_SETS,
    suffixes=(".sgf",),
    what="position",
    free_axes={2: "rows", 3: "columns"},
    verbs={
        "prepare": Verb("read your games or a data set; say what was taken and what was left out", _prepare),
        "selfplay": Verb("have GNU Go play games for a data set", _selfplay),
        "evaluate": Verb("top-1, top-5, likelihood, by phase and distance; calibration", _evaluate),
        "predict": Verb("the most probable moves in your records, with a picture of the board", _predict),
        "annotate": Verb("write the network's candidates into a game record", _annotate),
        "gtp": Verb("play and analyse in Sabaki, GoGui and other programs", _gtp),
        "match": Verb("play against a GTP program or a random player, and count the wins", _match),
    },
)
