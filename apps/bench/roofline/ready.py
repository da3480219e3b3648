"""Ready: a job on synthetic inputs, made ready to be repeated."""

from collections.abc import Callable
from dataclasses import dataclass


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
