"""The front end of streams: log-mel energies relative to a running level, of frames that look back only.

The level is a mean of the energies so far that forgets with a time constant of a second, its weights adding up to 1
from the first frame on (as in Adam; Kingma & Ba 2015). Letters: B batch, L samples, T frames.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from apps.speech.config import Augment, FrontConfig
from apps.speech.nets.causal import STEPS, STRIDE, State
from apps.speech.signal.frames import HOP, POINTS
from apps.speech.signal.mel_front import MelFront
from apps.speech.signal.spectrum import power_spectrum

STEP = STRIDE * HOP
"""Samples of a step: 80 ms."""
FORGETS = 1.0  # seconds
KEPT = POINTS - HOP
LEAD = 21
"""Steps of a clip and of what lies before it: the end of another one in training, else silence."""
TRAINED = LEAD * STRIDE
BLOCK = 128  # frames whose level is one product
SILENT, QUIETEST, LOUDEST = 0.3, -3.0, 1.0
"""Share of the training clips with nothing before them; powers of ten by which what comes before others is louder."""


class RunningLogMel(MelFront):
    """Samples (B, L) int16, or floats in their range, to (B, 1, 40, T): before a clip lies silence, LEAD steps in all.

    In training each clip is changed at random by `augment`, and follows the end of another clip, as in a stream.
    """

    decay: Tensor
    fading: Tensor

    def __init__(self, config: FrontConfig, augment: Augment | None = None):
        super().__init__(config, augment)
        kept = math.exp(-HOP / 16_000 / FORGETS)
        lag = torch.arange(BLOCK, dtype=torch.float64)
        decay = kept ** (lag[:, None] - lag).clamp_min(0)
        self.register_buffer("decay", decay.tril().float(), persistent=False)  # (T, T)
        self.register_buffer("fading", (kept ** (lag + 1)).float(), persistent=False)

    def begin(self, batch: int) -> State:
        """The end of the samples (B, 352), the decaying sum of energies (B, 1) and of weights (B, 1)."""
        zeros = self.window.new_zeros
        return zeros(batch, KEPT), zeros(batch, 1), zeros(batch, 1)

    def advance(self, samples: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, S) int16, S a multiple of the step -> (B, 1, 40, S / 160), and the state behind them."""
        with torch.autocast(samples.device.type, enabled=False):
            x = torch.cat([state[0], samples.float() * (1 / 32768)], 1)
            found, level = self.features(self.energy(x), state[1:])
            return found, (x[:, x.shape[1] - KEPT :], *level)

    def forward(self, samples: Tensor) -> Tensor:
        """(B, L) -> (B, 1, 40, T)."""
        samples = samples.reshape(samples.shape[0], -1)
        if not self.training:
            steps = max(-(-samples.shape[1] // STEP), LEAD)
            silence = samples.new_zeros(samples.shape[0], steps * STEP - samples.shape[1])
            return self.advance(torch.cat([silence, samples], 1), self.begin(samples.shape[0]))[0]
        with torch.autocast(samples.device.type, enabled=False):
            if self.change is not None:
                energy = self.change(samples)
            else:
                energy = self.energy(behind_silence(samples.float() * (1 / 32768)))
            return self.features(self.after_others(energy), self.begin(len(energy))[1:])[0]

    def energy(self, x: Tensor) -> Tensor:
        """(B, 352 + 160 T) floats -> (B, 40, T) energies of the mel bands."""
        if torch.compiler.is_exporting():
            return self.energies.of_frames(x)
        return (power_spectrum(x.unfold(1, POINTS, HOP), self.window) @ self.filters).transpose(1, 2)

    def after_others(self, energy: Tensor) -> Tensor:
        """(B, 40, T) -> (B, 40, TRAINED): each clip behind the end of its neighbour in the batch, or silence."""
        count, _, frames = energy.shape
        before = energy.roll(1, 0)[:, :, -(TRAINED - frames) :]
        louder = 10 ** (QUIETEST + (LOUDEST - QUIETEST) * torch.rand(count, 1, 1, device=energy.device))
        there = torch.rand(count, 1, 1, device=energy.device) >= SILENT
        return torch.cat([before * louder * there, energy], 2)

    def features(self, energy: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, 40, T) energies -> (B, 1, 40, T) logarithms of what they are to the level, and the level's state."""
        parts, (total, weight) = [], state
        means = energy.mean(1)  # (B, T)
        for start in range(0, energy.shape[2], BLOCK):
            some = means[:, start : start + BLOCK]
            size = some.shape[1]
            decay, fading = self.decay[:size, :size], self.fading[:size]
            sums = some @ decay.T + total * fading
            weights = decay.sum(1) + weight * fading
            parts.append(sums / weights)
            total, weight = sums[:, -1:], weights[:, -1:]
        level = torch.cat(parts, 1)[:, None]  # (B, 1, T)
        # Divided by level + 1e-9, for silence; written with 1, for the ONNX exporter takes 1e-9 for 0 and drops it.
        found = (energy * 1e9 / (level * 1e9 + 1) + self.config.floor).log()
        return self.masked(found)[:, None], (total, weight)


def behind_silence(samples: Tensor) -> Tensor:
    """(B, L) -> silence before the first frame of a clip of STEPS steps."""
    return nn.functional.pad(samples, (KEPT + STEPS * STEP - samples.shape[1], 0))
