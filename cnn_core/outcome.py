"""Outcome: what a verb answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """Data for --json, text for people, and the exit status.

    Without data everything has been said already, as by a verb that answers a stream line by line.
    """

    data: dict[str, Any] | None
    text: str
    status: int = 0
    pictures: Sequence[Any] = ()
    """The tiles of what was drawn, for pages that lay them out anew."""
    captions: Sequence[str] = ()
    inputs: Sequence[Any] = ()
    """The inputs that were found, as the model takes them, for further measurements."""
