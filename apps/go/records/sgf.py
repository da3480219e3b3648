"""SGF records as stored games: the main line of each game in a file; bad games as one-line reasons.

`apps.go.records.grammar` takes the text apart, `apps.go.records.properties` says what it means; whether the moves are
legal is checked here. `apps.go.records.record` walks through the same games node by node.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.go.records import properties
from apps.go.records.charset import Source, read_marks
from apps.go.records.grammar import BadGame, Tree, read_trees
from apps.go.rules import kernels
from apps.go.rules.encode import KIND, POINT, SETUP, WHITE_BIT, first_illegal
from apps.go.rules.points import name
from apps.go.rules.position import REASONS
from cnn_core.errors import UserError

LARGEST = 64 << 20
"""Bytes of one record of a user's: larger files are none."""
LINE = re.compile(rb"[^\r\n]++")

_STATES: dict[int, kernels.State] = {}


@dataclass(frozen=True)
class Game:
    """One game: what is stored of it."""

    size: int
    entries: np.ndarray
    """uint16, see `apps.go.rules.encode`."""
    komi: float
    """Points; 0 where the record states none."""
    result: int
    """1 black won, 2 white won, 3 a draw, 0 unknown."""
    margin: float
    """Points by which black won, negative where white did; NaN where the record states none."""
    ranks: tuple[int, int]
    """Black's and white's, or UNKNOWN_RANK."""
    handicap: int
    """Stones that black had before the first move, when there were two or more."""
    next_colour: int
    """1 or 2: who moves after the last node."""
    owner: np.ndarray | None = None
    """uint8 (size * size,): who owns each point at the end, 1 black, 2 white, 3 nobody; None where the record has
    no territory (TB, TW)."""

    @property
    def move_count(self) -> int:
        """How many moves it has: a problem has none."""
        return int(((self.entries & KIND) == 0).sum())


def read_sgf(data: bytes) -> Iterator[Game | BadGame]:
    """Every game of an SGF file that training can learn from, or the reason why it cannot.

    Text around the games is passed over. Records without moves, such as problems, are left out.
    """
    found = False
    for game in _read(read_marks(data)):
        found = True
        yield BadGame("no moves") if isinstance(game, Game) and not game.move_count else game
    if not found:
        yield BadGame("not SGF")


def read_one(source: Path | bytes) -> Game:
    """The first game of an SGF file, a problem without moves too.

    Raises UserError, naming the file, when there is none that can be used.
    """
    title, text = read_source(source)
    game = next(_read(text), BadGame("not SGF"))
    if isinstance(game, BadGame):
        raise UserError(f"{title}: {game}")
    return game


def read_source(source: Path | bytes) -> tuple[str, Source]:
    """What messages call a file, and its contents. Raises UserError when it cannot be read or is too large."""
    title = "standard input" if isinstance(source, bytes) else str(source)
    try:
        count = len(source) if isinstance(source, bytes) else source.stat().st_size
        if count > LARGEST:
            raise UserError(f"{title}: too large for a game record (more than {LARGEST >> 20} MiB)")
        return title, read_marks(source if isinstance(source, bytes) else source.read_bytes())
    except OSError as error:
        raise UserError(f"{title}: cannot be read ({error.strerror or error})") from error


def read_lines(data: bytes) -> Iterator[tuple[str, Game | BadGame]]:
    """Name and game of every line `name<TAB>;B[pd];W[dp]...`; properties of the root may stand before the first `;`."""
    lines = read_marks(data).data
    number, position = 1, 0
    for found in LINE.finditer(lines):  # one line at a time, for there may be millions
        line, between = found[0], lines[position : found.start()]
        number += between.count(b"\n") + between.count(b"\r") - between.count(b"\r\n")
        position = found.end()
        key, tab, text = line.partition(b"\t")
        if not line.strip():
            continue
        label = f"line {number} ({key[:40].decode('latin-1')})"
        if not tab:
            yield label, BadGame("no tab between name and moves")
            continue
        text = text.strip()
        opened = b"" if text.startswith(b"(") else b"(" if text.startswith(b";") else b"(;"
        yield from ((label, game) for game in read_sgf(opened + text + (b")" if opened else b"")))


def _read(source: Source) -> Iterator[Game | BadGame]:
    for tree in read_trees(source):
        try:
            yield tree if isinstance(tree, BadGame) else _game(tree)
        except BadGame as reason:
            yield reason


def _game(tree: Tree) -> Game:
    size = properties.size(tree)
    entries, handicap, player = _entries(tree, size)
    moves = np.array(entries, np.uint16)
    if size not in _STATES:
        _STATES[size] = kernels.new_state(size)
    # A pass at the end: set-up stones are checked when a move comes after them.
    closed = np.append(moves, np.uint16(size * size)) if entries and entries[-1] & KIND else moves
    bad = int(first_illegal(_STATES[size], closed))
    if bad >= 0:
        raise BadGame(_illegal(entries, bad, size))
    owner = _owner(properties.territory(tree, size), size)
    komi = properties.komi(tree.root_text(b"KM"), tree.root_text(b"AP"))
    ranks = properties.rank(tree.root_text(b"BR")), properties.rank(tree.root_text(b"WR"))
    text = tree.root_text(b"RE")
    result, margin = properties.result(text), properties.margin(text)
    return Game(size, moves, komi, result, margin, ranks, handicap if handicap > 1 else 0, player, owner)


def _owner(territory: dict[int, int], size: int) -> np.ndarray | None:
    """Who owns each point of the board that `first_illegal` has left: stones live outside of the other's territory."""
    if not territory:
        return None
    owner = _STATES[size].cells[kernels.STONE : kernels.STONE + size * size].astype(np.uint8)
    owner[owner == 0] = 3
    owner[list(territory)] = list(territory.values())
    return owner


def _entries(tree: Tree, size: int) -> tuple[list[int], int, int]:
    """Entries, black's stones before white's first, and who is to move at the end."""
    entries: list[int] = []
    player = handicap = 0
    begun = False
    for stones, turn, moves in properties.actions(tree, size):
        player = turn or player
        if not begun:
            black = [not entry & ~(SETUP | POINT) for entry in stones + moves]
            begun = not all(black)
            handicap += black.index(False) if begun else len(black)
        entries += stones
        if moves:
            entries += moves
            player = 1 if moves[-1] & WHITE_BIT else 2
    return entries, handicap, player or properties.first_player(entries)


def _illegal(entries: list[int], bad: int, size: int) -> str:
    number = sum(not entry & KIND for entry in entries[: bad + 1])
    entry = entries[bad] if bad < len(entries) else size * size
    colour, point = 1 + ((entry & WHITE_BIT) >> 9), entry & POINT
    reason = 0 if point == size * size else kernels.why_illegal(_STATES[size], point, colour)
    if not reason:
        before = number + (bad == len(entries))
        return f"set-up stones before move {before} leave a chain without liberties"
    return f"move {number} ({'BW'[colour - 1]} {name(point, size)}) is illegal: {REASONS[reason]}"


def parse_rank(text: str) -> int:
    """The number of a rank such as 5k, 3d or 9p. Raises UserError."""
    rank = properties.rank(text)
    if rank == properties.UNKNOWN_RANK:
        raise UserError(f"{text!r} is not a rank, such as 5k, 3d or 9p")
    return rank
