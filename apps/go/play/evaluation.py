"""What a network says of a position: moves, who wins, by how much, who owns what; with PyTorch and without it.

Policy(run).evaluate(position, komi=6.5)      # an Evaluation; a network without a judgement gives moves alone
Policy(run).evaluate_all(positions)           # many at once, as a search wants them
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from apps.go.config import planes_of, views
from apps.go.rules.encode import STONES_PLANE, encode
from apps.go.rules.position import Position
from apps.go.rules.symmetry import sources, tables
from cnn_core.metrics.classes import log_softmax

if TYPE_CHECKING:
    from cnn_core.exporting.session import ExportedRun
    from cnn_core.runs import Run

LARGER = 1.5
"""A network that judges helps to count boards up to so many times as wide as those that it learned from."""


@dataclass(frozen=True)
class Evaluation:
    """How a position looks to the player to move. All but the policy is None for a network without a judgement."""

    policy: np.ndarray
    """(size * size + 1,) float64 probabilities of the legal moves, the last of a pass; illegal ones have 0."""
    winrate: float | None = None
    """Probability that the player to move wins, 0 to 1."""
    score: float | None = None
    """Points by which the player to move is expected to win, komi included; negative where behind."""
    ownership: np.ndarray | None = None
    """(size, size) float64: +1 where the player to move is sure to own the point at the end, -1 the opponent."""

    def of_black(self, colour: int) -> "Evaluation":
        """The same seen by black, where `colour` (1 or 2) is to move."""
        if colour == 1 or self.winrate is None or self.score is None or self.ownership is None:
            return self
        return Evaluation(self.policy, 1 - self.winrate, -self.score, -self.ownership)


class Evaluator(Protocol):
    """Whatever gives evaluations."""

    def evaluate(self, position: Position, colour: int = 0, symmetries: int = 1, komi: float = 7.5) -> Evaluation:
        """How `position` looks to `colour`, else to whose turn it is."""
        ...


class Judge(Protocol):
    """Whatever a search can stand on: `Policy`, or a stand-in for it."""

    @property
    def judges(self) -> bool:
        """Whether it says more than moves."""
        ...

    def counts(self, size: int) -> bool:
        """Whether its ownership helps to count a board of this size."""
        ...

    def probabilities(self, position: Position, colour: int = 0, symmetries: int = 1, komi: float = 7.5) -> np.ndarray:
        """See `Predictor`."""
        ...

    def evaluate(self, position: Position, colour: int = 0, symmetries: int = 1, komi: float = 7.5) -> Evaluation:
        """See `Evaluator`."""
        ...

    def evaluate_all(
        self, positions: Sequence[Position], colour: int = 0, symmetries: int = 1, komi: float = 7.5
    ) -> list[Evaluation]:
        """The same of several positions."""
        ...


class Predictor(Protocol):
    """Whatever gives probabilities: a trained network, or a stand-in for it."""

    def probabilities(self, position: Position, colour: int = 0, symmetries: int = 1, komi: float = 7.5) -> np.ndarray:
        """(size * size + 1,) probabilities of legal moves, the last of a pass."""
        ...


def evaluate(
    predictor: Predictor, position: Position, colour: int = 0, symmetries: int = 1, komi: float = 7.5
) -> Evaluation:
    """What a predictor says of a position; its moves alone, where it has no `evaluate`."""
    judge = getattr(predictor, "evaluate", None)
    if judge is not None:
        return judge(position, colour, symmetries, komi)
    return Evaluation(predictor.probabilities(position, colour, symmetries, komi))


class Policy:
    """The network of a run (`cnn_core.verbs.answers.opened`) as an evaluator; no torch where the run needs none."""

    def __init__(self, run: "Run | ExportedRun"):
        self.run = run

    @property
    def judges(self) -> bool:
        """Whether the network says more than moves."""
        return self.run.config.judge > 0

    def counts(self, size: int) -> bool:
        """Whether its ownership is worth something when a board of this size is counted: it must have learned from
        boards of about that size. On 19x19, one from 9x9 beside random games named fewer winners than they alone.
        """
        return self.judges and size <= LARGER * self.run.config.size

    def probabilities(self, position: Position, colour: int = 0, symmetries: int = 1, komi: float = 7.5) -> np.ndarray:
        """(size * size + 1,) float64 probabilities of the legal moves of `colour` (else whose turn it is).

        Illegal moves have none; the last is a pass, 0 where the network has no such class. With 8 symmetries
        the mean of the probabilities over all turned and mirrored boards.
        """
        if not position.legal(colour or position.to_move).any():
            return np.eye(position.passes + 1)[-1]
        return self.evaluate(position, colour, symmetries, komi).policy

    def evaluate(self, position: Position, colour: int = 0, symmetries: int = 1, komi: float = 7.5) -> Evaluation:
        """How `position` looks to `colour`, else to whose turn it is; means over 8 views where they differ."""
        return self.evaluate_all([position], colour, symmetries, komi)[0]

    def evaluate_all(
        self, positions: Sequence[Position], colour: int = 0, symmetries: int = 1, komi: float = 7.5
    ) -> list[Evaluation]:
        """The same of several positions of one board size, which go through the network together."""
        if not positions:
            return []
        count = planes_of(self.run.config)
        colours = [colour or position.to_move for position in positions]
        both = zip(positions, colours, strict=True)
        planes = np.stack([encode(position, side, komi)[:count] for position, side in both])
        found = self._averaged(planes) if symmetries > 1 else self.run.outputs(planes)
        parts = [{name: values[i] for name, values in found.items()} for i in range(len(positions))]
        return [_evaluation(*each) for each in zip(positions, colours, parts, strict=True)]

    def _averaged(self, planes: np.ndarray) -> dict[str, np.ndarray]:
        """Means over the views of boards (B, P, size, size): of logits the calibrated log of the mean probability."""
        number, upright = views(self.run.config), self.run.config.upright
        if number == 1:
            return self.run.outputs(planes)
        few = (planes[:, STONES_PLANE] & 3 > 0).sum((1, 2)) < upright
        found: dict[str, list[np.ndarray]] = {}
        for board, one in zip(planes, few, strict=True):  # boards with few stones stay as they are
            for name, values in self._views(board, 1 if one else number).items():
                found.setdefault(name, []).append(values)
        return {name: np.stack(values) for name, values in found.items()}

    def _views(self, planes: np.ndarray, number: int) -> dict[str, np.ndarray]:
        """The mean over `number` views of a board (P, size, size); V views, n points."""
        count, size = len(planes), planes.shape[-1]
        turned = planes.reshape(count, -1)[:, sources(size)[:number]].swapaxes(0, 1)  # (V, P, n)
        found = self.run.outputs(np.ascontiguousarray(turned).reshape(number, count, size, size))
        if number == 1:
            return {name: values[0] for name, values in found.items()}
        # The mean is that of the network's own probabilities, those at temperature 1.
        temperature = self.run.calibration.temperature
        shares = _back(np.exp(log_softmax(found.pop("logits") * temperature)), size)
        means = {name: (_back(values, size) if values.ndim > 1 else values).mean(0) for name, values in found.items()}
        return {"logits": np.log(np.maximum(shares.mean(0), 1e-30)) / temperature, **means}


def _back(values: np.ndarray, size: int) -> np.ndarray:
    """Values (V, n) or (V, n + 1) of the views of a board, back in its own order."""
    return np.take_along_axis(values, tables(size)[: len(values), : values.shape[1]], axis=1)


def _evaluation(position: Position, colour: int, found: dict[str, np.ndarray]) -> Evaluation:
    legal, logits = position.legal(colour), found["logits"]
    if len(logits) == position.passes:  # no class for a pass
        logits = np.append(logits, -np.inf)
    if legal.any():
        policy = np.exp(log_softmax(np.where(np.append(legal, True), logits, -np.inf)))
    else:
        policy = np.eye(position.passes + 1)[-1]
    if "value" not in found:
        return Evaluation(policy)
    owner = found["ownership"].reshape(position.size, position.size)
    return Evaluation(policy, float(found["value"]), float(found["score"]), owner)
