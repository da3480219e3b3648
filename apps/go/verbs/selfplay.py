"""selfplay: games that GNU Go, or a network that judges, plays against itself, for a data set of any board size.

Every game has its own seed and its own GNU Go process, so that game number k is the same whenever and in whatever
order it is made: a run that was stopped continues where it was. Games are kept one on a line, as SGF without the
brackets: `L5-000123<TAB>SZ[9]KM[7]RE[B+3.0]AB[cd]AW[gf];B[ee];W[ec]...`; stones set up at random make the games
differ more.
"""

import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apps.go.rules.points import BLACK, WHITE, letter, name, opponent, to_sgf
from apps.go.rules.points import parse as parse_point
from cnn_core.app import App
from cnn_core.console import counted, note
from cnn_core.errors import UserError
from cnn_core.files import atomic
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser

if TYPE_CHECKING:
    from apps.go.play.evaluation import Policy


@dataclass(frozen=True, kw_only=True)
class SelfplayOptions(Shared):
    """Options of selfplay; `--seed` is the seed of the first game."""

    out: Path
    """Text file of games, one on a line; games that it holds are not made again."""
    games: int = 100
    """How many games the file shall hold."""
    size: int = 9
    """Board size."""
    level: int = 5
    """GNU Go's level: 1 plays fast, 10 well."""
    komi: float = 7.0
    """Points for white (Chinese rules)."""
    processes: int = 1
    """Games at a time."""
    gnugo: str = ""
    """The program; found on the PATH or in /usr/games when left out."""
    network: Path | None = None
    """Run folder, or name, of a network that judges (train --judge): it plays in GNU Go's place, looking one move
    ahead, and so better than it answers; a network that learns from these games catches up."""


TOGETHER = 32
"""Games that a network plays side by side."""

parse = parser(SelfplayOptions, "Let GNU Go, or a network, play against itself and keep the games.")


def run(app: App, options: SelfplayOptions) -> Outcome:
    """Make the games that are missing, and append each as soon as it is finished."""
    if not 5 <= options.size <= 19:
        raise UserError(f"--size must lie between 5 and 19, not {options.size}")
    if not 1 <= options.level <= 10:
        raise UserError(f"--level must lie between 1 and 10, not {options.level}")
    if options.games < 1 or options.processes < 1:
        raise UserError("--games and --processes must be at least 1")
    player = _network(app, options) if options.network else find_gnugo(options.gnugo)
    try:
        return _run(options, player)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{options.out}: cannot be read and written as a file of games ({error})") from error


def _network(app: App, options: SelfplayOptions) -> "Policy":
    """The player that `--network` names. Raises UserError for one that does not judge."""
    from apps.go.play.evaluation import Policy
    from cnn_core.exporting.session import exported

    assert options.network is not None
    threads = options.common.threads
    trained = exported(app, options.network, threads=threads)
    if trained is None:
        from cnn_core import runs
        from cnn_core.training import device

        trained = runs.restore(app, options.network, device.choose(options.common.device, threads))
    policy = Policy(trained)
    if not policy.judges:
        raise UserError(
            f"{options.network}: does not judge positions, which looking ahead needs; train it with --judge 1"
        )
    return policy


def _run(options: SelfplayOptions, player: "str | Policy") -> Outcome:
    done = read_names(options.out) if options.out.exists() else set()
    first = options.common.seed
    level = options.level if isinstance(player, str) else 0
    seeds = [seed for seed in range(first, first + options.games) if game_name(level, seed) not in done]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    pool = ThreadPoolExecutor(options.processes)  # threads suffice: each waits for a process of GNU Go's
    try:
        games: Iterator[str]
        if isinstance(player, str):
            games = pool.map(lambda seed: play_game(player, options.size, options.level, options.komi, seed), seeds)
        else:
            games = network_games(player, options.size, options.komi, seeds)
        with options.out.open("a", encoding="ascii") as stream:
            for made, line in enumerate(games, start=1):
                stream.write(f"{line}\n")
                stream.flush()
                if made % 100 == 0:
                    note(f"{made} of {len(seeds)} games, {made / (time.perf_counter() - begin):.2f} a second")
    finally:
        pool.shutdown(cancel_futures=True)  # or Ctrl-C would wait for all the games
    held, twice = drop_repeats(options.out)
    data = {"games": held, "new": len(seeds), "repeats_dropped": twice, "file": str(options.out)}
    return Outcome(
        data, f"{options.out}: {counted(held, 'game')}, {len(seeds)} of them new; {counted(twice, 'repeat')} dropped"
    )


def find_gnugo(program: str = "") -> str:
    """Path of GNU Go. Raises UserError when it is not installed."""
    for place in (program,) if program else ("gnugo", "/usr/games/gnugo"):
        if found := shutil.which(place):
            return found
    raise UserError(f"{program or 'gnugo'}: no such program; install it (Debian: apt-get install gnugo)")


def game_name(level: int, seed: int) -> str:
    """The name of a game: level and seed; level 0 is a network."""
    return f"L{level}-{seed:06}" if level else f"N-{seed:06}"


def read_names(path: Path) -> set[str]:
    """Names of the games in a file; a last line that was cut off is removed from it."""
    text = path.read_text(encoding="ascii")
    if text and not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
        _write(path, text)
    return {line.partition("\t")[0] for line in text.splitlines()}


def drop_repeats(path: Path) -> tuple[int, int]:
    """Sort the file by name and remove games that are move for move like an earlier one; (kept, dropped)."""
    lines = sorted(path.read_text(encoding="ascii").splitlines())
    distinct = list({line.partition("\t")[2]: line for line in reversed(lines)}.values())
    _write(path, "".join(f"{line}\n" for line in sorted(distinct)))
    return len(distinct), len(lines) - len(distinct)


def _write(path: Path, text: str) -> None:
    with atomic(path) as part:
        part.write_text(text, encoding="ascii")


def opening(size: int, seed: int) -> tuple[list[int], list[int]]:
    """Points of black's and of white's stones set up before the game: none in one game of ten, else one to three each.

    They lie on the third line from the edge or further inside, each at most once.
    """
    choice = random.Random(f"opening {size} {seed}")
    count = choice.choices((0, 1, 2, 3), (1, 2, 4, 3))[0]
    edge = 2 if size > 6 else 1
    inside = [row * size + column for row in range(edge, size - edge) for column in range(edge, size - edge)]
    points = choice.sample(inside, 2 * count)
    return points[:count], points[count:]


def network_games(policy: "Policy", size: int, komi: float, seeds: Sequence[int]) -> Iterator[str]:
    """Whole games of a network against itself, as lines, each as soon as it is finished."""
    from apps.go.counting.count import count
    from apps.go.play.lookahead import play_games
    from apps.go.play.playouts import score_name
    from apps.go.rules.position import Position

    for start in range(0, len(seeds), TOGETHER):
        part = seeds[start : start + TOGETHER]
        starts = []
        for seed in part:
            position = Position(size)
            position.setup(*opening(size, seed))
            position.to_move = BLACK
            starts.append(position)
        for i, ended in play_games(policy, starts, part, komi):
            score = score_name(count(ended, policy, komi).score(komi))
            stones = _set_up(*ended.stones, size)
            moves = "".join(f";{letter(c).upper()}[{to_sgf(point, size)}]" for c, point in ended.history)
            yield f"{game_name(0, part[i])}\tSZ[{size}]KM[{komi:g}]RE[{score}]{stones}{moves}"


def _set_up(black: Sequence[int], white: Sequence[int], size: int) -> str:
    """Stones as properties of the root."""
    parts = zip(("AB", "AW"), (black, white), strict=True)
    return "".join(key + "".join(f"[{to_sgf(point, size)}]" for point in points) for key, points in parts if points)


def play_game(program: str, size: int, level: int, komi: float, seed: int) -> str:
    """One whole game as a line. Raises UserError when GNU Go dies or answers nonsense."""
    command = [program, "--mode", "gtp", "--chinese-rules", "--never-resign"]
    command += ["--level", str(level), "--seed", str(seed)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, encoding="ascii") as engine:
        try:
            root, moves = _game(engine, size, komi, seed)
        except (OSError, ValueError) as error:
            raise UserError(f"{program}, game {seed}: {error}") from error
        finally:
            engine.kill()
    return f"{game_name(level, seed)}\t{root}{moves}"


def _game(engine: "subprocess.Popen[str]", size: int, komi: float, seed: int) -> tuple[str, str]:
    """Properties of the root and the moves of a game, as SGF."""
    for command in (f"boardsize {size}", "clear_board", f"komi {komi:g}"):
        _ask(engine, command)
    black, white = opening(size, seed)
    stones = _set_up(black, white, size)
    for colour, points in ((BLACK, black), (WHITE, white)):
        for point in points:
            _ask(engine, f"play {letter(colour)} {name(point, size)}")
    moves, colour, passes = [], BLACK, 0
    while passes < 2 and len(moves) < 3 * size * size:  # longer games go round in circles
        point = parse_point(_ask(engine, f"genmove {letter(colour)}"), size)
        moves.append(f";{letter(colour).upper()}[{to_sgf(point, size)}]")
        passes = passes + 1 if point == size * size else 0
        colour = opponent(colour)
    score = _ask(engine, "final_score")
    if not re.fullmatch(r"0|[BW]\+[0-9.]+", score):
        raise ValueError(f"final_score answers {score!r}")
    return f"SZ[{size}]KM[{komi:g}]RE[{score}]{stones}", "".join(moves)


def _ask(engine: "subprocess.Popen[str]", command: str) -> str:
    """The answer to a GTP command. Raises ValueError for an error, OSError when the engine has gone."""
    assert engine.stdin is not None  # both are pipes
    assert engine.stdout is not None
    engine.stdin.write(f"{command}\n")
    engine.stdin.flush()
    answer = engine.stdout.readline()
    if engine.stdout.readline().strip() or not answer:
        raise ValueError(f"no answer to {command!r}")
    if not answer.startswith("="):
        raise ValueError(f"{command}: {answer.strip()}")
    return answer[1:].strip()
