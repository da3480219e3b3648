"""Untrained networks that answer: digits in PyTorch and onnxruntime, a move of the Go player, a recording."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from apps.bench.roofline.ready import Ready
from apps.bench.roofline.training import WORDS, random_game
from apps.bench.studies.study import app_named
from cnn_core import runs
from cnn_core.training.inference import predict_logits, use_bf16

BATCH = 2000


def _network(name: str, preset: str, labels: tuple[str, ...]) -> Any:
    app = app_named(name)
    return runs.build_seeded(app, app.presets[preset], labels, 0).eval()


def _auto() -> str:
    return "bf16" if use_bf16("auto", torch.device("cpu")) else "fp32"


def _pictures(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def digits(how: str) -> Ready:
    """Preset fast: a hundred pictures one at a time ("one"), or all at once ("batch"), as predict asks it."""
    model = _network("digits", "fast", tuple("0123456789"))
    if how == "batch":
        inputs = _pictures(BATCH)
        return Ready(lambda: predict_logits(model, inputs), BATCH, _auto())
    singles = _pictures(100).split(1)
    return Ready(lambda: [predict_logits(model, one) for one in singles], len(singles), _auto())


def digits_onnx(how: str, threads: int = 1) -> Ready:
    """The same in onnxruntime, in fp32; the FLOPs are those of PyTorch's operators. Raises UserError without it."""
    from cnn_core.exporting.graph import export_onnx, session

    model = _network("digits", "fast", tuple("0123456789"))
    inputs = _pictures(BATCH if how == "batch" else 100)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fast.onnx"
        export_onnx(model, inputs[:2], path, check_inputs=inputs[:20])
        runtime = session(path, threads)
    name = runtime.get_inputs()[0].name
    parts = [inputs] if how == "batch" else list(inputs.split(1))
    feeds = [{name: part.numpy()} for part in parts]
    return Ready(
        lambda: [runtime.run(None, feed) for feed in feeds],
        len(inputs),
        "fp32",
        lambda: [predict_logits(model, part, precision="fp32") for part in parts],
    )


def genmove() -> Ready:
    """Preset small after 30 random moves: what the player does for a move, over all symmetries."""
    from apps.go.gtp.session import Session
    from apps.go.play.player import Policy, Style
    from apps.go.records.sgf import read_one
    from apps.go.rules.encode import POINT
    from apps.go.rules.points import labels

    app = app_named("go")
    config = app.presets["small"]
    classes = labels(config.size, config.passes)
    model = _network("go", "small", classes)
    run = runs.Run(Path(), model, config, classes, {}, {}, app)
    game = Session(Policy(run), Style(), size=config.size)
    entries = read_one(random_game(config.size, 0)).entries[:30]
    for turn, entry in enumerate(np.asarray(entries).tolist()):
        game.play(1 + turn % 2, entry & POINT)
    precision = "bf16" if use_bf16(config.fit.precision, torch.device("cpu")) else "fp32"
    return Ready(lambda: [game.choose(1) for _ in range(20)], 20, precision)


def listen(seconds: float = 30.0) -> Ready:
    """Preset time on noise."""
    from apps.speech.signal.audio import RATE
    from apps.speech.verbs.listen import ListenOptions, hear

    app, labels = app_named("speech"), tuple(map(str, range(WORDS)))
    run = runs.Run(Path(), _network("speech", "time", labels), app.presets["time"], labels, {}, {}, app)
    samples = np.random.default_rng(0).integers(-3000, 3000, round(seconds * RATE)).astype(np.int16)
    options = ListenOptions(run=Path())
    return Ready(lambda: hear(run, samples, options), seconds, _auto())
