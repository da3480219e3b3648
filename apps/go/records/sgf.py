"""SGF records (FF[1] to FF[4]) as stored games: the main line of each game in a file; bad games as one-line reasons.

sgfmill takes the text apart; what the properties mean, and whether the moves are legal, is checked here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.go.rules import kernels
from apps.go.rules.encode import KIND, REMOVE, SETUP, WHITE_BIT, first_illegal
from apps.go.rules.points import SIZES, name
from apps.go.rules.position import REASONS
from cnn_core.errors import UserError

try:
    from sgfmill import sgf_grammar
except ImportError:
    raise UserError("reading SGF needs sgfmill; install it with: pip install 'cnn-suite[go]'") from None

UNKNOWN_RANK = -100
"""Ranks are whole numbers: 1 is first dan, 9 ninth dan, 10 and more professionals, 0 first kyu, -1 second kyu."""
MOST_ENTRIES = 5000  # no game is longer; a damaged file may be

_STATES: dict[int, kernels.State] = {}


class BadGame(ValueError):
    """The reason why a record cannot be used, in one line."""


@dataclass(frozen=True)
class Game:
    """One game: what is stored of it."""

    size: int
    entries: np.ndarray
    """uint16, see `apps.go.rules.encode`."""
    komi: float
    result: int
    """1 black won, 2 white won, 3 a draw, 0 unknown."""
    ranks: tuple[int, int]
    """Black's and white's, or UNKNOWN_RANK."""
    handicap: int
    """Stones that black had before the first move, when there were two or more."""

    @property
    def next_colour(self) -> int:
        """1 or 2: who moves after the last move."""
        moves = self.entries[(self.entries & KIND) == 0]
        return 2 - int((moves[-1] & WHITE_BIT) > 0)


def read_sgf(data: bytes) -> Iterator[Game | BadGame]:
    """Every game of an SGF file, or the reason why it cannot be used. Text before and between games is passed over."""
    position, found = 0, False
    while True:
        tokens, end = sgf_grammar.tokenise(data, position)
        if not tokens:
            break
        found = True
        try:
            yield _game(sgf_grammar.parse_sgf_game(data[position:end]))
        except BadGame as reason:
            yield reason
        except ValueError as error:  # sgfmill's
            yield BadGame(str(error))
        position = max(end, position + 1)
    if not found:
        yield BadGame("not SGF")


def read_one(source: Path | bytes) -> Game:
    """The first game of an SGF file. Raises UserError, naming the file, when there is none that can be used."""
    name = "standard input" if isinstance(source, bytes) else str(source)
    try:
        data = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror or error})") from error
    game = next(read_sgf(data))
    if isinstance(game, BadGame):
        raise UserError(f"{name}: {game}")
    return game


def read_lines(data: bytes) -> Iterator[tuple[str, Game | BadGame]]:
    """Name and game of every line `name<TAB>;B[pd];W[dp]...`; properties of the root may stand before the first `;`."""
    for number, line in enumerate(data.splitlines(), start=1):
        key, tab, text = line.partition(b"\t")
        if not line.strip():
            continue
        label = f"line {number} ({key[:40].decode('latin-1')})"
        if not tab:
            yield label, BadGame("no tab between name and moves")
            continue
        text = text.strip()
        opened = b"(" if text.startswith(b";") else b"(;"
        yield from ((label, game) for game in read_sgf(opened + text + b")"))


def _game(tree: "sgf_grammar.Coarse_game_tree") -> Game:
    nodes = list(sgf_grammar.main_sequence_iter(tree))
    root = nodes[0]
    kind = _text(root, "GM", "1")
    if kind != "1":
        raise BadGame(f"GM[{kind[:9]}] is another game than Go")
    size = _size(_text(root, "SZ", "19"))
    entries, numbers, black = _entries(nodes, size)
    moves = np.array(entries, np.uint16)
    if size not in _STATES:
        _STATES[size] = kernels.new_state(size)
    bad = int(first_illegal(_STATES[size], moves))
    if bad >= 0:
        raise BadGame(_why(entries[bad], numbers[bad], size))
    ranks = _rank(_text(root, "BR")), _rank(_text(root, "WR"))
    return Game(size, moves, _komi(_text(root, "KM")), _result(_text(root, "RE")), ranks, black if black > 1 else 0)


def _entries(nodes: list[dict[str, list[bytes]]], size: int) -> tuple[list[int], list[int], int]:
    """Entries, the number of the move that each one is or precedes, and black's stones before white's first."""
    entries: list[int] = []
    numbers: list[int] = []
    moves, handicap, begun = 0, 0, False
    for node in nodes:
        for key, flag in (("AB", SETUP), ("AW", SETUP | WHITE_BIT), ("AE", REMOVE)):
            for value in node.get(key, ()):
                points = _points(value, size)
                entries += [flag | point for point in points]
                numbers += [moves + 1] * len(points)
                handicap += len(points) if key == "AB" and not begun else 0
                begun = begun or key != "AB"
        for key, flag in (("B", 0), ("W", WHITE_BIT)):
            if key in node:
                moves += 1
                entries.append(flag | _point(node[key][0], size, f"move {moves} ({key})"))
                numbers.append(moves)
                handicap += key == "B" and not begun
                begun = begun or key == "W"
        if len(entries) > MOST_ENTRIES:
            raise BadGame(f"more than {MOST_ENTRIES} moves")
    if not moves:
        raise BadGame("no moves")
    return entries, numbers, handicap


def _why(entry: int, number: int, size: int) -> str:
    colour, point = 1 + ((entry & WHITE_BIT) >> 9), entry & 511
    reason = kernels.why_illegal(_STATES[size], point, colour)
    if entry & (SETUP | REMOVE) or not reason:
        return f"set-up stones before move {number} leave a chain without liberties"
    return f"move {number} ({'BW'[colour - 1]} {name(point, size)}) is illegal: {REASONS[reason]}"


def _text(node: dict[str, list[bytes]], key: str, default: str = "") -> str:
    return node[key][0].decode("latin-1").strip() if key in node else default


def _size(text: str) -> int:
    columns, _, rows = text.partition(":")
    if not re.fullmatch("[0-9]{1,3}", columns) or (rows and rows != columns) or int(columns) not in SIZES:
        raise BadGame(f"board size {text[:9]} (sizes {SIZES.start} to {SIZES.stop - 1} can be read)")
    return int(columns)


def _point(value: bytes, size: int, where: str) -> int:
    """Point of SGF letters; "" and (up to 19x19) "tt" are a pass."""
    value = value.strip()
    if value in (b"", b"tt"):
        return size * size
    if len(value) == 2:
        column, row = value[0] - 97, size - 1 - (value[1] - 97)
        if 0 <= column < size and 0 <= row < size:
            return row * size + column
    raise BadGame(f"{where}: {value[:9].decode('latin-1')!r} is no point of a board of {size}x{size}")


def _points(value: bytes, size: int) -> list[int]:
    """One point, or all of a rectangle `aa:cc`."""
    first, colon, last = value.partition(b":")
    corners = [_point(part, size, "a set-up stone") for part in ((first, last) if colon else (first,))]
    if size * size in corners:
        raise BadGame("a set-up stone has no point")
    (row, column), (row2, column2) = divmod(corners[0], size), divmod(corners[-1], size)
    rows, columns = sorted((row, row2)), sorted((column, column2))
    return [r * size + c for r in range(rows[0], rows[1] + 1) for c in range(columns[0], columns[1] + 1)]


def _komi(text: str) -> float:
    """Komi; some servers write 375 for 3.75 stones each way, and 650 for 6.5 points. 0 where it cannot be read."""
    found = re.match(r"-?[0-9]{1,4}(\.[0-9]+)?", text.replace(",", "."))
    value = float(found[0]) if found else 0.0
    if abs(value) >= 100:
        value = value / 50 if abs(value) in (275, 375) else value / 100
    return value if abs(value) <= 60 else 0.0


def _result(text: str) -> int:
    start = text[:2].upper()
    return {"B+": 1, "W+": 2}.get(start, 3 if start[:1] in ("0", "D", "J") else 0)


def _rank(text: str) -> int:
    found = re.match(r"\s*(?:p|P)?([0-9]{1,2})\s*(dan|kyu|[dkpDKP]|段|級)?", text)
    if not found or not found[2]:
        return UNKNOWN_RANK
    number, kind = int(found[1]), found[2].lower()[0]
    if kind == "p":
        return 9 + number
    return 1 - number if kind in "k級" else number


def parse_rank(text: str) -> int:
    """The number of a rank such as 5k, 3d or 9p. Raises UserError."""
    rank = _rank(text)
    if rank == UNKNOWN_RANK:
        raise UserError(f"{text!r} is no rank, such as 5k, 3d or 9p")
    return rank
