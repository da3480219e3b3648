"""Clips in training: from int16 in memory, and from files by a DataLoader with torchaudio."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from apps.bench.figures.speech_speed import BATCH, LABELS, WORDS, noise
from apps.bench.peers.peer import Found, Setting
from apps.speech.app import APP
from cnn_core.benchmark import cpu_seconds


def _clips(setting: Setting) -> int:
    return BATCH if setting.quick else 2048


def here(setting: Setting) -> Found:
    """Preset time, one pass."""
    from apps.speech.model import build
    from cnn_core.training import engine

    clips, config = noise(_clips(setting)), APP.presets["time"]
    model = build(config, LABELS)
    with cpu_seconds() as spent:
        fit = replace(config.fit, epochs=1, batch_size=BATCH, least_steps=1)
        engine.fit(model, clips, fit, seed=setting.seed, progress=False)
    return Found(spent.cpu, len(clips) / spent.cpu)


def loader(setting: Setting) -> Found:
    """The same network and batches from WAV files, augmented by torchaudio a clip at a time."""
    from torch.utils.data import DataLoader

    from apps.bench.baselines.loop import plain_steps
    from apps.bench.baselines.speech import Files
    from apps.speech.model import layers
    from apps.speech.signal.audio import RATE, write_wav

    clips, config = noise(_clips(setting)), APP.presets["time"]
    model = nn.Sequential(layers(config.net, WORDS))
    optimizer = torch.optim.AdamW(model.parameters(), 0.003)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.wav" for number in range(len(clips))]
        for path, clip in zip(paths, clips.inputs, strict=True):
            write_wav(path, clip.numpy())
        batches = DataLoader(Files(paths, clips.targets, torch.randn(20 * RATE)), BATCH, shuffle=True)
        with cpu_seconds() as spent:
            plain_steps(model, optimizer, batches, precision="auto")
    return Found(spent.cpu, len(clips) / spent.cpu)
