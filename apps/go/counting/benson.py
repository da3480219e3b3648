"""Unconditional life: chains that live and areas that are safe though their owner passes for ever (Benson 1976).

A region of a colour is a largest connected set of points without its stones. It is vital to a chain when each of its
empty points is a liberty of the chain. Chains with two vital regions live, as long as every other chain around these
regions does; chains that do not are struck, and with them the regions that they border, until nothing changes.
"""

import numpy as np

from apps.go.rules.compiled import compiled
from apps.go.rules.kernels import CHAIN, STONE
from apps.go.rules.points import BLACK, WHITE
from apps.go.rules.position import Position


def pass_alive(position: Position) -> np.ndarray:
    """(size, size) int8: 1 where black is unconditionally alive or owns a vital region of such chains, 2 white, else 0.

    Stones of the opponent in such a region are dead.
    """
    out = np.zeros(position.passes, np.int8)
    for colour in (BLACK, WHITE):
        _mark(position._state, colour, out)
    return out.reshape(position.size, position.size)


@compiled
def regions(state, colour, region):
    """region[point] = number of the point's region, -1 on stones of `colour`; gives how many regions there are."""
    n = len(state.near)
    cells, near = state.cells, state.near
    stack = np.empty(n, np.int64)
    region[:] = -1
    count = 0
    for start in range(n):
        if cells[STONE + start] == colour or region[start] >= 0:
            continue
        region[start] = count
        stack[0], left = start, 1
        while left > 0:
            left -= 1
            point = stack[left]
            for k in range(4):
                q = np.int64(near[point, k])
                if q < n and cells[STONE + q] != colour and region[q] < 0:
                    region[q] = count
                    stack[left] = q
                    left += 1
        count += 1
    return count


@compiled
def _mark(state, colour, out):
    n = len(state.near)
    cells, near = state.cells, state.near
    region = np.empty(n, np.int64)
    count = regions(state, colour, region)
    vital = np.zeros((n, count), np.bool_)  # by head of a chain
    beside = np.zeros((n, count), np.bool_)
    for point in range(n):
        for k in range(4):
            q = np.int64(near[point, k])
            if q < n and cells[STONE + point] == colour and region[q] >= 0:
                beside[cells[CHAIN + point], region[q]] = True
    vital[:] = beside
    for point in range(n):
        if cells[STONE + point] != 0:
            continue
        for head in range(n):
            if not vital[head, region[point]]:
                continue
            touches = False
            for k in range(4):
                q = np.int64(near[point, k])
                touches |= q < n and cells[STONE + q] == colour and cells[CHAIN + q] == head
            if not touches:
                vital[head, region[point]] = False
    alive = np.zeros(n, np.bool_)
    for point in range(n):
        alive[point] = cells[STONE + point] == colour and cells[CHAIN + point] == point
    safe = np.ones(count, np.bool_)
    changed = True
    while changed:
        changed = False
        for head in range(n):
            if alive[head] and (vital[head] & safe).sum() < 2:
                alive[head] = False
                safe &= ~beside[head]
                changed = True
    kept = np.zeros(count, np.bool_)
    for head in range(n):
        if alive[head]:
            kept |= vital[head]
    kept &= safe
    for point in range(n):
        if (region[point] >= 0 and kept[region[point]]) or (region[point] < 0 and alive[cells[CHAIN + point]]):
            out[point] = colour
