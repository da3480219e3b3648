"""A bound on the tensors that building a network may make: a configuration of a stranger's may describe any size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cnn_core.errors import UserError, first_line

SPARE = 1 << 26
"""Numbers that building may take beside the weights: filters, masks, tables of the front end."""
_aten = torch.ops.aten
_SIZED = {
    getattr(_aten, name).default if name in ("zeros", "ones", "full", "rand", "randn") else _aten.empty.memory_format
    for name in ("empty", "zeros", "ones", "full", "rand", "randn")
}


class TooLarge(Exception):
    """More numbers were asked for than the bound allows."""


class _Counted(TorchDispatchMode):
    """Counts the numbers of new tensors, before they are made."""

    def __init__(self, most: int):
        super().__init__()
        self.left = most

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _SIZED:
            self.left -= prod(args[0])
            if self.left < 0:
                raise TooLarge
        return func(*args, **(kwargs or {}))


@contextmanager
def bounded_by(numbers: int, where: str) -> Iterator[None]:
    """Building in the block a network whose saved weights are `numbers` numbers in all.

    Raises UserError, naming `where` the configuration stands, where far more are asked for, and where torch cannot
    build it.
    """
    try:
        with _Counted(2 * numbers + SPARE):
            yield
    except UserError:
        raise
    except TooLarge as error:
        raise UserError(f"{where}: describes a network far larger than its weights: refused") from error
    except Exception as error:  # torch's layers raise nearly anything about numbers that make no sense
        raise UserError(f"{where}: no network can be made of it ({first_line(error)})") from error
