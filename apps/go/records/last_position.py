"""The last position of a user's record, as a network takes it; no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from apps.go.records import sgf
from apps.go.rules import encode


def read(source: Path | bytes) -> np.ndarray:
    """All planes (PLANES, size, size) uint8 of the last position of an SGF record. Raises UserError for a bad one."""
    game = sgf.read_one(source)
    return encode.encode_entries(game.entries, game.size, game.next_colour, game.komi)
