"""A trained network as the page takes it: its graph, and a card with all that is shown about it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from cnn_core import bounded, version
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.fetching.sources import cache_folder
from cnn_core.files import atomic, digest_of, plain, write_json
from cnn_core.networks import pretrained
from cnn_core.runs import Run, checkpoint_of
from cnn_core.training import calibration, checkpoint

DOMAINS = ("digits", "text", "go", "speech")
"""Apps whose networks have a page: modules of `domains`."""
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
    held = published if examples is None else examples
    ready = pretrained.card_of(run.folder)
    told = data if published else ready.data if ready else OWNED
    card, graph = cached(_key(run, held), lambda: _made(run, told, held))
    card = {**card, "name": name or run.folder.name.removeprefix("@")}
    return Network(card["name"], card, graph)


def _made(run: Run, data: str, examples: bool) -> tuple[dict[str, Any], bytes]:
    card = {
        "app": run.app.name,
        "preset": run.record["preset"],
        "labels": list(run.labels),
        "data": data,
        "test": measured(run),
        "version": version.__version__,
        "unlike": _limit(run),
        "calibrated": run.calibration.samples > 0,
    }
    note(f"{run.folder}: preparing its page; kept for the next time")
    graph, extras = import_module(f"apps.playground.domains.{run.app.name}").page(run, examples)
    card |= extras
    card["holds"] = _holds(card)
    made = plain(card)
    assert isinstance(made, dict)
    return made, graph


def _key(run: Run, examples: bool) -> str:
    """What the card and the graph depend on, as one digest."""
    place = checkpoint_of(run.folder)
    files = [place / checkpoint.WEIGHTS, pretrained.place(run.folder) / calibration.JSON]
    parts = [digest_of(path) if path.is_file() else "" for path in files]
    text = repr((FORMAT, version.__version__, run.record["config"], run.labels, examples, *parts))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def cached(key: str, make: Callable[[], tuple[dict[str, Any], bytes]]) -> tuple[dict[str, Any], bytes]:
    """What `make` gives, kept in the cache under `key`: optima and patches take seconds."""
    folder = cache_folder() / "playground"
    card, graph = folder / f"{key}.json", folder / f"{key}.onnx"
    with suppress(OSError, UserError):
        return bounded.read_json(card), graph.read_bytes()
    made = make()
    with suppress(UserError):  # a cache that cannot be written only costs time
        with atomic(graph) as part:
            part.write_bytes(made[1])
        write_json(card, made[0])
    return made


FORMAT = 5  # of cards, counted up when their content changes
OWNED = "data of its owner"
NONE = 0.01  # share of held-out samples whose unlikeness is above the limit of "none of these"


def _limit(run: Run) -> float | None:
    """The unlikeness above which the page answers "none of these"; None where the run cannot tell it."""
    return run.calibration.most_unlikeness(NONE) if run.calibration.unlikeness and run.bank is not None else None


def measured(run: Run) -> dict[str, Any]:
    """{"error", "low", "high", "count"}: share of wrong answers on test samples, its 95 % interval, their number."""
    from cnn_core.metrics.classes import evaluate_logits
    from cnn_core.training import engine
    from cnn_core.training.data import evenly

    card = pretrained.card_of(run.folder)
    if card:
        low, high = card.accuracy_interval
        return {"error": 1 - card.accuracy, "low": 1 - high, "high": 1 - low, "count": card.test_count}
    test = run.app.load(run.config).test
    inputs, targets = test.take(evenly(len(test), SAMPLES))
    logits = engine.predict_logits(run.model, inputs, forward=run.app.forward_of(run.config))
    found = evaluate_logits(logits.numpy(), targets.numpy(), run.labels)
    low, high = found.accuracy_interval
    return {"error": 1 - found.accuracy, "low": 1 - high, "high": 1 - low, "count": found.count}


def _holds(card: dict[str, Any]) -> str:
    """What of the training data the card carries."""
    if "words" in card:
        return "its words"
    filters = card.get("filters", {}).values()
    return "patches of training pictures" if any("patches" in entry for entry in filters) else "nothing"
