"""What other packages bring: functions under the entry points of this suite, so that the core names no app."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from cnn_core.app import App
from cnn_core.errors import UserError

PAGE = "page"
"""page(run, *, examples) -> HTML text: one file in which a network is tried in a browser."""
GROUP = "cnn_suite"


APPS = "cnn_suite.apps"
"""App values by name."""


def app(name: str) -> App:
    """The app of that name. Raises UserError where no package brings it."""
    found = next(iter(entry_points(group=APPS, name=name)), None)
    if found is None:
        known = ", ".join(sorted(each.name for each in entry_points(group=APPS))) or "none"
        raise UserError(f"no installed package brings the app {name!r} (installed: {known})")
    value = found.load()
    assert isinstance(value, App)
    return value


def find(name: str) -> Callable[..., Any]:
    """The function that is registered under `name`. Raises UserError where no package brings it."""
    found = next(iter(entry_points(group=GROUP, name=name)), None)
    if found is None:
        raise UserError(
            f"no installed package brings {name!r}; reinstall the suite: pip install --force-reinstall cnn-suite"
        )
    return found.load()
