"""A trained network as a player: its probabilities, and which move it makes of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from apps.go.config import SYMMETRIES, planes_needed, views
from apps.go.play.playouts import DECIDED, ownership, settled_score
from apps.go.rules.encode import STONES_PLANE, encode
from apps.go.rules.position import Position
from apps.go.rules.symmetry import sources, tables
from cnn_core.errors import UserError
from cnn_core.metrics.classes import log_softmax

if TYPE_CHECKING:
    from cnn_core.exporting.session import ExportedRun
    from cnn_core.runs import Run

LIKELY = 0.01
"""A move below this probability does not keep a game going that is decided everywhere."""


class Predictor(Protocol):
    """Whatever gives probabilities: a trained network, or a stand-in for it."""

    def probabilities(self, position: Position, colour: int = 0, symmetries: int = 1, komi: float = 7.5) -> np.ndarray:
        """(size * size + 1,) probabilities of legal moves, the last of a pass."""
        ...


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


class Policy:
    """The network of a run (`cnn_core.verbs.answers.opened`) as a predictor; no torch where the run needs none."""

    def __init__(self, run: "Run | ExportedRun"):
        self.run = run

    def probabilities(self, position: Position, colour: int = 0, symmetries: int = 1, komi: float = 7.5) -> np.ndarray:
        """(size * size + 1,) float64 probabilities of the legal moves of `colour` (else whose turn it is).

        Illegal moves have none; the last is a pass, 0 where the network has no such class. With 8 symmetries
        the mean of the probabilities over all turned and mirrored boards.
        """
        colour = colour or position.to_move
        size = position.size
        legal = position.legal(colour)
        if not legal.any():
            return np.eye(size * size + 1)[-1]
        planes = encode(position, colour, komi)[: planes_needed(self.run.config.features)]
        logits = self._averaged(planes) if symmetries > 1 else self.run.logits(planes[None])[0]
        if len(logits) == size * size:  # no class for a pass
            logits = np.append(logits, -np.inf)
        return np.exp(log_softmax(np.where(np.append(legal, True), logits, -np.inf)))

    def _averaged(self, planes: np.ndarray) -> np.ndarray:
        """Calibrated log of the mean probability (C,) over the views of a board (P, size, size); V views, n points."""
        count, size = len(planes), planes.shape[-1]
        upright = np.count_nonzero(planes[STONES_PLANE] & 3) < self.run.config.upright  # such boards stay as they are
        number = 1 if upright else views(self.run.config)
        turned = planes.reshape(count, -1)[:, sources(size)[:number]].swapaxes(0, 1)  # (V, P, n)
        logits = self.run.logits(np.ascontiguousarray(turned).reshape(number, count, size, size))
        if number == 1:
            return logits[0]
        # The mean is that of the network's own probabilities, those at temperature 1.
        temperature = self.run.calibration.temperature
        shares = np.exp(log_softmax(logits * temperature))  # (V, C)
        back = np.take_along_axis(shares, tables(size)[:number, : shares.shape[1]], axis=1)
        return np.log(np.maximum(back.mean(axis=0), 1e-30)) / temperature


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
    strict.superko = True  # the opponent may have repeated a board; this player never does
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
    if passing >= points.max() or is_over(position, colour, points / points.sum(), komi):
        return position.passes
    return draw(points, style, random)


def is_over(position: Position, colour: int, points: np.ndarray, komi: float) -> bool:
    """Whether there is nothing left to play for: see `choose`. `points` (size * size,) sum to 1."""
    if len(position.history) < position.passes // 4:  # not in the opening, where random games mean nothing
        return False
    passed = [point == position.passes for side, point in position.history[-4:] if side != colour]
    if len(passed) > 1 and all(passed[-2:]):
        return True
    owner = ownership(position)
    undecided = np.abs(owner.reshape(-1)) < DECIDED
    if not (undecided & (points >= LIKELY)).any():
        return True
    score = settled_score(position, owner, komi)
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
