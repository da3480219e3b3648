"""What a network's judgement is worth on games that it has not seen: who wins, by how much, who owns what.

Letters: N positions, n points.
"""

from typing import Any

import numpy as np
import torch
from torch import nn

from apps.go.counting import outcome
from apps.go.counting.labels import endings
from apps.go.data import GoSplit
from apps.go.model import judged
from cnn_core.metrics.classes import Calibration, calibration
from cnn_core.training.inference import EVALUATED, autocast


@torch.no_grad()
def measure_judgement(
    model: nn.Module, split: GoSplit, *, batch_size: int = EVALUATED, precision: str = "auto"
) -> tuple[dict[str, Any], Calibration] | None:
    """Figures over the positions whose game has a result, and how far the side held to be ahead is to be believed.

    positions; winner: share in which the side held to be ahead won; brier: mean squared error of the win probability
    (.25 for 50 % throughout); calibration_error; score_error: mean absolute error of the margin, points; ownership:
    share of points whose owner is told. None where no game has a result.
    """
    ends = endings(split.games)
    device = next(model.parameters()).device
    model.eval()
    columns: list[list[np.ndarray]] = [[], [], [], []]
    for start in range(0, len(split), batch_size):
        inputs, _ = split.take(slice(start, start + batch_size))
        with autocast(precision, device):
            _, value, score, owner = judged(model, inputs.to(device))
        games, places, near_ends = split.near(split.inputs[start : start + batch_size].cpu().numpy(), ends)
        target = outcome.planes(games, near_ends or ends, places, split.size).flatten(2).numpy()
        result = target[:, outcome.RESULT, 0]
        known = np.isin(result, (1, 2))
        stored = target[:, outcome.MARGIN, 0].astype(float) * 256 + target[:, outcome.MARGIN + 1, 0]
        margin = np.where(stored > 0, (stored - outcome.MIDDLE) / 2, np.nan)
        komi = outcome.own_komi(inputs).numpy()
        owners = target[:, outcome.OWNERS]
        told = np.where(owner.float().cpu().numpy() > 0, 1, 2)
        right = np.where(np.isin(owners, (1, 2)), told == owners, np.nan)
        columns[0].append(value.double().cpu().numpy()[known])
        columns[1].append(result[known] == 1)
        columns[2].append(np.abs(score.double().cpu().numpy() - komi - margin))
        columns[3].append(right.ravel())
    value, won, points, owners = (np.concatenate(column) for column in columns)
    if not len(value):
        return None
    sure, right = np.maximum(value, 1 - value), (value > 0.5) == won
    reliability = calibration(sure, right)
    figures: dict[str, Any] = {
        "positions": len(value),
        "winner": float(right.mean()),
        "brier": float(((value - won) ** 2).mean()),
        "calibration_error": reliability.error,
        "score_error": float(np.nanmean(points)) if np.isfinite(points).any() else None,
        "ownership": float(np.nanmean(owners)) if np.isfinite(owners).any() else None,
    }
    return figures, reliability
