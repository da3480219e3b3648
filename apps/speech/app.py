"""The speech app: the value that ties its files together; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.speech.config import DEFAULT, PRESETS, RANGES, SpeechConfig
from cnn_core.app import App, Verb, VerbModule, View, ViewModule
from cnn_core.verbs.views import MAXIMIZE_OPTIONS

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from cnn_core.runs import Run
    from cnn_core.training.data import Dataset
    from cnn_core.visual.optimization.config import MaximizeConfig, Maximized
    from cnn_core.visual.optimization.objectives import Objective


def load(config: SpeechConfig) -> Dataset:
    from apps.speech import data

    return data.load(config)


def read(source: Path | bytes) -> np.ndarray:
    from apps.speech.signal import audio

    return audio.read(source)


def encode(value: Any) -> bytes:
    from apps.speech.signal import audio

    return audio.as_wav(value)


def build(config: SpeechConfig, labels: Sequence[str]) -> nn.Module:
    from apps.speech import model

    return model.build(config, tuple(labels))


def example(config: SpeechConfig, labels: Sequence[str]) -> Tensor:
    from apps.speech import model

    return model.example(config)


def medium(given: np.ndarray) -> tuple[str, bytes]:
    from apps.speech.signal import audio

    return "audio/wav", audio.as_wav((given, audio.RATE))


def render(given: np.ndarray, heat: np.ndarray | None = None) -> np.ndarray:
    from apps.speech import render as module

    return module.render(given, heat)


def patch(given: np.ndarray, box: Sequence[tuple[int, int]]) -> np.ndarray:
    from apps.speech import render as module

    return module.patch(given, box)


def maximize(
    run: Run, objectives: list[Objective], config: MaximizeConfig, *, seed: int = 0, progress: bool = False
) -> Maximized:
    from apps.speech import maximize as module

    return module.maximize(run, objectives, config, seed=seed, progress=progress)


def report(run: Run, data: Dataset, logits: Tensor, folder: Path) -> tuple[dict[str, Any], str]:
    from apps.speech.verbs import report as module

    return module.report(run, data, logits, folder)


def beside(run: Run, onnx: Path) -> dict[str, Any]:
    if not run.config.streams:
        return {}
    from apps.speech.nets import step

    return {"step": step.export_step(run, step.step_path(onnx))}


def _sounds() -> ViewModule:
    from apps.speech.verbs import sounds

    return sounds


def _prepare() -> VerbModule:
    from apps.speech.verbs import prepare

    return prepare


def _evaluate() -> VerbModule:
    from apps.speech.verbs import evaluate

    return evaluate


def _listen() -> VerbModule:
    from apps.speech.verbs import listen

    return listen


def _record() -> VerbModule:
    from apps.speech.verbs import record

    return record


def estimator() -> type:
    from apps.speech.estimator import WordSpotter

    return WordSpotter


APP = App(
    name="speech",
    about="Spoken words: train on recordings or synthetic voices, evaluate, find words in long recordings.",
    config=SpeechConfig,
    presets=PRESETS,
    default_preset=DEFAULT,
    ranges=RANGES,
    load=load,
    read=read,
    encode=encode,
    build=build,
    example=example,
    render=render,
    medium=medium,
    patch=patch,
    beside=beside,
    report=report,
    maximize=maximize,
    estimator=estimator,
    data_sets=("fsdd", "speech-commands"),
    suffixes=(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"),
    what="recording",
    paths=("data", "also", "speakers"),
    views={
        "sounds": View(
            "the sound that maximizes each word's output, as WAV files",
            _sounds,
            reads=("units", "count", *MAXIMIZE_OPTIONS),
        )
    },
    verbs={
        "prepare": Verb("fetch and verify a data set, or have synthetic voices speak words", _prepare),
        "evaluate": Verb("accuracy by word, speaker and noise, confusion, calibration, worst mistakes", _evaluate),
        "listen": Verb("find words in a recording, a pipe or a microphone's sound, with their times", _listen),
        "record": Verb("record words from a microphone, one request after another, for training", _record),
    },
)
