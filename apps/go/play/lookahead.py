"""One move ahead: what a network that judges thinks of its own candidates, and games that it plays so against itself.

The policy's best moves are tried, and the positions after them judged; each candidate's share grows with how much
better it is than expected. Such a player is clearly stronger than its policy, and a policy that learns from its games
plays as well without looking ahead (the improvement step of Danihelka et al. 2022, with one visit a candidate).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from apps.go.play.evaluation import Evaluation, Policy
from apps.go.play.player import LIKELY
from apps.go.play.playouts import DECIDED
from apps.go.rules.position import Position

CANDIDATES = 6
SCALE = 12.0
"""How many nats a candidate gains when it wins for certain instead of losing."""
POINTS, MOST = 15.0, 0.1
"""A lead in points counts for up to a tenth of the game, so that won games are played on: tanh(score / POINTS)."""
LIVELY = 8
"""Moves at the beginning of a game that are drawn by their shares; later ones are the best."""


@dataclass
class _Game:
    position: Position
    random: np.random.Generator
    first: int
    """Moves that were played before."""


def worth(found: Evaluation) -> float:
    """How good a position is for the player to move: the win probability, and a little for the points."""
    assert found.winrate is not None
    assert found.score is not None
    return found.winrate + MOST * float(np.tanh(found.score / POINTS))


def look_ahead(
    policy: Policy, positions: Sequence[Position], found: Sequence[Evaluation], komi: float = 7.5
) -> list[np.ndarray | None]:
    """For each position, with its evaluation, the shares (n,) of its moves after looking ahead; None where there is no
    legal move but into own eyes. All must be of one board size, and the player to move the one whose turn it is.
    """
    logs: list[np.ndarray | None] = []
    tried: list[tuple[int, int]] = []
    children: list[Position] = []
    for i, (position, judged) in enumerate(zip(positions, found, strict=True)):
        colour = position.to_move
        shares = np.where(position.legal(colour) & ~position.own_eye(colour), judged.policy[:-1], 0.0)
        if shares.sum() <= 0:
            logs.append(None)
            continue
        logs.append(np.log(np.maximum(shares / shares.sum(), 1e-12)))
        for point in np.argsort(-shares, kind="stable")[:CANDIDATES].tolist():
            if shares[point] > 0:
                child = position.copy()
                child.play(colour, point)
                children.append(child)
                tried.append((i, point))
    values: list[dict[int, float]] = [{} for _ in positions]
    for (i, point), child in zip(tried, policy.evaluate_all(children, komi=komi), strict=True):
        values[i][point] = 1 - worth(child)
    result: list[np.ndarray | None] = []
    for log, judged, value in zip(logs, found, values, strict=True):
        if log is None:
            result.append(None)
            continue
        points, gains = np.array(list(value)), np.array(list(value.values()))
        prior = np.exp(log[points])
        expected = (worth(judged) + (prior * gains).sum() / prior.sum()) / 2  # of moves that were not tried
        scores = log + SCALE * expected
        scores[points] += SCALE * (gains - expected)
        weights = np.where(log > -27, np.exp(scores - scores.max()), 0)
        result.append(weights / weights.sum())
    return result


def play_games(
    policy: Policy, starts: Sequence[Position], seeds: Sequence[int], komi: float = 7.5
) -> Iterator[tuple[int, Position]]:
    """Number and final position of games that begin at `starts`, played side by side, each as soon as it is over.

    A game is over when no likely move lies where anything is undecided, as the network judges; then both pass.
    """
    games = {
        i: _Game(start.copy(), np.random.default_rng(seed), len(start.history))
        for i, (start, seed) in enumerate(zip(starts, seeds, strict=True))
    }
    for game in games.values():
        game.position.superko = True
    while games:
        found = policy.evaluate_all([game.position for game in games.values()], komi=komi)
        shares = look_ahead(policy, [game.position for game in games.values()], found, komi)
        for (i, game), judged, weights in zip(list(games.items()), found, shares, strict=True):
            position = game.position
            if weights is None or _is_over(position, judged) or len(position.history) >= 3 * position.passes:
                for _ in range(2):
                    position.play(position.to_move, position.passes)
                del games[i]
                yield i, position
                continue
            lively = len(position.history) - game.first < LIVELY
            point = int(game.random.choice(len(weights), p=weights) if lively else weights.argmax())
            position.play(position.to_move, point)


def _is_over(position: Position, found: Evaluation) -> bool:
    if len(position.history) < position.passes // 4:
        return False
    assert found.ownership is not None
    undecided = np.abs(found.ownership.reshape(-1)) < DECIDED
    return not (undecided & (found.policy[:-1] >= LIKELY)).any()
