"""Collection: many games in a few flat arrays, about 2 bytes a position; saved as one safetensors file.

The entries of very many games lie in mapped files beside it (see `cnn_core.fetching.mapped`). Letters: G games, M
entries of all games.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from apps.go.records.sgf import Game
from apps.go.rules.encode import KIND, POINT, SETUP
from apps.go.rules.symmetry import tables
from cnn_core.errors import UserError
from cnn_core.fetching import decoded
from cnn_core.fetching.mapped import Mapped, Values
from cnn_core.files import atomic

OWNERS = 361  # points of the largest board
FORMAT = "2"  # counted up when the arrays change their meaning


@dataclass(frozen=True)
class Collection:
    """Games as arrays; the entries of game g are `moves[offsets[g] : offsets[g + 1]]` (see `apps.go.rules.encode`).

    Mapped entries are not moved where games are chosen: then those of game g begin at `begins[g]` of them instead, and
    `loaded` gives games whose entries are one array. What is computed from entries is computed from that.
    """

    moves: Values
    """uint16 (M,)."""
    offsets: np.ndarray
    """int64 (G + 1,)."""
    size: np.ndarray
    """uint8 (G,)."""
    komi: np.ndarray
    """float32 (G,)."""
    result: np.ndarray
    """uint8 (G,)."""
    margin: np.ndarray
    """float32 (G,): points by which black won, NaN where the record states none."""
    ranks: np.ndarray
    """int8 (G, 2)."""
    handicap: np.ndarray
    """int16 (G,)."""
    digest: np.ndarray
    """int64 (G,): equal for games that are the same, turned or mirrored."""
    start: np.ndarray
    """int64 (G,): the same of the first 2 * size entries alone."""

    owner: np.ndarray
    """uint8 (G, 361), or (G, 0) where no record states it: who owns each point of the board at the end, 1 black, 2
    white, 3 nobody, 0 not stated."""

    begins: np.ndarray | None = None
    """int64 (G,), of mapped entries alone."""

    @property
    def mapped(self) -> bool:
        """Whether the entries lie in files."""
        return isinstance(self.moves, Mapped)

    def __len__(self) -> int:
        return len(self.size)

    def entries(self, game: int) -> np.ndarray:
        """The entries of one game."""
        first, count = self.offsets[game], self.offsets[game + 1] - self.offsets[game]
        if self.begins is not None:
            first = self.begins[game]
        return self.moves[int(first) : int(first + count)]

    def take(self, games: np.ndarray) -> "Collection":
        """The collection of some games alone."""
        if self.mapped:
            begins = self.offsets[:-1] if self.begins is None else self.begins
            return self._taken(games, self.moves, begins[games])
        return self.loaded(games)

    def loaded(self, games: np.ndarray | None = None) -> "Collection":
        """The same of all games, with their entries one after the other in memory."""
        if games is None:
            if not self.mapped:
                return self
            games = np.arange(len(self))
        parts = [self.entries(game) for game in games]
        return self._taken(games, np.concatenate(parts) if parts else np.empty(0, np.uint16), None)

    def _taken(self, games: np.ndarray, moves: Values, begins: np.ndarray | None) -> "Collection":
        lengths = np.diff(self.offsets)[games]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rest = {name: getattr(self, name)[games] for name in PER_GAME}
        return Collection(moves, offsets, **rest, begins=begins)

    def near(self, samples: np.ndarray) -> tuple["Collection", np.ndarray, np.ndarray]:
        """(the games of `samples` (B, 2), loaded; the samples among these; numbers of the games).

        A sample is a game and the index of an entry among all entries, game after game.
        """
        numbers, game = np.unique(samples[:, 0], return_inverse=True)
        games = self.loaded(numbers)
        index = samples[:, 1] - self.offsets[samples[:, 0]] + games.offsets[game]
        return games, np.stack([game, index], 1).astype(np.int64), numbers

    def blocks(self, size: int = 4096) -> Iterator["Collection"]:
        """All games, `size` at a time, loaded."""
        for start in range(0, len(self), size):
            yield self.loaded(np.arange(start, min(start + size, len(self))))


PER_GAME = tuple(f.name for f in fields(Collection) if f.name not in ("moves", "offsets", "begins"))
WEIGHT = 14
"""Bytes that a byte of entries takes in memory, once there is a sample for each: collections that would take too much
are mapped."""


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
        np.array([game.margin for game in games], np.float32),
        np.array([game.ranks for game in games], np.int8).reshape(-1, 2),
        np.array([game.handicap for game in games], np.int16),
        np.array([whole for whole, _ in both], np.int64),
        np.array([start for _, start in both], np.int64),
        _owners(games),
    )


def _owners(games: Sequence[Game]) -> np.ndarray:
    stated = [(i, game.owner) for i, game in enumerate(games) if game.owner is not None]
    found = np.zeros((len(games), OWNERS if stated else 0), np.uint8)
    for i, owner in stated:
        found[i, : len(owner)] = owner
    return found


def join(parts: Sequence[Collection]) -> Collection:
    """One collection after the other."""
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    moves = np.concatenate([np.asarray(part.moves) for part in parts])
    width = max(part.owner.shape[1] for part in parts)
    parts = [replace(part, owner=np.pad(part.owner, ((0, 0), (0, width - part.owner.shape[1])))) for part in parts]
    values = {name: np.concatenate([getattr(part, name) for part in parts]) for name in PER_GAME}
    return Collection(moves, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), **values)


def save(collection: Collection, notes: dict[str, object], path: Path) -> None:
    """Write the arrays, and `notes` (JSON) with them. Raises UserError when it cannot be written.

    Mapped entries must be what `cnn_core.fetching.decoded.growing` made for this path.
    """
    from safetensors.numpy import save_file  # as everywhere in the suite, where it is needed

    arrays: dict[str, Values] = {name: getattr(collection, name) for name in ("moves", "offsets", *PER_GAME)}
    small, listed = decoded.listed(arrays)
    with atomic(path) as part:
        save_file(small, part, {"format": FORMAT, "notes": json.dumps(notes), **listed})


def load(path: Path) -> tuple[Collection, dict[str, object]]:
    """Read what `save` wrote. Raises UserError when it is not such a file or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as opened:
            notes = opened.metadata() or {}
        if notes.get("format") != FORMAT:
            raise ValueError("of another version")
        arrays = decoded.read(path, {"moves": WEIGHT})
        values = {name: np.asarray(arrays[name]) for name in ("offsets", *PER_GAME)}
        found = Collection(arrays["moves"], **values)
        _check(found)
        return found, json.loads(notes["notes"])
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise UserError(f"{path}: not a collection of games ({error})") from error


def _check(found: Collection) -> None:
    whole = found.offsets[0] == 0 and found.offsets[-1] == len(found.moves) and (np.diff(found.offsets) > 0).all()
    if not whole:
        raise ValueError("damaged")
    for part in found.blocks() if found.mapped else [found]:
        points = np.repeat(part.size.astype(np.int64) ** 2, np.diff(part.offsets))
        if ((np.asarray(part.moves) & POINT) > points).any():
            raise ValueError("damaged")
    if found.owner.shape not in ((len(found.size), 0), (len(found.size), OWNERS)):
        raise ValueError("damaged")
