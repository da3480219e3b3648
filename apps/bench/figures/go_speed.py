"""Go games to training tensors: positions a CPU-second, beside a loop over sgfmill's board.

    cnn-bench go-speed                                      the games that are shipped, 9x9
    cnn-bench go-speed --data games.tar.gz --size 19        your own

Every row replays the same whole games and fills, for every position, what the network takes: `compact` the planes of
a feature set as bytes (what a batch is made of), `floats` the same as float planes behind the front end. Beside them
`random access`: single positions, each replayed from the start of its game, as training takes them. The baseline
plays the moves on sgfmill's Board and fills a plane of stones; parsing is counted apart. All take turns in every round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.bench.figures.figure import Report, outcome, rate
from apps.bench.figures.measure import Way, in_turns
from apps.bench.options import BenchOptions, on_processor
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    import numpy as np

    from apps.go.records.collection import Collection

PARSING = "parsing SGF, legality checked"
BOARD = "sgfmill's Board, stones alone"


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of go-speed."""

    data: str = "gnugo-9x9"
    """Name of a data set, or a folder or archive of SGF files."""
    size: int = 9
    """Board size."""
    games: int = 200
    """Games replayed in a round."""
    rounds: int = 5
    """Rounds in which all take turns."""


parse = parser(Options, "Time how games become planes, beside sgfmill's board.")


def run(app: App | None, options: Options) -> Outcome:
    """Positions a CPU-second of every way."""
    import numpy as np

    from apps.go.data import read_data

    with on_processor(options.common):
        games, _ = read_data(options.data)
        chosen = np.flatnonzero((games.size == options.size) & plain(games))[: options.games]
        if len(chosen) < 2:
            raise UserError(f"{options.data}: holds too few games of {options.size}x{options.size}")
        some = games.take(chosen)
        rates = in_turns({BOARD: _board(some, options.size), **ways(some, options.size)}, options.rounds)
        others = rates.pop(BOARD)
        conditions = {"data": options.data, "size": options.size, "games": len(some), "positions": len(some.moves)}
        figures = [
            rate(f"Go positions: {name}", "positions/CPU-s", values, BOARD, others, **conditions)
            for name, values in rates.items()
        ]
        size = some.moves.dtype.itemsize
        notes = (f"{len(some)} games, {len(some.moves)} positions, {size} bytes a stored position",)
        return outcome(Report("go-speed", tuple(figures), notes=notes))


def plain(games: Collection) -> np.ndarray:
    """(G,) games without set-up stones, which sgfmill's board can replay move by move."""
    import numpy as np

    from apps.go.rules.encode import KIND

    marked = np.concatenate([[0], np.cumsum((np.asarray(games.moves) & KIND) != 0)])
    return marked[games.offsets[1:]] == marked[games.offsets[:-1]]


def _board(games: Collection, size: int) -> Way:
    try:
        from apps.bench.baselines.go import sgfmill_loop
    except ImportError as error:
        raise UserError("sgfmill is not installed: pip install 'cnn-suite[go]'") from error
    return lambda _: sgfmill_loop(games, size)


def ways(games: Collection, size: int) -> dict[str, Way]:
    """What is measured: each handles all positions once and gives their number."""
    import numpy as np
    import torch

    from apps.bench.baselines.go import to_record
    from apps.go.config import COMPACT
    from apps.go.data import positions
    from apps.go.front import GoFront
    from apps.go.records.games import parse as parse_games
    from apps.go.rules import encode

    scratch, numbers, n = encode.new_scratch(size), np.arange(len(games)), size * size
    split = positions(games, size, 1, True)
    samples = split.inputs.numpy()
    some = samples[np.random.default_rng(0).permutation(len(samples))[:4000]]
    files: list[tuple[str, bytes | None]] = [(f"{g}.sgf", to_record(games, g)) for g in range(len(games))]
    found: dict[str, Way] = {}

    def whole(planes: int) -> Way:
        out = np.empty((len(samples), planes, n), np.uint8)

        def call(_: int) -> int:
            return int(encode.replay_games(scratch, games.moves, games.offsets, games.komi, numbers, planes, out))

        return call

    def floats(features: str) -> Way:
        front = GoFront(features).eval()
        out = np.empty((len(samples), COMPACT[features], n), np.uint8)

        def call(_: int) -> int:
            count = encode.replay_games(scratch, games.moves, games.offsets, games.komi, numbers, out.shape[1], out)
            for part in torch.from_numpy(out).view(count, -1, size, size).split(256):
                front(part)
            return int(count)

        return call

    def single(planes: int) -> Way:
        out = np.empty((len(some), planes, n), np.uint8)

        def call(_: int) -> int:
            encode.replay_samples(scratch, games.moves, games.offsets, games.komi, some, planes, out)
            return len(some)

        return call

    for features in ("stones", "history", "gonn", "alphago"):
        found[f"{features}, compact"] = whole(COMPACT[features])
    for features in ("history", "gonn", "alphago"):
        found[f"{features}, floats"] = floats(features)
    for features in ("history", "gonn", "alphago"):
        found[f"{features}, random access"] = single(COMPACT[features])
    found[PARSING] = lambda _: len(parse_games(files)[0].moves)
    return found
