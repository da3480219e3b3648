"""Speech on the page: the spectrogram that the network sees, its layers, and of each word the sound that is most like
it to the network; no sound of the training data."""

from __future__ import annotations

from typing import Any

from torch import nn

from apps.playground.domains.page import Page
from apps.playground.graph import graph_of
from apps.speech.maximize import maximize
from apps.speech.signal.frames import BANDS, FRAMES
from apps.speech.signal.running import TRAINED
from apps.speech.verbs.listen import SILENT
from cnn_core import visual
from cnn_core.runs import Run
from cnn_core.verbs.views.common import children
from cnn_core.visual.optimization.config import MaximizeConfig

FLAT = nn.Dropout | nn.Flatten | nn.Identity | nn.Linear
"""Layers without anything of their own to show."""
STEPS = 64
MOST = 40
"""Words whose optimum is searched: of many the first."""


def page(run: Run, examples: bool) -> Page:
    """The graph, which takes samples and gives the front end's spectrogram too; its layers; and as the part `optima`
    the sounds that `optima` finds, of the labels in the card's `heard`."""
    layers = [name for name in children(run.model) if not isinstance(run.model.get_submodule(name), FLAT)]
    graph, _ = graph_of(run, ["front", *layers])
    front = run.config.front
    heard, sounds = optima(run)
    card: dict[str, Any] = {
        "layers": layers,
        "bands": front.coefficients if front.kind == "mfcc" else BANDS,
        "frames": TRAINED if run.config.streams else FRAMES,
        "heard": heard,
    }
    return graph, card, {"optima": sounds}


def optima(run: Run) -> tuple[list[int], bytes]:
    """Numbers of the labels that are words, and of each a second of int16 samples, little-endian: x*."""
    words = [i for i, label in enumerate(run.labels) if label not in SILENT][:MOST]
    found = maximize(run, visual.logits(words), MaximizeConfig(steps=STEPS))
    return words, b"".join(samples.astype("<i2").tobytes() for samples in found.inputs)
