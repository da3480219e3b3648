"""Groups that random games cannot decide: dead inside the other side's territory, or alive in seki.

Random players hardly kill a group that has room to run but none to live, and they play into a seki, which neither side
would. What the group has tells the two apart: many liberties and no room for two eyes means that it waits to be taken
off; few liberties, shared with the opponent, mean that nobody can begin. The limits were chosen on finished games of
strong amateurs and GNU Go's score tests (docs/experiments/go-judging.md).
"""

from dataclasses import dataclass

import numpy as np

from apps.go.counting.benson import regions
from apps.go.rules.points import BLACK, WHITE
from apps.go.rules.position import Position

WEAK = 0.3
"""Chains whose ownership is nearer to 0 than this are undecided."""
SLIGHT = 0.2
"""The same for groups of fewer than LARGE stones that may live in seki."""
LARGE = 10
OPEN = 5
"""A group with so many liberties stands in no seki."""
ROOM = 4
"""Points of a region in which a group can make two eyes."""
HOME = 16
"""Regions of more points, or of more than a fifth of the board, are not its own."""
FIRM = 0.2
"""Opponents weaker than this may be taken first: beside them no group is dead."""


@dataclass(frozen=True)
class Group:
    """Undecided chains of one colour that share liberties; all values as the group sees them."""

    colour: int
    stones: list[int]
    liberties: set[int]
    value: float
    """Mean ownership, +1 where its own side is sure to keep it."""

    @property
    def side(self) -> int:
        """The sign of its ownership for black."""
        return 1 if self.colour == BLACK else -1


def settled(position: Position, owner: np.ndarray) -> tuple[set[int], set[int]]:
    """Stones of undecided groups that are dead, and that are alive, whatever the sign of their ownership (n,) says."""
    dead: set[int] = set()
    alive: set[int] = set()
    found = undecided(position, owner)
    if not found:
        return dead, alive
    board, near, n = position.board.reshape(-1), position._state.near, position.passes
    home = min(HOME, n // 5)
    region = {colour: np.empty(n, np.int64) for colour in (BLACK, WHITE)}
    sizes = {}
    for colour, numbers in region.items():
        count = regions(position._state, colour, numbers)
        sizes[colour] = np.bincount(numbers[numbers >= 0], minlength=count)
    for group in found:
        stones, own = set(group.stones), region[group.colour]
        around = {q for p in stones | group.liberties for q in near[p].tolist() if q < n}
        beside = {int(own[q]) for p in stones for q in near[p].tolist() if q < n and own[q] >= 0}
        rooms = [size for number in beside if (size := sizes[group.colour][number]) <= home]
        friends = [group.side * owner[q] for q in around if board[q] == group.colour and q not in stones]
        others = [-group.side * owner[q] for q in around if board[q] == 3 - group.colour]
        weakest = min(others, default=1.0)
        if len(group.liberties) >= OPEN:
            if max(rooms, default=0) < ROOM and max(friends, default=-1.0) < WEAK and weakest >= FIRM:
                dead |= stones
        elif group.value > -(WEAK if len(stones) >= LARGE else SLIGHT) and (rooms or weakest < WEAK):
            alive |= stones
    return dead, alive


def undecided(position: Position, owner: np.ndarray) -> list[Group]:
    """The groups of chains whose mean ownership (n,) is within WEAK of 0."""
    board, near, n = position.board.reshape(-1), position._state.near, position.passes
    groups: list[Group] = []
    left = set(np.flatnonzero(board).tolist())
    while left:
        chain = position.chain(left.pop())
        left -= set(chain)
        if abs(owner[chain].mean()) >= WEAK:
            continue
        colour = int(board[chain[0]])
        stones, liberties = list(chain), {q for p in chain for q in near[p].tolist() if q < n and board[q] == 0}
        apart = []
        for other in groups:
            if other.colour == colour and other.liberties & liberties:
                stones, liberties = stones + other.stones, liberties | other.liberties
            else:
                apart.append(other)
        value = float(owner[stones].mean()) * (1 if colour == BLACK else -1)
        groups = [*apart, Group(colour, stones, liberties, value)]
    return groups
