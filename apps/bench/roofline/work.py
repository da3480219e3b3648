"""The work of a job: floating-point operations of products and convolutions, and bytes of the tensors involved."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Work:
    """What a call computes."""

    flops: int
    """A multiplication and an addition are two, as usual."""
    bytes: int
    """Of all tensors that PyTorch's operators read and write, each once for each operator that takes or gives it."""


def work_of(call: Callable[[], object]) -> Work:
    """Run `call` and count, backward passes included.

    FLOPs are those of `torch.utils.flop_counter`: matrix products and convolutions. What is elementwise, an FFT, or
    computed outside PyTorch (numba, onnxruntime) has none.
    """
    counted = FlopCounterMode(display=False)
    # The modules to which it would assign the operators are not needed, and what it hooks into them to know keeps
    # `torch.autograd.grad` and the fast ways of `cnn_core.visual` from running as they do without it.
    counted.mod_tracker = _NoModules()  # type: ignore[assignment]
    with _Bytes() as moved, counted:
        call()
    return Work(counted.get_total_flops(), moved.total)


class _NoModules:
    """In place of torch's tracker: all operators belong to the whole."""

    parents = frozenset({"Global"})

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


class _Bytes(TorchDispatchMode):
    """Sums the sizes of what operators read and write; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not _is_view(func):
            self.total += sum(map(_size, _tensors((args, kwargs, result))))
        return result


def _is_view(func: Any) -> bool:
    returns = func._schema.returns
    return bool(returns) and all(value.alias_info and not value.alias_info.is_write for value in returns)


def _tensors(values: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))


def _size(tensor: Tensor) -> int:
    values = tensor._values() if tensor.layout == torch.sparse_coo else tensor
    return values.numel() * values.element_size()
