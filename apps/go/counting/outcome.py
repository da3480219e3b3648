"""How a game ends, as something to learn from each of its positions: who owns each point, who wins, by how much.

A network with these heads says how a game stands (Wu 2019). One distribution of the final margin on the board, logistic
with a mean and a spread of its own for every position, answers for every komi: the player to move wins with the
probability that the margin and the komi together are above 0.

Four planes of uint8 follow those of the position, for the player to move:

    OWNERS      1 own at the end, 2 the opponent's, 3 nobody's, 0 not known
    RESULT      1 wins, 2 loses, 3 a draw, 0 not known
    MARGIN      two planes, high and low byte: 2^15 + 2 x points on the board, without komi; 0 not known

Letters: B batch, G games, n points, size x size the board.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from apps.go.records.collection import Collection
from apps.go.rules.encode import KOMI, WHITE_BIT

OWNERS, RESULT, MARGIN = 0, 1, 2
PLANES = 4
NUMBERS = 2
"""Numbers of a whole board beside one a point: mean margin, and spread."""
MIDDLE = 1 << 15
WINNER, SCORE = 0.5, 0.05
"""Weights of the winner and of the margin beside the owners, whose loss is a mean over the points."""


@dataclass(frozen=True)
class Endings:
    """How the games of a collection ended."""

    owner: np.ndarray
    """uint8 (G, n): 1 black, 2 white, 3 nobody, 0 not known."""
    margin: np.ndarray
    """float32 (G,): points on the board, black's less white's, without komi; NaN where they are not known."""
    result: np.ndarray
    """uint8 (G,): 1 black won, 2 white, 3 a draw, 0 not known."""

    def take(self, games: np.ndarray) -> "Endings":
        """Those of some games alone."""
        return Endings(self.owner[games], self.margin[games], self.result[games])


def planes(games: Collection, endings: Endings, samples: np.ndarray, size: int) -> Tensor:
    """(B, PLANES, size, size) uint8 for `samples` (B, 2): game, and index of the next move among all moves."""
    game, index = samples.T
    white = (games.moves[index] & WHITE_BIT) > 0
    out = np.zeros((len(samples), PLANES, size * size), np.uint8)
    swap = np.array([[0, 1, 2, 3], [0, 2, 1, 3]], np.uint8)
    out[:, OWNERS] = swap[white.astype(int)[:, None], endings.owner[game]]
    out[:, RESULT] = swap[white.astype(int), endings.result[game]][:, None]
    margin = endings.margin[game] * np.where(white, -1, 1)
    known = np.isfinite(margin)
    stored = np.where(known, MIDDLE + np.round(2 * np.where(known, margin, 0)), 0).astype(np.int64)
    out[:, MARGIN] = (stored >> 8)[:, None]
    out[:, MARGIN + 1] = (stored & 255)[:, None]
    return torch.from_numpy(out).view(-1, PLANES, size, size)


def own_komi(compact: Tensor) -> Tensor:
    """(B,) points that the rules give the player to move, of compact planes (B, P, H, W)."""
    return (compact[:, KOMI, 0, 0].float() - 128) / 2


def losses(outputs: Tensor, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Means over what is known of a batch: "owners" a point, "winner" and "margin" a position; all in nats.

    `outputs` are those of `Judgement` (B, n + 2), `inputs` the compact planes (B, P, H, W), `targets` the planes
    (B, PLANES, H, W).
    """
    outputs, targets = outputs.float(), targets.flatten(2)  # (B, PLANES, n)
    points = targets.shape[2]
    logits, mean, spread = outputs[:, :points], outputs[:, points], outputs[:, points + 1]
    owner = targets[:, OWNERS]
    wanted = torch.where(owner == 3, 0.5, (owner == 1).float())
    owners = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    result = targets[:, RESULT, 0]
    winner = functional.binary_cross_entropy_with_logits(
        (mean + own_komi(inputs)) / spread,
        torch.where(result == 3, 0.5, (result == 1).float()),
        reduction="none",
    )
    stored = targets[:, MARGIN, 0].float() * 256 + targets[:, MARGIN + 1, 0].float()
    away = (((stored - MIDDLE) / 2 - mean) / spread).abs()
    margin = spread.log() + away + 2 * torch.log1p(torch.exp(-away))
    return {
        "owners": _mean(owners, owner > 0),
        "winner": _mean(winner, result > 0),
        "margin": _mean(margin, stored > 0),
    }


def objective(means: dict[str, Tensor]) -> Tensor:
    """The sum that training minimizes."""
    return means["owners"] + WINNER * means["winner"] + SCORE * means["margin"]


def _mean(values: Tensor, known: Tensor) -> Tensor:
    return torch.where(known, values, 0).sum() / known.sum().clamp(min=1)
