"""Weights in fewer bytes: halves, and rows of whole numbers with one scale each, as ready-made networks keep them.

A tensor NAME of whole numbers has its scales beside it as NAME:scale; `expanded` gives floats again.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ":scale"
SMALL = 1024  # numbers of a tensor below which nothing is gained: biases and statistics of norms stay floats


def compact(weights: Mapping[str, Tensor], rows: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """The same weights as float16, small ones as they are; of the names in `rows` (N, C), as int8 with N scales.

    Raises ValueError for values that float16 cannot hold.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if name in rows:
            scale = tensor.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
            found[name] = (tensor / scale).round().to(torch.int8)
            found[name + SCALE] = scale.squeeze(1).half()
        elif tensor.is_floating_point() and tensor.numel() >= SMALL:
            found[name] = tensor.half()
        else:
            found[name] = tensor
    if not all(bool(t.isfinite().all()) for t in found.values() if t.is_floating_point()):
        raise ValueError("the weights hold numbers that float16 cannot")
    return found


def expanded(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights with halves and scaled rows as float32 again; others as they are."""
    found: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if name.endswith(SCALE):
            continue
        scale = weights.get(name + SCALE)
        if scale is not None:
            found[name] = tensor.float() * scale.float().unsqueeze(1)
        else:
            found[name] = tensor.float() if tensor.dtype == torch.float16 else tensor
    return found
