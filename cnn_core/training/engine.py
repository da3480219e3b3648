"""The one training loop.

Everything random in step s comes from (seed, s, rank), and the order of an epoch from (seed, epoch): a run
that was stopped anywhere and resumed from its last checkpoint ends with the same bits as one that was not.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.training import callbacks as callback_module
from cnn_core.training import checkpoint
from cnn_core.training.callbacks import Callback, MovingAverage, StepInfo
from cnn_core.training.data import Batch, Split, balanced, batches_per_epoch, minibatches, mix
from cnn_core.training.device import keep_freed_memory
from cnn_core.training.distributed import Ranks, parallel, process_group, unsynchronized, wait_for_main
from cnn_core.training.inference import Means, Step, autocast, classification, evaluate, predict_logits
from cnn_core.training.monitoring.log import RunLog
from cnn_core.training.monitoring.progress import ProgressBar, interrupts
from cnn_core.training.optim import make_optimizer
from cnn_core.training.recipe import FitConfig, for_samples, learning_rate
from cnn_core.training.state import TrainingState

__all__ = ["Fit", "Interrupted", "classification", "evaluate", "fit", "predict_logits"]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: the state is saved, where there is a run folder, and training can be resumed."""


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
    callbacks: Sequence[Callback] = (),
) -> Fit:
    """Train `model` in place on `train`, on the model's device, and return how it went.

    `step` is what one minibatch does (cross-entropy over classes by default). With `run`, checkpoints go to
    run/last and, where there is a `validation` split, run/best (lowest validation loss); `record` is stored
    with them as config.json; the log is run/log.jsonl. `resume` continues from run/last. At the end the model
    holds the averaged weights when config.ema is set, and those of the best epoch when config.patience is.
    torch's global random state is left as it was. `on_epoch` gets the record of each epoch once all is saved.

    A step calls, in this order: `before_step` of the callbacks, `step`, the backward pass, `after_backward`, the
    optimizer, `after_step`; the end of an epoch `after_epoch`, then validation. The callbacks that `config` asks for
    come first, in the order of `cnn_core.training.callbacks`, then `callbacks`, then the moving average of the weights.
    A module with an attribute `progress` or a method `after_step` is served too, see `ModuleHooks` there.

    Raises UserError when the loss is not a finite number, Interrupted on Ctrl-C (once the state is saved).
    """
    if config.patience and validation is None:
        raise UserError("patience needs a validation split to watch; set validation, such as 0.1")
    train, config = planned(train, config)
    samples = train.epoch_length(config.epoch_samples)
    device = next(model.parameters()).device
    if device.type == "cpu":
        keep_freed_memory()
    if any(p.dim() == 4 for p in model.parameters()):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    cuda = [device] if device.type == "cuda" else []
    with process_group(device) as here, torch.random.fork_rng(devices=cuda):
        optimizer = make_optimizer(model, config)
        average = MovingAverage(model, config.ema) if config.ema else None
        state = TrainingState(model, optimizer, average)
        if resume and run is not None and checkpoint.exists(run / "last"):
            state.restore(checkpoint.load(run / "last", with_state=True))
            train = replace(train, blocks=state.blocks)  # whether or not it fits into the memory of this machine
        state.blocks = train.shuffling()
        wait_for_main()  # all have read before one writes
        called = [*callback_module.standard(model, config, optimizer, average, here.world), *callbacks]
        called += [average] if average else []
        with ExitStack() as stack:
            output = None
            if run is not None and here.main:
                output = _Output(run, record or {}, RunLog(run, state.epoch, tensorboard))
            done = state.epoch * samples + state.batch * config.batch_size
            bar = ProgressBar(config.epochs, samples, done, progress and here.main)
            stack.callback(bar.close)
            for callback in called:
                stack.enter_context(callback.during_fit())
            loop = _Loop(
                state=state,
                train=train.to(device),
                validation=validation and validation.to(device),
                config=config,
                step=step or classification(config.label_smoothing),
                seed=seed,
                here=here,
                samples=samples,
                callbacks=tuple(called),
                output=output,
                on_epoch=on_epoch if here.main else None,
                bar=bar,
                interrupted=stack.enter_context(interrupts()),
            )
            loop.run()
        wait_for_main()  # one has written before all read
        if config.patience and run is not None and checkpoint.exists(run / "best"):
            model.load_state_dict(checkpoint.load(run / "best").weights)
        return Fit(state.history, loop.step_number, state.clock.cpu_seconds, state.clock.seconds)


def planned(train: Split, config: FitConfig) -> tuple[Split, FitConfig]:
    """(the samples that are learned from, those of rare classes repeated with `balance`; the training with as many
    epochs as `least_steps` asks for)."""
    if config.balance:
        train = train.subset(balanced(train.strata()))
        config = replace(config, balance=False)
    return train, for_samples(config, train.epoch_length(config.epoch_samples))


@dataclass(frozen=True)
class _Output:
    """Where the main process writes: the run folder, what is stored with its checkpoints, and the log."""

    run: Path
    record: dict[str, Any]
    log: RunLog


DIVERGED = 1e6  # a mean loss beyond this is that of a training that ran away
SHARE_OF_SAVING = 4
"""So many times as long as a checkpoint takes, an epoch does without one of its own."""


@dataclass
class _Saved:
    """The last checkpoint of this process: of which step, when, and how long it took."""

    step: int = -1
    at: float = field(default_factory=time.perf_counter)
    took: float = 0.0

    @property
    def age(self) -> float:
        """Seconds since then."""
        return time.perf_counter() - self.at


@dataclass(frozen=True)
class _Loop:
    """What a training run works with; all that changes from step to step is in `state`."""

    state: TrainingState
    train: Split
    validation: Split | None
    config: FitConfig
    step: Step
    seed: int
    here: Ranks
    samples: int  # of an epoch
    callbacks: tuple[Callback, ...]
    output: _Output | None
    on_epoch: Callable[[dict[str, Any]], None] | None
    bar: ProgressBar
    interrupted: threading.Event
    saved: _Saved = field(default_factory=_Saved)

    @property
    def batches(self) -> int:
        return batches_per_epoch(self.samples, self.config.batch_size)

    @property
    def step_number(self) -> int:
        return self.state.epoch * self.batches + self.state.batch

    def run(self) -> None:
        state, config = self.state, self.config
        network = parallel(state.model)
        if config.compile:
            network = cast(nn.Module, torch.compile(network))
        while state.epoch < config.epochs and not (config.patience and state.waited >= config.patience):
            state.model.train()
            order = self.train.order(self.seed, state.epoch, config.batch_size, config.epoch_samples)
            batches = minibatches(
                self.train,
                config.batch_size,
                order=order,
                first=state.batch,
                ranks=self.here,
                device=state.device,
            )
            for batch in batches:
                self.one_step(network, batch)
                state.batch += 1
                self.bar.step(self.batch_size(state.batch - 1), state.epoch, state.means)
                if self.saved.age > config.save_seconds and state.batch < self.batches:
                    self.save("last")
                self.stop_if_interrupted()
            self.end_epoch()
            self.stop_if_interrupted()
        self.save_what_is_new()

    def batch_size(self, batch: int) -> int:
        """Samples of minibatch `batch` of an epoch, over all ranks."""
        return min(self.config.batch_size, self.samples - batch * self.config.batch_size)

    def one_step(self, network: nn.Module, batch: Batch) -> None:
        config, optimizer = self.config, self.state.optimizer
        info = StepInfo(self.step_number, config.epochs * self.batches, batch)
        torch.manual_seed(mix(self.seed, info.number, self.here.rank))
        for group in optimizer.param_groups:
            group["lr"] = group.get("rate", 1.0) * learning_rate(config, info.number, info.steps)
        for callback in self.callbacks:
            callback.before_step(info)
        means = self.gradients(network, batch)
        for callback in self.callbacks:
            callback.after_backward(info)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        for callback in self.callbacks:
            callback.after_step(info, means)
        self.state.means.add(means, batch.weight)

    def gradients(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Add up the gradients of a minibatch, part by part; gives the means over all of it."""
        # As many parts on every rank, for batch norms meet in each; a share has this many samples at least.
        count = min(self.config.accumulate, max(1, self.batch_size(self.state.batch) // self.here.world))
        parts = batch.parts(count)
        total = Means(self.state.device)
        for number, part in enumerate(parts):
            with autocast(self.config.precision, self.state.device):
                means = self.step(network, part)
            last = number == len(parts) - 1
            with nullcontext() if last else unsynchronized(network):
                self.objective(means, part, batch).backward()
            if len(parts) == 1:
                return means
            total.add(means, part.weight)
        return total.means()

    def objective(self, means: Mapping[str, Tensor], part: Batch, batch: Batch) -> Tensor:
        """What this rank differentiates for a part of its share of the minibatch."""
        loss = means.get("objective", means["loss"])
        if self.here.world == 1:
            return loss if part is batch else loss * (part.weight / batch.weight)
        # DDP averages over ranks; this makes that average the mean over the global batch.
        return loss * (part.weight * self.here.world / self.batch_size(self.state.batch))

    def end_epoch(self) -> None:
        state = self.state
        state.epoch, state.batch = state.epoch + 1, 0
        entry: dict[str, Any] = {"epoch": state.epoch, "step": self.step_number}
        entry |= {f"train_{name}": value for name, value in state.means.read().items()}
        state.means = Means(state.device)
        if not abs(entry["train_loss"]) < DIVERGED:
            raise UserError(
                f"the training loss is {entry['train_loss']:.3g} in epoch {state.epoch}; "
                "lower learning_rate, or set clip_norm to 1"
            )
        for callback in self.callbacks:
            callback.after_epoch(entry)
        better = False
        if self.validation is not None:
            with self.averaged():
                means = evaluate(state.model, self.validation, step=self.step, precision=self.config.precision)
            entry |= {f"validation_{name}": value for name, value in means.items()}
            better = entry["validation_loss"] < state.best
            state.best = min(state.best, entry["validation_loss"])
            state.waited = 0 if better else state.waited + 1
        if self.here.world > 1:
            state.clock.share(state.device)
        entry |= {"cpu_seconds": round(state.clock.cpu_seconds, 3), "seconds": round(state.clock.seconds, 3)}
        state.history.append(entry)
        if self.output is not None:
            self.output.log.append(entry)
        if better:
            self.save("best")
        # Short epochs of a large network would do nothing but save.
        if self.saved.age >= min(self.saved.took * SHARE_OF_SAVING, self.config.save_seconds):
            self.save("last")
        if self.on_epoch is not None:
            self.on_epoch(entry)

    def averaged(self) -> AbstractContextManager[None]:
        """The model has the weights that are measured and saved inside the block."""
        return self.state.average.applied() if self.state.average else nullcontext()

    def stop_if_interrupted(self) -> None:
        if self.interrupted.is_set():
            self.save_what_is_new()
            raise Interrupted(f"stopped in epoch {self.state.epoch + 1} after step {self.step_number}")

    def save_what_is_new(self) -> None:
        """Save unless this very step has been saved."""
        if self.saved.step != self.step_number:
            self.save("last")

    def save(self, name: str) -> None:
        """Write the checkpoint `name`; "best" carries no loop state, for it is not resumed from."""
        if self.output is None:
            return
        began = time.perf_counter()
        state = self.state.to_save() if name == "last" else None
        metrics = self.state.history[-1] if self.state.history else {}
        with self.averaged():
            weights = self.state.model.state_dict()
            checkpoint.save(self.output.run / name, checkpoint.Checkpoint(weights, self.output.record, metrics, state))
        if name == "last":
            now = time.perf_counter()
            self.saved.step, self.saved.at, self.saved.took = self.step_number, now, now - began
