"""The training loop that a first program has, for any network."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnn_core.training.inference import autocast


def plain_steps(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    precision: str = "fp32",
) -> int:
    """Learn from each batch (inputs, targets) once; gives the number of samples."""
    model.train()
    samples = 0
    for inputs, targets in batches:
        optimizer.zero_grad()
        with autocast(precision, torch.device("cpu")):
            outputs = model(inputs)
        loss(outputs.float(), targets).backward()
        optimizer.step()
        samples += len(targets)
    return samples
