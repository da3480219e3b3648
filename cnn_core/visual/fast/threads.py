"""One thread for small work: handing out parts of a step that takes milliseconds costs more than it saves.

On a busy machine it costs far more: threads that wait for one another on cores that are taken made the lecture's
50 filters take 2 to 25 times as long with two threads as with one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

SMALL = 10**10  # weights x places x samples; the lecture's net with 50 samples has half of that, VGG-19 a hundredfold


@contextmanager
def fitting_threads(model: nn.Module, inputs: Tensor) -> Iterator[None]:
    """Inside, torch uses one thread when running `model` on `inputs` (B, ...) is little work on a CPU.

    The rule looks at sizes alone, never at time, so that results do not depend on how busy the machine is.
    """
    weights = sum(parameter.numel() for parameter in model.parameters())
    work = weights * math.prod(inputs.shape[2:] if inputs.dim() > 3 else inputs.shape[1:]) * len(inputs)
    threads = torch.get_num_threads()
    if inputs.device.type != "cpu" or work > SMALL or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
