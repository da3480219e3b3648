"""How the games of a collection ended, found once and kept in the suite's cache: what a network learns to judge from.

A record may state it (TB and TW in its last node). Otherwise a game that was played to its end is settled by random
games; where their count is not the one in the record, or a record has none, GNU Go settles it if it is installed. An
owner map is taken only when its count agrees with the record within the point by which territory and area differ:
nothing is learned from a position that was counted wrongly. Games that ended otherwise (resigned, broken off) say who
won, if anything.
"""

import hashlib
from pathlib import Path

import numpy as np

from apps.go.counting.count import score_of
from apps.go.counting.outcome import Endings
from apps.go.counting.settling import Settler, gnugo, playouts
from apps.go.records.collection import Collection
from apps.go.rules.encode import KIND, POINT, SETUP, WHITE_BIT
from apps.go.rules.position import Position
from cnn_core.fetching.sources import cache_folder
from cnn_core.files import atomic

METHOD = 2
"""Counted up when endings are found otherwise, so that older ones are not used."""
SLACK = 1.0
"""Points by which two counts may differ: territory and area."""


def endings(games: Collection, progress: bool = True) -> Endings:
    """How each game ended, from the cache where these games were settled before. All must be of one board size."""
    settlers = [playouts, *([gnugo] if gnugo.available() else [])]
    path = cache_folder() / "go" / f"endings-{_key(games, settlers)}.safetensors"
    found = _load(path, games) if path.exists() else None
    if found is None:
        found = settle_all(games, settlers, progress)
        _save(found, path)
    return found


def settle_all(games: Collection, settlers: list[Settler], progress: bool = True) -> Endings:
    """The same, computed: each game by the first settler whose count the record bears out."""
    from tqdm import tqdm

    size = int(games.size[0]) if len(games) else 2
    owner = np.zeros((len(games), size * size), np.uint8)
    margin = games.margin + games.komi
    for game in tqdm(range(len(games)), "settling", unit=" games", disable=None if progress else True, leave=False):
        if games.owner.shape[1] and games.owner[game, 0]:
            owner[game] = games.owner[game, : size * size]
            margin[game] = score_of(owner[game])
            continue
        if not is_counted(games, game):
            continue
        position = replayed(games.entries(game), size)
        for settler in settlers:
            found = settler(position)
            if found is None:
                continue
            score = score_of(found)
            if np.isnan(margin[game]) or abs(score - margin[game]) <= SLACK:
                owner[game], margin[game] = np.where(found == 0, 3, found), score
                break
    return Endings(owner, margin.astype(np.float32), games.result.copy())


def is_counted(games: Collection, game: int) -> bool:
    """Whether a game was played to its end: the record has points, or both players have passed."""
    entries = games.entries(game)
    size = int(games.size[game])
    passed = len(entries) > 1 and ((entries[-2:] & POINT) == size * size).all()
    return bool(np.isfinite(games.margin[game])) or (bool(passed) and games.result[game] == 0)


def replayed(entries: np.ndarray, size: int) -> Position:
    """The position at the end of a stored game. Raises ValueError for one that cannot be replayed."""
    position = Position(size)
    entries = entries.astype(int)
    start = int(np.argmin((entries & KIND) > 0))  # where moves begin
    board = np.zeros(size * size, np.uint8)
    for entry in entries[:start]:
        board[entry & POINT] = (1 + ((entry & WHITE_BIT) >> 9)) if entry & SETUP else 0
    if board.any():
        position.setup(*(np.flatnonzero(board == colour).tolist() for colour in (1, 2)))
    for entry in entries[start:]:
        if entry & KIND:
            raise ValueError("stones are set up in the middle of the game")
        position.play(1 + ((entry & WHITE_BIT) >> 9), entry & POINT)
    return position


def _key(games: Collection, settlers: list[Settler]) -> str:
    seen = hashlib.sha256(f"{METHOD} {' '.join(settler.name for settler in settlers)}".encode())
    for part in games.blocks() if games.mapped else [games]:
        seen.update(np.asarray(part.moves).tobytes())
    for values in (games.offsets, games.size, games.komi, games.margin, games.result, games.owner):
        seen.update(np.ascontiguousarray(values).tobytes())
    return seen.hexdigest()[:16]


def _save(found: Endings, path: Path) -> None:
    from safetensors.numpy import save

    with atomic(path) as part:
        part.write_bytes(save({name: np.ascontiguousarray(value) for name, value in vars(found).items()}))


def _load(path: Path, games: Collection) -> Endings | None:
    """What `_save` wrote, or None for a damaged file, which is then made anew."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found = Endings(**load_file(path))
    except (OSError, TypeError, SafetensorError):
        return None
    whole = found.owner.shape == (len(games), int(games.size[0]) ** 2) and len(found.margin) == len(found.result)
    return found if whole and len(found.result) == len(games) else None
