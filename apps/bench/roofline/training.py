"""Training as the apps do it: `engine.fit` with an app's own network and step, on synthetic data of the right shape.

Every run is one epoch of a few batches. Its FLOPs are counted without Winograd's algorithm, which numba computes out of
the counter's sight: those of the direct convolutions.
"""

from __future__ import annotations

import csv
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from apps.bench.roofline.ready import Ready
from apps.bench.studies.study import app_named
from cnn_core import runs
from cnn_core.training import engine
from cnn_core.training.data import Split
from cnn_core.training.inference import use_bf16

WORDS = 12  # classes of speech


def _ready(name: str, config: Any, train: Split, labels: tuple[str, ...], fitted: Any = None) -> Ready:
    app = app_named(name)
    model = runs.build_seeded(app, config, labels, 0, fitted)
    step = app.step(config) if app.step else None
    fit = replace(config.fit, epochs=1, least_steps=0, validation=0.0, patience=0)

    def run(fit: Any = fit) -> None:
        engine.fit(model, train, fit, step=step, progress=False)

    precision = "bf16" if use_bf16(fit.precision, torch.device("cpu")) else "fp32"
    return Ready(run, len(train), precision, lambda: run(replace(fit, winograd=False)))


def digits(preset: str) -> Ready:
    """Random pictures in ten classes; ten batches where layers stop learning after a share of the steps."""
    app = app_named("digits")
    config = app.presets[preset]
    count = (10 if config.fit.freeze else 4) * config.fit.batch_size
    pictures = torch.randint(0, 256, (count, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = tuple("0123456789")
    return _ready("digits", config, Split(pictures, torch.arange(count) % len(labels)), labels)


def go(preset: str) -> Ready:
    """Positions of random games, replayed and encoded as training takes them."""
    from apps.go.config import planes_of
    from apps.go.counting.labels import settle_all
    from apps.go.data import positions
    from apps.go.records.games import parse
    from apps.go.rules.points import labels

    config = app_named("go").presets[preset]
    batches = 4 if config.size == 9 else 2
    games, _ = parse([(f"{seed}.sgf", random_game(config.size, seed)) for seed in range(12)])
    split = positions(games, config.size, planes_of(config), config.passes)
    spread = torch.linspace(0, len(split.inputs) - 1, batches * config.fit.batch_size).long()
    train = replace(split.subset(spread), foreseen=config.foresee > 0)
    if config.judge:
        train = replace(train, endings=settle_all(games, [], progress=False))
    return _ready("go", config, train, labels(config.size, config.passes))


def random_game(size: int, seed: int) -> bytes:
    """A game of random legal moves that fill no eyes, as SGF."""
    from apps.go.rules.points import to_sgf
    from apps.go.rules.position import Position

    generator, position, moves = np.random.default_rng(seed), Position(size), []
    for turn in range(2 * size**2 // 3):
        colour = 1 + turn % 2
        legal = np.flatnonzero(position.legal(colour) & ~position.own_eye(colour))
        if not len(legal):
            break
        point = int(generator.choice(legal))
        position.play(colour, point)
        moves.append(f";{'BW'[turn % 2]}[{to_sgf(point, size)}]")
    return f"(;GM[1]FF[4]SZ[{size}]KM[7.5]RE[B+1.5]{''.join(moves)})".encode()


def speech(preset: str, batches: int = 2) -> Ready:
    """Noise of one second in twelve classes."""
    from apps.speech.corpora.clips import Clips
    from apps.speech.signal.audio import LENGTH

    config = app_named("speech").presets[preset]
    count = batches * config.fit.batch_size
    sounds = (torch.randn(count, LENGTH, generator=torch.Generator().manual_seed(0)) * 3000).to(torch.int16)
    clips = Clips(sounds, torch.arange(count) % WORDS, torch.zeros(count, dtype=torch.long), ("nobody",))
    return _ready("speech", config, clips, tuple(map(str, range(WORDS))))


def photos(preset: str, batches: int = 2) -> Ready:
    """Random colour pictures of the preset's side in ten classes."""
    from apps.photos.corpora.corpus import Photos
    from apps.photos.fitted import nominal

    config = app_named("photos").presets[preset]
    count, generator = batches * config.fit.batch_size, torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (count, 3, config.side, config.side), dtype=torch.uint8, generator=generator)
    split = Photos(pictures, torch.arange(count) % 10, torch.arange(count), torch.zeros(count, dtype=torch.bool))
    return _ready("photos", config, split, tuple("0123456789"), nominal(config))


def text(preset: str, batches: int = 20, vocabulary: int = 18_000) -> Ready:
    """Texts of 5 to 35 words that are as frequent as in a language (Zipf), in two classes.

    Given vectors are random ones of GloVe's width; words that only the vectors have are left out, for no text holds
    them. An encoder of word pieces is the real one, through which these words are two or three pieces each.
    """
    app = app_named("text")
    config = app.presets[preset]
    generator = np.random.default_rng(0)
    frequent = 1 / np.arange(1, vocabulary + 1)
    count = batches * config.fit.batch_size
    with tempfile.TemporaryDirectory() as folder:
        data, given = Path(folder) / "texts.csv", Path(folder) / "vectors.vec"
        with data.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["text", "label"])
            for row in range(round(count / (1 - config.texts.test_share)) + 20):
                numbers = generator.choice(vocabulary, generator.integers(5, 36), p=frequent / frequent.sum())
                writer.writerow([" ".join(map(_word, numbers)), "no" if row % 2 else "yes"])
        config = replace(config, data=str(data))
        if config.vectors.source and config.texts.tokenizer != "wordpiece":
            values = generator.normal(size=(vocabulary, 50)).astype(np.float32)
            rows = (f"{_word(i)} {' '.join(f'{v:.4f}' for v in row)}" for i, row in enumerate(values))
            given.write_text(f"{vocabulary} 50\n" + "\n".join(rows) + "\n", encoding="utf-8")
            config = replace(config, vectors=replace(config.vectors, source=str(given), unseen=0))
        source = app.load(config)
        return _ready("text", config, source.train.subset(torch.arange(count)), source.labels, source.fitted)


def _word(number: int) -> str:
    """Letters only, so that no tokenizer cuts it."""
    letters = ""
    while True:
        letters += "abcdefghijklmnopqrstuvwxyz"[number % 26]
        number //= 26
        if not number:
            return f"{letters}q"
