"""A user's SGF file as games whose main line is walked through, node by node, with the position before each move."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.go.records import properties
from apps.go.records.grammar import BadGame, Tree, read_trees
from apps.go.records.sgf import read_source
from apps.go.rules.encode import KIND, POINT, SETUP, WHITE_BIT
from apps.go.rules.points import name
from apps.go.rules.position import Position
from cnn_core.errors import UserError


@dataclass(frozen=True)
class Step:
    """One node of the main line: the position in it before its move, and the move, if it has one.

    `position` is the walk's own and changes with every step; `number` counts moves from 1. A node with two moves
    gives two steps.
    """

    node: int
    """Index in `Record.tree.nodes`."""
    position: Position
    colour: int
    """1 or 2: who moves, or whose turn it is."""
    point: int | None
    number: int


@dataclass(frozen=True)
class Record:
    """One game of a file."""

    name: str
    tree: Tree
    size: int
    komi: float
    """Points; 0 where the record states none, as in stored games."""

    def walk(self) -> Iterator[Step]:
        """The nodes of the main line. Raises UserError for a bad move, named by its number, when it is reached."""
        try:
            yield from self._walk()
        except BadGame as reason:
            raise UserError(f"{self.name}: {reason}") from reason

    def _walk(self) -> Iterator[Step]:
        position, number, player = Position(self.size), 0, 0
        board: np.ndarray | None = None  # set-up stones that leave a chain without liberties, until more come
        for node, (stones, turn, moves) in enumerate(properties.actions(self.tree, self.size)):
            player = turn or player
            if stones:
                board = _set_up(position.board if board is None else board, stones)
                changed = _position(board)
                if changed:
                    position, board = changed, None
            if player:
                position.to_move = player
            if not moves:
                yield Step(node, position, position.to_move, None, number)
            for entry in moves:
                _check(board, number)
                number += 1
                colour, point = 2 if entry & WHITE_BIT else 1, entry & POINT
                position.to_move = colour
                yield Step(node, position, colour, point, number)
                reason = position.why_illegal(colour, point)
                if reason:
                    raise BadGame(f"move {number} ({'BW'[colour - 1]} {name(point, self.size)}) is illegal: {reason}")
                position.play(colour, point)
                player = position.to_move
        _check(board, number)

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
            numbered = f"its moves are numbered 1 to {count}" if count else "it has no moves"
            raise UserError(f"{self.name}: has no move {move}; {numbered}")
        return Step(step.node, step.position, step.position.to_move, None, count + 1)


def _set_up(board: np.ndarray, stones: list[int]) -> np.ndarray:
    """The board (size, size) with stones added and removed."""
    board = board.copy()
    for entry in stones:
        colour = 2 if entry & WHITE_BIT else 1
        board.flat[entry & POINT] = colour if entry & KIND == SETUP else 0
    return board


def _position(board: np.ndarray) -> Position | None:
    """A position with these stones; None where a chain has no liberties."""
    found = Position(len(board))
    try:
        found.setup(*(np.flatnonzero(board == colour).tolist() for colour in (1, 2)))
    except ValueError:
        return None
    return found


def _check(board: np.ndarray | None, number: int) -> None:
    if board is not None:
        raise BadGame(f"set-up stones before move {number + 1} leave a chain without liberties")


def read_records(source: Path | bytes) -> list[Record]:
    """All games of an SGF file, or of its bytes; text around the games is passed over. Problems without moves too.

    Raises UserError where there is no game, for games other than Go and for boards that the rules do not know.
    """
    file, text = read_source(source)
    trees = list(read_trees(text))
    if not trees:
        raise UserError(f"{file}: not an SGF game record")
    records = []
    for number, tree in enumerate(trees, start=1):
        title = file if len(trees) == 1 else f"{file} (game {number})"
        if isinstance(tree, BadGame):
            raise UserError(f"{title}: not an SGF game record that can be read: {tree}")
        try:
            size = properties.size(tree)
        except BadGame as reason:
            raise UserError(f"{title}: {reason}") from reason
        komi = properties.komi(tree.root_text(b"KM"), tree.root_text(b"AP"))
        records.append(Record(title, tree, size, komi))
    return records


def new_game(size: int) -> Any:
    """An empty record, sgfmill's."""
    from sgfmill import sgf

    return sgf.Sgf_game(size, encoding="UTF-8")
