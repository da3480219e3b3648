"""The short-time transform: windows, mel filters. Letters: F bins of the transform, T frames."""

import torch
from torch import Tensor
from torch.nn import functional

from apps.speech.signal.audio import RATE
from apps.speech.signal.frames import BANDS, BINS, POINTS, WINDOW
from cnn_core.optional import require


def window() -> Tensor:
    """(512,) Hann window of 30 ms in the middle of a frame."""
    side = (POINTS - WINDOW) // 2
    return functional.pad(torch.hann_window(WINDOW, dtype=torch.float64), (side, side))


def mel_filters() -> Tensor:
    """(257, 40) triangular filters from 0 Hz to 8 kHz, as torchaudio.transforms.MelSpectrogram has them."""
    functional = require("torchaudio.functional", "the mel filter bank")
    return functional.melscale_fbanks(BINS, 0.0, RATE / 2, BANDS, RATE, norm=None, mel_scale="htk")


def power_spectrum(frames: Tensor, window: Tensor) -> Tensor:
    """(..., 512) frames -> (..., 257) squared magnitudes."""
    spectrum = torch.fft.rfft(frames * window)
    return (spectrum * spectrum.conj()).real
