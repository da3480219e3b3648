"""What all commands of cnn-bench share: the common options, with the processor and one thread as defaults."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cnn_core import config
from cnn_core.errors import UserError
from cnn_core.verbs.common import Common, Shared

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class BenchOptions(Shared):
    """Base of the options of all benchmarks: figures in CPU-seconds compare on one thread only."""

    common: config.flat(Common) = field(default_factory=lambda: Common(device="cpu", threads=1))  # type: ignore[valid-type]


@contextmanager
def computing(common: Common) -> Iterator[torch.device]:
    """Within the block torch computes with the threads that are asked for, from the seed; gives the device.

    Raises UserError where there is no such device.
    """
    import torch

    from cnn_core.training import device

    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(common.seed)
        try:
            yield device.choose(common.device, common.threads)
        finally:
            torch.set_num_threads(threads)


@contextmanager
def on_processor(common: Common) -> Iterator[None]:
    """The same for figures in CPU-seconds. Raises UserError for any other device than the processor."""
    if common.device not in ("auto", "cpu"):
        raise UserError(f"--device {common.device}: this benchmark counts CPU-seconds; use --device cpu")
    with computing(Common(device="cpu", seed=common.seed, threads=common.threads)):
        yield


def command_line() -> str | None:
    """The command that was typed, where it was cnn-bench; None inside another program, such as a test."""
    return "cnn-bench " + " ".join(sys.argv[1:]) if sys.argv[0].endswith("cnn-bench") else None


def known_preset(option: str, name: str, presets: object) -> str:
    """`name`, or a UserError that lists the presets there are."""
    if name not in presets:  # type: ignore[operator]
        raise UserError(f"{option}: unknown preset {name!r}; choose from {', '.join(presets)}")  # type: ignore[arg-type]
    return name
