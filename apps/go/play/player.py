"""A trained network as a player: which move it makes of its probabilities."""

from dataclasses import dataclass

import numpy as np

from apps.go.config import SYMMETRIES
from apps.go.counting.count import blended, counted
from apps.go.play.evaluation import Evaluation, Policy, Predictor, evaluate
from apps.go.play.playouts import DECIDED
from apps.go.rules.position import Position
from cnn_core.errors import UserError

__all__ = ["Evaluation", "Policy", "Predictor", "Style", "choose", "draw", "evaluate", "is_over"]
LIKELY = 0.01
"""A move below this probability does not keep a game going that is decided everywhere."""


@dataclass(frozen=True)
class Style:
    """How moves are chosen from probabilities."""

    temperature: float = 0.0
    """0 plays the most probable move; 1 draws from the probabilities as they are."""
    top_p: float = 1.0
    """Draw from the most probable moves that together have this share."""
    symmetries: int = 8
    """1, or 8 to average over all turned and mirrored boards."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 100:
            raise UserError(f"temperature must lie between 0 and 100, not {self.temperature:g}")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top-p must be above 0 and at most 1, not {self.top_p:g}")
        if self.symmetries not in (1, SYMMETRIES):
            raise UserError(f"symmetries must be 1 or 8, not {self.symmetries}")


def choose(
    predictor: Predictor,
    position: Position,
    colour: int,
    style: Style,
    random: np.random.Generator,
    *,
    komi: float = 7.5,
    allowed: np.ndarray | None = None,
) -> int:
    """The move of `colour`: a legal point that repeats no earlier board and fills no own eye, or a pass.

    It passes when no such point is left; when the network prefers it; when the opponent has passed and the game is
    won as it stands, or has passed twice running; and when no move with a probability of 1 % or more lies where
    anything is undecided. `allowed` (size * size,) bool narrows the choice. Raises ValueError when the predictor
    gives NaN.
    """
    strict = position.copy()
    # The opponent may have repeated a board, or killed its own stones; this player never does.
    strict.superko, strict.situational, strict.suicide = True, False, False
    sensible = strict.legal(colour) & ~strict.own_eye(colour)
    if allowed is not None:
        sensible &= allowed
    if not sensible.any():
        return position.passes
    shares = predictor.probabilities(strict, colour, style.symmetries, komi)
    if not np.isfinite(shares).all():
        raise ValueError("the network gives no numbers")
    points, passing = np.where(sensible, shares[:-1], 0.0), shares[-1]
    if points.sum() <= 0:
        points = sensible / sensible.sum()
    if passing >= points.max() or is_over(position, colour, points / points.sum(), komi, predictor):
        return position.passes
    return draw(points, style, random)


def is_over(
    position: Position, colour: int, points: np.ndarray, komi: float, predictor: Predictor | None = None
) -> bool:
    """Whether there is nothing left to play for: see `choose`. `points` (size * size,) sum to 1."""
    if len(position.history) < position.passes // 4:  # not in the opening, where random games mean nothing
        return False
    passed = [point == position.passes for side, point in position.history[-4:] if side != colour]
    if len(passed) > 1 and all(passed[-2:]):
        return True
    owner = blended(position, predictor, komi)
    undecided = np.abs(owner.reshape(-1)) < DECIDED
    if not (undecided & (points >= LIKELY)).any():
        return True
    score = counted(position, owner).score(komi)
    return bool(passed and passed[-1]) and (score > 0 if colour == 1 else score < 0)


def draw(shares: np.ndarray, style: Style, random: np.random.Generator) -> int:
    """A point drawn from (n,) shares at the style's temperature among its top-p; ties go to the lower point."""
    if style.temperature < 1e-6:
        return int(shares.argmax())
    with np.errstate(divide="ignore"):
        logs = np.log(shares) / style.temperature
    weights = np.exp(logs - logs.max())
    order = np.argsort(-weights, kind="stable")
    ranked = weights[order] / weights.sum()
    # The move that reaches the share is the last one in.
    keep = np.append(True, np.cumsum(ranked)[:-1] < style.top_p)
    ranked = np.where(keep, ranked, 0)
    return int(order[random.choice(len(order), p=ranked / ranked.sum())])
