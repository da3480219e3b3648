"""What the machine can do at most, measured: products of matrices, and copies from memory to memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cnn_core.benchmark import cpu_seconds
from cnn_core.training.inference import use_bf16

SIDES = (1024, 2048)
"""Of the matrices: the better size counts."""
COPIED = 128 << 20
"""Values of an array that is copied, 512 MiB: more than a processor's caches hold."""


@dataclass(frozen=True)
class Peak:
    """GFLOP a CPU-second by precision (fp32, and bf16 where the processor computes it), and GB a CPU-second."""

    gflops: dict[str, float]
    bandwidth: float
    """Read and written."""


def measured_peak(rounds: int, copied: int = COPIED, sides: Sequence[int] = SIDES) -> Peak:
    """The best of so many rounds; with several threads the CPU-seconds of all count."""
    precisions = {"fp32": torch.float32}
    if use_bf16("auto", torch.device("cpu")):
        precisions["bf16"] = torch.bfloat16
    gflops = {}
    for name, kind in precisions.items():
        gflops[name] = max(_product(side, kind) for side in sides for _ in range(rounds))
    source, target = torch.zeros(copied), torch.zeros(copied)
    return Peak(gflops, max(_copy(source, target) for _ in range(rounds)))


def _product(side: int, kind: torch.dtype) -> float:
    a, b = (torch.randn(side, side).to(kind) for _ in range(2))
    out = torch.empty(side, side, dtype=kind)
    torch.mm(a, b, out=out)
    repeats = max(1, (2 << 30) // side**3)
    with cpu_seconds() as spent:
        for _ in range(repeats):
            torch.mm(a, b, out=out)
    return repeats * 2 * side**3 / spent.cpu / 1e9


def _copy(source: torch.Tensor, target: torch.Tensor) -> float:
    with cpu_seconds() as spent:
        target.copy_(source)
    return 2 * source.numel() * source.element_size() / spent.cpu / 1e9
