"""Tree search over a network's policy and value: PUCT, as AlphaGo Zero has it (Silver et al. 2017), without rollouts.

A node holds a position and what the network says of it. From the root each visit follows the child with the largest

    Q + EXPLORE x prior x sqrt(visits of the node) / (1 + visits of the child)

to a leaf, which the network judges; its worth for the player to move (`lookahead.worth`) goes back up. LEAVES leaves
are judged together; on the way a visit counts as lost, so that they differ (virtual loss). A child without visits has
the worth of its parent less URGENCY x sqrt(share of the priors that were visited) (first-play urgency). The tree below
the moves that were played is kept.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from apps.go.play.evaluation import Evaluation, Judge
from apps.go.play.lookahead import worth
from apps.go.rules.position import Position
from cnn_core.errors import UserError

EXPLORE = 1.3
URGENCY = 0.2
LEAVES = 8
HINT = 1e-3
"""Of a visit, what the prior counts for moves that are chosen among though no visit went there."""
MOST = 100_000
"""Visits of one move."""


@dataclass
class Node:
    """A position of the tree, after a move; the root before one."""

    prior: float = 1.0
    visits: int = 0
    total: float = 0.0
    """Sum of worths for the player who moved here."""
    won: float = 0.0
    """Sum of win rates for that player."""
    lead: float = 0.0
    """Sum of leads in points for that player."""
    waiting: int = 0
    """Visits on the way that are not judged yet."""
    found: Evaluation | None = None
    children: "dict[int, Node]" = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """Worth for the player who moved here."""
        return self.total / self.visits if self.visits else 0.5

    @property
    def winrate(self) -> float:
        """Win rate of the player who moved here, 0 to 1; .5 before the first visit."""
        return self.won / self.visits if self.visits else 0.5

    @property
    def score(self) -> float:
        """Points by which that player is expected to win; 0 before the first visit."""
        return self.lead / self.visits if self.visits else 0.0

    def ranked(self) -> "list[tuple[int, Node]]":
        """Points and children, the most visited first, then the likeliest."""
        return sorted(self.children.items(), key=lambda item: (-item[1].visits, -item[1].prior, item[0]))

    def line(self) -> list[int]:
        """The moves that follow: of each position the most visited one."""
        node, found = self, []
        while node.children:
            point, node = node.ranked()[0]
            if not node.visits:
                break
            found.append(point)
        return found


class Search:
    """The tree of one game. `policy` must judge."""

    def __init__(self, policy: Judge):
        self.policy = policy
        self.root = Node()
        self.key: tuple[object, ...] = ()
        self.path: tuple[tuple[int, int], ...] = ()
        self.turn = 1
        self.first: dict[int, Node] = {}
        """Children of the root that are visited."""

    def run(
        self,
        position: Position,
        colour: int,
        komi: float,
        visits: int,
        seconds: float = math.inf,
        *,
        allowed: np.ndarray | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Node:
        """The root after `visits` visits, those kept from before included, or `seconds`, or once `stop` says so.

        The children of the root are sensible moves alone: legal, repeating no board, filling no own eye. `allowed`
        (size * size,) bool narrows which of them are visited, where one is left.
        """
        end = time.monotonic() + seconds
        start = position.copy()
        start.superko, start.situational, start.suicide = True, False, False
        start.to_move = colour
        self._find_root(start, colour, komi)
        if self.root.found is None:
            self._expand([([self.root], start)], komi)
        kept = {p: c for p, c in self.root.children.items() if allowed is None or p >= len(allowed) or allowed[p]}
        self.first = kept or self.root.children
        late = seconds <= 0  # whoever gives time at all gets leaves, however slow the first ones are
        while self.root.visits < visits and not late and not stop():
            wanted = min(LEAVES, visits - self.root.visits)
            late = not self._grow(start, komi, wanted) or time.monotonic() >= end
        return self.root

    def beyond(self, point: int) -> "Search":
        """A search that goes on below a child of the root, in the same tree: what `run` is asked after that move."""
        other = Search(self.policy)
        other.root, other.key = self.root.children[point], self.key
        other.path, other.turn = (*self.path, (self.turn, point)), 3 - self.turn
        return other

    def _find_root(self, start: Position, colour: int, komi: float) -> None:
        """Keep the tree below the moves made since the last search, where the game is the same."""
        key = (start.size, komi, start.stones)
        path = tuple(start.history)
        node: Node | None = self.root if key == self.key and path[: len(self.path)] == self.path else None
        turn = self.turn if self.key else colour
        for side, point in path[len(self.path) :]:
            node = node.children.get(point) if node is not None and side == turn else None
            turn = 3 - side
        self.root = node if node is not None and turn == colour else Node()
        self.key, self.path, self.turn = key, path, colour

    def _grow(self, start: Position, komi: float, wanted: int) -> bool:
        """Judge up to `wanted` leaves; False where there is none."""
        leaves: list[tuple[list[Node], Position]] = []
        taken: set[int] = set()
        for _ in range(wanted):
            way, position, node = [self.root], start.copy(), self.root
            while node.found is not None and node.children:
                point, node = self._best(node)
                position.play(position.to_move, point)
                way.append(node)
            if id(node) in taken:
                break
            taken.add(id(node))
            for each in way:
                each.waiting += 1
            leaves.append((way, position))
        for way, _ in leaves:
            for each in way:
                each.waiting -= 1
        self._expand(leaves, komi)
        return bool(leaves)

    def _best(self, node: Node) -> tuple[int, Node]:
        """The child to follow."""
        assert node.found is not None
        children = self.first if node is self.root else node.children
        seen = sum(child.prior for child in children.values() if child.visits)
        first = worth(node.found) - URGENCY * math.sqrt(seen)
        spread = EXPLORE * math.sqrt(max(node.visits + node.waiting, 1))

        def promise(child: Node) -> float:
            count = child.visits + child.waiting
            mean = child.total / count if count else first
            return mean + spread * child.prior / (1 + count)

        return max(children.items(), key=lambda item: promise(item[1]))

    def _expand(self, leaves: list[tuple[list[Node], Position]], komi: float) -> None:
        """Judge the positions at the ends of these ways, and carry their worth up."""
        new = [(way[-1], position) for way, position in leaves if way[-1].found is None]
        judged = self.policy.evaluate_all([position for _, position in new], komi=komi)
        for (node, position), found in zip(new, judged, strict=True):
            node.found = found
            node.children = {} if _is_over(position) else _children(position, found)
        for way, _ in leaves:
            found = way[-1].found
            assert found is not None
            assert found.winrate is not None
            assert found.score is not None
            value = worth(found)  # for the player to move at the leaf
            for depth, node in enumerate(reversed(way)):
                moved = depth % 2 == 0  # the player who moved at the leaf moved here too
                node.visits += 1
                node.total += 1 - value if moved else value
                node.won += 1 - found.winrate if moved else found.winrate
                node.lead += -found.score if moved else found.score


def searcher(policy: Judge, visits: int, run: object) -> "Judge | Searcher":
    """The policy itself for 0 visits. Raises UserError for a wrong number, and where `run` does not judge."""
    if not 0 <= visits <= MOST:
        raise UserError(f"--visits must lie between 0 and {MOST}, not {visits}")
    if visits and not policy.judges:
        raise UserError(f"--visits: {run} does not judge who wins; train it with --judge 1")
    return Searcher(policy, visits) if visits else policy


def _is_over(position: Position) -> bool:
    return [point for _, point in position.history[-2:]] == [position.passes] * 2


def _children(position: Position, found: Evaluation) -> dict[int, Node]:
    """A child for each sensible move that the network gives a probability; a pass where there is none."""
    colour = position.to_move
    shares = np.where(position.legal(colour) & ~position.own_eye(colour), found.policy[:-1], 0.0)
    total = float(shares.sum())
    if total <= 0:
        return {position.passes: Node(1.0)}
    return {point: Node(float(shares[point]) / total) for point in np.flatnonzero(shares > 0).tolist()}


class Searcher:
    """A predictor that searches: `probabilities` are shares of the visits, all else is the network's.

    Stands wherever a policy does; `choose` then plays the most visited move.
    """

    def __init__(self, policy: Judge, visits: int):
        self.policy, self.visits = policy, visits
        self.seconds = math.inf
        """What one move may take."""
        self.search = Search(policy)

    @property
    def judges(self) -> bool:
        """Whether the network says more than moves."""
        return self.policy.judges

    def counts(self, size: int) -> bool:
        """See `Policy.counts`."""
        return self.policy.counts(size)

    def evaluate(self, position: Position, colour: int = 0, symmetries: int = 1, komi: float = 7.5) -> Evaluation:
        """What the network says without searching."""
        return self.policy.evaluate(position, colour, symmetries, komi)

    def probabilities(self, position: Position, colour: int = 0, symmetries: int = 1, komi: float = 7.5) -> np.ndarray:
        """(size * size + 1,) shares of the visits of the moves."""
        root = self.search.run(position, colour or position.to_move, komi, self.visits, self.seconds)
        shares = np.zeros(position.passes + 1)
        for point, child in root.children.items():
            shares[point] = child.visits + HINT * child.prior
        if not shares.any():
            return self.policy.probabilities(position, colour, symmetries, komi)
        return shares / shares.sum()
