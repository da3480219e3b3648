"""BC-ResNet from torch's layers as the paper draws it (Kim et al. 2021), and clips from files one at a time."""

from pathlib import Path

import torch
import torchaudio
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from apps.speech.nets.broadcast import STAGES
from apps.speech.signal.audio import LENGTH, RATE, read_recording


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


def published(classes: int, width: float = 1.0) -> nn.Module:
    """BC-ResNet-t behind its features, (B, 1, 40, T) -> (B, classes)."""
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
    parts += [nn.AdaptiveAvgPool2d(1), nn.Conv2d(4 * base, classes, 1), nn.Flatten()]
    return nn.Sequential(*parts)


class Files(Dataset):
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
