"""The front end: int16 samples in, log-mel energies or MFCC out, with random changes while training.

Letters: B batch, L samples, F bins of the transform, T frames.
"""

import torch
from torch import Tensor
from torch.nn import functional

from apps.speech.config import Augment, FrontConfig
from apps.speech.signal.frames import BANDS, HOP, POINTS
from apps.speech.signal.mel_front import MelFront
from apps.speech.signal.spectrum import power_spectrum
from cnn_core.optional import require

CHUNK = 16  # clips transformed at a time, so that the spectra stay in the processor's cache


class LogMel(MelFront):
    """Samples (B, L) int16, or floats in their range, to (B, 1, 40, T); T is 101 for one second.

    Equal to the logarithm of torchaudio's MelSpectrogram of samples / 32768, plus `floor`. An exported
    network computes the energies as products with small matrices, otherwise by a fast Fourier transform: the same
    numbers. In training, each clip is first changed at random by `augment`.
    """

    cosines: Tensor

    def __init__(self, config: FrontConfig, augment: Augment | None = None):
        super().__init__(config, augment)
        if config.kind == "mfcc":
            cosines = require("torchaudio.functional", "the cosine transform").create_dct(
                config.coefficients, BANDS, norm="ortho"
            )  # (40, coefficients)
            self.register_buffer("cosines", cosines, persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """(B, L) -> (B, 1, 40, T)."""
        samples = samples.reshape(samples.shape[0], -1)
        # Products in bf16 would cost the front end its small energies.
        with torch.autocast(samples.device.type, enabled=False):
            if self.training and self.change is not None:
                energy = self.change(samples)
            else:
                energy = self.energy(samples.float() * (1 / 32768))
            return self.features(energy)

    def energy(self, samples: Tensor) -> Tensor:
        """(B, L) floats in -1..1 -> (B, 40, T) energies of the mel bands."""
        if torch.compiler.is_exporting():
            return self.energies(samples)
        side, parts = POINTS // 2, []
        for part in samples.split(CHUNK):
            frames = functional.pad(part, (side, side), mode="reflect").unfold(1, POINTS, HOP)  # (b, T, 512)
            parts.append((power_spectrum(frames, self.window) @ self.filters).transpose(1, 2))
        return torch.cat(parts)

    def features(self, energy: Tensor) -> Tensor:
        """(B, 40, T) energies -> (B, 1, 40, T) logarithms, or (B, 1, coefficients, T)."""
        if self.config.level == "relative":
            # Divided by mean + 1e-9, for silence; written with 1, for the ONNX exporter takes 1e-9 for 0 and drops it.
            energy = energy * 1e9
            energy = energy / (energy.mean((1, 2), keepdim=True) + 1)
        found = self.masked((energy + self.config.floor).log())
        if self.config.kind == "mfcc":
            found = self.cosines.T @ found
        return found[:, None]
