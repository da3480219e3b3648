"""Groups whose ownership is near 0: dead in the other side's territory, alive in seki, or left as they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.go.counting.count import counted
from apps.go.counting.groups import WEAK, settled, undecided
from apps.go.rules.position import Position
from apps.go.rules.symmetry import sources

ENCLOSED = """
. O O O O O O . .
O O . . . . O O .
O . . X X . . O .
O . . . X X . O .
O O . . . . O O .
. O O O O O O . .
. . . . . . . . .
. . . . . . . . .
. . . . . . . . .
"""
CONNECTED = ENCLOSED.replace("O . . X X . . O .", "O . . X X . X O .")
ROOMY = """
O O O O O O O O .
O . . . . . . O .
O . X X X X . O .
O X . . . . X O .
O . X X X X . O .
O . . . . . . O .
O O O O O O O O .
. . . . . . . . .
. . . . . . . . .
"""
SEKI = """
. X O X . O . .
X X O X X O . .
. O O X O O . .
O O X X O . . .
X X X O O . . .
. . . O . . . .
. . . O . . . .
. . . O . . . .
"""


def drawn(text):
    """A position from rows of X (black), O (white) and dots, the top row first."""
    rows = [row.split() for row in text.split("\n") if row.strip()][::-1]
    position = Position(len(rows))
    cells = [cell for row in rows for cell in row]
    position.setup(*([point for point, cell in enumerate(cells) if cell == stone] for stone in "XO"))
    return position


def owned(position, black, white):
    """Ownership (n,): that of black's and of white's stones, and nobody's elsewhere."""
    board = position.board.reshape(-1)
    return np.where(board == 1, black, np.where(board == 2, white, 0.0))


@pytest.mark.parametrize("value", [-0.25, 0.0, 0.25])
def test_a_group_with_liberties_and_no_room_is_dead(value):
    position = drawn(ENCLOSED)
    stones = set(np.flatnonzero(position.board.reshape(-1) == 1).tolist())
    assert settled(position, owned(position, value, -0.8)) == (stones, set())
    found = counted(position, owned(position, value, -0.8))
    assert set(found.dead) == stones
    assert (found.owner == 2).all()


def test_a_group_that_may_live_is_left_alone():
    position = drawn(ENCLOSED)
    assert settled(position, owned(position, WEAK, -0.8)) == (set(), set())
    assert settled(position, owned(position, 0.1, 0.25)) == (set(), set())  # white around it may be taken first
    roomy = drawn(ROOMY)  # four points inside
    assert settled(roomy, owned(roomy, -0.2, -0.8)) == (set(), set())
    friend = drawn(CONNECTED)
    owner = owned(friend, 0.1, -0.8)
    assert settled(friend, owner)[0]
    # Stones that are alive beside one of its liberties.
    strong = [p for p in np.flatnonzero(friend.board.reshape(-1) == 1).tolist() if p % 9 == 6]
    owner[strong] = 0.9
    assert settled(friend, owner) == (set(), set())


def test_groups_in_seki_live_and_groups_in_the_open_do_not():
    position = drawn(SEKI)
    board = position.board.reshape(-1)
    small = {p for p in np.flatnonzero(board == 1).tolist() if p >= 56 or p in (48, 49)}
    owner = owned(position, -0.1, 0.1)
    dead, alive = settled(position, owner)
    assert not dead & small
    assert alive >= small
    owner = owned(position, -0.25, -0.9)
    _, alive = settled(position, owner)
    assert not alive & small  # fewer than ten stones, too far gone


def test_undecided_chains_that_share_liberties_are_one_group():
    position = drawn(". . . . .\n. X . X .\n. . . . X\n. O O . .\n. . . . .")
    groups = undecided(position, owned(position, 0.1, -0.2))
    assert sorted((group.colour, len(group.stones)) for group in groups) == [(1, 3), (2, 2)]
    assert sorted(group.value for group in groups) == pytest.approx([0.1, 0.2])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.integers(5, 9))
def test_turned_boards_and_changed_colours_are_settled_alike(seed, size):
    random = np.random.default_rng(seed)
    position, changed = Position(size), Position(size)
    for number in range(size * size):
        side = 1 + number % 2
        legal = np.flatnonzero(position.legal(side) & ~position.own_eye(side))
        if legal.size:
            point = int(random.choice(legal))
            position.play(side, point)
            changed.play(3 - side, point)
    owner = random.uniform(-0.5, 0.5, size * size)
    dead, alive = settled(position, owner)
    assert not dead & alive
    assert settled(changed, -owner) == (dead, alive)
    board = position.board.reshape(-1)
    for view in sources(size):
        turned = Position(size)
        turned.setup(*(np.flatnonzero(board[view] == colour).tolist() for colour in (1, 2)))
        found = settled(turned, owner[view])
        assert ({int(view[p]) for p in found[0]}, {int(view[p]) for p in found[1]}) == (dead, alive)
