"""Optimizers with weight decay where it belongs, and the moving average of the weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cnn_core.recipe import FitConfig


def make_optimizer(model: nn.Module, config: FitConfig) -> torch.optim.Optimizer:
    """AdamW or SGD with Nesterov momentum; norms and biases (vectors) are not decayed."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trainable if p.dim() <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)
    momentum = config.betas[0]
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=momentum, nesterov=momentum > 0, fused=True)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state by name, `optimizer.<number of the parameter>.<what>`, for a checkpoint."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{number}.{what}": value
        for number, values in state.items()
        for what, value in values.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` took; the names without `optimizer.`."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for name, value in tensors.items():
        number, what = name.split(".", 1)
        parameter = parameters[int(number)]
        if value.shape == parameter.shape and what != "step":
            # The parameter's own memory layout (channels_last, say), which fused steps rely on.
            value = torch.empty_like(parameter).copy_(value)
        optimizer.state[parameter][what] = value


class MovingAverage:
    """Exponential moving average of weights and running statistics (Polyak & Juditsky 1992).

    The decay grows from 0 to `decay` over the first steps, so that the start is forgotten.
    """

    def __init__(self, model: nn.Module, decay: float, steps: int = 0):
        self.decay = decay
        self.steps = steps
        self.live = {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
        self.average = {name: tensor.clone() for name, tensor in self.live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        torch._foreach_lerp_(list(self.average.values()), list(self.live.values()), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averaged weights inside the block."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the live weights and the averaged ones."""
        for name, live in self.live.items():
            kept = live.clone()
            live.copy_(self.average[name])
            self.average[name].copy_(kept)
