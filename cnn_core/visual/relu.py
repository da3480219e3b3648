"""Another ReLU for whatever calls ReLU while a context is open: modules, functions, methods, in place or not.

Nothing in the model is replaced, so there is nothing to put back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_PLAIN = {F.relu, torch.relu, Tensor.relu}
_IN_PLACE = {F.relu_, torch.relu_, Tensor.relu_}


class _Guided(torch.autograd.Function):
    """ReLU that passes back only where it was positive and the gradient is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, in_place: bool) -> Tensor:
        if in_place:
            ctx.mark_dirty(x)
            result = x.clamp_(min=0)
        else:
            result = x.clamp(min=0)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (result,) = ctx.saved_tensors
        return grads[0].clamp(min=0) * (result > 0), None


class _Mode(TorchFunctionMode):
    def __init__(self, replacement: Callable[[Tensor, bool], Tensor]) -> None:
        super().__init__()
        self.replacement, self.met = replacement, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in _PLAIN and func not in _IN_PLACE:
            return func(*args, **kwargs)
        self.met += 1
        x = args[0] if args else kwargs["input"]
        in_place = func in _IN_PLACE or bool(kwargs.get("inplace", args[1] if len(args) > 1 else False))
        return self.replacement(x, in_place)


@contextmanager
def guided_relu() -> Iterator[Callable[[], int]]:
    """Inside, every ReLU passes back positive gradients only; gives a function that counts those met."""
    mode = _Mode(_Guided.apply)  # type: ignore[arg-type]
    with mode:
        yield lambda: mode.met


@contextmanager
def leaky_relu(slope: float = 0.1) -> Iterator[None]:
    """Inside, every ReLU lets a part of the negative values through, and so of the gradients."""
    with _Mode(lambda x, in_place: F.leaky_relu(x, slope, in_place)):
        yield
