"""The front end: compact planes (see `apps.go.rules.encode`) to the floats that a network sees, by feature set.

    stones    own, opponent's, board, ko: 4 planes
    history   stones; liberties 1, 2, 3, 4 and more; the last 8 moves: 16
    gonn      board; own; opponent's; 1, 2, 3 liberties; ko; last 5 moves; caught in a ladder now, one and two moves
              ago; moves that catch in a ladder; komi / 15: 17
    tactics   history; the ladder planes; what a move here captures, puts into atari, has as liberties; own eyes: 32
    alphago   the 48 planes of Silver et al. 2016

Letters: B batch, P compact planes, F planes of the feature set.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from apps.go.config import planes_needed
from apps.go.rules.encode import (
    AFTER_MOVE,
    AGE,
    CAPTURE,
    EYE,
    KOMI,
    LADDERS,
    LEGAL,
    LIBERTIES,
    STONES_PLANE,
)
from apps.go.rules.ladders import BEFORE, CAPTURES, ESCAPES, LADDERED, LONG_BEFORE


def bins(values: Tensor, first: int, last: int, more: bool, unit: int = 1) -> Tensor:
    """One-hot planes (B, H, W, last - first + 1) of uint8 (B, H, W, 1), which count in steps of `unit`.

    With `more` the last one means "or more".
    """
    steps = torch.tensor(range(first * unit, (last + 1) * unit, unit), dtype=values.dtype, device=values.device)
    return (torch.minimum(values, steps[-1]) if more else values) == steps


def has(values: Tensor, *flags: int) -> Tensor:
    """Planes (B, H, W, len(flags)) of the bits in uint8 (B, H, W, 1)."""
    return (values & torch.tensor(flags, dtype=values.dtype, device=values.device)).to(torch.bool)


def few_stones(compact: Tensor, count: int) -> Tensor:
    """bool (B,): boards (B, P, H, W) with fewer stones than `count`."""
    return (compact[:, STONES_PLANE] & 3 > 0).sum((1, 2)) < count


class GoFront(nn.Module):
    """Compact planes (B, P, H, W) uint8 to floats (B, F, H, W); planes that the feature set does not need may follow.

    While training, a share `drop_history` of the positions is shown without earlier moves. With `upright`, three planes
    tell the upper half of the board, the right one, and the points nearer to the sides than to top and bottom, as long
    as there are fewer stones than that; they are empty afterwards.
    """

    def __init__(self, features: str, drop_history: float = 0.0, upright: int = 0):
        super().__init__()
        self.features = features
        self.drop_history = drop_history
        self.upright = upright
        self.planes = int(self(torch.zeros(1, planes_needed(features), 3, 3, dtype=torch.uint8)).shape[1])

    def forward(self, compact: Tensor) -> Tensor:
        """(B, P, H, W) -> (B, F, H, W)."""
        compact = compact[:, : planes_needed(self.features)]
        if self.training and self.drop_history and compact.shape[1] > AGE:
            compact = self._forget(compact)
        columns = compact.unsqueeze(-1).unbind(1)  # P times (B, H, W, 1): planes last, as convolutions like them
        parts = getattr(self, f"_{self.features}")(columns)
        if self.upright:
            parts = [*parts, *self._sides(compact)]
        if all(part.dtype == torch.bool for part in parts):
            planes = torch.cat(parts, -1).to(torch.float32)  # one conversion of bytes, not one of each part
        else:
            planes = torch.cat([part.to(torch.float32) for part in parts], -1)
        return planes.permute(0, 3, 1, 2)

    def _forget(self, compact: Tensor) -> Tensor:
        drop = torch.rand(len(compact), 1, 1, device=compact.device) < self.drop_history  # (B, 1, 1)
        compact = compact.clone()
        compact[:, AGE].masked_fill_(drop, 0)
        if compact.shape[1] > LADDERS:
            old = torch.full((), 255 - BEFORE - LONG_BEFORE, dtype=torch.uint8, device=compact.device)
            compact[:, LADDERS] &= torch.where(drop, old, torch.full_like(old, 255))
        return compact

    def _sides(self, compact: Tensor) -> list[Tensor]:
        """Upper half, right half, nearer to a side: bool (B, H, W, 1)."""
        height, width = compact.shape[2:]
        # Lines above the middle, and to the right of it, counted double so that the middle is whole.
        up = (height - 1 - 2 * torch.arange(height, device=compact.device))[:, None].expand(height, width)
        right = (2 * torch.arange(width, device=compact.device) + 1 - width).expand(height, width)
        few = few_stones(compact, self.upright)[:, None, None, None]
        return [few & half[:, :, None] for half in (up > 0, right > 0, right.abs() > up.abs())]

    @staticmethod
    def _colours(columns: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Own stones, opponent's, the board, ko: bool (B, H, W, 1)."""
        plane = columns[STONES_PLANE]
        own, other = bins(plane & 3, 1, 2, False).split(1, -1)
        return own, other, torch.ones_like(plane, dtype=torch.bool), has(plane, 8)

    def _stones(self, columns: Sequence[Tensor]) -> list[Tensor]:
        return [*self._colours(columns)]

    def _history(self, columns: Sequence[Tensor]) -> list[Tensor]:
        return [*self._colours(columns), bins(columns[LIBERTIES], 1, 4, True), bins(columns[AGE], 1, 8, False)]

    def _gonn(self, columns: Sequence[Tensor]) -> list[Tensor]:
        own, other, board, ko = self._colours(columns)
        free, last = bins(columns[LIBERTIES], 1, 3, False), bins(columns[AGE], 1, 5, False)
        caught = has(columns[LADDERS], LADDERED, BEFORE, LONG_BEFORE, CAPTURES)
        komi = (columns[KOMI].to(torch.float32) - 128) * (0.5 / 15)
        return [board, own, other, free, ko, last, caught, komi]

    def _tactics(self, columns: Sequence[Tensor]) -> list[Tensor]:
        flags = has(columns[LADDERS], LADDERED, BEFORE, LONG_BEFORE, CAPTURES, ESCAPES, EYE)
        captured, atari = bins(columns[CAPTURE] & 15, 1, 3, True), bins(columns[CAPTURE] & 240, 1, 3, True, 16)
        return [*self._history(columns), flags, captured, atari, bins(columns[AFTER_MOVE], 1, 4, True)]

    def _alphago(self, columns: Sequence[Tensor]) -> list[Tensor]:
        own, other, board, _ = self._colours(columns)
        stones = own | other
        legal = has(columns[LADDERS], LEGAL)
        sensible = legal & ~has(columns[LADDERS], EYE)
        since = bins(columns[AGE], 1, 8, True) & stones
        captured = bins(columns[CAPTURE] & 15, 0, 7, True) & legal
        return [
            *(own, other, ~stones, board, since, bins(columns[LIBERTIES], 1, 8, True), captured),
            *(bins(columns[CAPTURE] & 240, 1, 8, True, 16), bins(columns[AFTER_MOVE], 1, 8, True)),
            *(has(columns[LADDERS], CAPTURES, ESCAPES), sensible, torch.zeros_like(board)),
        ]
