"""All knowledge of ranks: several processes that train one network together.

Start with `torchrun --nproc-per-node 2 -m apps.digits train ...`; without torchrun there is one rank and
nothing here costs anything.
"""

import gc
import inspect
import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from cnn_core.errors import UserError, first_line
from cnn_core.training.monitoring.peers import watched


@dataclass(frozen=True)
class Ranks:
    """Who this process is among the processes: `rank` of `world`, and its number on this machine."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def main(self) -> bool:
        """True for the one process that writes files and speaks."""
        return self.rank == 0


def ranks() -> Ranks:
    """Ranks as torchrun set them, or the only one."""
    return Ranks(
        int(os.environ.get("RANK", 0)),
        int(os.environ.get("WORLD_SIZE", 1)),
        int(os.environ.get("LOCAL_RANK", 0)),
    )


@contextmanager
def process_group(device: torch.device | str, wait: float = 300.0) -> Iterator[Ranks]:
    """Join the other processes (gloo on CPUs, NCCL on GPUs) for the block, and leave cleanly after it.

    Raises UserError when one of them has not come after `wait` seconds, and when one ends meanwhile. One that is silent
    for `CNN_SUITE_LOST_AFTER` seconds (25; 0 waits as long as PyTorch does) ends this process, see `peers`.
    """
    here = ranks()
    if here.world == 1 or dist.is_initialized():
        yield here
        return
    backend = "nccl" if torch.device(device).type == "cuda" else "gloo"
    try:
        dist.init_process_group(backend, store=_met(here, wait), rank=here.rank, world_size=here.world)
    except (RuntimeError, ValueError, OSError) as error:
        why = first_line(error)[:120]
        raise UserError(f"the other processes cannot be reached within {wait:g} s ({why})") from error
    store = dist.distributed_c10d._get_default_store()
    try:
        with watched(store, here.rank, here.world, lost_after()):
            yield here
            dist.barrier()  # a rank that leaves early would break the others' last exchange
    except RuntimeError as error:
        if not any(word in str(error) for word in ("gloo", "NCCL", "onnection closed", "onnection reset")):
            raise
        raise UserError(
            f"another process of the {here.world} has ended ({first_line(error)[:120]}); the last checkpoint is whole: "
            "go on with --resume RUN"
        ) from error
    finally:
        gc.collect()  # DistributedDataParallel is part of cycles, and would keep the group's threads until the end
        dist.destroy_process_group()


def _met(here: Ranks, wait: float) -> Any:
    """The store through which the processes know of each other, once all have come. Raises RuntimeError, OSError."""
    limit, end = timedelta(seconds=wait), time.monotonic() + wait
    while not here.main:  # until somebody listens: torch's own waiting writes pages of errors
        try:
            address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
            socket.create_connection(address, max(end - time.monotonic(), 0.1)).close()
            break
        except KeyError as error:
            raise ValueError(f"{error.args[0]} is not set; start with torchrun") from error
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
    store, *_ = next(iter(dist.rendezvous("env://", timeout=limit)))
    store.set_timeout(limit)
    store.set(f"come/{here.rank}", "")
    store.wait([f"come/{rank}" for rank in range(here.world)], limit)
    store.set_timeout(dist.default_pg_timeout)
    return store


def lost_after() -> float:
    """Seconds of silence after which another process counts as lost. Raises UserError for what is no number."""
    given = os.environ.get("CNN_SUITE_LOST_AFTER", "25")
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UserError(f"CNN_SUITE_LOST_AFTER={given}: must be a number of seconds, or 0")
    return seconds


def sum_over_ranks(values: Tensor) -> Tensor:
    """Sum of `values` over all ranks, on every rank; changes `values`."""
    if dist.is_initialized():
        dist.all_reduce(values)
    return values


def wait_for_main() -> None:
    """Hold every rank until all have come here."""
    if dist.is_initialized():
        dist.barrier()


def from_main(value: Any) -> Any:
    """The main process's `value`, on every rank."""
    values = [value]
    if dist.is_initialized():
        dist.broadcast_object_list(values)
    return values[0]


def parallel(model: nn.Module) -> nn.Module:
    """`model` whose gradients are averaged over the ranks."""
    if not dist.is_initialized():
        return model
    device = next(model.parameters()).device
    devices = [device] if device.type == "cuda" else None
    kind: Any = nn.parallel.DistributedDataParallel
    # Running means are the same on all ranks, or averaged before they are used: none need to be sent at each step.
    parameters = inspect.signature(kind).parameters
    sending = (
        "forward_sync_buffers" if "forward_sync_buffers" in parameters else "broadcast_buffers"
    )  # before torch 2.14
    return kind(model, device_ids=devices, **{sending: False})


def unsynchronized(model: nn.Module) -> AbstractContextManager[Any]:
    """Inside, gradients stay on each rank: more of them are to come before the step."""
    inner = getattr(model, "_orig_mod", model)  # of torch.compile
    return inner.no_sync() if isinstance(inner, nn.parallel.DistributedDataParallel) else nullcontext()


def average_over_ranks(tensors: Iterable[Tensor]) -> None:
    """Put in place of each tensor of floats its mean over all ranks."""
    if dist.is_initialized():
        for tensor in tensors:
            if tensor.is_floating_point():
                tensor.copy_(sum_over_ranks(tensor.clone()) / dist.get_world_size())


@dataclass
class GlobalBatch:
    """What the batch norms must know of the minibatch: whether every rank has it whole, or a share of it."""

    whole: bool = False


@contextmanager
def global_batch_norm(model: nn.Module, batch: GlobalBatch) -> Iterator[None]:
    """Batch norms take mean and variance over all ranks for the block; `batch` tells them of each minibatch.

    torch's SyncBatchNorm does so on GPUs only; this works with gloo too, and leaves the module tree alone.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if dist.is_initialized():
        for norm in norms:
            norm.forward = _GlobalBatchNorm(norm, batch)
    try:
        yield
    finally:
        for norm in norms:
            norm.__dict__.pop("forward", None)


class _SumOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return sum_over_ranks(x.clone())

    @staticmethod
    def backward(ctx, *grads: Tensor) -> Tensor:
        return sum_over_ranks(grads[0].clone())


class _GlobalBatchNorm:
    def __init__(self, norm: nn.modules.batchnorm._BatchNorm, batch: GlobalBatch):
        self.norm, self.batch = norm, batch

    def __call__(self, input: Tensor) -> Tensor:
        x = input
        norm = self.norm
        if not norm.training:
            return type(norm).forward(norm, x)
        axes = [0, *range(2, x.dim())]
        values = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        count = values.new_full((1,), x.numel() / x.shape[1])
        sums = torch.cat([values.sum(axes), values.square().sum(axes), count])
        total = _SumOverRanks.apply(sums)
        assert isinstance(total, Tensor)
        mean, square = (total[:-1] / total[-1]).chunk(2)
        n = count if self.batch.whole else total[-1:]
        variance = (square - mean.square()).clamp_min(0)
        if norm.track_running_stats:
            with torch.no_grad():
                assert norm.num_batches_tracked is not None
                norm.num_batches_tracked += 1
                share = norm.momentum or 1 / float(norm.num_batches_tracked)
                assert norm.running_mean is not None
                assert norm.running_var is not None
                norm.running_mean.lerp_(mean, share)
                norm.running_var.lerp_(variance * n / (n - 1).clamp_min(1), share)
        shape = [1, -1, *[1] * (x.dim() - 2)]
        y = (values - mean.view(shape)) * (variance + norm.eps).rsqrt().view(shape)
        if norm.affine:
            y = y * norm.weight.view(shape) + norm.bias.view(shape)
        return y.to(x.dtype)
