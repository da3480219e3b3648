"""Go on the page: board, planes, and how often the record's move is among the first five; no game of the data."""

from __future__ import annotations

from typing import Any

from apps.go.data import GoSplit
from apps.go.front import planes_needed
from apps.go.rules.symmetry import COUNT
from apps.go.verbs.move_metrics import measure
from apps.playground.graph import graph_of
from cnn_core.runs import Run
from cnn_core.training.data import evenly
from cnn_core.verbs.views.common import children

POSITIONS = 10_000
"""Test positions that are measured."""


def page(run: Run, examples: bool) -> tuple[bytes, dict[str, Any]]:
    """The graph and what belongs to it: side of the board, compact planes, layers, views of a filter, top-5 share."""
    layers = [name for name in children(run.model) if name != "output"]  # the output's map is the board itself
    graph, _ = graph_of(run, layers)
    card = {"size": run.config.size, "planes": planes_needed(run.config.features), "layers": layers}
    return graph, card | {"views": COUNT if run.config.net.tied else 1, "top_five": _top_five(run)}


def _top_five(run: Run) -> float:
    test = run.app.load(run.config).test
    assert isinstance(test, GoSplit)
    found = measure(run.model, test.subset(evenly(len(test), POSITIONS)), precision=run.config.fit.precision)
    return found.summary()["top5"]
