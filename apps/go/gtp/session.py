"""The state of a GTP session: a position, komi, clocks and a player; what the commands of the other files work on."""

from collections.abc import Callable

import numpy as np

from apps.go.gtp.protocol import SYNTAX, Refused
from apps.go.play.evaluation import Evaluation, Predictor, evaluate
from apps.go.play.player import Style, choose
from apps.go.play.search import Node, Searcher
from apps.go.rules import points
from apps.go.rules.position import Position
from apps.go.rules.ruleset import DEFAULT, Ruleset

Arguments = tuple[str, ...]
HURRY = 1.0
"""Seconds left for a move below which one symmetry must do."""

PATIENCE = 3
"""Moves in a row below the win rate of `--resign` after which the engine gives up."""

SHARE = 30
"""Of the main time that is left, a search takes a part in so many for a move."""


class Session:
    """`predictor` gives probabilities, `style` says how moves are drawn from them, `seed` seeds the drawing."""

    def __init__(
        self,
        predictor: Predictor,
        style: Style,
        *,
        seed: int = 0,
        size: int = 19,
        rules: Ruleset = DEFAULT,
        resign: float = 0.0,
    ):
        self.predictor, self.style = predictor, style
        self.random = np.random.default_rng(seed)
        self.resign = resign
        self.hopeless = {1: 0, 2: 0}
        """Of each colour: how many of its last moves in a row were chosen below the win rate `resign`."""
        self.rules = rules
        self.position = self.empty(size)
        self.komi = 7.5
        self.clock: dict[int, tuple[float, int]] = {}
        """Of each colour: seconds left, and the stones to play in them, or 0."""
        self.times = (0, 0, 0)
        """Main time, and the seconds and stones of a period after it, as set."""

    def empty(self, size: int) -> Position:
        """An empty board under the session's rules."""
        return Position(size).adopt(self.rules)

    def play(self, colour: int, point: int) -> None:
        """Play a move. Raises Refused when it is illegal; the position is then unchanged."""
        try:
            self.position.play(colour, point)
        except ValueError:
            raise Refused("illegal move") from None

    def choose(self, colour: int, *, style: Style | None = None, allowed: np.ndarray | None = None) -> int:
        """The point that the player would play; a search takes what the clock allows."""
        if isinstance(self.predictor, Searcher):
            seconds, stones = self.clock.get(colour, (10**9, 0))
            self.predictor.seconds = max(seconds - HURRY, 0) / (stones or SHARE)
        style = style or self.style_of(colour)
        return choose(self.predictor, self.position, colour, style, self.random, komi=self.komi, allowed=allowed)

    def resigns(self, colour: int) -> bool:
        """Whether `colour`, whose move it is to choose now, has been hopeless for its last moves; counts this one."""
        if self.resign <= 0:
            return False
        winrate = self.evaluate(colour).winrate
        hopeless = winrate is not None and winrate < self.resign
        self.hopeless[colour] = self.hopeless[colour] + 1 if hopeless else 0
        return self.hopeless[colour] >= PATIENCE and len(self.position.history) >= self.position.passes // 4

    def shares(self, colour: int = 0) -> np.ndarray:
        """The network's probabilities (size * size + 1,) here, for `colour` or whose turn it is."""
        colour = colour or self.position.to_move
        predictor = self.predictor.policy if isinstance(self.predictor, Searcher) else self.predictor
        return predictor.probabilities(self.position, colour, self.style_of(colour).symmetries, self.komi)

    def evaluate(self, colour: int = 0) -> Evaluation:
        """What the network says here, for `colour` or whose turn it is."""
        colour = colour or self.position.to_move
        return evaluate(self.predictor, self.position, colour, self.style_of(colour).symmetries, self.komi)

    def searched(
        self, colour: int, allowed: np.ndarray, seconds: float, stop: Callable[[], bool] = lambda: False
    ) -> Node | None:
        """The tree of the search here, grown for `seconds` at most; None where the player does not search."""
        if not isinstance(self.predictor, Searcher):
            return None
        player = self.predictor
        return player.search.run(self.position, colour, self.komi, player.visits, seconds, allowed=allowed, stop=stop)

    def grows(self) -> bool:
        """Whether the search that was asked last has visits left."""
        return isinstance(self.predictor, Searcher) and self.predictor.search.root.visits < self.predictor.visits

    def evaluate_after(self, colour: int, points: list[int]) -> dict[int, Evaluation]:
        """What a network that judges says, to the opponent, of the position after each of these moves of `colour`."""
        if not getattr(self.predictor, "judges", False):
            return {}
        found = {}
        for point in points:
            trial = self.position.copy()
            if not trial.why_illegal(colour, point):
                trial.play(colour, point)
                found[point] = evaluate(self.predictor, trial, 0, 1, self.komi)
        return found

    def set_time(self, main: int, period: int, stones: int) -> None:
        """Clocks at the start: main time, then `period` seconds for so many stones; no limit where there is neither."""
        self.times = (main, period, stones)
        left = (main, 0) if main else self.overtime
        self.clock = {} if left is None else {1: left, 2: left}

    @property
    def overtime(self) -> tuple[int, int] | None:
        """Seconds and stones of a period after the main time; None where none follows."""
        _, period, stones = self.times
        return (period, stones) if period and stones else None

    def spend(self, colour: int, elapsed: float) -> None:
        """Run the clock of `colour` down by a move that took `elapsed` seconds; what `time_left` says counts more."""
        if colour not in self.clock:
            return
        seconds, stones = self.clock[colour]
        seconds -= elapsed
        if stones > 1:
            self.clock[colour] = (seconds, stones - 1)
        elif self.overtime is not None and (stones or seconds <= 0):  # a period is done, or the main time over
            self.clock[colour] = self.overtime
        else:
            self.clock[colour] = (seconds, stones)

    def style_of(self, colour: int) -> Style:
        """The player's style, with one symmetry when the clock of `colour` has almost run down."""
        seconds, stones = self.clock.get(colour, (10**9, 0))
        hurried = seconds / max(stones, 1) < HURRY
        return Style(self.style.temperature, self.style.top_p, 1) if hurried else self.style


def read_colour(text: str) -> int:
    """1 or 2. Raises Refused for anything that is not a colour."""
    try:
        return points.colour(text)
    except ValueError:
        raise Refused(SYNTAX) from None


def read_vertex(text: str, session: Session) -> int:
    """A point or a pass. Raises Refused for anything that is none on this board."""
    try:
        return points.parse(text, session.position.size)
    except ValueError:
        raise Refused(SYNTAX) from None


def exactly(arguments: Arguments, count: int) -> Arguments:
    """The first `count` arguments; what follows is passed over. Raises Refused when there are fewer."""
    if len(arguments) < count:
        raise Refused(SYNTAX)
    return arguments[:count]
