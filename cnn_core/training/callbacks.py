"""What happens around the steps of training, one class for each thing: the loop calls all of them in a fixed order.

ModuleHooks     tells modules how far training is, and that a step is done
Freezing        layers stop learning, first layers first
GlobalNorms     several processes: batch norms over the whole minibatch
LocalNorms      several processes: batch norms of each process alone
Densify         sparse gradients become dense
ClipNorm        gradients have a largest norm
Winograd        convolutions with fewer multiplications
(callbacks that are given to `fit`)
MovingAverage   takes in the weights as they leave the step
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cnn_core.nn import winograd
from cnn_core.training.data import Batch
from cnn_core.training.distributed import GlobalBatch, average_over_ranks, global_batch_norm
from cnn_core.training.inference import use_bf16
from cnn_core.training.optim import RowSteps, densify
from cnn_core.training.recipe import FitConfig


@dataclass(frozen=True)
class StepInfo:
    """Step `number` (0, 1, ...) of all `steps`, resumed parts included, and this process's part of the minibatch."""

    number: int
    steps: int
    batch: Batch

    @property
    def share(self) -> float:
        """Share of the steps that are done, 0 to below 1."""
        return self.number / self.steps


class Callback:
    """Base of all callbacks: a method for each moment of training, all of which do nothing here.

    A callback must be a function of what it is given (and of torch's random state, which is seeded at each step):
    what it keeps from step to step is not saved, so a resumed run would continue without it.
    """

    def during_fit(self) -> AbstractContextManager[Any]:
        """A context that is open from before the first step until after the last one, or until an exception."""
        return nullcontext()

    def before_step(self, step: StepInfo) -> None:
        """The learning rate and torch's seed are set; the forward pass comes next."""

    def after_backward(self, step: StepInfo) -> None:
        """The gradients are computed (and averaged over processes); the optimizer comes next."""

    def after_step(self, step: StepInfo, means: Mapping[str, Tensor]) -> None:
        """The weights have changed and the gradients are gone; `means` is what the loop's step function gave."""

    def after_epoch(self, entry: dict[str, Any]) -> None:
        """The last step of an epoch is done; validation, the log and the checkpoint come next.

        `entry` holds the means over the epoch; what is added to it (JSON data) goes into the log.
        """


class ModuleHooks(Callback):
    """Serves modules that follow training.

    A module with an attribute `progress` (an augmentation that weakens, say) finds the share of the steps done there;
    one with a method `after_step()` (a layer whose norm is limited, say) has it called after each step.
    """

    def __init__(self, model: nn.Module):
        self.progressive: list[Any] = [m for m in model.modules() if hasattr(m, "progress")]
        self.called: list[Any] = [m for m in model.modules() if hasattr(m, "after_step")]

    def before_step(self, step: StepInfo) -> None:
        """Set `progress`."""
        for module in self.progressive:
            module.progress = step.share

    def after_step(self, step: StepInfo, means: Mapping[str, Tensor]) -> None:
        """Call `after_step`."""
        for module in self.called:
            module.after_step()


class Freezing(Callback):
    """The first, second, ... layer learns no more once its share of the steps is done (FreezeOut, Brock et al. 2017).

    A frozen layer gets no gradients and keeps its running statistics.
    """

    def __init__(self, model: nn.Module, shares: tuple[float, ...], processes: int = 1):
        self.layers = [child for child in model.children() if any(p.requires_grad for p in child.parameters())]
        self.shares, self.processes = shares, processes
        self.frozen: list[nn.Parameter] = []

    @contextmanager
    def during_fit(self) -> Iterator[None]:
        """At the end all layers can learn again."""
        try:
            yield
        finally:
            self.freeze(0)

    def before_step(self, step: StepInfo) -> None:
        """Freeze the layers whose time has come."""
        self.freeze(sum(step.share >= share for share in self.shares))

    def after_backward(self, step: StepInfo) -> None:
        """Drop the gradients that were computed all the same."""
        for parameter in self.frozen:
            parameter.grad = None

    def after_epoch(self, entry: dict[str, Any]) -> None:
        """The next epoch puts all layers into training mode, so the next step must freeze them anew."""
        self.freeze(0)

    def freeze(self, count: int) -> None:
        """Freeze the first `count` layers and no others."""
        frozen = [p for layer in self.layers[:count] for p in layer.parameters()]
        if len(frozen) == len(self.frozen):
            return
        for parameter in self.frozen:
            parameter.requires_grad_(True)
        self.frozen = frozen
        for layer in self.layers[:count]:
            layer.eval()
        if self.processes == 1:  # DDP waits for every gradient, so there they are computed and dropped
            for parameter in frozen:
                parameter.requires_grad_(False)


class GlobalNorms(Callback):
    """With several processes, batch norms take mean and variance over the whole minibatch."""

    def __init__(self, model: nn.Module):
        self.model, self.batch = model, GlobalBatch()

    def during_fit(self) -> AbstractContextManager[None]:
        """At the end the norms are the plain ones again."""
        return global_batch_norm(self.model, self.batch)

    def before_step(self, step: StepInfo) -> None:
        """Tell the norms whether this process has the minibatch whole."""
        self.batch.whole = step.batch.weight != len(step.batch)


class LocalNorms(Callback):
    """With several processes, batch norms measure each one's share of the minibatch; an epoch ends with their mean."""

    def __init__(self, model: nn.Module, average: "MovingAverage | None"):
        self.model, self.average = model, average

    def after_epoch(self, entry: dict[str, Any]) -> None:
        """Average over the processes, in the moving average of the weights too."""
        buffers = dict(self.model.named_buffers())
        average_over_ranks(buffers.values())
        if self.average:
            average_over_ranks(value for name, value in self.average.average.items() if name in buffers)


class Densify(Callback):
    """Makes sparse gradients dense, for optimizers and norms that know no others."""

    def __init__(self, model: nn.Module):
        self.parameters = list(model.parameters())

    def after_backward(self, step: StepInfo) -> None:
        """Change the gradients in place."""
        densify(self.parameters)


class ClipNorm(Callback):
    """Scales all gradients down where their common norm is above `largest` (Pascanu et al. 2013)."""

    def __init__(self, model: nn.Module, largest: float):
        self.parameters, self.largest = list(model.parameters()), largest

    def after_backward(self, step: StepInfo) -> None:
        """Change the gradients in place."""
        nn.utils.clip_grad_norm_(self.parameters, self.largest)


class Winograd(Callback):
    """Convolutions train by Winograd's algorithm, see `cnn_core.nn.winograd`."""

    def __init__(self, model: nn.Module):
        self.model = model

    def during_fit(self) -> AbstractContextManager[None]:
        """At the end the convolutions are the plain ones again. Raises UserError when numba is missing."""
        return winograd.convolutions(self.model)


class MovingAverage(Callback):
    """Exponential moving average of weights and running statistics (Polyak & Juditsky 1992).

    The decay grows from 0 to `decay` over the first steps, so that the start is forgotten.
    """

    def __init__(self, model: nn.Module, decay: float, steps: int = 0):
        self.decay = decay
        self.steps = steps
        self.live = {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
        self.average = {name: tensor.clone() for name, tensor in self.live.items()}

    @contextmanager
    def during_fit(self) -> Iterator[None]:
        """After the last step the model holds the averaged weights; after an exception its own."""
        yield
        self.swap()

    def after_step(self, step: StepInfo, means: Mapping[str, Tensor]) -> None:
        """Take in the weights as they are now."""
        self.update()

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
            raw = live.clone()
            live.copy_(self.average[name])
            self.average[name].copy_(raw)

    @torch.no_grad()
    def restore(self, weights: Mapping[str, Tensor], steps: int) -> None:
        """Go on from averaged `weights` after `steps` steps. Raises KeyError when one is missing."""
        self.steps = steps
        for name, average in self.average.items():
            average.copy_(weights[name])


def standard(
    model: nn.Module,
    config: FitConfig,
    optimizer: torch.optim.Optimizer,
    average: MovingAverage | None,
    processes: int,
) -> list[Callback]:
    """What `config` asks for on this device, in the order at the top of this file, without the moving average."""
    found: list[Callback] = [ModuleHooks(model)]
    if config.freeze:
        found.append(Freezing(model, config.freeze, processes))
    if processes > 1:
        found.append(LocalNorms(model, average) if config.local_norms else GlobalNorms(model))
    if config.clip_norm or not isinstance(optimizer, RowSteps):
        found.append(Densify(model))
    if config.clip_norm:
        found.append(ClipNorm(model, config.clip_norm))
    device = next(model.parameters()).device
    if config.winograd and device.type == "cpu" and not use_bf16(config.precision, device):
        found.append(Winograd(model))
    return found
