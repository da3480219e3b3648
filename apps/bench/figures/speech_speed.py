"""Clips per CPU-second: training from int16 in memory beside a DataLoader that opens a file a clip; BC-ResNet; listen.

    cnn-bench speech-speed          about two CPU-minutes

Every pair takes turns in every round, so that a slow spell of the machine hits both. The DataLoader reads WAV files
with soundfile and takes from torchaudio, a clip at a time, SpeedPerturbation, add_noise, MelSpectrogram, TimeMasking
and FrequencyMasking, with a shift and a gain; network, optimizer, batch size and precision are the same. Ours also
changes tempo, vocal tract, microphone and room. BC-ResNet "as published" is the paper's
block from torch's layers: depthwise convolutions, adaptive pooling, views around a batch norm.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.bench.figures.figure import Figure, Report, outcome, rate
from apps.bench.figures.measure import Way, in_turns
from apps.bench.options import BenchOptions, on_processor
from apps.speech.app import APP
from apps.speech.config import NetConfig
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    from torch import nn

    from apps.speech.corpora.clips import Clips

WORDS = 12
LABELS = tuple(map(str, range(WORDS)))
BATCH = 128
UNIT = "clips/CPU-s"


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of speech-speed."""

    rounds: int = 5
    """Turns of each of a pair."""
    clips: int = 1024
    """Clips of a turn."""


parse = parser(Options, "Time training beside a DataLoader over files, BC-ResNet beside the published one, listening.")


def run(app: App | None, options: Options) -> Outcome:
    """Measure all."""
    with on_processor(options.common):
        clips = noise(options.clips)
        figures = [training(clips, options.rounds)]
        figures += [broadcast(precision, options.rounds) for precision in ("bf16", "fp32")]
        figures += listening()
        return outcome(Report("speech-speed", tuple(figures)))


def noise(count: int) -> Clips:
    """Clips of noise by nobody, in WORDS classes."""
    import torch

    from apps.speech.corpora.clips import Clips
    from apps.speech.signal.audio import LENGTH

    inputs = (torch.randn(count, LENGTH, generator=torch.Generator().manual_seed(0)) * 3000).to(torch.int16)
    return Clips(inputs, torch.arange(count) % WORDS, torch.zeros(count, dtype=torch.long), ("nobody",))


def training(clips: Clips, rounds: int) -> Figure:
    """Preset time from int16 in memory, beside a DataLoader over files."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader

    from apps.bench.baselines.loop import plain_steps
    from apps.bench.baselines.speech import Files
    from apps.speech.model import build, layers
    from apps.speech.signal.audio import RATE, write_wav
    from cnn_core.training import engine

    config = APP.presets["time"]
    fit = replace(config.fit, epochs=1, batch_size=BATCH)
    model = build(config, LABELS)

    def memory(_: int) -> int:
        engine.fit(model, clips, fit, progress=False)
        return len(clips)

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.wav" for number in range(len(clips))]
        for path, clip in zip(paths, clips.inputs, strict=True):
            write_wav(path, clip.numpy())
        loader = DataLoader(Files(paths, clips.targets, torch.randn(20 * RATE)), BATCH, shuffle=True)
        plain = nn.Sequential(layers(config.net, WORDS))
        optimizer = torch.optim.AdamW(plain.parameters(), 0.003)
        ways = {"here": memory, "files": lambda _: plain_steps(plain, optimizer, loader, precision="auto")}
        rates = in_turns(ways, rounds)
    baseline = "DataLoader over files, torchaudio"
    return rate("speech: training", UNIT, rates["here"], baseline, rates["files"], clips=len(clips), batch=BATCH)


def broadcast(precision: str, rounds: int) -> Figure:
    """Forward and backward passes of BC-ResNet-1, ours beside the published block, on features in memory."""
    import torch
    from torch import nn
    from torch.nn import functional

    from apps.bench.baselines.speech import published
    from apps.speech.model import layers
    from cnn_core.training.inference import autocast

    features = torch.randn(BATCH, 1, 40, 101)
    targets = torch.arange(BATCH) % WORDS

    def way(model: nn.Module) -> Way:
        model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def call(_: int) -> int:
            for _ in range(3):
                with autocast(precision, torch.device("cpu")):
                    logits = model(features)
                functional.cross_entropy(logits.float(), targets).backward()
            return 3 * BATCH

        return call

    here = nn.Sequential(layers(NetConfig(kind="bc-resnet"), WORDS))
    rates = in_turns({"here": way(here), "published": way(published(WORDS))}, rounds)
    baseline = "as published (adaptive pooling, views)"
    return rate(f"speech: BC-ResNet-1, {precision}", UNIT, rates["here"], baseline, rates["published"], batch=BATCH)


def listening(seconds: float = 120.0) -> Iterator[Figure]:
    """How many times faster than real time an untrained network of each preset listens to noise."""
    import numpy as np

    from apps.speech.model import build
    from apps.speech.signal.audio import RATE
    from apps.speech.verbs.listen import ListenOptions, hear
    from cnn_core import runs

    samples = np.random.default_rng(0).integers(-3000, 3000, round(seconds * RATE)).astype(np.int16)
    for name in ("time", "broadcast"):
        model = build(APP.presets[name], LABELS).eval()
        run = runs.Run(Path(), model, APP.presets[name], LABELS, {}, {}, APP)

        def call(_: int, run: Any = run) -> float:
            hear(run, samples, ListenOptions(run=Path()))
            return seconds

        ((speed,),) = in_turns({name: call}, 1, warm=False).values()
        yield Figure(
            f"speech: listen, {name}", "x real time", speed, baseline="real time", baseline_value=1.0, ratio=speed,
            conditions={"seconds": seconds},
        )  # fmt: skip
