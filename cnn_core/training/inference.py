"""A network at work on whole data sets: the step that both training and evaluation take, and their means."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnn_core.training.data import Batch, Split, minibatches
from cnn_core.training.distributed import ranks, sum_over_ranks

Step = Callable[[nn.Module, Batch], Mapping[str, Tensor]]
"""step(model, batch) -> {"loss": mean over the batch, ...other means}. What is differentiated is the loss, or a mean
named "objective" where training minimizes more than the loss that is reported."""

Forward = Callable[[nn.Module, Tensor], Tensor]
"""forward(model, inputs (B, ...)) -> outputs (B, ...): model(inputs), or a faster way to the same values."""

EVALUATED = 256
"""Samples that go through a network at once when nothing is learned: what they make still fits a processor's caches."""


def call(model: nn.Module, inputs: Tensor) -> Tensor:
    """model(inputs): the way that a Forward takes by default."""
    return model(inputs)


def classification(label_smoothing: float = 0.0, forward: Forward = call) -> Step:
    """Cross-entropy over classes; smoothed while training only, so that losses of splits compare."""

    def step(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits = forward(model, batch.inputs)  # (B, classes)
        return class_means(logits, batch.targets, label_smoothing if model.training else 0.0)

    return step


def label_step(forward: Forward = call) -> Step:
    """Binary cross-entropy of each label by itself: targets (B, classes) are 1 where a sample has the label."""

    def step(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits = forward(model, batch.inputs)
        loss = functional.binary_cross_entropy_with_logits(logits.float(), batch.targets.float())
        with torch.no_grad():
            right = ((logits > 0) == (batch.targets > 0)).to(_sum_type(logits.device)).mean()
        return {"loss": loss, "label_accuracy": right}

    return step


def class_means(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> dict[str, Tensor]:
    """Mean cross-entropy and accuracy of `logits` (B, classes) for `targets` (B,)."""
    loss = functional.cross_entropy(logits, targets, label_smoothing=label_smoothing)
    with torch.no_grad():
        correct = logits.argmax(1) == targets
        accuracy = correct.to(_sum_type(logits.device)).mean()
    return {"loss": loss, "accuracy": accuracy}


def use_bf16(precision: str, device: torch.device) -> bool:
    """True when "bf16" is asked for, or "auto" on a processor that computes it faster than fp32."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and fast_bf16()


@cache
def fast_bf16() -> bool:
    """Whether this processor computes bf16 faster than fp32: with AMX, or with AVX-512's instructions on AMD.

    Intel's processors without AMX, or with one that a virtual machine hides, have bf16 in AVX-512 at half the rate of
    fp32: a Xeon of 2023 multiplied matrices at 81 GFLOP/s in bf16 and at 149 in fp32, one thread, torch 2.14.1.
    """
    if torch.cpu._is_amx_tile_supported():
        return True
    return torch.cpu._is_avx512_bf16_supported() and cpu_vendor() != "GenuineIntel"


def cpu_vendor() -> str:
    """The processor's maker as it names itself, "AuthenticAMD" say; empty where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "")


def autocast(precision: str, device: torch.device):
    """Context in which convolutions and products are bf16, or a context that does nothing."""
    return torch.autocast(device.type, torch.bfloat16) if use_bf16(precision, device) else nullcontext()


def _sum_type(device: torch.device) -> torch.dtype:
    """float64, which Apple's GPUs do not have."""
    return torch.float32 if device.type == "mps" else torch.float64


class Means:
    """Weighted means, summed on the device; reading them is the only thing that waits for it."""

    def __init__(self, device: torch.device, sums: Mapping[str, Tensor] | None = None):
        self.device = device
        self.sums = {name: value.to(device) for name, value in (sums or {}).items()}
        self.weight = float(self.sums.pop("weight", 0.0))

    def add(self, means: Mapping[str, Tensor], weight: float) -> None:
        """Take in means over `weight` samples."""
        for name, value in means.items():
            value = value.detach().to(_sum_type(value.device)) * weight
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.weight += weight

    def tensors(self) -> dict[str, Tensor]:
        """The sums, for a checkpoint."""
        return {**self.sums, "weight": torch.tensor(self.weight, dtype=torch.float64)}

    def means(self) -> dict[str, Tensor]:
        """The means of this rank alone, still on the device."""
        return {name: value / max(self.weight, 1e-9) for name, value in self.sums.items()}

    def read(self) -> dict[str, float]:
        """The means over all ranks."""
        weight = torch.tensor(self.weight, dtype=_sum_type(self.device), device=self.device)
        *totals, samples = sum_over_ranks(torch.stack([*self.sums.values(), weight])).tolist()
        return {name: total / samples for name, total in zip(self.sums, totals, strict=True)}

    def peek(self) -> dict[str, float]:
        """The means of this rank alone."""
        return {name: value.item() / max(self.weight, 1e-9) for name, value in self.sums.items()}


@torch.no_grad()
def evaluate(
    model: nn.Module,
    split: Split,
    *,
    step: Step | None = None,
    batch_size: int = EVALUATED,
    precision: str = "auto",
) -> dict[str, float]:
    """Means of what `step` returns over `split`, summed over ranks; the model is left in eval mode."""
    step = step or classification()
    device = next(model.parameters()).device
    means = Means(device)
    model.eval()
    order = split.evaluation_order()
    for batch in minibatches(split.to(device), batch_size, order=order, ranks=ranks(), device=device):
        with autocast(precision, device):
            means.add(step(model, batch), batch.weight)
    return means.read()


@torch.no_grad()
def predict_logits(
    model: nn.Module,
    inputs: Tensor | Split,
    *,
    batch_size: int = EVALUATED,
    precision: str = "auto",
    forward: Forward = call,
) -> Tensor:
    """The model's float32 outputs (N, ...) for `inputs` (N, ...), on the CPU; the model is left in eval mode."""
    device = next(model.parameters()).device
    model.eval()
    outputs = []
    for batch in _input_batches(inputs, batch_size):
        with autocast(precision, device):
            outputs.append(forward(model, batch.to(device)).float().cpu())
    return in_order(torch.cat(outputs), inputs)


@torch.no_grad()
def predict_all(
    model: nn.Module,
    inputs: Tensor,
    forward: Callable[[nn.Module, Tensor], tuple[Tensor, ...]],
    *,
    batch_size: int = EVALUATED,
    precision: str = "auto",
) -> tuple[Tensor, ...]:
    """Each of the outputs that `forward` gives, float32 (N, ...) on the CPU; the model is left in eval mode."""
    device = next(model.parameters()).device
    model.eval()
    outputs: list[tuple[Tensor, ...]] = []
    for batch in inputs.split(batch_size):
        with autocast(precision, device):
            outputs.append(tuple(each.float().cpu() for each in forward(model, batch.to(device))))
    return tuple(torch.cat(each) for each in zip(*outputs, strict=True))


def in_order(found: Tensor, inputs: Tensor | Split) -> Tensor:
    """What was found (N, ...) batch after batch, in the order of the inputs or of the split's samples."""
    order = inputs.evaluation_order() if isinstance(inputs, Split) else None
    return found if order is None else torch.empty_like(found).index_copy_(0, order.cpu(), found)


def _input_batches(inputs: Tensor | Split, batch_size: int) -> Iterator[Tensor]:
    if isinstance(inputs, Split):
        yield from (inputs.take(part)[0] for part in inputs.evaluation_batches(batch_size))
    else:
        yield from inputs.split(batch_size)
