"""Stored moves to compact planes: games are replayed by compiled code, and each position becomes a few bytes a point.

A game is a run of uint16 entries: bits 0 to 8 the point (size * size is a pass), bit 9 set for white, bits 10 and 11
what it is: a move, a set-up stone, a point made empty. Planes are uint8, those of one position (P, n); a feature set
uses the first of them. The front end (`apps.go.front`) makes floats of them.

    STONES      1 own, 2 opponent's; +4 everywhere when white is to move; +8 where simple ko forbids the move
    LIBERTIES   of the chain at the point, at most 255
    AGE         moves since the latest move at the point: 1 is the last move; 0 never, or longer ago than 255
    LADDERS     bits of `apps.go.rules.ladders`; with CAPTURE also LEGAL and EYE
    KOMI        128 + 2 x what the rules give the player to move
    CAPTURE     stones that a move here captures (at most 15); x 16: own stones that it puts into atari (at most 15)
    AFTER_MOVE  liberties of the own chain after a move here, at most 255; 0 where it is illegal
"""

import threading
from typing import NamedTuple

import numpy as np

from apps.go.rules import kernels, ladders
from apps.go.rules.compiled import compiled
from apps.go.rules.kernels import CHAIN, KO, STONE, STONES, State
from apps.go.rules.kernels import LIBERTIES as LIBERTIES_OF
from apps.go.rules.position import Position

STONES_PLANE, LIBERTIES, AGE, LADDERS, KOMI, CAPTURE, AFTER_MOVE = range(7)
PLANES = 7
LEGAL, EYE = 32, 64
POINT, WHITE_BIT, SETUP, REMOVE, KIND = 511, 512, 1024, 2048, 3072


_kept = threading.local()
"""Working memory of this thread, by board size."""


class Scratch(NamedTuple):
    """Working memory of one thread for one board size."""

    state: State
    stamps: np.ndarray
    """int16 (n,): number of the latest move at a point, 0 for none."""
    caught: np.ndarray
    """uint8 (3, n): ladders now, one and two moves ago."""


def new_scratch(size: int) -> Scratch:
    """Working memory for boards of `size` x `size`."""
    n = size * size
    return Scratch(kernels.new_state(size), np.zeros(n, np.int16), np.zeros((3, n), np.uint8))


@compiled
def first_illegal(state, moves):
    """Index of the first entry that cannot be, or -1: an illegal move, or a set-up chain without liberties."""
    n = len(state.near)
    kernels.clear(state)
    changed = False
    for i in range(len(moves)):
        entry = np.int64(moves[i])
        point, colour = entry & POINT, 1 + ((entry & WHITE_BIT) >> 9)
        if entry & KIND:
            if point >= n:
                return i
            state.cells[STONE + point] = colour if entry & SETUP else 0
            changed = True
            continue
        if changed:
            if not kernels.rebuild(state):
                return i
            changed = False
        if point == n:
            kernels.play_pass(state)
        elif point > n or kernels.why_illegal(state, point, colour) != 0:
            return i
        else:
            kernels.play(state, point, colour, False)
    return -1


@compiled
def _write_stones(state, stamps, number, colour, planes, out):
    cells = state.cells
    n = len(stamps)
    flag = 4 if colour == 2 else 0
    for point in range(n):
        stone = cells[STONE + point]
        out[STONES_PLANE, point] = flag if stone == 0 else flag + (1 if stone == colour else 2)
    if cells[KO] >= 0 and cells[KO + 1] == colour:
        out[STONES_PLANE, cells[KO]] += 8
    if planes > LIBERTIES:
        for point in range(n):
            free = cells[LIBERTIES_OF + cells[CHAIN + point]]
            out[LIBERTIES, point] = min(free, 255) if cells[STONE + point] != 0 else 0
    if planes > AGE:
        for point in range(n):
            age = number - stamps[point]
            out[AGE, point] = age if stamps[point] > 0 and age < 256 else 0


@compiled
def _try_capture(state, point, colour):
    """(stones captured, size, liberties of the own chain) after a legal move that captures."""
    cells = state.cells
    mark, hash_before = state.extra[0], state.extra[3]
    captured = np.int64(kernels.play(state, point, colour, True))
    head = cells[CHAIN + point]
    size, free = np.int64(cells[STONES + head]), np.int64(cells[LIBERTIES_OF + head])
    kernels.undo(state, mark)
    state.extra[3] = hash_before
    return captured, size, free


@compiled
def _try_join(state, point, colour):
    """(size, liberties) of the own chain after a legal move beside own stones that captures nothing."""
    cells, near, bits = state.cells, state.near, state.bits
    size, free = 1, 0
    for k in range(4):
        q = near[point, k]
        if cells[STONE + q] == colour:
            new = True
            for j in range(k):
                r = near[point, j]
                new &= cells[STONE + r] != colour or cells[CHAIN + r] != cells[CHAIN + q]
            size += cells[STONES + cells[CHAIN + q]] if new else 0
    for word in range(bits.shape[1]):
        union = kernels.ZERO
        for k in range(4):
            q = np.int64(near[point, k])
            stone = cells[STONE + q]
            if stone == colour:
                union |= bits[cells[CHAIN + q], word]
            elif stone == 0 and q >> 6 == word:
                union |= kernels.BITS[q & 63]
        free += kernels.popcount(union)
    return size, free - 1  # the point itself was a liberty of the chain that it joins


@compiled
def _write_tactics(state, colour, out):
    """LEGAL and EYE, and what a move at each point would do."""
    cells = state.cells
    for point in range(len(state.near)):
        out[CAPTURE, point] = 0
        out[AFTER_MOVE, point] = 0
        if kernels.why_illegal(state, point, colour) != 0:
            continue
        out[LADDERS, point] |= LEGAL
        empty, friends, captures = 0, 0, False
        for k in range(4):
            q = state.near[point, k]
            stone = cells[STONE + q]
            empty += stone == 0
            friends += stone == colour
            captures |= stone == 3 - colour and cells[LIBERTIES_OF + cells[CHAIN + q]] == 1
        # Most moves do neither, and handing a whole state to a function takes longer than these sums.
        captured, size, free = 0, 1, empty
        if captures:
            captured, size, free = _try_capture(state, point, colour)
        elif friends > 0:
            size, free = _try_join(state, point, colour)
        out[AFTER_MOVE, point] = min(free, 255)
        out[CAPTURE, point] = min(captured, 15) + (16 * min(size, 15) if free == 1 else 0)
        if empty == 0 and kernels.is_eye(state, point, colour):
            out[LADDERS, point] |= EYE


@compiled
def replay(scratch, moves, first, komi, planes, out):
    """Replay `moves` and write the positions before entry `first` and every later move to rows of `out`.

    `out` is uint8 (rows, planes, n); `komi` in points. Gives the number of rows written. The moves must be legal
    (see `first_illegal`); `first` may be len(moves) - 1 to get the last position alone.
    """
    state, stamps, caught = scratch
    n = len(stamps)
    kernels.clear(state)
    stamps[:] = 0
    caught[:] = 0
    number, row, changed = 1, 0, False
    for i in range(len(moves)):
        entry = np.int64(moves[i])
        point, colour = entry & POINT, 1 + ((entry & WHITE_BIT) >> 9)
        if entry & KIND:
            state.cells[STONE + point] = colour if entry & SETUP else 0
            stamps[point] = 0
            changed = True
            continue
        if changed:
            kernels.rebuild(state)
            changed = False
        if planes > LADDERS and i >= first - 2:
            caught[2] = caught[1]
            caught[1] = caught[0]
            ladders.mark_ladders(state, colour, caught[0])
        if i >= first:
            position = out[row]
            row += 1
            _write_stones(state, stamps, number, colour, planes, position)
            if planes > LADDERS:
                for p in range(n):
                    before = (caught[1, p] & 1) * ladders.BEFORE + (caught[2, p] & 1) * ladders.LONG_BEFORE
                    position[LADDERS, p] = caught[0, p] | before
            if planes > KOMI:
                own = komi if colour == 2 else -komi
                position[KOMI, :] = np.uint8(min(max(128 + round(2 * own), 0), 255))
            if planes > CAPTURE:
                _write_tactics(state, colour, position)
        if point == n:
            kernels.play_pass(state)
        else:
            kernels.play(state, point, colour, False)
            stamps[point] = number
        number += 1
    return row


@compiled
def replay_samples(scratch, moves, offsets, komis, samples, planes, out):
    """Write the position before each of `samples` (B, 2), game and index of the move among all, to `out` (B, P, n)."""
    for b in range(len(samples)):
        game, i = samples[b, 0], samples[b, 1]
        start = offsets[game]
        replay(scratch, moves[start : i + 1], i - start, komis[game], planes, out[b : b + 1])


@compiled
def replay_games(scratch, moves, offsets, komis, games, planes, out):
    """Write every position of `games` (their numbers), whole game after whole game; gives the rows written."""
    row = 0
    for game in games:
        part = moves[offsets[game] : offsets[game + 1]]
        row += replay(scratch, part, 0, komis[game], planes, out[row:])
    return row


def entries(position: Position) -> list[int]:
    """The stored form of a position: its set-up stones and its moves."""
    black, white = position.stones
    stones = [SETUP | point for point in black] + [SETUP | WHITE_BIT | point for point in white]
    return stones + [point | (WHITE_BIT if colour == 2 else 0) for colour, point in position.history]


def encode(position: Position, colour: int | None = None, komi: float = 7.5) -> np.ndarray:
    """All planes (PLANES, size, size) uint8 of a position for `colour` to move (else whose turn it is)."""
    moves = np.array(entries(position), np.uint16)
    return encode_entries(moves, position.size, colour or position.to_move, komi)


def encode_entries(moves: np.ndarray, size: int, colour: int, komi: float) -> np.ndarray:
    """The same of stored entries (L,)."""
    last = np.array([size * size | (WHITE_BIT if colour == 2 else 0)], np.uint16)  # a pass, to be encoded before
    moves = np.concatenate([moves.astype(np.uint16), last])
    out = np.empty((1, PLANES, size * size), np.uint8)
    if size not in _kept.__dict__.setdefault("scratch", {}):
        _kept.scratch[size] = new_scratch(size)
    replay(_kept.scratch[size], moves, len(moves) - 1, komi, PLANES, out)
    return out.reshape(PLANES, size, size)
