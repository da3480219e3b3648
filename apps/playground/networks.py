"""A trained network as the page takes it: its graph, and a card with all that is shown about it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.playground import made
from apps.playground.runs import Described, described, run_at
from cnn_core import version
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.exporting.session import weights_digest
from cnn_core.files import digest_of, plain
from cnn_core.metrics import limits
from cnn_core.networks import pretrained

if TYPE_CHECKING:
    from cnn_core.runs import Run

DOMAINS = ("digits", "text", "go", "speech", "photos")
"""Apps whose networks have a page: modules of `domains`."""
SAMPLES = 10_000  # test samples on which the error rate is measured
FORMAT = 9  # of cards, counted up when their content changes
OWNED = "data of its owner"
NONE = 0.01  # share of held-out samples whose unlikeness is above the limit of "none of these"


@dataclass(frozen=True)
class Network:
    """`name` is the network's in the page's address, `card` JSON data, `graph` an ONNX file, `parts` files that the
    page asks for when it shows them."""

    name: str
    card: dict[str, Any]
    graph: bytes
    parts: Mapping[str, bytes] = field(default_factory=dict)


def network_at(folder: Path, *, examples: bool | None = None) -> Network:
    """The network of a run folder, or runs/@NAME; PyTorch is imported only where its page was never made.

    Raises UserError as `network_of` does, and where the run is none.
    """
    return _network(described(folder), lambda: run_at(folder), "", examples)


def network_of(run: Run, *, name: str = "", examples: bool | None = None) -> Network:
    """The network of a run. `examples`: whether its card may hold patches of training data.

    By default it does where the data set is a published one, and not where the data are the user's own. Raises
    UserError for an app that has no page.
    """
    return _network(run, lambda: run, name, examples)


def _network(run: Run | Described, whole: Callable[[], Run], name: str, examples: bool | None) -> Network:
    if run.app.name not in DOMAINS:
        raise UserError(f"{run.folder}: {run.app.prog} has no page; those that have: {', '.join(DOMAINS)}")
    from cnn_core.fetching.manifests import available

    data = getattr(run.config, "data", "")
    published = data in available(run.app.manifests)
    held = published if examples is None else examples
    ready = pretrained.card_of(run.folder)
    told = data if published else ready.data if ready else OWNED
    if ready and held == published:  # the page that lies beside it
        card, graph, parts = made.shipped(ready) or domain_of(whole(), held)
        card = {**card, "test": _of_card(ready)}
    else:
        card, graph, parts = made.cached(_key(run, held), lambda: _made(whole(), held))
    card = {
        "holds": "nothing",
        "app": run.app.name,
        "preset": run.record["preset"],
        "labels": list(run.labels),
        "data": told,
        "version": version.__version__,
        "unlike": _limit(run),
        "calibrated": run.calibration.samples > 0,
        **card,
        "name": name or run.folder.name.removeprefix("@"),
    }
    return Network(card["name"], card, graph, parts)


def _made(run: Run, examples: bool) -> made.Made:
    note(f"{run.folder}: preparing its page; kept for the next time")
    test = measured(run)
    card, graph, parts = domain_of(run, examples)
    return {**card, "test": test}, graph, parts


def domain_of(run: Run, examples: bool) -> made.Made:
    """What the run's domain says on its page: JSON data, graph, parts."""
    graph, extras, parts = import_module(f"apps.playground.domains.{run.app.name}").page(run, examples)
    card = plain(extras)
    assert isinstance(card, dict)
    return card, graph, parts


def _key(run: Run | Described, examples: bool) -> str:
    """What the card and the graph depend on, as one digest."""
    place = pretrained.place(run.folder)
    calibration = place / limits.JSON
    parts = [weights_digest(place), digest_of(calibration) if calibration.is_file() else ""]
    text = repr((FORMAT, version.__version__, run.record["config"], run.labels, examples, *parts))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _limit(run: Run | Described) -> float | None:
    """The unlikeness above which the page answers "none of these"; None where the run cannot tell it."""
    told = run.calibration.unlikeness and (pretrained.place(run.folder) / limits.TENSORS).is_file()
    return run.calibration.most_unlikeness(NONE) if told else None


def measured(run: Run) -> dict[str, Any]:
    """{"error", "low", "high", "count"}: share of wrong answers on test samples, its 95 % interval, their number."""
    from cnn_core.metrics.classes import evaluate_logits
    from cnn_core.training import engine
    from cnn_core.training.data import evenly

    ready = pretrained.card_of(run.folder)
    if ready:
        return _of_card(ready)
    test = run.app.load(run.config).test
    inputs, targets = test.take(evenly(len(test), SAMPLES))
    logits = engine.predict_logits(run.model, inputs, forward=run.app.forward_of(run.config))
    found = evaluate_logits(logits.numpy(), targets.numpy(), run.labels)
    low, high = found.accuracy_interval
    return {"error": 1 - found.accuracy, "low": 1 - high, "high": 1 - low, "count": found.count}


def _of_card(card: pretrained.Card) -> dict[str, Any]:
    low, high = card.accuracy_interval
    return {"error": 1 - card.accuracy, "low": 1 - high, "high": 1 - low, "count": card.test_count}


def ship(name: str) -> Path:
    """Make the page of the ready-made network `name` and write it beside the network; the file.

    Raises UserError where the network or its training data are missing.
    """
    from cnn_core.fetching.manifests import available

    run = run_at(pretrained.run_path(f"{pretrained.MARK}{name}"))
    ready = pretrained.card_of(run.folder)
    assert ready is not None
    return made.ship(ready, domain_of(run, run.config.data in available(run.app.manifests)))


if __name__ == "__main__":
    for each in pretrained.cards():
        note(f"{ship(each.name)}: written")
