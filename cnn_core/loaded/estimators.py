"""The estimators by name; each is a class of its app, found when it is asked for, so that the core imports no app."""

from __future__ import annotations

from typing import Any

from cnn_core.networks import plugins
from cnn_core.optional import require

APPS = {"DigitClassifier": "digits", "TextClassifier": "text", "WordSpotter": "speech", "PhotoClassifier": "photos"}
"""The app of each estimator."""


def __getattr__(name: str) -> Any:
    """The class `name`. Raises UserError without scikit-learn, AttributeError for another name."""
    if name not in APPS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("sklearn", f"cnn_core.{name}")
    made = plugins.app(APPS[name]).estimator
    assert made is not None
    return made()
