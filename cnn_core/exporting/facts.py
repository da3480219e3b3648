"""What an exported file says of the network that it holds."""

from __future__ import annotations

import json

from cnn_core import bounded, version
from cnn_core.networks import bundle, pretrained
from cnn_core.runs import Run

UNSTATED = "not stated"


def facts_of(run: Run) -> dict[str, str]:
    """name, app, preset, version of the suite, licence of the weights, and figures as JSON.

    The figures of a ready-made network and of one that was pulled are those of its card, measured on test data; those
    of another run are what its training measured (the keys say on what).
    """
    card = pretrained.card_of(run.folder)
    facts = {"name": run.folder.name, "app": run.app.name, "preset": str(run.record["preset"])}
    facts["version"] = f"cnn-suite {version.__version__}"
    licence, figures = UNSTATED, {name: value for name, value in run.metrics.items() if isinstance(value, int | float)}
    if card is not None:
        licence = card.licence
        figures = {"test": card.test, "count": card.test_count, "accuracy": card.accuracy}
        figures |= {"accuracy_interval": list(card.accuracy_interval), "calibration_error": card.calibration_error}
    elif bundle.is_bundle(run.folder):
        told = bounded.read_json(run.folder / bundle.MANIFEST, regular=True)
        licence = str(told.get("licence", UNSTATED))
        figures = told["figures"] if isinstance(told.get("figures"), dict) else figures
    return {**facts, "licence": licence, "figures": json.dumps(figures, ensure_ascii=False)}
