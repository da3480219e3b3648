"""What the machine can do at most, measured: products of matrices, and copies from memory to memory."""

from dataclasses import dataclass

import torch

from cnn_core.benchmark import cpu_seconds
from cnn_core.training.inference import use_bf16

SIDE = 1536
"""Of the matrices: 9 MiB each in fp32, and still a short round."""
COPIED = 128 << 20
"""Values of an array that is copied, 512 MiB: more than a processor's caches hold."""


@dataclass(frozen=True)
class Peak:
    """GFLOP a CPU-second by precision (fp32, and bf16 where the processor computes it), and GB a CPU-second."""

    gflops: dict[str, float]
    bandwidth: float
    """Read and written."""


def measured_peak(rounds: int, copied: int = COPIED, side: int = SIDE) -> Peak:
    """The best of so many rounds; with several threads the CPU-seconds of all count."""
    precisions = {"fp32": torch.float32}
    if use_bf16("auto", torch.device("cpu")):
        precisions["bf16"] = torch.bfloat16
    gflops = {}
    for name, kind in precisions.items():
        a, b = (torch.randn(side, side, dtype=kind) for _ in range(2))
        out = torch.empty(side, side, dtype=kind)
        torch.mm(a, b, out=out)
        gflops[name] = max(_product(a, b, out) for _ in range(max(rounds, 1)))
    source, target = torch.zeros(copied), torch.zeros(copied)
    return Peak(gflops, max(_copy(source, target) for _ in range(max(rounds, 1))))


def _product(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor, repeats: int = 5) -> float:
    with cpu_seconds() as spent:
        for _ in range(repeats):
            torch.mm(a, b, out=out)
    return repeats * 2 * len(a) ** 3 / spent.cpu / 1e9


def _copy(source: torch.Tensor, target: torch.Tensor) -> float:
    with cpu_seconds() as spent:
        target.copy_(source)
    return 2 * source.numel() * source.element_size() / spent.cpu / 1e9
