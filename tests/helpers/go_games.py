"""Random games of Go, and slow and plain references: sgfmill's board, liberties by flood fill, ladders by trial."""

import random

import numpy as np

from apps.go.rules import points
from apps.go.rules.position import Position

NAMES = " bw"


def record(moves, size=9, root="KM[7.5]RE[B+1]"):
    """SGF of moves (colour, point)."""
    text = "".join(f";{'BW'[colour - 1]}[{points.to_sgf(point, size)}]" for colour, point in moves)
    return f"(;GM[1]SZ[{size}]{root}{text})"


def random_game(size, seed, length, eyes=0.02, passes=0.0):
    """A list of legal moves (colour, point); own eyes are seldom filled, so that games go on."""
    choice = random.Random(seed)
    position, moves = Position(size), []
    for _ in range(length):
        colour = position.to_move
        legal = position.legal(colour)
        good = np.flatnonzero(legal & ~position.own_eye(colour)) if choice.random() > eyes else np.flatnonzero(legal)
        point = size * size if not len(good) or choice.random() < passes else int(choice.choice(list(good)))
        position.play(colour, point)
        moves.append((colour, point))
        if len(moves) > 1 and moves[-2][1] == point == size * size and not passes:
            break
    return moves


def crowded_game(size, seed, length):
    """A game in one corner first: many captures, kos and ladders."""
    choice = random.Random(seed)
    position, moves = Position(size), []
    side = max(3, size // 2 + 1)
    for turn in range(length):
        colour = position.to_move
        legal = np.flatnonzero(position.legal(colour) & ~position.own_eye(colour))
        near = [p for p in legal if p // size < side and p % size < side] if turn < length // 2 else list(legal)
        point = int(choice.choice(near or list(legal) or [size * size]))
        position.play(colour, point)
        moves.append((colour, point))
    return moves


def board_array(board):
    """(size, size) of sgfmill's board: 0, 1, 2."""
    found = np.zeros((board.side, board.side), int)
    for colour, (row, column) in board.list_occupied_points():
        found[row, column] = NAMES.index(colour)
    return found


def play_on(board, colour, point):
    """Play on sgfmill's board; the ko point or -1."""
    if point == board.side**2:
        return -1
    ko = board.play(*divmod(point, board.side), NAMES[colour])
    return -1 if ko is None else ko[0] * board.side + ko[1]


def chain_and_liberties(array, row, column):
    """Sets of the stones and of the liberties of a chain, by flood fill."""
    size, colour = len(array), array[row, column]
    stones, liberties, queue = {(row, column)}, set(), [(row, column)]
    while queue:
        r, c = queue.pop()
        for place in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
            if not (0 <= place[0] < size and 0 <= place[1] < size):
                continue
            if array[place] == 0:
                liberties.add(place)
            elif array[place] == colour and place not in stones:
                stones.add(place)
                queue.append(place)
    return stones, liberties


def neighbours(size, point):
    row, column = divmod(point, size)
    places = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    return [r * size + c for r, c in places if 0 <= r < size and 0 <= c < size]


def liberties_of(position, point):
    """Liberties (points) of the chain at a point."""
    array, size = position.board, position.size
    return {r * size + c for r, c in chain_and_liberties(array, *divmod(point, size))[1]}


def played(position, colour, point):
    """A copy after a move, or None when it is illegal."""
    if position.why_illegal(colour, point):
        return None
    after = position.copy()
    after.play(colour, point)
    return after


def defences(position, point):
    """Moves that may save a chain in atari: captures of enemies in atari beside it, and its liberty."""
    array, size = position.board.ravel(), position.size
    found = set(liberties_of(position, point))
    for stone in position.chain(point):
        for q in neighbours(size, stone):
            if array[q] == 3 - array[point] and len(liberties_of(position, q)) == 1:
                found |= liberties_of(position, q)
    return found


def is_caught(position, point, defends):
    """Ladder by trying every move, as `apps.go.rules.ladders` defines it."""
    colour = int(position.board.ravel()[point])
    if defends:
        for move in defences(position, point):
            after = played(position, colour, move)
            if after is not None:
                free = len(liberties_of(after, point))
                if free > 2 or (free == 2 and not is_caught(after, point, False)):
                    return False
        return True
    for move in liberties_of(position, point):
        after = played(position, 3 - colour, move)
        if after is not None and is_caught(after, point, True):
            return True
    return False
