"""Who owns what at the end of a game: random games to the end, from the position as it stands.

A policy network has no opinion on life and death. Games of random moves that fill no own eye tell dead stones from
living ones well enough at the end of a game (Bouzy and Helmstetter 2003 count this way), and say in the opening that
nothing is decided. Ownership is +1 where all games end black, -1 where all end white.

Random players fill the room in which their own groups live, and so kill them. In one game of six they are calm: neither
begins in a region that it surrounds, but answers there once the opponent has. Calm games let too many dead groups live;
few of them among the others come out best (docs/experiments/go-judging.md).
"""

import numpy as np

from apps.go.counting.benson import regions
from apps.go.rules import kernels
from apps.go.rules.compiled import compiled
from apps.go.rules.points import BLACK, WHITE
from apps.go.rules.position import Position

GAMES = 240
ALERT = 0.9
"""How often the players of random games capture, or save from capture, beside the last move."""
CALM = 6
"""Of so many games, one is calm."""
HOME = 16
"""Points of the largest region in which calm players do not begin."""
DECIDED = 0.9
"""Points whose ownership is at least this far from 0 are counted as decided."""


def ownership(position: Position, games: int = GAMES, seed: int = 0) -> np.ndarray:
    """(size, size) float, -1 to +1: mean owner of each point over `games` random games, half begun by each colour."""
    work = kernels.new_state(position.size)
    total = np.zeros(position.size * position.size, np.int64)
    state = position.copy()._state
    home = np.empty((3, position.passes), np.int64)
    _find_homes(state, home)
    _play_out(state, work, games, seed, home, total)
    return (total / games).reshape(position.size, position.size)


def dead_stones(position: Position, owner: np.ndarray) -> list[int]:
    """Stones of chains that mostly end as the opponent's, sorted. `owner` as `ownership` gives it."""
    board, flat = position.board.reshape(-1), owner.reshape(-1)
    dead: list[int] = []
    left = set(np.flatnonzero(board).tolist())
    while left:
        chain = position.chain(left.pop())
        left -= set(chain)
        side = 1 if board[chain[0]] == BLACK else -1
        if side * flat[chain].mean() < 0:
            dead += chain
    return sorted(dead)


def settled_score(position: Position, owner: np.ndarray, komi: float) -> float:
    """Area score, black minus white, after the dead stones are taken off."""
    board = position.board.reshape(-1)
    board[dead_stones(position, owner)] = 0
    cleared = Position(position.size)
    cleared.setup(*(np.flatnonzero(board == colour).tolist() for colour in (BLACK, WHITE)))
    return cleared.area_score(komi)


def score_name(score: float) -> str:
    """B+3.5, W+0.5 or 0."""
    return "0" if score == 0 else f"{'B' if score > 0 else 'W'}+{abs(score):g}"


@compiled
def _liberty(state, head):
    """The first liberty of a chain, which must have one."""
    for point in range(len(state.near)):
        if state.bits[head, point >> 6] & kernels.BITS[point & 63] != kernels.ZERO:
            return point
    return -1


@compiled
def _urgent(state, last, colour):
    """A legal move that captures a chain beside the last move, or saves an own one there from capture; or -1."""
    cells = state.cells
    for rescue in (False, True):
        for k in range(4):
            q = state.near[last, k]
            mover = colour if rescue else 3 - colour
            if cells[kernels.STONE + q] == mover and cells[kernels.LIBERTIES + cells[kernels.CHAIN + q]] == 1:
                point = _liberty(state, cells[kernels.CHAIN + q])
                if kernels.why_illegal(state, point, colour) == 0 and (not rescue or _is_safe(state, point, colour)):
                    return point
    if cells[kernels.LIBERTIES + cells[kernels.CHAIN + last]] == 1:
        point = _liberty(state, cells[kernels.CHAIN + last])
        if kernels.why_illegal(state, point, colour) == 0:
            return point
    return -1


@compiled
def _is_safe(state, point, colour):
    """Whether a move does not put its own chain into atari, as far as its neighbours tell."""
    cells = state.cells
    free = 0
    for k in range(4):
        q = state.near[point, k]
        stone = cells[kernels.STONE + q]
        if stone == 0:
            free += 1
        elif stone != kernels.WALL:
            liberties = cells[kernels.LIBERTIES + cells[kernels.CHAIN + q]]
            if (stone == colour and liberties > 2) or (stone != colour and liberties == 1):
                return True
    return free > 1


@compiled
def _find_homes(state, home):
    """home[colour, point] = number of the region that `colour` surrounds there, -1 where it is none or a large one."""
    region = np.empty(len(state.near), np.int64)
    for colour in (1, 2):
        size = np.zeros(regions(state, colour, region), np.int64)
        for number in region:
            if number >= 0:
                size[number] += 1
        for point in range(len(region)):
            number = region[point]
            home[colour, point] = number if number >= 0 and size[number] <= HOME else -1


@compiled
def _random_move(state, colour, empty, home, entered):
    """A random legal move that fills no own eye and lies in no home that the opponent has not `entered`, into atari
    only where there is no other; -1 when there is none.
    """
    count, rest = 0, -1
    for point in range(len(state.near)):
        if state.cells[kernels.STONE + point] == 0:
            number = home[colour, point]
            if number >= 0 and not entered[colour, number]:
                continue
            empty[count] = point
            count += 1
    while count > 0:
        k = np.random.randint(count)
        point = empty[k]
        if kernels.why_illegal(state, point, colour) == 0 and not kernels.is_eye(state, point, colour):
            if _is_safe(state, point, colour):
                return point
            rest = point
        count -= 1
        empty[k] = empty[count]
    return rest


@compiled
def _play_out(start, work, games, seed, home, total):
    """Add the owner of each point, +1 or -1, at the end of each of `games` random games."""
    np.random.seed(seed)
    n = len(start.near)
    empty = np.empty(n, np.int64)
    owner = np.empty(n, np.int8)
    entered = np.empty((3, n), np.bool_)
    for game in range(games):
        entered[:] = game // 2 % CALM != CALM - 1  # in all but calm games
        work.cells[:] = start.cells
        work.bits[:] = start.bits
        work.extra[:] = start.extra
        colour, passes, last = 1 + game % 2, 0, -1
        for _ in range(3 * n):
            chosen = _urgent(work, last, colour) if last >= 0 and np.random.random() < ALERT else -1
            if chosen < 0:
                chosen = _random_move(work, colour, empty, home, entered)
            last = chosen
            if chosen < 0:
                kernels.play_pass(work)
                passes += 1
                if passes == 2:
                    break
            else:
                number = home[3 - colour, chosen]
                if number >= 0:
                    entered[3 - colour, number] = True
                kernels.play(work, chosen, colour, False)
                passes = 0
            colour = 3 - colour
        kernels.area(work, owner)
        for point in range(n):
            total[point] += 1 if owner[point] == 1 else (-1 if owner[point] == 2 else 0)
