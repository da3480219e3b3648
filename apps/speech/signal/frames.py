"""How a clip is cut into frames and bands, and its spectrogram in numpy: PyTorch, whose front end the networks have
(`apps.speech.front`), takes seconds to import. Letters: L samples, T frames.

Windows of 30 ms every 10 ms, 512 points, 40 mel bands on the HTK scale (Davis & Mermelstein 1980; Young et al., The
HTK Book).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from apps.speech.signal.audio import LENGTH, RATE

WINDOW, HOP, POINTS, BANDS = 480, 160, 512, 40  # samples, samples, samples, bands
BINS = POINTS // 2 + 1
FRAMES = LENGTH // HOP + 1  # 101: the first frame is centred on the first sample


def log_mel(samples: np.ndarray, floor: float) -> np.ndarray:
    """(L,) int16 -> (40, T) log-mel energies, those of `apps.speech.front.LogMel` to some 1e-3."""
    padded = np.pad(np.asarray(samples, np.float64) / 32768, POINTS // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, POINTS)[::HOP]  # (T, 512)
    window, filters = _window_and_filters()
    power = np.abs(np.fft.rfft(frames * window)) ** 2  # (T, 257)
    return np.log(filters.T @ power.T + floor).astype(np.float32)


@cache
def _window_and_filters() -> tuple[np.ndarray, np.ndarray]:
    """(512,) a Hann window of 30 ms in the middle of a frame; (257, 40) triangles on the HTK mel scale."""
    side = (POINTS - WINDOW) // 2
    window = np.pad(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW), side)
    mels = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    hertz = np.linspace(0, RATE / 2, BINS)[:, None]
    rise, fall = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2]), (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return window, np.maximum(0, np.minimum(rise, fall))
