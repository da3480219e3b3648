"""match: games against a program that speaks GTP, or against random moves, under a referee."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.console import counted, note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Answering, parser

if TYPE_CHECKING:
    from apps.go.play.player import Predictor, Style
    from apps.go.play.referee import Finished


@dataclass(frozen=True, kw_only=True)
class MatchOptions(Answering):
    """Options of match."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    opponent: str = "gnugo --mode gtp --level 1"
    """Command of a program that speaks GTP; {seed} in it becomes the game's number. Or: random."""
    games: int = 10
    """How many games; colours change after each."""
    size: int = 0
    """Board size; 0 takes that of the games that the network was trained on."""
    komi: float = 7.5
    """Points for white."""
    visits: int = 0
    """Positions that a tree search looks at for each move; 0 plays by the policy alone. For a network that judges."""
    rules: str = "chinese"
    """Rules: chinese, japanese, tromp-taylor, aga, new-zealand, ... or fields as JSON, see the README."""
    temperature: float = 0.0
    """0 plays the most probable move; 1 draws from the probabilities as they are."""
    top_p: float = 1.0
    """Draw from the most probable moves that together have this share."""
    symmetries: int = 8
    """1, or 8 to average over all turned and mirrored boards."""
    timeout: float = 60.0
    """Seconds that the opponent may take for an answer."""
    out: Path | None = None
    """Folder for the records and results.json; RUN/matches/OPPONENT-SIZE when left out."""


parse = parser(MatchOptions, "Play games under a referee, write each as SGF, and count the wins with their interval.")


def run(app: App, options: MatchOptions) -> Outcome:
    """Play the games, one after the other."""
    from apps.go.rules.points import SIZES

    if options.games < 1:
        raise UserError(f"--games must be at least 1, not {options.games}")
    if options.size and options.size not in SIZES:
        raise UserError(f"--size must lie between {SIZES.start} and {SIZES.stop - 1}, not {options.size}")
    if not options.timeout > 0:
        raise UserError(f"--timeout must be above 0 seconds, not {options.timeout:g}")
    if not abs(options.komi) <= 1000:
        raise UserError(f"--komi must lie between -1000 and 1000, not {options.komi:g}")

    from apps.go.play.opponent import full_command
    from apps.go.play.player import Policy, Style
    from apps.go.play.search import searcher
    from apps.go.rules.ruleset import chosen
    from cnn_core.verbs.answers import opened

    rules = chosen(options.rules)
    style = Style(options.temperature, options.top_p, options.symmetries)
    if options.opponent != "random":
        full_command(options.opponent, 0, rules)  # a missing program is told before the network is loaded
    trained = opened(app, options)
    options = replace(options, size=options.size or trained.config.size)
    label = "".join(c if c.isalnum() else "-" for c in options.opponent)[:40].strip("-")
    folder = options.out or options.run / "matches" / f"{label}-{options.size}"
    games = play_match(searcher(Policy(trained), options.visits, options.run), style, options, folder)
    return report(games, options, folder)


def play_match(predictor: "Predictor", style: "Style", options: MatchOptions, folder: Path) -> "list[Finished]":
    """All games; each is written as soon as it is finished. The network has black in games 1, 3, 5, ..."""
    from apps.go.play.opponent import GtpPlayer, network_player, random_player
    from apps.go.play.referee import play_game, write_sgf
    from apps.go.rules.ruleset import chosen

    rules = chosen(options.rules)

    games = []
    for number in range(1, options.games + 1):
        seed = options.common.seed + number
        ours = network_player(predictor, style, seed, "cnn-go")
        foe = (
            random_player(seed)
            if options.opponent == "random"
            else GtpPlayer(options.opponent, options.timeout, seed, rules)
        )
        try:
            black, white = (ours, foe) if number % 2 else (foe, ours)
            game = play_game(black, white, foe, options.size, options.komi, predictor, rules)
        finally:
            foe.close()
        write_sgf(game, folder / f"game-{number:03}.sgf")
        side = "black" if number % 2 else "white"
        note(f"game {number}: cnn-go has {side}, {game.result} after {counted(len(game.moves), 'move')} ({game.end})")
        games.append(game)
    return games


def report(games: "list[Finished]", options: MatchOptions, folder: Path) -> Outcome:
    """The table of results, and results.json beside the records."""
    from apps.go.rules.ruleset import describe
    from cnn_core.files import write_json

    rules = games[0].rules
    known = describe(rules)
    parts = {"black": games[0::2], "white": games[1::2]}
    counts = [_count(name, part, [1 if name == "black" else 2] * len(part)) for name, part in parts.items() if part]
    counts.append(_count("all", games, [1 if i % 2 == 0 else 2 for i in range(len(games))]))
    settled = [game for game in games if game.ours and game.theirs]
    agreed = sum(game.ours[0] == game.theirs[0] for game in settled)
    data: dict[str, Any] = {
        "run": str(options.run),
        "opponent": options.opponent,
        "size": options.size,
        "komi": options.komi,
        "rules": known,
        "visits": options.visits,
        "style": {"temperature": options.temperature, "top_p": options.top_p, "symmetries": options.symmetries},
        "seed": options.common.seed,
        "results": counts,
        "different_games": len({game.moves for game in games}),
        "counted_twice": len(settled),
        "counts_agree": agreed,
        "games": [{"result": g.result, "referee": g.ours, "opponent": g.theirs, "moves": len(g.moves), "end": g.end}
                  for g in games],
        "folder": str(folder),
    }  # fmt: skip
    write_json(folder / "results.json", data)
    rows = [
        [c["colour"], c["games"], c["wins"], c["losses"], c["draws"], f"{c['rate']:.1%}",
         f"{c['interval'][0]:.1%} to {c['interval'][1]:.1%}", f"{c['moves']:.0f}"]
        for c in counts
    ]  # fmt: skip
    header = ["cnn-go has", "games", "won", "lost", "drawn", "share", "95 % interval", "moves"]
    lines = [
        f"cnn-go against {options.opponent}, {options.size}x{options.size}, komi {options.komi:g},"
        f" rules: {known['name']}",
        "",
        table(header, rows),
        "",
        f"{data['different_games']} of {len(games)} games differ; a draw counts half.",
    ]
    if settled:
        lines.append(
            f"The opponent's own count decided {counted(len(settled), 'game')};"
            f" the referee's names the same winner in {agreed}."
        )
    elif any(game.ours for game in games):
        lines.append(f"The referee's count decided: {rules.scoring}, after the dead stones are taken off.")
    return Outcome(data, "\n".join([*lines, f"records: {folder}"]))


def _count(name: str, games: "list[Finished]", colours: list[int]) -> dict[str, Any]:
    from cnn_core.metrics.classes import wilson_interval

    wins = sum(game.winner == colour for game, colour in zip(games, colours, strict=True))
    draws = sum(game.winner == 0 for game in games)
    points = wins + draws / 2
    return {
        "colour": name,
        "games": len(games),
        "wins": wins,
        "losses": len(games) - wins - draws,
        "draws": draws,
        "rate": points / len(games),
        "interval": list(wilson_interval(points, len(games))),
        "moves": sum(len(game.moves) for game in games) / len(games),
    }
