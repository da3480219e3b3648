"""The one training loop.

Everything random in step s comes from (seed, s, rank), and the order of an epoch from (seed, epoch): a run
that was stopped anywhere and resumed from its last checkpoint ends with the same bits as one that was not.
"""

import math
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from cnn_core.errors import UserError
from cnn_core.nn import winograd
from cnn_core.training import checkpoint
from cnn_core.training.data import Batch, Split, batches_per_epoch, minibatches, mix
from cnn_core.training.device import keep_freed_memory
from cnn_core.training.distributed import (
    GlobalBatch,
    Ranks,
    average_over_ranks,
    global_batch_norm,
    parallel,
    process_group,
    sum_over_ranks,
    wait_for_main,
)
from cnn_core.training.inference import Means, Step, autocast, classification, evaluate, predict_logits, use_bf16
from cnn_core.training.log import RunLog
from cnn_core.training.optim import (
    MovingAverage,
    RowSteps,
    densify,
    make_optimizer,
    optimizer_tensors,
    restore_optimizer,
)
from cnn_core.training.progress import ProgressBar, interrupts
from cnn_core.training.recipe import FitConfig, learning_rate

__all__ = ["Fit", "Interrupted", "classification", "evaluate", "fit", "predict_logits"]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: the state is saved, where there is a run folder, and training can go on later."""


@dataclass(frozen=True)
class Fit:
    """How a training run went: a record for each epoch, and what it took (over all resumed parts)."""

    history: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0
    cpu_seconds: float = 0.0
    seconds: float = 0.0


def fit(
    model: nn.Module,
    train: Split,
    config: FitConfig,
    *,
    validation: Split | None = None,
    step: Step | None = None,
    seed: int = 0,
    run: Path | None = None,
    record: dict[str, Any] | None = None,
    resume: bool = False,
    tensorboard: bool = False,
    progress: bool = True,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
) -> Fit:
    """Train `model` in place on `train`, on the model's device, and return how it went.

    `step` is what one minibatch does (cross-entropy over classes by default). With `run`, checkpoints go to
    run/last and, where there is a `validation` split, run/best (lowest validation loss); `record` is stored
    with them as config.json; the log is run/log.jsonl. `resume` goes on from run/last. At the end the model
    holds the averaged weights when config.ema is set, and those of the best epoch when config.patience is.
    torch's global random state is left as it was. A module with an attribute `progress` (an augmentation that
    weakens, say) finds the share of the steps done there; one with a method `after_step` (a norm that is kept, say)
    has it called after each step.

    Raises UserError when the loss is no longer a number, Interrupted on Ctrl-C (once the state is saved).
    """
    if config.patience and validation is None:
        raise UserError("patience needs a validation split to watch; set validation, such as 0.1")
    device = next(model.parameters()).device
    if device.type == "cpu":
        keep_freed_memory()
    if any(p.dim() == 4 for p in model.parameters()):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    step = step or classification(config.label_smoothing)
    cuda = [device] if device.type == "cuda" else []
    global_norms = global_batch_norm(model, not config.local_norms)
    with process_group(device) as here, torch.random.fork_rng(devices=cuda), global_norms as norms:
        loop = _Loop(model, train.to(device), config, step, seed, here)
        loop.validation = validation and validation.to(device)
        loop.on_epoch, loop.norms = on_epoch, norms
        if resume and run is not None and checkpoint.exists(run / "last"):
            loop.restore(checkpoint.load(run / "last", with_state=True))
        wait_for_main()  # all have read before one writes
        if run is not None and here.main:
            loop.run, loop.record, loop.log = run, record or {}, RunLog(run, loop.epoch, tensorboard)
        samples_done = loop.epoch * len(train) + loop.batch * config.batch_size
        loop.bar = ProgressBar(config.epochs, len(train), samples_done, progress and here.main)
        try:
            fp32 = device.type == "cpu" and not use_bf16(config.precision, device)
            with (
                winograd.convolutions(model) if config.winograd and fp32 else nullcontext(),
                interrupts() as loop.interrupted,
            ):
                loop.go()
        finally:
            loop.bar.close()
            loop._freeze(0)
        wait_for_main()  # one has written before all read
        if config.patience and run is not None and checkpoint.exists(run / "best"):
            model.load_state_dict(checkpoint.load(run / "best").weights)
        elif loop.average:
            loop.average.swap()
        return Fit(loop.history, loop.step_number, loop.cpu_seconds(), loop.seconds())


class _Loop:
    """The state of a training run between two steps, which is what a checkpoint holds."""

    bar: ProgressBar
    interrupted: threading.Event
    norms: GlobalBatch
    log: RunLog | None = None
    run: Path | None = None
    record: dict[str, Any]
    validation: Split | None = None
    on_epoch: Callable[[dict[str, Any]], None] | None = None

    def __init__(self, model: nn.Module, train: Split, config: FitConfig, step: Step, seed: int, here: Ranks):
        self.model, self.train, self.config, self.step = model, train, config, step
        self.seed, self.here, self.device = seed, here, train.inputs.device
        self.optimizer = make_optimizer(model, config)
        self.learning = [child for child in model.children() if any(p.requires_grad for p in child.parameters())]
        self.frozen: list[nn.Parameter] = []
        self.progressive: list[Any] = [m for m in model.modules() if hasattr(m, "progress")]
        self.after_step: list[Any] = [m for m in model.modules() if hasattr(m, "after_step")]
        self.dense_only = bool(config.clip_norm) or not isinstance(self.optimizer, RowSteps)
        self.average = MovingAverage(model, config.ema) if config.ema else None
        self.batches = batches_per_epoch(len(train), config.batch_size)
        self.epoch, self.batch = 0, 0  # both count what is done
        self.best, self.waited = math.inf, 0
        self.history: list[dict[str, Any]] = []
        self.means = Means(self.device)
        self.before = (0.0, 0.0)  # CPU-seconds and seconds of the parts before this one
        self.start = (time.process_time(), time.perf_counter())
        self.others = 0.0

    @property
    def step_number(self) -> int:
        return self.epoch * self.batches + self.batch

    def cpu_seconds(self) -> float:
        """Of all ranks; those of the others as of the last epoch's end."""
        return self.before[0] + time.process_time() - self.start[0] + self.others

    def seconds(self) -> float:
        return self.before[1] + time.perf_counter() - self.start[1]

    def go(self) -> None:
        network = parallel(self.model)
        if self.config.compile:
            network = cast(nn.Module, torch.compile(network))
        size, saved = self.config.batch_size, time.perf_counter()
        while self.epoch < self.config.epochs and not self._out_of_patience():
            self.model.train()
            self._freeze(0)
            order = self.train.order(self.seed, self.epoch, size)
            for batch in minibatches(self.train, size, order=order, first=self.batch, ranks=self.here):
                self._one_step(network, batch)
                self.batch += 1
                self.bar.step(self._batch_size(self.batch - 1), self.epoch, self.means)
                due = time.perf_counter() - saved > self.config.save_seconds
                if due and self.run is not None and self.batch < self.batches:
                    self.save("last")
                    saved = time.perf_counter()
                self._stop_if_interrupted()
            self._end_epoch()
            saved = time.perf_counter()
            self._stop_if_interrupted()

    def _batch_size(self, batch: int) -> int:
        return min(self.config.batch_size, len(self.train) - batch * self.config.batch_size)

    def _one_step(self, network: nn.Module, batch: Batch) -> None:
        config, number = self.config, self.step_number
        torch.manual_seed(mix(self.seed, number, self.here.rank))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, number, config.epochs * self.batches)
        done = number / (config.epochs * self.batches)
        for module in self.progressive:
            module.progress = done
        self._freeze(sum(done >= share for share in config.freeze))
        self.norms.whole = batch.weight != len(batch)
        with autocast(config.precision, self.device):
            means = self.step(network, batch)
        loss = means.get("objective", means["loss"])
        if self.here.world > 1:
            # DDP averages over ranks; this makes that average the mean over the global batch.
            loss = loss * (batch.weight * self.here.world / self._batch_size(self.batch))
        loss.backward()
        for parameter in self.frozen:
            parameter.grad = None
        if self.dense_only:
            densify(self.model.parameters())
        if config.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        for module in self.after_step:
            module.after_step()
        if self.average:
            self.average.update()
        self.means.add(means, batch.weight)

    def _freeze(self, count: int) -> None:
        """Let the first `count` layers learn no more: no gradients, fixed running statistics."""
        frozen = [p for layer in self.learning[:count] for p in layer.parameters()]
        if len(frozen) == len(self.frozen):
            return
        for parameter in self.frozen:
            parameter.requires_grad_(True)
        self.frozen = frozen
        for layer in self.learning[:count]:
            layer.eval()
        if self.here.world == 1:  # DDP waits for every gradient, so there they are computed and dropped
            for parameter in frozen:
                parameter.requires_grad_(False)

    def _end_epoch(self) -> None:
        self.epoch, self.batch = self.epoch + 1, 0
        entry: dict[str, Any] = {"epoch": self.epoch, "step": self.step_number}
        entry |= {f"train_{name}": value for name, value in self.means.read().items()}
        self.means = Means(self.device)
        if not math.isfinite(entry["train_loss"]):
            raise UserError(
                f"the training loss is {entry['train_loss']} in epoch {self.epoch}; "
                "lower learning_rate, or set clip_norm to 1"
            )
        if self.config.local_norms:
            buffers = dict(self.model.named_buffers())
            average_over_ranks(buffers.values())
            if self.average:
                average_over_ranks(value for name, value in self.average.average.items() if name in buffers)
        better = False
        if self.validation is not None:
            with self._averaged():
                means = evaluate(self.model, self.validation, step=self.step, precision=self.config.precision)
            entry |= {f"validation_{name}": value for name, value in means.items()}
            better = entry["validation_loss"] < self.best
            self.best = min(self.best, entry["validation_loss"])
            self.waited = 0 if better else self.waited + 1
        if self.here.world > 1:
            mine = time.process_time() - self.start[0]
            self.others = float(sum_over_ranks(torch.tensor(mine, device=self.device))) - mine
        entry |= {"cpu_seconds": round(self.cpu_seconds(), 3), "seconds": round(self.seconds(), 3)}
        self.history.append(entry)
        if self.log is not None:
            self.log.append(entry)
        if better:
            self.save("best")
        self.save("last")
        if self.on_epoch is not None and self.here.main:
            self.on_epoch(entry)

    def _out_of_patience(self) -> bool:
        return bool(self.config.patience) and self.waited >= self.config.patience

    def _averaged(self):
        return self.average.applied() if self.average else nullcontext()

    def _stop_if_interrupted(self) -> None:
        if self.interrupted.is_set():
            if self.batch:  # the end of an epoch has just saved
                self.save("last")
            raise Interrupted(f"stopped in epoch {self.epoch + 1} after step {self.step_number}")

    def save(self, name: str) -> None:
        """Write the checkpoint `name`; "best" carries no loop state, for it is not resumed from."""
        if self.run is None:
            return
        state = self._state() if name == "last" else None
        metrics = self.history[-1] if self.history else {}
        with self._averaged():
            weights = self.model.state_dict()
            checkpoint.save(self.run / name, checkpoint.Checkpoint(weights, self.record, metrics, state))

    def _state(self) -> checkpoint.LoopState:
        tensors = {f"model.{key}": value.clone() for key, value in self.model.state_dict().items()}
        tensors |= optimizer_tensors(self.optimizer)
        tensors |= {f"means.{key}": value for key, value in self.means.tensors().items()}
        counters = {
            "epoch": self.epoch,
            "batch": self.batch,
            "best": self.best if math.isfinite(self.best) else None,
            "waited": self.waited,
            "averaged_steps": self.average.steps if self.average else 0,
            "cpu_seconds": self.cpu_seconds(),
            "seconds": self.seconds(),
            "history": self.history,
        }
        return checkpoint.LoopState(tensors, counters)

    def restore(self, saved: checkpoint.Checkpoint) -> None:
        """Go on where `saved` was written. Raises UserError when it is of another network."""
        assert saved.state is not None
        counters, tensors = saved.state.counters, saved.state.tensors

        def named(prefix: str) -> dict[str, torch.Tensor]:
            return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}

        try:
            if self.average:
                self.model.load_state_dict(saved.weights)
                self.average = MovingAverage(self.model, self.config.ema, counters["averaged_steps"])
            self.model.load_state_dict(named("model."))
            restore_optimizer(self.optimizer, named("optimizer."))
            self.means = Means(self.device, named("means."))
            self.epoch, self.batch = counters["epoch"], counters["batch"]
            self.waited, self.history = counters["waited"], counters["history"]
            self.best = math.inf if counters["best"] is None else counters["best"]
            self.before = (counters["cpu_seconds"], counters["seconds"])
        except (KeyError, RuntimeError, ValueError, IndexError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"the saved state does not fit this network ({reason})") from error
