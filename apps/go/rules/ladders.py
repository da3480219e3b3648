"""Reading ladders: is a chain with one or two liberties caught, however it runs?

The attacker may only give atari, the defender only extend or capture a chain that gives atari: the tree is a thin
one. A chain that reaches three liberties has escaped. Reading stops after `BUDGET` moves, and the chain then counts
as escaped.
"""

import numpy as np

from apps.go.rules.compiled import compiled
from apps.go.rules.kernels import (
    AFTER,
    CHAIN,
    DEPTH,
    LIBERTIES,
    LOG,
    ONE,
    STONE,
    ZERO,
    play,
    popcount,
    undo,
    why_illegal,
)

BUDGET = 600
"""Moves played in one reading; the longest ladder across a 19x19 board takes about 120."""
COUNT, INDEX, MARK, DEFENDS = 8, 9, 10, 11
"""Places in a frame of the stack, behind its moves: how many there are, the next one, the log's length, whose turn."""
ROOM = 8192  # log entries that one move may need, generously

LADDERED, BEFORE, LONG_BEFORE, CAPTURES, ESCAPES = 1, 2, 4, 8, 16
"""Bits of the ladder plane: chain caught now, one move ago, two moves ago; a move that catches; a move that escapes."""


@compiled
def liberty(state, head, number):
    """The liberty of a chain with this number (0 is the lowest), -1 where there are not so many."""
    for word in range(state.bits.shape[1]):
        bits = state.bits[head, word]
        while bits != ZERO:
            low = bits & (~bits + ONE)
            if number == 0:
                return word * 64 + popcount(low - ONE)
            number -= 1
            bits ^= low
    return -1


@compiled
def escaping_moves(state, point, out):
    """The moves by which a chain in atari may save itself: captures of attackers in atari, then its liberty.

    They go to `out` (at least 8 places); gives their number.
    """
    cells, near = state.cells, state.near
    head = np.int64(cells[CHAIN + point])
    colour = cells[STONE + point]
    found = 0
    stone = head
    while True:
        for k in range(4):
            q = near[stone, k]
            if cells[STONE + q] == 3 - colour:
                enemy = np.int64(cells[CHAIN + q])
                if cells[LIBERTIES + enemy] == 1 and found < 7:
                    move = liberty(state, enemy, 0)
                    new = True
                    for i in range(found):
                        new &= out[i] != move
                    if new:
                        out[found] = move
                        found += 1
        stone = np.int64(cells[AFTER + stone])
        if stone == head:
            break
    move = liberty(state, head, 0)
    for i in range(found):
        if out[i] == move:
            return found
    out[found] = move
    return found + 1


@compiled
def runs_free(state, head, move, other):
    """Whether the chain, after the attacker's `move` on one of its two liberties, surely gets three at the `other`.

    A bound that costs no move: new liberties beside `other`, or those of a chain that it joins there.
    """
    cells = state.cells
    colour = cells[STONE + head]
    empty = 0
    for k in range(4):
        q = state.near[other, k]
        stone = cells[STONE + q]
        empty += stone == 0 and q != move
        if stone == colour and cells[CHAIN + q] != head and cells[LIBERTIES + cells[CHAIN + q]] > 4:
            return True
    return empty > 2


@compiled
def _push(state, depth, point, defends):
    """Start the choice at `depth`: the moves of the side whose turn it is."""
    frame = state.stack[depth]
    frame[INDEX] = 0
    frame[MARK] = state.extra[0]
    frame[DEFENDS] = defends
    head = np.int64(state.cells[CHAIN + point])
    if defends:
        frame[COUNT] = escaping_moves(state, point, frame)
        return
    low, high = liberty(state, head, 0), liberty(state, head, 1)
    frame[COUNT] = 0
    for i in range(2):
        move, other = (low, high) if i == 0 else (high, low)
        if not runs_free(state, head, move, other):
            frame[frame[COUNT]] = move
            frame[COUNT] += 1


@compiled
def caught(state, point, defends):
    """Whether the chain at `point` is caught; `defends`: its side moves now, and it is in atari, else it has two.

    A depth-first search with a stack of its own: numba does not keep recursive functions in its cache.
    """
    cells, stack = state.cells, state.stack
    colour = np.int64(cells[STONE + point])
    start, budget, depth = state.extra[0], BUDGET, 0
    _push(state, 0, point, defends)
    while True:
        frame = stack[depth]
        lost = frame[DEFENDS] == 1  # when no move helps, the side whose turn it is has failed
        decided = frame[INDEX] == frame[COUNT]
        if not decided:
            move = frame[frame[INDEX]]
            frame[INDEX] += 1
            side = colour if frame[DEFENDS] else 3 - colour
            if why_illegal(state, move, side) != 0:
                continue
            budget -= 1
            if budget < 0 or depth + 1 == DEPTH or state.extra[0] > LOG - ROOM:
                undo(state, start)
                return False
            play(state, move, side, True)
            free = cells[LIBERTIES + cells[CHAIN + point]]
            if not frame[DEFENDS] or free == 2:
                depth += 1
                _push(state, depth, point, not frame[DEFENDS])
                continue
            undo(state, frame[MARK])
            if free == 1:
                continue
            lost, decided = False, True
        while decided:  # the result goes up to the first choice that has other moves left
            if depth == 0:
                return lost
            depth -= 1
            undo(state, stack[depth, MARK])
            decided = lost != (stack[depth, DEFENDS] == 1)


@compiled
def mark_ladders(state, colour, out):
    """Fill `out` (n,) for `colour` to move: LADDERED on caught chains, CAPTURES and ESCAPES on moves.

    A chain in atari is caught when its side cannot save it by moving first, a chain with two liberties when the
    other side can catch it by moving first.
    """
    cells, near = state.cells, state.near
    n = len(near)
    hash_before = state.extra[3]
    moves = np.empty(8, np.int64)
    out[:] = 0
    for head in range(n):
        own = np.int64(cells[STONE + head])
        if own == 0 or cells[CHAIN + head] != head:
            continue
        free = cells[LIBERTIES + head]
        if free > 2:
            continue
        mark = state.extra[0]
        lost = free == 1
        if free == 1:
            for i in range(escaping_moves(state, head, moves)):
                move = moves[i]
                if why_illegal(state, move, own) != 0:
                    continue
                play(state, move, own, True)
                after = cells[LIBERTIES + cells[CHAIN + head]]
                saved = after > 2 or (after == 2 and not caught(state, head, False))
                undo(state, mark)
                if saved:
                    lost = False
                    if own != colour:
                        break
                    out[move] |= ESCAPES
        else:
            low, high = liberty(state, head, 0), liberty(state, head, 1)
            for i in range(2):
                move, other = (low, high) if i == 0 else (high, low)
                if runs_free(state, head, move, other) or why_illegal(state, move, 3 - own) != 0:
                    continue
                play(state, move, 3 - own, True)
                works = caught(state, head, True)
                undo(state, mark)
                if works:
                    lost = True
                    if own == colour:
                        break
                    out[move] |= CAPTURES
        if lost:
            stone = np.int64(head)
            while True:
                out[stone] |= LADDERED
                stone = np.int64(cells[AFTER + stone])
                if stone == head:
                    break
    state.extra[3] = hash_before
