"""Go games to training tensors: positions a CPU-second, one thread, beside a loop over sgfmill's board.

    python -m apps.bench go-speed                     the games that are shipped, 9x9
    python -m apps.bench go-speed --data games.tar.gz --size 19      your own

Every row replays the same whole games and fills, for every position, what the network takes: `compact` the planes of
a feature set as bytes (what a batch is made of), `floats` the same as float planes behind the front end. Beside them
`random access`: single positions, each replayed from the start of its game, as training takes them. The baseline
plays the moves on sgfmill's Board and fills a plane of stones; parsing is counted apart. Medians of several rounds in
which all take turns.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from sgfmill.boards import Board

from apps.go.data import positions, read_data
from apps.go.front import COMPACT, GoFront
from apps.go.records.collection import Collection
from apps.go.records.games import parse
from apps.go.rules import encode
from apps.go.rules.encode import KIND, POINT, WHITE_BIT
from apps.go.rules.points import to_sgf
from cnn_core import config as config_module
from cnn_core.benchmark import cpu_seconds, environment, one_thread
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError


@dataclass(frozen=True)
class Options:
    """Options of go-speed."""

    data: str = "gnugo-9x9"
    """Name of a data set, or a folder or archive of SGF files."""
    size: int = 9
    """Board size."""
    games: int = 200
    """Games replayed in a round."""
    rounds: int = 5
    """Rounds; the median counts."""
    json: bool = False
    """Print one JSON object on standard output."""


def main(args: list[str]) -> int:
    """Measure and print."""
    options = config_module.parse(Options, args, prog="python -m apps.bench go-speed")
    with one_thread():
        result = measure(options)
    print(json.dumps(result) if options.json else text(result))
    return 0


def measure(options: Options) -> dict[str, Any]:
    """Positions a CPU-second of every way, medians over the rounds."""
    games, _ = read_data(options.data)
    chosen = np.flatnonzero((games.size == options.size) & plain(games))[: options.games]
    if len(chosen) < 2:
        raise UserError(f"{options.data}: holds too few games of {options.size}x{options.size}")
    some = games.take(chosen)
    ways = calls(some, options.size)
    for call in ways.values():
        call()  # compiles, and warms the caches
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, call in ways.items():
            with cpu_seconds() as spent:
                count = call()
            rates[name].append(count / spent.cpu)
    result: dict[str, Any] = {"data": options.data, "size": options.size, "games": len(some)}
    result |= {"positions": len(some.moves), "bytes_per_position": some.moves.itemsize, "rounds": options.rounds}
    result["positions_per_cpu_second"] = {name: median(found) for name, found in rates.items()}
    return result | {"environment": environment()}


def plain(games: Collection) -> np.ndarray:
    """(G,) games without set-up stones, which sgfmill's board can replay move by move."""
    marked = np.concatenate([[0], np.cumsum((games.moves & KIND) != 0)])
    return marked[games.offsets[1:]] == marked[games.offsets[:-1]]


def calls(games: Collection, size: int) -> dict[str, Callable[[], int]]:
    """What is measured: name -> function that handles all positions once and gives their number."""
    scratch, numbers, n = encode.new_scratch(size), np.arange(len(games)), size * size
    split = positions(games, size, 1, True)
    samples = split.inputs.numpy()
    some = samples[np.random.default_rng(0).permutation(len(samples))[:4000]]
    files: list[tuple[str, bytes | None]] = [(f"{g}.sgf", to_record(games, g)) for g in range(len(games))]
    found: dict[str, Callable[[], int]] = {"sgfmill Board, stones": lambda: sgfmill_loop(games, size)}

    def whole(planes: int) -> Callable[[], int]:
        out = np.empty((len(samples), planes, n), np.uint8)

        def call() -> int:
            return int(encode.replay_games(scratch, games.moves, games.offsets, games.komi, numbers, planes, out))

        return call

    def floats(features: str) -> Callable[[], int]:
        front = GoFront(features).eval()
        out = np.empty((len(samples), COMPACT[features], n), np.uint8)

        def call() -> int:
            count = encode.replay_games(scratch, games.moves, games.offsets, games.komi, numbers, out.shape[1], out)
            for part in torch.from_numpy(out).view(count, -1, size, size).split(256):
                front(part)
            return int(count)

        return call

    def single(planes: int) -> Callable[[], int]:
        out = np.empty((len(some), planes, n), np.uint8)

        def call() -> int:
            encode.replay_samples(scratch, games.moves, games.offsets, games.komi, some, planes, out)
            return len(some)

        return call

    for features in ("stones", "history", "gonn", "alphago"):
        found[f"{features}, compact"] = whole(COMPACT[features])
    for features in ("history", "gonn", "alphago"):
        found[f"{features}, floats"] = floats(features)
    for features in ("history", "gonn", "alphago"):
        found[f"{features}, random access"] = single(COMPACT[features])
    found["parsing SGF, legality checked"] = lambda: len(parse(files)[0].moves)
    return found


def sgfmill_loop(games: Collection, size: int) -> int:
    """Every position by sgfmill's Board, its stones as a plane (size, size) of int8."""
    count = 0
    for game in range(len(games)):
        board = Board(size)
        for entry in games.entries(game).tolist():
            plane = np.zeros((size, size), np.int8)
            for colour, (row, column) in board.list_occupied_points():
                plane[row, column] = 1 if colour == "b" else 2
            count += 1
            point = entry & POINT
            if point < size * size:
                board.play(point // size, point % size, "w" if entry & WHITE_BIT else "b")
    return count


def to_record(games: Collection, game: int) -> bytes:
    """A game as SGF."""
    size = int(games.size[game])
    moves = (
        f";{'W' if entry & WHITE_BIT else 'B'}[{to_sgf(entry & POINT, size)}]" for entry in games.entries(game).tolist()
    )
    return f"(;SZ[{size}]{''.join(moves)})".encode()


def text(result: dict[str, Any]) -> str:
    """The table."""
    rates = result["positions_per_cpu_second"]
    base = rates["sgfmill Board, stones"]
    rows = [[name, f"{rate:,.0f}", f"{rate / base:.1f}"] for name, rate in rates.items()]
    head = f"{result['games']} games, {result['positions']} positions of {result['size']}x{result['size']}"
    lines = table([head, "positions/CPU-s", "x sgfmill"], rows)
    return f"{lines}\n\n{result['bytes_per_position']} bytes a stored position; medians of {result['rounds']} rounds"
