"""The state of a GTP session: a position, komi, clocks and a player; what the commands of the other files work on."""

import numpy as np

from apps.go.gtp.protocol import SYNTAX, Refused
from apps.go.play.player import Predictor, Style, choose
from apps.go.rules import points
from apps.go.rules.position import Position

Arguments = tuple[str, ...]
HURRY = 1.0
"""Seconds left for a move below which one symmetry must do."""


class Session:
    """`predictor` gives probabilities, `style` says how moves are drawn from them, `seed` seeds the drawing."""

    def __init__(self, predictor: Predictor, style: Style, *, seed: int = 0, size: int = 19):
        self.predictor, self.style = predictor, style
        self.random = np.random.default_rng(seed)
        self.position = Position(size)
        self.komi = 7.5
        self.clock: dict[int, tuple[int, int]] = {}
        """Of each colour: seconds left, and the stones to play in them, or 0."""

    def play(self, colour: int, point: int) -> None:
        """Play a move. Raises Refused when it is illegal; the position is then unchanged."""
        try:
            self.position.play(colour, point)
        except ValueError:
            raise Refused("illegal move") from None

    def choose(self, colour: int, *, style: Style | None = None, allowed: np.ndarray | None = None) -> int:
        """The point that the player would play."""
        style = style or self.style_of(colour)
        return choose(self.predictor, self.position, colour, style, self.random, komi=self.komi, allowed=allowed)

    def shares(self, colour: int = 0) -> np.ndarray:
        """The network's probabilities (size * size + 1,) here, for `colour` or whose turn it is."""
        colour = colour or self.position.to_move
        return self.predictor.probabilities(self.position, colour, self.style_of(colour).symmetries, self.komi)

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
