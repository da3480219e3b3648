"""The rules of Go as compiled functions over flat arrays: chains and liberties are kept, not searched.

Every stone belongs to a chain, named by one of its stones, its head. A chain's stones form a ring (`AFTER`), its
liberties are a set of bits, so that joining two chains is a few ORs and liberties never need a flood fill. All of a
position but those bits lies in one int16 array, `cells`, in tables of `STRIDE` entries; with `keep` every change is
logged, and `undo` takes moves back: that is what reading ladders needs.

Points run from 0 to n - 1 (n = size * size); cell n is the wall around the board.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from apps.go.rules.compiled import compiled

STRIDE = 362  # 19 x 19 points and the wall
STONE, CHAIN, AFTER, STONES, LIBERTIES = (i * STRIDE for i in range(5))
"""Tables in `cells`: colour of a point; head of its chain; next stone of the ring; and, by head, size and liberties."""
KO = 5 * STRIDE
"""Cell of the point forbidden by simple ko, or -1; the next cell is the colour for which it is."""
CELLS = KO + 2
WALL = 3
LOG = 1 << 16
DEPTH = 400

ONE = np.uint64(1)
ZERO = np.uint64(0)
BITS = np.uint64(1) << np.arange(64, dtype=np.uint64)
M1, M2, M4 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
H1, S1, S2, S4, S56 = np.uint64(0x0101010101010101), np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)


class State(NamedTuple):
    """A position as the kernels take it; made by `new_state`."""

    cells: np.ndarray
    """int16 (CELLS,)."""
    bits: np.ndarray
    """uint64 (n, words): liberties of the chain with this head."""
    near: np.ndarray
    """int16 (n, 4): neighbours, the wall n where the board ends."""
    diagonal: np.ndarray
    """int16 (n, 4): diagonal neighbours."""
    log: np.ndarray
    """int64 (LOG, 2): where a value was, and the value."""
    extra: np.ndarray
    """int64 (4,): length of the log, stones captured by black, by white, hash of the board."""
    keys: np.ndarray
    """int64 (3, n): random numbers whose XOR over stones is the hash (Zobrist 1970)."""
    stack: np.ndarray
    """int64 (DEPTH, 12): choices on the way when ladders are read."""


def new_state(size: int) -> State:
    """An empty board of `size` x `size`; states of one size share their tables of neighbours and keys."""
    n = size * size
    cells = np.zeros(CELLS, np.int16)
    cells[STONE + n] = WALL
    cells[KO] = -1
    near, diagonal, keys = _tables(size)
    return State(
        cells,
        np.zeros((n, (n + 63) // 64), np.uint64),
        near,
        diagonal,
        np.empty((LOG, 2), np.int64),
        np.zeros(4, np.int64),
        keys,
        np.empty((DEPTH, 12), np.int64),
    )


def copy_state(source: State, target: State) -> None:
    """Make `target`, of the same size, the position that `source` is; logs and choices are working memory."""
    target.cells[:], target.bits[:], target.extra[:] = source.cells, source.bits, source.extra


@cache
def _tables(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neighbours, diagonal neighbours, and keys of the hash."""
    n = size * size
    rows, columns = np.divmod(np.arange(n), size)

    def neighbours(steps: tuple[tuple[int, int], ...]) -> np.ndarray:
        found = np.full((n, 4), n, np.int16)
        for k, (down, right) in enumerate(steps):
            r, c = rows + down, columns + right
            inside = (r >= 0) & (r < size) & (c >= 0) & (c < size)
            found[inside, k] = (r * size + c)[inside]
        return found

    keys = np.random.default_rng(19).integers(-(2**63), 2**63 - 1, (3, n), dtype=np.int64)
    beside = neighbours(((-1, 0), (1, 0), (0, -1), (0, 1)))
    return beside, neighbours(((-1, -1), (-1, 1), (1, -1), (1, 1))), keys


@compiled
def clear(state):
    """Empty the board."""
    n = len(state.near)
    state.cells[:] = 0
    state.cells[STONE + n] = WALL
    state.cells[KO] = -1
    state.extra[:] = 0


@compiled
def _put(state, cell, value, keep):
    if keep and state.cells[cell] != value:
        n = state.extra[0]
        state.log[n, 0] = cell
        state.log[n, 1] = state.cells[cell]
        state.extra[0] = n + 1
    state.cells[cell] = value


@compiled
def _put_bits(state, head, word, value, keep):
    if keep and state.bits[head, word] != value:
        n = state.extra[0]
        state.log[n, 0] = -1 - (head * state.bits.shape[1] + word)
        state.log[n, 1] = np.int64(state.bits[head, word])
        state.extra[0] = n + 1
    state.bits[head, word] = value


@compiled
def undo(state, mark):
    """Take back everything logged since the log had length `mark`."""
    words = state.bits.shape[1]
    for i in range(state.extra[0] - 1, mark - 1, -1):
        cell = state.log[i, 0]
        if cell >= 0:
            state.cells[cell] = state.log[i, 1]
        else:
            cell = -1 - cell
            state.bits[cell // words, cell % words] = np.uint64(state.log[i, 1])
    state.extra[0] = mark


@compiled
def popcount(x):
    """Number of ones of a uint64."""
    x = x - ((x >> S1) & M1)
    x = (x & M2) + ((x >> S2) & M2)
    x = (x + (x >> S4)) & M4
    return np.int64((x * H1) >> S56)


@compiled
def _gain(state, head, point, keep):
    """The chain has a new liberty, unless it has it already."""
    word = state.bits[head, point >> 6]
    bit = BITS[point & 63]
    if word & bit == ZERO:
        _put_bits(state, head, point >> 6, word | bit, keep)
        _put(state, LIBERTIES + head, state.cells[LIBERTIES + head] + 1, keep)


@compiled
def _lose(state, head, point, keep):
    """The chain has a liberty no longer, if it had it."""
    word = state.bits[head, point >> 6]
    bit = BITS[point & 63]
    if word & bit != ZERO:
        _put_bits(state, head, point >> 6, word & ~bit, keep)
        _put(state, LIBERTIES + head, state.cells[LIBERTIES + head] - 1, keep)


@compiled
def _join(state, a, b, keep):
    """Make chains a and b one, and give its head."""
    cells = state.cells
    if cells[STONES + a] < cells[STONES + b]:
        a, b = b, a
    total = 0
    for w in range(state.bits.shape[1]):
        both = state.bits[a, w] | state.bits[b, w]
        _put_bits(state, a, w, both, keep)
        total += popcount(both)
    _put(state, LIBERTIES + a, total, keep)
    _put(state, STONES + a, cells[STONES + a] + cells[STONES + b], keep)
    stone = b
    while True:
        _put(state, CHAIN + stone, a, keep)
        stone = cells[AFTER + stone]
        if stone == b:
            break
    after = cells[AFTER + a]
    _put(state, AFTER + a, cells[AFTER + b], keep)
    _put(state, AFTER + b, after, keep)
    return a


@compiled
def _remove(state, head, keep):
    """Take a chain off the board; the chains around it gain liberties."""
    cells, near = state.cells, state.near
    colour = cells[STONE + head]
    stone = np.int64(head)
    while True:
        _put(state, STONE + stone, 0, keep)
        state.extra[3] ^= state.keys[colour, stone]
        for k in range(4):
            q = near[stone, k]
            if cells[STONE + q] == 3 - colour:
                _gain(state, cells[CHAIN + q], stone, keep)
        stone = np.int64(cells[AFTER + stone])
        if stone == head:
            break


@compiled
def play(state, point, colour, keep):
    """Play a legal move that is not a pass, or suicide; gives the number of the opponent's stones captured."""
    cells, near = state.cells, state.near
    _put(state, KO, -1, keep)
    _put(state, STONE + point, colour, keep)
    _put(state, CHAIN + point, point, keep)
    _put(state, AFTER + point, point, keep)
    _put(state, STONES + point, 1, keep)
    _put(state, LIBERTIES + point, 0, keep)
    for w in range(state.bits.shape[1]):
        _put_bits(state, point, w, ZERO, keep)
    state.extra[3] ^= state.keys[colour, point]
    for k in range(4):
        q = near[point, k]
        if cells[STONE + q] == 0:
            _gain(state, point, q, keep)
    head = np.int64(point)
    for k in range(4):
        q = near[point, k]
        if cells[STONE + q] == colour:
            other = np.int64(cells[CHAIN + q])
            if other != head:
                head = np.int64(_join(state, head, other, keep))
    _lose(state, head, point, keep)
    captured, last = 0, -1
    for k in range(4):
        q = near[point, k]
        if cells[STONE + q] == 3 - colour:
            other = np.int64(cells[CHAIN + q])
            _lose(state, other, point, keep)
            if cells[LIBERTIES + other] == 0:
                captured += cells[STONES + other]
                last = other
                _remove(state, other, keep)
    if captured == 0 and cells[LIBERTIES + head] == 0:  # suicide: who allows it has seen to that before
        _remove(state, head, keep)
        if not keep:
            state.extra[3 - colour] += cells[STONES + head]
    if captured == 1 and cells[STONES + head] == 1 and cells[LIBERTIES + head] == 1:
        _put(state, KO, last, keep)
        _put(state, KO + 1, 3 - colour, keep)
    if not keep:
        state.extra[colour] += captured
    return captured


@compiled
def play_pass(state):
    """A pass lifts the ko."""
    state.cells[KO] = -1


OCCUPIED, KO_BAN, SUICIDE = 1, 2, 3


@compiled
def why_illegal(state, point, colour):
    """0 for a legal move (superko apart), else OCCUPIED, KO_BAN or SUICIDE."""
    cells, near = state.cells, state.near
    if cells[STONE + point] != 0:
        return OCCUPIED
    if cells[KO] == point and cells[KO + 1] == colour:
        return KO_BAN
    for k in range(4):
        q = near[point, k]
        stone = cells[STONE + q]
        if stone == 0:
            return 0
        if stone == colour:
            if cells[LIBERTIES + cells[CHAIN + q]] > 1:
                return 0
        elif stone == 3 - colour and cells[LIBERTIES + cells[CHAIN + q]] == 1:
            return 0
    return SUICIDE


@compiled
def legal_moves(state, colour, out):
    """out[point] = the move is legal, superko apart."""
    for point in range(len(state.near)):
        out[point] = why_illegal(state, point, colour) == 0


@compiled
def suicides(state, colour, out):
    """out[point] becomes True where `colour` may play with suicide allowed: of two stones or more together."""
    cells = state.cells
    for point in range(len(state.near)):
        if why_illegal(state, point, colour) == SUICIDE:
            for k in range(4):
                out[point] |= cells[STONE + state.near[point, k]] == colour


@compiled
def hash_after(state, point, colour):
    """Hash of the board after a legal move."""
    before = state.extra[3]
    mark = state.extra[0]
    play(state, point, colour, True)
    after = state.extra[3]
    undo(state, mark)
    state.extra[3] = before
    return after


@compiled
def forbid_repeats(state, colour, seen, out):
    """Positional superko: out[point] becomes False where the move would repeat one of the boards `seen` (hashes)."""
    for point in range(len(state.near)):
        if out[point]:
            after = hash_after(state, point, colour)
            for old in seen:
                if old == after:
                    out[point] = False
                    break


@compiled
def rebuild(state):
    """Find chains, liberties and hash anew after stones were set freely; False when a chain has no liberty."""
    n = len(state.near)
    cells, near = state.cells, state.near
    state.extra[3] = 0
    cells[KO] = -1
    for point in range(n):
        cells[CHAIN + point] = point
        cells[AFTER + point] = point
        cells[STONES + point] = 1
        cells[LIBERTIES + point] = 0
        state.bits[point, :] = ZERO
        if cells[STONE + point] != 0:
            state.extra[3] ^= state.keys[cells[STONE + point], point]
            for k in range(4):
                q = near[point, k]
                if cells[STONE + q] == 0:
                    _gain(state, point, q, False)
    for point in range(n):
        if cells[STONE + point] != 0:
            for k in range(4):
                q = near[point, k]
                if q < point and cells[STONE + q] == cells[STONE + point]:
                    a, b = np.int64(cells[CHAIN + point]), np.int64(cells[CHAIN + q])
                    if a != b:
                        _join(state, a, b, False)
    alive = True
    for point in range(n):
        alive &= cells[STONE + point] == 0 or cells[LIBERTIES + cells[CHAIN + point]] > 0
    return alive


@compiled
def liberty_map(state, out):
    """out[point] = liberties of the chain there, 0 where it is empty."""
    cells = state.cells
    for point in range(len(state.near)):
        out[point] = cells[LIBERTIES + cells[CHAIN + point]] if cells[STONE + point] != 0 else 0


@compiled
def is_eye(state, point, colour):
    """An empty point among stones of one colour, of whose diagonals the opponent holds at most one, at an edge none."""
    cells = state.cells
    if cells[STONE + point] != 0:
        return False
    for k in range(4):
        stone = cells[STONE + state.near[point, k]]
        if stone != colour and stone != WALL:
            return False
    enemies, walls = 0, 0
    for k in range(4):
        stone = cells[STONE + state.diagonal[point, k]]
        enemies += stone == 3 - colour
        walls += stone == WALL
    return enemies < (1 if walls else 2)


@compiled
def area(state, out):
    """out[point] = the colour that owns it by area counting with all stones alive, 0 for both or none.

    Gives black's points minus white's.
    """
    n = len(state.near)
    cells, near = state.cells, state.near
    stack = np.empty(n, np.int64)
    done = np.zeros(n, np.bool_)
    score = 0
    for start in range(n):
        stone = cells[STONE + start]
        if stone != 0:
            out[start] = stone
            score += 1 if stone == 1 else -1
            continue
        if done[start]:
            continue
        done[start] = True
        stack[0] = start
        found, read, border = 1, 0, 0
        while read < found:
            point = stack[read]
            read += 1
            for k in range(4):
                q = np.int64(near[point, k])
                stone = cells[STONE + q]
                if stone == 0:
                    if not done[q]:
                        done[q] = True
                        stack[found] = q
                        found += 1
                elif stone != WALL:
                    border |= stone
        owner = border if border != 3 else 0
        for i in range(found):
            out[stack[i]] = owner
        score += found if owner == 1 else (-found if owner == 2 else 0)
    return score
