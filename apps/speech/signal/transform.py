"""Energies of mel bands by products with small matrices: what an exported network does, which has no fast transform.

A frame of 512 samples is 16 rows of 32, and its transform that of the columns, a turn of each number, and that of the
rows (Cooley & Tukey 1965): 53,000 multiplications a frame where a product with all 257 waves takes 263,000, and 20 kB
of constants where the waves are 1 MB. A bin lies between two edges of the mel scale: there one band falls and the next
rises, so that the filters are two numbers a bin, and whole numbers that say where.

Letters: B batch, L samples, T frames, n1 rows and n2 columns of a frame, k1 and k2 of the transform: sample 32 n1 + n2,
bin k1 + 16 k2.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.speech.signal.audio import RATE
from apps.speech.signal.frames import BANDS, BINS, HOP, POINTS

ROWS, COLUMNS = 16, 32
HALF = BINS // ROWS + 1  # numbers k2 that bins up to half the rate have


def angles(first: int, second: int, points: int) -> Tensor:
    """(first, second) float64: 2 pi i j / points, for i below `first` and j below `second`."""
    product = torch.arange(first, dtype=torch.float64)[:, None] * torch.arange(second, dtype=torch.float64)
    return product % points * (2 * math.pi / points)


class MelEnergies(nn.Module):
    """Samples (B, L) in -1..1 to (B, 40, T) energies, for a window (512,) and mel filters (257, 40)."""

    rows: Tensor
    window: Tensor
    down: Tensor
    cosines: Tensor
    sines: Tensor
    across: Tensor
    rising: Tensor
    falling: Tensor
    segments: Tensor

    def __init__(self, window: Tensor, filters: Tensor):
        super().__init__()
        down, turn, across = angles(ROWS, ROWS, ROWS), angles(ROWS, COLUMNS, POINTS), angles(COLUMNS, HALF, COLUMNS)
        where = _segments()
        rising, falling = torch.zeros(BINS), torch.zeros(BINS)
        for number, segment in enumerate(where.tolist()):
            if segment < BANDS:
                rising[number] = filters[number, segment]
            if segment:
                falling[number] = filters[number, segment - 1]
        constants = {
            "rows": torch.eye(ROWS)[:, None, :, None],  # filters that cut the frames out, 5 rows from one to the next
            "window": window.view(ROWS, 1, COLUMNS),
            "down": torch.cat([down.cos(), -down.sin()])[:, :, None, None],  # (2 k1, n1, 1, 1)
            "cosines": turn.cos()[:, None],  # (k1, 1, n2)
            "sines": turn.sin()[:, None],
            # Real part and imaginary part (2 n2) to those of the bins (2 k2).
            "across": torch.cat(
                [torch.cat([across.cos(), -across.sin()], 1), torch.cat([across.sin(), across.cos()], 1)]
            ),
            "rising": rising,
            "falling": falling,
            "segments": functional.one_hot(where, BANDS + 1),  # (257, 41)
        }
        for name, value in constants.items():
            self.register_buffer(name, value.float(), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """(B, L) -> (B, 40, T)."""
        return self.of_frames(functional.pad(samples[:, None], (POINTS // 2, POINTS // 2), mode="reflect")[:, 0])

    def of_frames(self, samples: Tensor) -> Tensor:
        """(B, 512 + 160 (T - 1)) or some samples more -> (B, 40, T): frames that begin at the first sample."""
        count, frames = samples.shape[0], (samples.shape[1] - POINTS) // HOP + 1
        padded = samples[:, None]
        lacking = -padded.shape[2] % COLUMNS
        if lacking:
            padded = functional.pad(padded, (0, lacking))
        x = padded.view(count, 1, -1, COLUMNS)
        x = functional.conv2d(x, self.rows, stride=(HOP // COLUMNS, 1))[:, :, :frames] * self.window  # (B, n1, T, n2)
        real, imaginary = functional.conv2d(x, self.down).split(ROWS, 1)  # (B, k1, T, n2)
        turned = real * self.cosines + imaginary * self.sines, imaginary * self.cosines - real * self.sines
        spectrum = torch.cat(turned, 3) @ self.across  # (B, k1, T, 2 k2)
        power = spectrum[..., :HALF].square() + spectrum[..., HALF:].square()
        power = power.permute(0, 2, 3, 1).flatten(2)[..., :BINS]  # (B, T, 257)
        rising, falling = (power * self.rising) @ self.segments, (power * self.falling) @ self.segments  # (B, T, 41)
        return (rising[..., :BANDS] + falling[..., 1:]).transpose(1, 2)


def _segments() -> Tensor:
    """(257,) int64: between which two of the 42 edges of the bands each bin lies, 0 to 40."""
    mels = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    found = np.searchsorted(edges, np.linspace(0, RATE / 2, BINS), side="right") - 1
    return torch.from_numpy(found.clip(0, BANDS))
