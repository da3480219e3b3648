"""Collection: many games in a few flat arrays, about 2 bytes a position; saved as one safetensors file.

Letters: G games, M entries of all games.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from apps.go.records.sgf import Game
from apps.go.rules.encode import KIND, POINT, SETUP
from apps.go.rules.symmetry import tables
from cnn_core.errors import UserError
from cnn_core.files import atomic

FORMAT = "1"  # counted up when the arrays change their meaning


@dataclass(frozen=True)
class Collection:
    """Games as arrays; the entries of game g are `moves[offsets[g] : offsets[g + 1]]` (see `apps.go.rules.encode`)."""

    moves: np.ndarray
    """uint16 (M,)."""
    offsets: np.ndarray
    """int64 (G + 1,)."""
    size: np.ndarray
    """uint8 (G,)."""
    komi: np.ndarray
    """float32 (G,)."""
    result: np.ndarray
    """uint8 (G,)."""
    ranks: np.ndarray
    """int8 (G, 2)."""
    handicap: np.ndarray
    """int16 (G,)."""
    digest: np.ndarray
    """int64 (G,): equal for games that are the same, turned or mirrored."""
    start: np.ndarray
    """int64 (G,): the same of the first 2 * size entries alone."""

    def __len__(self) -> int:
        return len(self.size)

    def entries(self, game: int) -> np.ndarray:
        """The entries of one game."""
        return self.moves[self.offsets[game] : self.offsets[game + 1]]

    def take(self, games: np.ndarray) -> "Collection":
        """The collection of some games alone."""
        lengths = np.diff(self.offsets)[games]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rest = {f.name: getattr(self, f.name)[games] for f in fields(self) if f.name not in ("moves", "offsets")}
        parts = [self.entries(game) for game in games]
        return Collection(np.concatenate(parts) if parts else self.moves[:0], offsets, **rest)


def digests(game: Game) -> tuple[int, int]:
    """Digest of a whole game and of its start, the same for all its turned and mirrored forms."""
    entries = game.entries.astype(np.int64)
    turned = tables(game.size)[:, np.minimum(entries & POINT, game.size**2)] | (entries & ~POINT)  # (8, L)
    setup = int(np.argmin((entries & KIND) == SETUP)) if (entries & KIND).any() else 0
    turned[:, :setup].sort(axis=1)  # set-up stones have no order
    return _least(turned, game.size), _least(turned[:, : 2 * game.size], game.size)


def _least(rows: np.ndarray, size: int) -> int:
    least = min(row.tobytes() for row in rows.astype(">u2"))
    return int.from_bytes(hashlib.blake2b(least + bytes([size]), digest_size=8).digest(), "big", signed=True)


def collect(games: Sequence[Game]) -> Collection:
    """The collection of these games."""
    both = [digests(game) for game in games]
    return Collection(
        np.concatenate([game.entries for game in games]) if games else np.empty(0, np.uint16),
        np.cumsum([0, *(len(game.entries) for game in games)], dtype=np.int64),
        np.array([game.size for game in games], np.uint8),
        np.array([game.komi for game in games], np.float32),
        np.array([game.result for game in games], np.uint8),
        np.array([game.ranks for game in games], np.int8).reshape(-1, 2),
        np.array([game.handicap for game in games], np.int16),
        np.array([whole for whole, _ in both], np.int64),
        np.array([start for _, start in both], np.int64),
    )


def join(parts: Sequence[Collection]) -> Collection:
    """One collection after the other."""
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    values = {f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Collection)}
    return Collection(**values | {"offsets": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)})


def save(collection: Collection, notes: dict[str, object], path: Path) -> None:
    """Write the arrays, and `notes` (JSON) with them. Raises UserError when it cannot be written."""
    from safetensors.numpy import save as to_bytes  # as everywhere in the suite, where it is needed

    arrays = {f.name: np.ascontiguousarray(getattr(collection, f.name)) for f in fields(collection)}
    with atomic(path) as part:
        part.write_bytes(to_bytes(arrays, {"format": FORMAT, "notes": json.dumps(notes)}))


def load(path: Path) -> tuple[Collection, dict[str, object]]:
    """Read what `save` wrote. Raises UserError when it is not such a file or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as opened:
            notes = opened.metadata() or {}
            if notes.get("format") != FORMAT:
                raise ValueError("of another version")
            found = Collection(**{f.name: opened.get_tensor(f.name) for f in fields(Collection)})
            _check(found)
            return found, json.loads(notes["notes"])
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise UserError(f"{path}: not a collection of games ({error})") from error


def _check(found: Collection) -> None:
    whole = found.offsets[0] == 0 and found.offsets[-1] == len(found.moves) and (np.diff(found.offsets) > 0).all()
    points = np.repeat(found.size.astype(np.int64) ** 2, np.diff(found.offsets))
    if not whole or ((found.moves & POINT) > points).any():
        raise ValueError("damaged")
