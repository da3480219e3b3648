"""What a training run is between two steps: what a checkpoint must hold so that training resumes with the same bits."""

import math
import time
from typing import Any

import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.training.callbacks import MovingAverage
from cnn_core.training.checkpoint import Checkpoint, Counters, LoopState
from cnn_core.training.data.order import Blocks
from cnn_core.training.distributed import sum_over_ranks
from cnn_core.training.inference import Means
from cnn_core.training.optim import optimizer_tensors, restore_optimizer

BLOCKS = "order.blocks"
"""The entry of a checkpoint's tensors that says how mapped samples are shuffled; without it all are at once."""


class Clock:
    """CPU-seconds of all processes, those of the others as of the last `share`, and seconds; resumed parts included."""

    def __init__(self, cpu_seconds: float = 0.0, seconds: float = 0.0):
        self.before = (cpu_seconds, seconds)
        self.start = (time.process_time(), time.perf_counter())
        self.others = 0.0

    @property
    def cpu_seconds(self) -> float:
        """Since the run began, all parts of it."""
        return self.before[0] + time.process_time() - self.start[0] + self.others

    @property
    def seconds(self) -> float:
        """Since the run began, without the time between its parts."""
        return self.before[1] + time.perf_counter() - self.start[1]

    def share(self, device: torch.device) -> None:
        """Learn the CPU-seconds of the other processes; all of them must call it."""
        mine = time.process_time() - self.start[0]
        self.others = float(sum_over_ranks(torch.tensor(mine, device=device))) - mine


class TrainingState:
    """The network and its optimizer, the moving average of its weights, what is summed up and counted so far."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, average: MovingAverage | None):
        self.model, self.optimizer, self.average = model, optimizer, average
        self.device = next(model.parameters()).device
        self.means = Means(self.device)
        self.epoch, self.batch = 0, 0  # both count what is done
        self.best, self.waited = math.inf, 0
        self.blocks = Blocks()  # how the samples are shuffled
        self.history: list[dict[str, Any]] = []
        self.clock = Clock()

    def counters(self) -> Counters:
        """All that is not a tensor."""
        return Counters(
            epoch=self.epoch,
            batch=self.batch,
            best=self.best if math.isfinite(self.best) else None,
            waited=self.waited,
            averaged_steps=self.average.steps if self.average else 0,
            cpu_seconds=self.clock.cpu_seconds,
            seconds=self.clock.seconds,
            history=tuple(self.history),
        )

    def to_save(self) -> LoopState:
        """What a checkpoint holds of it beside the weights to use."""
        tensors = {f"model.{key}": value.clone() for key, value in self.model.state_dict().items()}
        tensors |= optimizer_tensors(self.optimizer)
        tensors |= {f"means.{key}": value for key, value in self.means.tensors().items()}
        if self.blocks.samples:
            tensors[BLOCKS] = torch.tensor([self.blocks.samples, self.blocks.window])
        return LoopState(tensors, self.counters())

    def restore(self, saved: Checkpoint) -> None:
        """Go on where `saved` was written. Raises UserError when it is of another network."""
        assert saved.state is not None
        counters, tensors = saved.state.counters, saved.state.tensors

        def named(prefix: str) -> dict[str, Tensor]:
            return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}

        try:
            if self.average:
                self.average.restore(saved.weights, counters.averaged_steps)
            self.model.load_state_dict(named("model."))
            restore_optimizer(self.optimizer, named("optimizer."))
            self.means = Means(self.device, named("means."))
        except (KeyError, RuntimeError, ValueError, IndexError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"the saved state does not fit this network ({reason})") from error
        self.epoch, self.batch = counters.epoch, counters.batch
        self.best = math.inf if counters.best is None else counters.best
        self.waited, self.history = counters.waited, list(counters.history)
        self.blocks = Blocks(*tensors[BLOCKS].tolist()) if BLOCKS in tensors else Blocks()
        self.clock = Clock(counters.cpu_seconds, counters.seconds)
