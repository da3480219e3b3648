"""Positions of very many games, found once and kept in mapped files. Letters: N samples."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from apps.go.records.collection import Collection
from apps.go.rules.encode import KIND, POINT
from cnn_core.fetching import decoded
from cnn_core.fetching.mapped import ALWAYS, Values
from cnn_core.fetching.sources import cache_folder

FINDING = 1
"""Counted up when positions are found otherwise, so that older ones are not used."""


def kept_positions(games: Collection, size: int, passes: bool) -> tuple[Values, Values]:
    """(samples (N, 2) int32, their moves (N,) int16) as `positions_of`, from the cache or found and written there."""
    path = cache_folder() / "go" / f"positions-{_key(games, size, passes)}.safetensors"
    arrays = decoded.load(path, {"samples": ALWAYS, "moves": ALWAYS})
    if arrays is None:
        arrays = _found(games, size, passes, path)
        decoded.save(path, arrays)
    return arrays["samples"], arrays["moves"]


def _found(games: Collection, size: int, passes: bool, path: Path) -> dict[str, Values]:
    samples, moves = (decoded.growing(path, name, weight=ALWAYS) for name in ("samples", "moves"))
    first = 0
    for part in games.blocks():
        found, played = positions_of(part, size, passes)
        found += [first, games.offsets[first]]
        samples.add(found.astype(np.int32))
        moves.add(played.astype(np.int16))
        first += len(part)
    return {"samples": samples.array(), "moves": moves.array()}


def positions_of(games: Collection, size: int, passes: bool) -> tuple[np.ndarray, np.ndarray]:
    """(samples (N, 2) int64, their moves (N,) int64): every position before a move of games whose entries are loaded.

    A sample is a game and the index of the move among all entries; those before a pass come only with `passes`.
    """
    entries = np.asarray(games.moves)
    points = (entries & POINT).astype(np.int64)
    is_play = (entries & KIND) == 0
    if not passes:
        is_play &= points < size * size
    index = np.flatnonzero(is_play)
    game = np.repeat(np.arange(len(games)), np.diff(games.offsets))[index]
    return np.stack([game, index], axis=1), points[index]


def _key(games: Collection, size: int, passes: bool) -> str:
    seen = hashlib.sha256(f"{FINDING} {size} {passes}".encode())
    seen.update(games.offsets.tobytes())
    for part in games.blocks():
        seen.update(np.asarray(part.moves).tobytes())
    return seen.hexdigest()[:16]
