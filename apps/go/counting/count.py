"""The count of a finished game: who owns each point, which stones are dead, which live in seki.

Three opinions are brought together. Benson's unconditional life is certain. A network that judges says who owns each
point at the end; random games say it too, blindly but without ever having been taught. A chain is dead where the
weighted mean of both is the opponent's; near 0, what the group has decides (`groups`).

    found = count(position, Policy(run))
    found.score(komi=7.5), found.dead
"""

from dataclasses import dataclass

import numpy as np

from apps.go.counting.benson import pass_alive
from apps.go.counting.groups import settled
from apps.go.play.evaluation import Predictor, evaluate
from apps.go.play.playouts import ownership
from apps.go.rules.points import BLACK, WHITE
from apps.go.rules.position import Position
from apps.go.rules.ruleset import Ruleset

TRUST = 0.2
"""Weight of a network's ownership, that of random games being the rest; docs/experiments/go-judging.md."""


@dataclass(frozen=True)
class Count:
    """A settled position of n points."""

    owner: np.ndarray
    """(n,) int8: 1 black, 2 white, 0 nobody, by area."""
    dead: list[int]
    """Points of dead stones, sorted."""
    seki: list[int]
    """Points of stones that live without territory, beside stones of the other colour that neither side can take."""

    def score(self, komi: float) -> float:
        """Area of black less white's and the komi, in points."""
        return score_of(self.owner) - komi


def score_by(rules: Ruleset, position: Position, found: Count, komi: float) -> float:
    """Black's points less white's by the rules' way of counting, with what they owe white for a handicap."""
    black, white = position.stones
    komi += rules.owed(0 if white else len(black))
    if rules.scoring == "area":
        return found.score(komi)
    return territory(position, found) - komi


def territory(position: Position, found: Count) -> float:
    """Territory and prisoners, black's less white's: dead stones count twice, what lies in seki does not."""
    board = position.board.reshape(-1)
    board[found.dead] = 0
    owner = np.where(board == 0, found.owner, 0)
    owner[_eyes_in_seki(position, found)] = 0
    black, white = position.captures
    dead = position.board.reshape(-1)[found.dead]
    return score_of(owner) + black - white + int((dead == WHITE).sum()) - int((dead == BLACK).sum())


def _eyes_in_seki(position: Position, found: Count) -> list[int]:
    """Empty points owned by the groups that live in seki."""
    near, group, stack = position._state.near, set(found.seki), list(found.seki)
    while stack:
        point = stack.pop()
        for q in near[point].tolist():
            if q < position.passes and q not in group and found.owner[q] == found.owner[point]:
                group.add(q)
                stack.append(q)
    return sorted(group)


def count(position: Position, predictor: Predictor | None = None, komi: float = 7.5) -> Count:
    """Settle `position` as it stands, neither player having anything left to play for."""
    return counted(position, blended(position, predictor, komi))


def counted(position: Position, owner: np.ndarray) -> Count:
    """Settle a position by an ownership (size, size), -1 to +1, as `blended` gives it."""
    board, owner = position.board.reshape(-1), owner.reshape(-1)
    dead: list[int] = []
    left = set(np.flatnonzero(board).tolist())
    while left:
        chain = position.chain(left.pop())
        left -= set(chain)
        side = 1 if board[chain[0]] == BLACK else -1
        if side * owner[chain].mean() < 0:
            dead += chain
    lost, kept = settled(position, owner)
    dead = sorted((set(dead) | lost) - kept)
    area = area_without(position, dead)
    return Count(area, dead, in_seki(position, area))


def blended(position: Position, predictor: Predictor | None = None, komi: float = 7.5) -> np.ndarray:
    """(size, size) -1 to +1: who owns each point, black +1, as random games, a network that judges and Benson say."""
    owner = ownership(position)
    told = judged_ownership(position, predictor, komi)
    if told is not None:
        owner = (1 - TRUST) * owner + TRUST * told
    safe = pass_alive(position)
    return np.where(safe == 1, 1.0, np.where(safe == 2, -1.0, owner))


def judged_ownership(position: Position, predictor: Predictor | None, komi: float = 7.5) -> np.ndarray | None:
    """(size, size) ownership by a network, black +1: the mean of both colours to move.

    None where it does not judge, or knows boards of another size alone (`Policy.counts`).
    """
    counts = getattr(predictor, "counts", None)
    if predictor is None or counts is None or not counts(position.size):
        return None
    told = [evaluate(predictor, position, colour, 1, komi).of_black(colour).ownership for colour in (1, 2)]
    return None if told[0] is None or told[1] is None else (told[0] + told[1]) / 2


def in_seki(position: Position, owner: np.ndarray) -> list[int]:
    """Stones that live in seki, given the owners (n,) of a settled position: those of chains beside a neutral point
    which, with all chains that share territory with them, own fewer than two points of territory."""
    board, near = position.board.reshape(-1), position._state.near
    n = position.passes
    found: list[int] = []
    seen: set[int] = set()
    for start in np.flatnonzero((board > 0) & (board == owner)).tolist():
        if start in seen:
            continue
        # A group: stones and territory of one owner that hang together.
        group, stack = {start}, [start]
        while stack:
            for q in near[stack.pop()].tolist():
                if q < n and q not in group and owner[q] == owner[start]:
                    group.add(q)
                    stack.append(q)
        seen |= group
        stones = [point for point in group if board[point] == owner[start]]
        beside = any(q < n and board[q] == 0 and owner[q] == 0 for point in stones for q in near[point].tolist())
        if beside and len(group) - len(stones) < 2:
            found += stones
    return sorted(found)


def area_without(position: Position, dead: list[int]) -> np.ndarray:
    """(n,) int8: who owns each point once the `dead` stones are taken off, 0 for nobody."""
    board = position.board.reshape(-1)
    board[dead] = 0
    cleared = Position(position.size)
    cleared.setup(*(np.flatnonzero(board == colour).tolist() for colour in (BLACK, WHITE)))
    return cleared.area().reshape(-1)


def score_of(owner: np.ndarray) -> float:
    """Points of black less those of white, without komi."""
    return float((owner == BLACK).sum() - (owner == WHITE).sum())
