"""Clips per CPU-second: training from int16 in memory beside a DataLoader that opens a file a clip; BC-ResNet; listen.

    python -m apps.bench speech-speed          about two CPU-minutes, one thread

Every pair takes turns in every round, so that a slow spell of the machine hits both. The DataLoader reads WAV files
with soundfile and takes from torchaudio, a clip at a time, SpeedPerturbation, add_noise, MelSpectrogram, TimeMasking
and FrequencyMasking, with a shift and a gain; network, optimizer, batch size and precision are the same. Ours also
changes tempo, vocal tract, microphone and room. BC-ResNet "as published" is the paper's
block from torch's layers: depthwise convolutions, adaptive pooling, views around a batch norm.
"""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchaudio
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from apps.speech.app import APP
from apps.speech.config import NetConfig
from apps.speech.corpora.clips import Clips
from apps.speech.model import build, layers
from apps.speech.nets.broadcast import STAGES
from apps.speech.signal.audio import LENGTH, RATE, read_recording, write_wav
from apps.speech.verbs.listen import ListenOptions, hear
from cnn_core import config as config_module
from cnn_core.benchmark import cpu_seconds, environment, paired_ratio, summary
from cnn_core.drawing.tables import table
from cnn_core.training import engine
from cnn_core.training.inference import autocast

WORDS = 12
BATCH = 128


@dataclass(frozen=True)
class Options:
    """Options of speech-speed."""

    rounds: int = 5
    """Turns of each of a pair."""
    clips: int = 1024
    """Clips of a turn."""
    json: bool = False
    """Print one JSON object on standard output."""


class PublishedNorm(nn.Module):
    """Sub-spectral normalisation by views around a batch norm."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(5 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) -> the same."""
        batch, channels, bands, frames = x.shape
        return self.norm(x.reshape(batch, channels * 5, bands // 5, frames)).view(x.shape)


class PublishedBlock(nn.Module):
    """A BC-ResNet block as the paper draws it."""

    def __init__(self, inputs: int, channels: int, first: bool, stride: int, dilation: int):
        super().__init__()
        change = [nn.Conv2d(inputs, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        self.change = nn.Sequential(*change) if first else None
        depthwise = nn.Conv2d(channels, channels, (3, 1), (stride, 1), (1, 0), groups=channels, bias=False)
        self.frequency = nn.Sequential(depthwise, PublishedNorm(channels))
        self.pool = nn.AdaptiveAvgPool2d((1, None))
        self.time = nn.Sequential(
            nn.Conv2d(channels, channels, (1, 3), 1, (0, dilation), (1, dilation), channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.Dropout2d(0.1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, F, T) -> (B, channels, F', T)."""
        y = self.frequency(x if self.change is None else self.change(x))
        y = y + self.time(self.pool(y))
        return functional.relu(y if self.change is not None else y + x)


def published(width: float = 1.0) -> nn.Module:
    """BC-ResNet-t behind its features, (B, 1, 40, T) -> (B, 12)."""
    base = int(8 * width)
    parts: list[nn.Module] = [nn.Conv2d(1, 2 * base, 5, (2, 1), 2, bias=False), nn.BatchNorm2d(2 * base), nn.ReLU()]
    inputs = 2 * base
    for stage, (factor, count, stride) in enumerate(STAGES):
        for block in range(count):
            channels = int(base * factor)
            parts.append(PublishedBlock(inputs, channels, block == 0, stride if block == 0 else 1, 2**stage))
            inputs = channels
    parts += [nn.Conv2d(inputs, inputs, 5, padding=(0, 2), groups=inputs, bias=False)]
    parts += [nn.Conv2d(inputs, 4 * base, 1, bias=False), nn.BatchNorm2d(4 * base), nn.ReLU()]
    parts += [nn.AdaptiveAvgPool2d(1), nn.Conv2d(4 * base, WORDS, 1), nn.Flatten()]
    return nn.Sequential(*parts)


class Files(TorchDataset):
    """One file a clip, features a clip at a time."""

    def __init__(self, paths: list[Path], targets: Tensor, noise: Tensor):
        self.paths, self.targets, self.noise = paths, targets, noise
        self.mel = torchaudio.transforms.MelSpectrogram(RATE, 512, 480, 160, n_mels=40)
        self.speed = torchaudio.transforms.SpeedPerturbation(RATE, [0.85, 0.9, 1.0, 1.1, 1.15])
        self.masks = nn.Sequential(torchaudio.transforms.TimeMasking(12), torchaudio.transforms.FrequencyMasking(6))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        samples = torch.from_numpy(read_recording(self.paths[index]))
        samples = functional.pad(self.speed(samples)[0], (0, LENGTH // 4))[:LENGTH]
        samples = samples.roll(int(torch.randint(-1600, 1600, ()))) * float(10 ** (torch.rand(()) - 0.5))
        start = int(torch.randint(0, len(self.noise) - LENGTH, ()))
        noise = self.noise[start : start + LENGTH]
        samples = torchaudio.functional.add_noise(samples, noise, 40 * torch.rand(()))
        return self.masks((self.mel(samples[None]) + 1e-6).log()), self.targets[index]


def turns(first: Callable[[], float], second: Callable[[], float], rounds: int) -> dict[str, Any]:
    """Rates of both, taking turns, and their paired ratio."""
    for warm in (first, second):
        warm()
    pairs = [(first(), second()) for _ in range(rounds)]
    a, b = ([pair[k] for pair in pairs] for k in (0, 1))
    ratio = paired_ratio(a, b)
    return {"ours": summary(a).mean, "other": summary(b).mean, "ratio": vars(ratio)}


def training(options: Options, clips: Clips) -> dict[str, Any]:
    """Preset time from int16 in memory, beside a DataLoader over files."""
    config = APP.presets["time"]
    fit = replace(config.fit, epochs=1, batch_size=BATCH)
    model = build(config, tuple(map(str, range(WORDS))))

    def ours() -> float:
        return len(clips) / engine.fit(model, clips, fit, progress=False).cpu_seconds

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.wav" for number in range(len(clips))]
        for path, clip in zip(paths, clips.inputs, strict=True):
            write_wav(path, clip.numpy())
        data = Files(paths, clips.targets, torch.randn(20 * RATE))
        plain = nn.Sequential(layers(config.net, WORDS))
        optimizer = torch.optim.AdamW(plain.parameters(), 0.003)

        def files() -> float:
            with cpu_seconds() as spent:
                for features, targets in DataLoader(data, BATCH, shuffle=True):
                    optimizer.zero_grad()
                    with autocast("auto", torch.device("cpu")):
                        logits = plain(features)
                    functional.cross_entropy(logits.float(), targets).backward()
                    optimizer.step()
            return len(clips) / spent.cpu

        return turns(ours, files, options.rounds)


def broadcast(options: Options, precision: str) -> dict[str, Any]:
    """One training step of BC-ResNet-1, ours beside the published block, on features in memory."""
    features = torch.randn(BATCH, 1, 40, 101)
    targets = torch.arange(BATCH) % WORDS

    def rate(model: nn.Module) -> Callable[[], float]:
        model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def run() -> float:
            with cpu_seconds() as spent:
                for _ in range(3):
                    with autocast(precision, torch.device("cpu")):
                        logits = model(features)
                    functional.cross_entropy(logits.float(), targets).backward()
            return 3 * BATCH / spent.cpu

        return run

    ours = nn.Sequential(layers(NetConfig(kind="bc-resnet"), WORDS))
    return turns(rate(ours), rate(published()), options.rounds)


def listening(seconds: float = 120.0) -> dict[str, float]:
    """How many times faster than real time an untrained network of each preset listens to noise."""
    samples = np.random.default_rng(0).integers(-3000, 3000, round(seconds * RATE)).astype(np.int16)
    found = {}
    for name in ("time", "broadcast"):
        model = build(APP.presets[name], tuple(map(str, range(WORDS)))).eval()
        begin = time.process_time()
        hear(model, tuple(map(str, range(WORDS))), samples, ListenOptions(run=Path()))
        found[name] = seconds / (time.process_time() - begin)
    return found


def main(args: list[str]) -> int:
    """Measure all and print."""
    options = config_module.parse(Options, args, prog="python -m apps.bench speech-speed")
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    inputs = (torch.randn(options.clips, LENGTH, generator=generator) * 3000).to(torch.int16)
    nobody = torch.zeros(options.clips, dtype=torch.long)
    clips = Clips(inputs, torch.arange(options.clips) % WORDS, nobody, ("nobody",))
    result = {
        "training, beside files": training(options, clips),
        "BC-ResNet-1, bf16": broadcast(options, "bf16"),
        "BC-ResNet-1, fp32": broadcast(options, "fp32"),
    }
    heard = listening()
    if options.json:
        print(json.dumps({"rates": result, "listen": heard, "environment": environment()}))
        return 0
    rows = [
        [
            name,
            f"{r['ours']:.0f}",
            f"{r['other']:.0f}",
            f"{r['ratio']['median']:.2f}",
            f"{r['ratio']['low']:.2f}",
            f"{r['ratio']['high']:.2f}",
        ]
        for name, r in result.items()
    ]
    print(table(["clips per CPU-second", "ours", "other", "ratio", "from", "to"], rows))
    print("\n" + table(["listen", "times real time"], [[name, f"{rate:.0f}"] for name, rate in heard.items()]))
    print(f"\n{environment()}")
    return 0
