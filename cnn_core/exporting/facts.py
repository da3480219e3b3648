"""What an exported file says of the network that it holds."""

from __future__ import annotations

import json
from typing import Any

from cnn_core import bounded, version
from cnn_core.networks import bundle, pretrained
from cnn_core.runs import Run

UNSTATED = "not stated"


def facts_of(run: Run) -> dict[str, str]:
    """name, app, preset, version of the suite, licence of the weights, figures and label thresholds as JSON.

    The figures of a ready-made network and of one that was pulled are those of its card, measured on test data; those
    of another run are what its training measured (the keys say on what).
    """
    card = pretrained.card_of(run.folder)
    facts = {"name": run.folder.name, "app": run.app.name, "preset": str(run.record["preset"])}
    facts["version"] = f"cnn-suite {version.__version__}"
    licence, figures = UNSTATED, {name: value for name, value in run.metrics.items() if isinstance(value, int | float)}
    if card is not None:
        licence = card.licence
        figures = figures_of(card)
    elif bundle.is_bundle(run.folder):
        told = bounded.read_json(run.folder / bundle.MANIFEST, regular=True)
        licence = str(told.get("licence", UNSTATED))
        figures = told["figures"] if isinstance(told.get("figures"), dict) else figures
    facts |= {"licence": licence, "figures": json.dumps(figures, ensure_ascii=False)}
    return facts | ({"thresholds": json.dumps(run.thresholds.tolist())} if run.several_labels else {})


def holds_of(run: Run) -> list[str]:
    """What an exported file holds of the training data beside the weights."""
    found = ["the names of the classes"]
    if run.bank is not None:
        found += [f"the network's features of {len(run.bank):,} training {run.app.what}s, not these themselves"]
    return found


def figures_of(card: pretrained.Card) -> dict[str, Any]:
    """What the card of a ready-made network says of its accuracy."""
    figures: dict[str, Any] = {"test": card.test, "count": card.test_count, "accuracy": card.accuracy}
    figures |= {"accuracy_interval": list(card.accuracy_interval), "calibration_error": card.calibration_error}
    judged = ("winner_told", "winner_calibration_error", "margin_error", "owners_told")
    return figures | ({name: getattr(card, name) for name in judged} if card.winner_told else {})
