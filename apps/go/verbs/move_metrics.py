"""What a network's predictions are worth, position by position: rank of the move played, loss, confidence.

Letters: N positions, n points.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from apps.go.data import GoSplit
from apps.go.rules.encode import KIND, POINT
from cnn_core.metrics.classes import Calibration, calibration, wilson_interval
from cnn_core.training.inference import EVALUATED, autocast

AT_ONCE = 1 << 16  # positions whose games are loaded at once, where they are mapped


@dataclass(frozen=True)
class Measured:
    """One number for each position of a split, (N,) each."""

    rank: NDArray[np.int64]
    """Moves that the network found better than the one played, or as good where they come first in the order."""
    loss: NDArray[np.float64]
    """Negative log-likelihood of the move played, nats."""
    confidence: NDArray[np.float64]
    """Probability of the network's best move."""
    best: NDArray[np.int64]
    """That move."""

    def summary(self, mask: NDArray[np.bool_] | None = None) -> dict[str, float]:
        """Positions, top-1, top-5, NLL of the positions in `mask`, and the 95 % interval of top-1."""
        rank = self.rank if mask is None else self.rank[mask]
        loss = self.loss if mask is None else self.loss[mask]
        count, hits = len(rank), int((rank == 0).sum())
        low, high = wilson_interval(hits, count)
        top5 = float((rank < 5).mean()) if count else float("nan")
        nll = float(loss.mean()) if count else float("nan")
        top1 = hits / count if count else float("nan")
        return {"positions": count, "top1": top1, "low": low, "high": high, "top5": top5, "nll": nll}

    @property
    def calibration(self) -> Calibration:
        """How far the probability of the best move is to be believed."""
        return calibration(self.confidence, self.rank == 0)


@torch.no_grad()
def measure(
    model: nn.Module, split: GoSplit, *, batch_size: int = EVALUATED, precision: str = "auto", temperature: float = 1.0
) -> Measured:
    """Run the model, which is left in eval mode, over all positions of a split."""
    device = next(model.parameters()).device
    model.eval()
    columns: list[list[torch.Tensor]] = [[], [], [], []]
    for start in range(0, len(split), batch_size):
        inputs, moves = split.take(slice(start, start + batch_size))
        with autocast(precision, device):
            logits = model(inputs.to(device)).float()
        log_p = (logits / temperature).log_softmax(1)
        moves = moves.to(device)[:, None]
        own = log_p.gather(1, moves)
        confidence, best = log_p.max(1)
        first = torch.arange(log_p.shape[1], device=device) < moves
        rank = (log_p > own).sum(1) + ((log_p == own) & first).sum(1)
        for column, values in zip(columns, (rank, -own[:, 0], confidence.exp(), best), strict=True):
            column.append(values.cpu())
    rank, loss, sure, best = (torch.cat(column).numpy() for column in columns)
    return Measured(rank, loss.astype(np.float64), sure.astype(np.float64), best)


def move_numbers(split: GoSplit) -> NDArray[np.int64]:
    """(N,) number of the move in its game, 1 for the first."""
    found = [np.empty(0, np.int64)]
    for places in split.places(AT_ONCE):
        games, places, _ = split.near(places)
        game, index = places.T
        count = np.cumsum((np.asarray(games.moves) & KIND) == 0)
        before = np.concatenate([[0], count])[games.offsets[:-1]]  # moves in earlier games
        found.append(count[index] - before[game])
    return np.concatenate(found)


def distances(split: GoSplit) -> NDArray[np.int64]:
    """(N,) lines between the move and the one before, the larger of rows and columns; -1 without a last move."""
    size, found = split.size, [np.empty(0, np.int64)]
    for places in split.places(AT_ONCE):
        games, places, _ = split.near(places)
        game, index = places.T
        previous = games.moves[np.maximum(index - 1, 0)]
        point, last = games.moves[index] & POINT, previous & POINT
        rows = np.abs(point.astype(int) // size - last.astype(int) // size)
        columns = np.abs(point.astype(int) % size - last.astype(int) % size)
        none = index == games.offsets[game]
        none |= ((previous & KIND) != 0) | (last == size * size) | (point == size * size)
        found.append(np.where(none, -1, np.maximum(rows, columns)))
    return np.concatenate(found)


def phases(size: int) -> list[tuple[str, int, int]]:
    """Name, first and last move of the phases of a game: up to a ninth, a third, five ninths of the points, and on."""
    n = size * size
    edges = [0, n // 9, n // 3, 5 * n // 9, 10 * n]
    names = ("opening", "early middle game", "late middle game", "endgame")
    return [(name, first + 1, last) for name, first, last in zip(names, edges[:-1], edges[1:], strict=True)]
