"""Go on the page: board, planes, and how often the record's move is among the first five; no game of the data."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from apps.go.config import planes_of
from apps.go.data import GoSplit
from apps.go.rules.symmetry import COUNT
from apps.go.verbs.move_metrics import measure
from apps.playground.domains.page import Page
from apps.playground.graph import graph_of
from cnn_core.runs import Run
from cnn_core.training.data import evenly
from cnn_core.verbs.views.common import children

POSITIONS = 10_000
"""Test positions that are measured."""
USUAL = (9, 13, 19)


def page(run: Run, examples: bool) -> Page:
    """The graph and what belongs to it: side of the board, compact planes, layers, views of a filter, top-5 share."""
    layers = [name for name in children(run.model) if name != "output"]  # the output's map is the board itself
    graph, _ = graph_of(run, layers)
    card = {
        "size": run.config.size,
        "sizes": sizes(graph, run.config.size),
        "planes": planes_of(run.config),
        "layers": layers,
    }
    return graph, card | {"views": COUNT if run.config.net.tied else 1, "top_five": _top_five(run)}, {}


def sizes(graph: bytes, own: int) -> list[int]:
    """Sides of the usual boards, and the network's own, on which the graph runs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # that it does not run elsewhere is an answer
    session = onnxruntime.InferenceSession(graph, options)
    given = session.get_inputs()[0]
    found = []
    for size in sorted({own, *USUAL}):
        with suppress(Exception):  # onnxruntime has no common class of its errors
            session.run(["logits"], {given.name: np.zeros((1, given.shape[1], size, size), np.uint8)})
            found.append(size)
    return found


def _top_five(run: Run) -> float:
    test = run.app.load(run.config).test
    assert isinstance(test, GoSplit)
    found = measure(run.model, test.subset(evenly(len(test), POSITIONS)), precision=run.config.fit.precision)
    return found.summary()["top5"]
