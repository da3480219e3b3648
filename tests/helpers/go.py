"""What the tests of the Go player share: a predictor that needs no training, a tiny run, and engines to talk to."""

import io
import shutil

import numpy as np
import pytest

from apps.go.gtp.engine import Engine
from apps.go.gtp.session import Session
from apps.go.play.evaluation import Evaluation
from apps.go.play.player import Style
from apps.go.verbs.gtp import serve

GNUGO = shutil.which("gnugo") or shutil.which("gnugo", path="/usr/games")
needs_gnugo = pytest.mark.skipif(GNUGO is None, reason="GNU Go is not installed (Debian: apt-get install gnugo)")


class Noise:
    """A predictor: probabilities that depend on the position's moves alone, few of them large."""

    def probabilities(self, position, colour=0, symmetries=1, komi=7.5):
        colour = colour or position.to_move
        seed = [colour, position.size, *(point for _, point in position.history)]
        legal = position.legal(colour)
        shares = np.where(legal, np.random.default_rng(seed).random(legal.size) ** 6, 0.0)
        return np.append(shares / shares.sum(), 0.0) if legal.any() else np.eye(legal.size + 1)[-1]


class Wants:
    """A predictor that wants one point, and the rest alike."""

    def __init__(self, point, share=0.9):
        self.point, self.share = point, share

    def probabilities(self, position, colour=0, symmetries=1, komi=7.5):
        count = position.size**2 + 1
        shares = np.full(count, (1 - self.share) / (count - 1))
        shares[self.point] = self.share
        return shares


def new_engine(predictor=None, style=None, size=9):
    return Engine(Session(predictor or Noise(), style or Style(symmetries=1), size=size), "0")


def talk(*lines, engine=None):
    """The answers to lines, each as (success, text), of an engine of 9x9 unless another is given."""
    engine = engine or new_engine()
    out = io.StringIO()
    serve(engine, [line if isinstance(line, bytes) else f"{line}\n".encode() for line in lines], out)
    blocks = out.getvalue().split("\n\n")
    assert blocks.pop() == ""
    assert all(block[0] in "=?" for block in blocks)
    return [(block[0] == "=", block[1:].strip()) for block in blocks]


def tiny_run(folder, **changes):
    """A run folder of a small network that was never trained."""
    from dataclasses import replace

    from apps.go.app import APP
    from apps.go.config import GoConfig, GoNetConfig
    from apps.go.rules.points import labels
    from cnn_core import runs
    from cnn_core.training import checkpoint

    config = replace(GoConfig(net=GoNetConfig(filters=8, blocks=1)), **changes)
    names = labels(config.size, config.passes)
    model = runs.build_seeded(APP, config, names, 0)
    runs.write_record(folder, runs.make_record(APP, "small", config, names, 0))
    checkpoint.save(folder / "last", checkpoint.Checkpoint(model.state_dict(), {"app": "go"}))
    return folder


class Judge:
    """All moves alike; the captures say who wins."""

    judges = True
    calls = 0

    def counts(self, size):
        return False

    def evaluate_all(self, positions, colour=0, symmetries=1, komi=7.5):
        self.calls += 1
        return [self.evaluate(position) for position in positions]

    def evaluate(self, position, colour=0, symmetries=1, komi=7.5):
        colour = colour or position.to_move
        lead = (position.captures[0] - position.captures[1]) * (1 if colour == 1 else -1)
        legal = np.append(position.legal(colour), not position.legal(colour).any()).astype(float)
        shape = (position.size, position.size)
        return Evaluation(legal / legal.sum(), 1 / (1 + np.exp(-lead)), float(lead), np.zeros(shape))

    def probabilities(self, position, colour=0, symmetries=1, komi=7.5):
        return self.evaluate(position, colour).policy
