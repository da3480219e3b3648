"""Games replayed: every position's stones, by the compiled rules and by sgfmill's board."""

from __future__ import annotations

import numpy as np

from apps.bench.figures.go_speed import plain
from apps.bench.peers.peer import Found, Setting
from apps.go.config import COMPACT
from apps.go.data import positions, read_data
from apps.go.records.collection import Collection
from apps.go.rules import encode
from cnn_core.benchmark import cpu_seconds

SIZE = 9


def games(setting: Setting) -> Collection:
    """The games that are shipped."""
    found, _ = read_data("gnugo-9x9")
    return found.take(np.flatnonzero((found.size == SIZE) & plain(found))[: 20 if setting.quick else 1000])


def here(setting: Setting) -> Found:
    """All positions, once the rules are compiled."""
    some = games(setting)
    scratch, numbers = encode.new_scratch(SIZE), np.arange(len(some))
    planes = COMPACT["stones"]
    out = np.empty((len(positions(some, SIZE, 1, True).inputs), planes, SIZE * SIZE), np.uint8)

    def replay() -> int:
        return int(encode.replay_games(scratch, some.moves, some.offsets, some.komi, numbers, planes, out))

    replay()
    with cpu_seconds() as spent:
        count = replay()
    return Found(spent.cpu, count / spent.cpu)


def sgfmill_board(setting: Setting) -> Found:
    """The same by sgfmill."""
    from apps.bench.baselines.go import sgfmill_loop

    some = games(setting)
    with cpu_seconds() as spent:
        count = sgfmill_loop(some, SIZE)
    return Found(spent.cpu, count / spent.cpu)
