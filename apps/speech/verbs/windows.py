"""What a network says to each second of a long recording: every window is a clip, as in training.

Letters: W windows, T frames of a window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from apps.speech.signal.audio import LENGTH, fit_clip
from apps.speech.signal.frames import FRAMES, HOP, WINDOW
from apps.speech.verbs.live.steps import Steps
from cnn_core.exporting.session import ExportedRun
from cnn_core.metrics.limits import probabilities_of

if TYPE_CHECKING:
    from cnn_core.runs import Run

BLOCK = 512  # windows whose frames are computed at a time
AT_ONCE = 16  # clips for onnxruntime, whose spectra then stay in the processor's cache
EDGE = -(-WINDOW // 2 // HOP)  # frames that reach beyond the clip, at either end
BORDER = 3 * HOP  # samples that contain all that those frames see


def probabilities(run: Run | ExportedRun, samples: np.ndarray, stride: float, quiet: float) -> np.ndarray:
    """(samples,) int16 -> (W, classes) probabilities of each window; NaN where it is too quiet for a word.

    `stride` in seconds, `quiet` in dB of full scale. A recording of less than a second is one window. A network that
    keeps its state has answers every .08 s, whatever `stride` is (`apps.speech.verbs.live.steps.stride_of`).
    """
    if run.config.streams:
        steps = Steps(run, quiet)
        return np.concatenate([steps.feed(samples), steps.finish()])
    if len(samples) < LENGTH:
        samples = fit_clip(samples)
    step = max(round(stride * 100), 1)  # frames
    clips = np.lib.stride_tricks.sliding_window_view(samples, LENGTH)[:: step * HOP]  # (W, L)
    loud = np.array([loudness(clip) >= quiet for clip in clips])
    answers = np.full((len(clips), len(run.labels)), np.nan)
    for first in range(0, len(clips), BLOCK):
        block, audible = clips[first : first + BLOCK], loud[first : first + BLOCK]
        if not audible.any():
            continue
        if isinstance(run, ExportedRun):
            heard = block[audible]
            parts = [run.logits(heard[start : start + AT_ONCE]) for start in range(0, len(heard), AT_ONCE)]
            logits = np.concatenate(parts)
        else:
            start = first * step * HOP
            logits = _logits(run, samples[start : start + (len(block) - 1) * step * HOP + LENGTH], step, audible)
        answers[first + np.flatnonzero(audible)] = probabilities_of(logits, False)
    return answers


def _logits(run: Run, samples: np.ndarray, step: int, audible: np.ndarray) -> np.ndarray:
    """Calibrated logits of the audible windows of a stretch; neighbours share their frames, computed once."""
    import torch

    from apps.speech.front import LogMel
    from cnn_core.training.inference import predict_logits

    front, rest = run.model.front, torch.nn.Sequential(*list(run.model.children())[1:])
    assert isinstance(front, LogMel)
    device = next(run.model.parameters()).device
    with torch.no_grad():
        sound = torch.from_numpy(samples.astype(np.float32) / 32768).to(device)
        chosen = torch.from_numpy(audible).to(device)
        windows = front.energy(sound[None])[0].unfold(1, FRAMES, step)[:, chosen].transpose(0, 1)  # (W, 40, T)
        windows = windows.contiguous()
        # A clip is mirrored at its ends: the frames that reach beyond them are its own.
        clips = sound.unfold(0, LENGTH, step * HOP)[chosen]  # (W, L)
        windows[..., :EDGE] = front.energy(clips[:, :BORDER])[..., :EDGE]
        windows[..., -EDGE:] = front.energy(clips[:, -BORDER:])[..., -EDGE:]
        precision = run.config.fit.precision
        logits = predict_logits(rest, front.features(windows), batch_size=64, precision=precision)
    return run.calibrated(logits.double()).numpy()


def loudness(window: np.ndarray) -> float:
    """Level in dB of full scale of the loudest 100 ms of (samples,) int16."""
    pieces = window[: len(window) // 1600 * 1600].reshape(-1, 1600).astype(np.float32) / 32768
    return float(10 * np.log10(np.square(pieces).mean(1).max() + 1e-12))
