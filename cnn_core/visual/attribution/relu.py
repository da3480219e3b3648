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

_RELU = {F.relu, torch.relu, Tensor.relu}
_RELU_IN_PLACE = {F.relu_, torch.relu_, Tensor.relu_}
# What stands where ReLU does, in other networks. Their versions in place have the option `inplace` or end in _.
_RELATED = {
    F.relu6, F.hardtanh, F.gelu, F.silu, F.mish, F.elu, F.celu, F.selu, F.leaky_relu, F.prelu, F.rrelu,
    F.hardswish, F.softplus, torch.celu, torch.selu, torch.prelu, torch.rrelu,
}  # fmt: skip
_RELATED_IN_PLACE = {
    F.elu_, F.celu_, F.selu_, F.leaky_relu_, F.hardtanh_, torch.celu_, torch.selu_, F.rrelu_, torch.rrelu_
}  # fmt: skip
_OUT_OF_PLACE = {
    F.elu_: F.elu, F.celu_: F.celu, F.selu_: F.selu, F.leaky_relu_: F.leaky_relu, F.hardtanh_: F.hardtanh,
    torch.celu_: torch.celu, torch.selu_: torch.selu, F.rrelu_: F.rrelu, torch.rrelu_: torch.rrelu,
}  # fmt: skip


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


class _PositiveGradient(torch.autograd.Function):
    """The identity; passes back the positive part of the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0].clamp(min=0)


class _Mode(TorchFunctionMode):
    def __init__(self, replacement: Callable[[Tensor, bool], Tensor], related: bool) -> None:
        super().__init__()
        self.replacement, self.related, self.met = replacement, related, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in _RELU or func in _RELU_IN_PLACE:
            self.met += 1
            x = args[0] if args else kwargs["input"]
            in_place = func in _RELU_IN_PLACE or bool(kwargs.get("inplace", args[1] if len(args) > 1 else False))
            return self.replacement(x, in_place)
        if self.related and (func in _RELATED or func in _RELATED_IN_PLACE):
            self.met += 1
            x = args[0] if args else kwargs["input"]
            in_place = func in _RELATED_IN_PLACE or kwargs.pop("inplace", False) is True
            if not in_place:
                return _PositiveGradient.apply(func(*args, **kwargs))
            kwargs["input"] = x.clone()  # which the slope is taken from
            changed = _PositiveGradient.apply(_OUT_OF_PLACE.get(func, func)(*args[1:], **kwargs))
            return x.copy_(changed)  # type: ignore[arg-type]
        return func(*args, **kwargs)


@contextmanager
def guided_relu() -> Iterator[Callable[[], int]]:
    """Inside, every ReLU (and its kin) passes back positive gradients only; gives a function that counts those met."""
    mode = _Mode(_Guided.apply, related=True)  # type: ignore[arg-type]
    with mode:
        yield lambda: mode.met


@contextmanager
def leaky_relu(slope: float = 0.1) -> Iterator[None]:
    """Inside, every ReLU lets a part of the negative values through, and so of the gradients."""
    with _Mode(lambda x, in_place: F.leaky_relu(x, slope, in_place), related=False):
        yield
