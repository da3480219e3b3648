"""A game between two players under a referee, its result and its record."""

from dataclasses import dataclass
from pathlib import Path

from apps.go.counting.count import count, score_by
from apps.go.play.evaluation import Predictor
from apps.go.play.opponent import RESIGN, Player
from apps.go.play.playouts import score_name
from apps.go.records.record import new_game
from apps.go.rules import points
from apps.go.rules.position import Position
from apps.go.rules.ruleset import DEFAULT, Ruleset, sgf_name
from cnn_core.errors import UserError
from cnn_core.files import atomic


@dataclass(frozen=True)
class Finished:
    """A game that is over. Results are "B+3.5", "W+R" (resigned), "W+F" (illegal move) or "0" for a draw."""

    size: int
    komi: float
    names: tuple[str, str]
    """Black's and white's."""
    moves: tuple[tuple[int, int], ...]
    result: str
    """What counts: the opponent's own count where it has one, else the referee's."""
    ours: str
    """The referee's count by the rules, after the dead stones are taken off; "" if not counted."""
    theirs: str
    """The opponent's own count, "" if it has none."""
    end: str
    """How it ended: two passes, resignation, an illegal move, or too many moves."""
    rules: Ruleset = DEFAULT
    """By which it was played and counted."""

    @property
    def winner(self) -> int:
        """1 black, 2 white, 0 a draw."""
        return {"B": 1, "W": 2}.get(self.result[0], 0)


def play_game(
    black: Player,
    white: Player,
    judge: Player,
    size: int,
    komi: float,
    counter: Predictor | None = None,
    rules: Ruleset = DEFAULT,
) -> Finished:
    """Play until both have passed, one resigns or moves illegally, or 3 moves a point were made.

    `rules` say what is legal, and how it is counted. `judge`, one of the two, is asked for its count; a `counter` that
    judges positions helps the referee to count. Raises UserError when a player fails.
    """
    position = Position(size).adopt(rules)
    for player in (black, white):
        player.start(size, komi)
    result, end, passes = "", "too many moves", 0
    while len(position.history) < 3 * size * size:
        colour = position.to_move
        player, other = (black, white) if colour == 1 else (white, black)
        point = player.move(position, colour)
        loss = f"{'BW'[2 - colour]}+"
        if point == RESIGN:
            result, end = f"{loss}R", "resignation"
            break
        reason = position.why_illegal(colour, point)
        if reason:
            result, end = f"{loss}F", f"illegal move {points.name(point, size)} of {player.name}: {reason}"
            break
        position.play(colour, point)
        passes = passes + 1 if point == position.passes else 0
        other.see(colour, point)
        if passes == 2:
            end = "two passes"
            break
    ours = theirs = ""
    if not result:
        ours = score_name(score_by(rules, position, count(position, counter, komi), komi))
        theirs = _checked(judge)
        result = theirs or ours
    return Finished(size, komi, (black.name, white.name), tuple(position.history), result, ours, theirs, end, rules)


def _checked(judge: Player) -> str:
    """The judge's count as B+3.5, W+3.5 or 0; "" when it gives none."""
    text = judge.score()
    if text is None:
        return ""
    side, plus, margin = text.strip().partition("+")
    try:
        if text.strip() == "0" or (plus and side in ("B", "W") and float(margin) >= 0):
            return "0" if text.strip() == "0" or float(margin) == 0 else f"{side}+{float(margin):g}"
    except ValueError:
        pass
    raise UserError(f"opponent {judge.name!r} answers 'final_score' with {text[:60]!r}")


def write_sgf(game: Finished, path: Path) -> None:
    """The game as an SGF file, whole or not at all."""
    record = new_game(game.size)
    root = record.get_root()
    root.set("AP", ("cnn-go", "match"))
    root.set("KM", game.komi)
    root.set("RU", sgf_name(game.rules))
    root.set("PB", game.names[0])
    root.set("PW", game.names[1])
    root.set("RE", game.result)
    counts = [f"the opponent counts {game.theirs}"] * bool(game.theirs)
    counts += [f"the referee counts {game.ours}"] * bool(game.ours)
    root.set("GC", "; ".join([f"ended by {game.end}", *counts]))
    for colour, point in game.moves:
        place = None if point == game.size**2 else divmod(point, game.size)
        record.extend_main_sequence().set_move(points.letter(colour), place)
    with atomic(path) as part:
        part.write_bytes(record.serialise())
