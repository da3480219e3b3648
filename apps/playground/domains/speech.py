"""Speech on the page: the spectrogram that the network sees, and its layers; no sound of the training data."""

from __future__ import annotations

from typing import Any

from torch import nn

from apps.playground.graph import graph_of
from apps.speech.signal.frames import BANDS, FRAMES
from cnn_core.runs import Run
from cnn_core.verbs.views.common import children

FLAT = nn.Dropout | nn.Flatten | nn.Identity | nn.Linear
"""Layers without anything of their own to show."""


def page(run: Run, examples: bool) -> tuple[bytes, dict[str, Any]]:
    """The graph, which takes samples and gives the front end's spectrogram too, and its layers."""
    layers = [name for name in children(run.model) if not isinstance(run.model.get_submodule(name), FLAT)]
    graph, _ = graph_of(run, ["front", *layers])
    front = run.config.front
    return graph, {
        "layers": layers,
        "bands": front.coefficients if front.kind == "mfcc" else BANDS,
        "frames": FRAMES,
    }
