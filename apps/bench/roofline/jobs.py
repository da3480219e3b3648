"""The main jobs by name; each is made ready by a function that is imported when it is needed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cnn_core.app import lazy


@dataclass(frozen=True)
class Ready:
    """A job on synthetic inputs, made ready to be repeated."""

    run: Callable[[], object]
    """What is timed."""
    samples: float
    """Handled by one run."""
    precision: str
    """fp32 or bf16: that of products and convolutions."""
    counted: Callable[[], object] | None = None
    """The same work in PyTorch's own operators, where `run` computes outside them."""


@dataclass(frozen=True)
class Job:
    """`ready()` gives a Ready. It raises UserError where weights or packages cannot be had."""

    sample: str
    """What one sample is."""
    ready: Callable[[], Any]


def _job(sample: str, target: str, *args: str) -> Job:
    make = lazy(f"apps.bench.roofline.{target}")
    return Job(sample, lambda: make(*args))


JOBS = {
    "digits-train-fast": _job("picture", "training:digits", "fast"),
    "digits-train-lecture": _job("picture", "training:digits", "lecture"),
    "digits-train-accurate": _job("picture", "training:digits", "accurate"),
    "go-train-small": _job("position 9x9", "training:go", "small"),
    "go-train-expert": _job("position 19x19", "training:go", "expert"),
    "speech-train-time": _job("clip of 1 s", "training:speech", "time"),
    "speech-train-broadcast": _job("clip of 1 s", "training:speech", "broadcast"),
    "text-train-rand": _job("text", "training:text", "rand"),
    "text-train-nonstatic": _job("text", "training:text", "nonstatic"),
    "digits-predict-one": _job("picture", "answers:digits", "one"),
    "digits-predict-batch": _job("picture", "answers:digits", "batch"),
    "digits-onnx-one": _job("picture", "answers:digits_onnx", "one"),
    "digits-onnx-batch": _job("picture", "answers:digits_onnx", "batch"),
    "go-genmove": _job("move 9x9", "answers:genmove"),
    "speech-listen": _job("second of sound", "answers:listen"),
    "digits-optima": _job("optimum", "pictures:optima"),
    "dream-filters": _job("step", "pictures:filters"),
    "dream-dream": _job("picture", "pictures:dream"),
    "dream-style": _job("picture", "pictures:style"),
}
