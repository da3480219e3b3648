"""A trained network as the page takes it: its graph, and a card with all that is shown about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cnn_core import version
from cnn_core.errors import UserError
from cnn_core.files import plain
from cnn_core.runs import Run

SAMPLES = 10_000  # test samples on which the error rate is measured


@dataclass(frozen=True)
class Network:
    """`name` is the network's in the page's address, `card` JSON data, `graph` an ONNX file."""

    name: str
    card: dict[str, Any]
    graph: bytes


def network_of(run: Run, *, name: str = "", examples: bool | None = None) -> Network:
    """The network of a run. `examples`: whether its card may hold patches of training data.

    By default it does where the data set is a published one, and not where the data are the user's own. Raises
    UserError for an app that has no page.
    """
    if run.app.name not in DOMAINS:
        raise UserError(f"{run.folder}: {run.app.prog} has no page; those that have: {', '.join(DOMAINS)}")
    from cnn_core.fetching.manifests import available

    data = getattr(run.config, "data", "")
    published = data in available(run.app.manifests)
    card = {
        "app": run.app.name,
        "name": name or run.folder.name,
        "preset": run.record["preset"],
        "labels": list(run.labels),
        "data": data if published else "data of its owner",
        "test": measured(run),
        "version": version.suite(),
        "unlike": _limit(run),
        "calibrated": run.calibration.samples > 0,
    }
    graph, extras = DOMAINS[run.app.name](run, published if examples is None else examples)
    card |= extras
    card["holds"] = _holds(card)
    return Network(card["name"], plain(card), graph)  # type: ignore[arg-type]


NONE = 0.01  # share of held-out samples whose unlikeness is above the limit of "none of these"


def _limit(run: Run) -> float | None:
    """The unlikeness above which the page answers "none of these"; None where the run cannot tell it."""
    return run.calibration.most_unlikeness(NONE) if run.calibration.unlikeness and run.bank is not None else None


def measured(run: Run) -> dict[str, Any]:
    """{"error", "low", "high", "count"}: share of wrong answers on test samples, its 95 % interval, their number."""
    from cnn_core.metrics import evaluate_logits
    from cnn_core.training import engine
    from cnn_core.verbs.views.common import evenly

    test = run.app.load(run.config).test
    inputs, targets = test.take(evenly(len(test), SAMPLES))
    logits = engine.predict_logits(run.model, inputs, forward=run.app.forward_of(run.config))
    found = evaluate_logits(logits.numpy(), targets.numpy(), run.labels)
    low, high = found.accuracy_interval
    return {"error": 1 - found.accuracy, "low": 1 - high, "high": 1 - low, "count": found.count}


def _digits(run: Run, examples: bool) -> tuple[bytes, dict[str, Any]]:
    from apps.playground.domains import digits
    from apps.playground.graph import graph_of

    assert run.app.example is not None
    layers = digits.layers(run)
    graph, windows = graph_of(run, run.app.example(run.config, run.labels), layers)
    return graph, {"layers": layers, "windows": windows, **digits.extras(run, examples)}


DOMAINS: dict[str, Callable[[Run, bool], tuple[bytes, dict[str, Any]]]] = {"digits": _digits}


def _holds(card: dict[str, Any]) -> str:
    """What of the training data the card carries."""
    filters = card.get("filters", {}).values()
    return "patches of training pictures" if any("patches" in entry for entry in filters) else "nothing"
