"""What each move of a game cost, as a network that judges sees it one move ahead, or a search by that network.

After the move that was played and after each of the policy's first candidates the network tells the score; what the
best of them is ahead of the move played is the points that it lost. A search holds the move played against the one
that it visits most, and tells the score after both of them from as many visits. Both sides of the difference are told
at the same depth, so that a network's habit of liking the side to move falls out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.go.rules.points import name

if TYPE_CHECKING:
    import numpy as np

    from apps.go.play.evaluation import Evaluation, Judge
    from apps.go.play.search import Node, Search
    from apps.go.records.record import Step
    from apps.go.rules.position import Position

CANDIDATES = 4
"""Moves of the policy that the one played is held against."""
LEAST = 0.02
"""Share of the policy below which a move is no candidate: the network has hardly learned what follows such moves."""
WORST = 5
"""Moves of each side that are named."""


@dataclass(frozen=True)
class Reviewed:
    """One move of the main line; scores and win rates are black's, after the move."""

    number: int
    node: int
    colour: int
    point: int
    score: float
    winrate: float
    best: int
    """The move that leaves the most points: the one played, or a candidate of the policy or the search."""
    best_score: float
    size: int

    @property
    def lost(self) -> float:
        """Points that the move lost against `best`, never negative."""
        return max((self.best_score - self.score) * (1 if self.colour == 1 else -1), 0.0)

    @property
    def side(self) -> str:
        """Black or White."""
        return "Black" if self.colour == 1 else "White"

    @property
    def played(self) -> str:
        """The point by its name, such as Q16."""
        return name(self.point, self.size)

    @property
    def better(self) -> str:
        """The best move by its name."""
        return name(self.best, self.size)

    @property
    def points(self) -> str:
        """Black's score with its sign; never -0.0."""
        return f"{round(self.score, 1) + 0.0:+.1f}"

    def told(self) -> str:
        """A line for the comment of a record."""
        standing = f"score {self.points} for black, black wins {self.winrate:.0%}"
        if self.lost < 0.05:
            return f"{self.side} {self.played}: no point lost ({standing})."
        return f"{self.side} {self.played}: {self.lost:.1f} points lost, {self.better} was better ({standing})."


def reviewed(step: Step, shares: np.ndarray, judge: Judge, komi: float, symmetries: int = 1) -> Reviewed:
    """The move of a step, which must be legal; `shares` is the policy there. The network must judge."""
    assert step.point is not None
    size, colour = step.position.size, step.colour
    order = (-shares).argsort(kind="stable").tolist()
    likely = [p for p in order[:CANDIDATES] if shares[p] >= LEAST and p != step.point]
    others = [p for p in likely if not step.position.why_illegal(colour, p)]
    after = _after(step.position, colour, [step.point, *others], judge, symmetries, komi)
    best = max(after, key=lambda point: after[point][0] * (1 if colour == 1 else -1))
    score, winrate = after[step.point]
    return Reviewed(step.number, step.node, colour, step.point, score, winrate, best, after[best][0], size)


def searched(step: Step, search: Search, visits: int, komi: float) -> Reviewed:
    """The move of a step as a search sees it, which goes on in its tree from move to move."""
    assert step.point is not None
    colour, position = step.colour, step.position
    best, _ = search.run(position, colour, komi, visits).ranked()[0]
    told: dict[int, Node] = {}  # with means for `colour`
    for point, tree in {best: search.beyond(best), step.point: search}.items():
        trial = position.copy()
        trial.play(colour, point)
        told[point] = tree.run(trial, 3 - colour, komi, visits)
    if told[best].score <= told[step.point].score:
        best = step.point
    sign = 1 if colour == 1 else -1
    score, winrate = told[step.point].score, told[step.point].winrate
    return Reviewed(
        step.number,
        step.node,
        colour,
        step.point,
        sign * score,
        winrate if colour == 1 else 1 - winrate,
        best,
        sign * told[best].score,
        position.size,
    )


def _after(
    position: Position, colour: int, points: Sequence[int], judge: Judge, symmetries: int, komi: float
) -> dict[int, tuple[float, float]]:
    """Point -> black's (score, win rate) after `colour` has played there."""
    trials = {point: position.copy() for point in points}
    for point, trial in trials.items():
        trial.play(colour, point)
    told = judge.evaluate_all([*trials.values()], 0, symmetries, komi)
    return {point: _black(trial, each) for (point, trial), each in zip(trials.items(), told, strict=True)}


def _black(position: Position, told: Evaluation) -> tuple[float, float]:
    black = told.of_black(position.to_move)
    if black.score is None or black.winrate is None:
        raise ValueError("the network does not judge")
    return black.score, black.winrate


def worst(moves: Sequence[Reviewed], colour: int) -> list[Reviewed]:
    """The moves of `colour` that lost most, WORST at most, of those that lost half a point and more."""
    own = [move for move in moves if move.lost >= 0.5 and move.colour == colour]
    return sorted(own, key=_first)[:WORST]


def worst_of_both(moves: Sequence[Reviewed]) -> list[Reviewed]:
    """The worst moves of each side, the one that lost most first."""
    return sorted([*worst(moves, 1), *worst(moves, 2)], key=_first)


def _first(move: Reviewed) -> tuple[float, int]:
    return -move.lost, move.number
