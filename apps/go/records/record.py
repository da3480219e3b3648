"""A user's SGF file as games whose main line is walked through, node by node, with the position before each move."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.go.rules import points
from apps.go.rules.position import Position
from cnn_core.errors import UserError

try:
    from sgfmill import sgf, sgf_grammar
except ImportError:
    raise UserError("SGF files need sgfmill; install it with: pip install 'cnn-suite[go]'") from None

MOST = 64 << 20  # bytes: larger files are no game records


@dataclass(frozen=True)
class Step:
    """One node of the main line: the position in it before its move, and the move, if it has one.

    `position` is the walk's own and changes as the walk goes on; `number` counts moves from 1.
    """

    node: Any
    position: Position
    colour: int
    point: int | None
    number: int


@dataclass(frozen=True)
class Record:
    """One game of a file; `game` is sgfmill's."""

    name: str
    game: Any
    size: int
    komi: float

    def walk(self) -> Iterator[Step]:
        """The nodes of the main line. Raises UserError for an illegal move, named by its number."""
        position, number = Position(self.size), 0
        for node in self.game.get_main_sequence():
            try:
                changed = _set_up(position, node)
                colour, place = node.get_move()
            except ValueError as error:
                raise UserError(f"{self.name}: damaged record after move {number}: {error}") from error
            if changed is not None:
                position = changed
            if colour is None:
                yield Step(node, position, position.to_move, None, number)
                continue
            number += 1
            side = points.colour(colour)
            point = position.passes if place is None else place[0] * self.size + place[1]
            position.to_move = side
            yield Step(node, position, side, point, number)
            try:
                position.play(side, point)
            except ValueError as error:
                raise UserError(f"{self.name}: move {number} cannot be played: {error}") from error

    def before(self, move: int | None) -> Step:
        """The step of move number `move`, or when it is None the one after the last, which has no move.

        Raises UserError when the game has no such move.
        """
        step = None
        for step in self.walk():
            if step.point is not None and step.number == move:
                return step
        count = step.number if step else 0
        if step is None or move is not None:
            raise UserError(f"{self.name}: has no move {move}; its moves are numbered 1 to {count}")
        return Step(step.node, step.position, step.position.to_move, None, count + 1)


def _set_up(position: Position, node: Any) -> Position | None:
    """The position with the node's set-up stones and player to move, or None where it has none."""
    black, white, empty = node.get_setup_stones() if node.has_setup_stones() else ((), (), ())
    turn = points.colour(node.get("PL")) if node.has_property("PL") else 0
    if not (black or white or empty or turn):
        return None
    if not (black or white or empty):
        position.to_move = turn
        return position
    board = position.board
    for value, places in ((1, black), (2, white), (0, empty)):
        for row, column in places:
            board[row, column] = value
    flat = board.reshape(-1)
    changed = Position(position.size)
    changed.setup(*(np.flatnonzero(flat == colour).tolist() for colour in (1, 2)))
    if turn:
        changed.to_move = turn
    return changed


def read_records(source: Path | bytes) -> list[Record]:
    """All games of an SGF file, or of its bytes; text around the games is passed over.

    Raises UserError where there is no game, for games other than Go and for boards larger than 19 x 19.
    """
    name = "standard input" if isinstance(source, bytes) else str(source)
    data = source if isinstance(source, bytes) else _bytes(source)
    try:
        trees = sgf_grammar.parse_sgf_collection(data)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name}: not an SGF game record ({error or 'too deeply nested'})") from error
    records = []
    for k, tree in enumerate(trees):
        title = name if len(trees) == 1 else f"{name} (game {k + 1})"
        try:
            kind = tree.sequence[0].get("GM", [b"1"])[0].strip()
            if kind not in (b"1", b""):
                raise UserError(f"{title}: is a record of another game than Go (GM {kind.decode('latin-1')[:20]})")
            game = _game(tree)
            size = game.get_size()
            komi = _komi(game)
        except ValueError as error:
            raise UserError(f"{title}: not a record of a Go game that can be read: {error}") from error
        if size not in points.SIZES:
            raise UserError(f"{title}: a board of {size} x {size}; the sizes are {points.SIZES.start} to 19")
        records.append(Record(title, game, size, komi))
    return records


def new_game(size: int) -> Any:
    """An empty record, sgfmill's."""
    return sgf.Sgf_game(size, encoding="UTF-8")


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST:
            raise UserError(f"{path}: too large for a game record (more than {MOST >> 20} MiB)")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def _game(tree: Any) -> Any:
    """The game of a tree; one that names an unknown encoding is taken for Latin-1, which loses nothing."""
    try:
        game = sgf.Sgf_game.from_coarse_game_tree(tree)
        b"".decode(game.get_charset())
    except (ValueError, LookupError):
        return sgf.Sgf_game.from_coarse_game_tree(tree, override_encoding="iso-8859-1")
    return game


def _komi(game: Any) -> float:
    try:
        komi = game.get_komi()
    except ValueError:
        return 7.5
    return komi if abs(komi) <= 1000 else 7.5
