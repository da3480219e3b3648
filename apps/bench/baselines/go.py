"""Game records replayed on sgfmill's board, as Python programs on Go usually do."""

import numpy as np
from sgfmill.boards import Board

from apps.go.records.collection import Collection
from apps.go.rules.encode import POINT, WHITE_BIT
from apps.go.rules.points import to_sgf


def sgfmill_loop(games: Collection, size: int) -> int:
    """Every position by sgfmill's Board, its stones as a plane (size, size) of int8."""
    count = 0
    for game in range(len(games)):
        board = Board(size)
        for entry in games.entries(game).tolist():
            plane = np.zeros((size, size), np.int8)
            for colour, (row, column) in board.list_occupied_points():
                plane[row, column] = 1 if colour == "b" else 2
            count += 1
            point = entry & POINT
            if point < size * size:
                board.play(point // size, point % size, "w" if entry & WHITE_BIT else "b")
    return count


def to_record(games: Collection, game: int) -> bytes:
    """A game as SGF."""
    size = int(games.size[game])
    moves = (
        f";{'W' if entry & WHITE_BIT else 'B'}[{to_sgf(entry & POINT, size)}]" for entry in games.entries(game).tolist()
    )
    return f"(;SZ[{size}]{''.join(moves)})".encode()
