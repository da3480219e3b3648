"""A part of the page: words, figures, tables, and claims with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Claim:
    """What the lecture says, whether it holds here, and the numbers."""

    text: str
    holds: bool
    numbers: str

    def __str__(self) -> str:
        return f"{'holds' if self.holds else 'DOES NOT HOLD'}: {self.text} ({self.numbers})"


@dataclass(frozen=True)
class Section:
    """One heading of the page. `figures`: (name of its file, matplotlib figure, caption)."""

    title: str
    text: str
    figures: Sequence[tuple[str, Any, str]] = ()
    claims: Sequence[Claim] = ()
    tables: Sequence[tuple[Sequence[str], Sequence[Sequence[Any]]]] = ()
    measures: dict[str, Any] = field(default_factory=dict)
