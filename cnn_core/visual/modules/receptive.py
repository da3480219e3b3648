"""Which part of the input a place of a layer can see: its receptive field, for any model, seen rather than derived.

Letters: P places, C channels.

The trick: run the model with every convolution replaced by one of ones, every maximum by a mean, every activation
and normalisation by the identity. What is left is a sum of positive paths; so the gradient of a place is non-zero
exactly where a path from the input ends. Padding, stride, dilation, branches and shortcuts come out right, since
the model's own forward pass decides. Statistics of a normalisation over the whole map are not counted as seeing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from cnn_core.errors import UserError
from cnn_core.visual.modules.activations import Inputs, tapped
from cnn_core.visual.modules.subject import Reading, as_inputs, device_and_dtype, opened, standing_for

_SAME = {
    "relu", "relu_", "relu6", "gelu", "silu", "elu", "elu_", "selu", "selu_", "celu", "leaky_relu", "leaky_relu_",
    "mish", "hardswish", "hardtanh", "hardtanh_", "hardsigmoid", "softplus", "tanh", "tanh_", "sigmoid", "sigmoid_",
    "logsigmoid", "prelu", "rrelu", "clamp", "clamp_", "clip", "clip_",
    "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout",
    "batch_norm", "instance_norm", "group_norm", "layer_norm", "local_response_norm",
}  # fmt: skip
_DIFFERENCES = {"sub", "sub_", "subtract", "__sub__", "__isub__"}  # whose paths must not cancel each other
_CONV = {"conv1d": F.conv1d, "conv2d": F.conv2d, "conv3d": F.conv3d}
_TRANSPOSED = {
    "conv_transpose1d": F.conv_transpose1d,
    "conv_transpose2d": F.conv_transpose2d,
    "conv_transpose3d": F.conv_transpose3d,
}
_POOL = {"max_pool1d": F.avg_pool1d, "max_pool2d": F.avg_pool2d, "max_pool3d": F.avg_pool3d}
_ADAPTIVE = {
    "adaptive_max_pool1d": F.adaptive_avg_pool1d,
    "adaptive_max_pool2d": F.adaptive_avg_pool2d,
    "adaptive_max_pool3d": F.adaptive_avg_pool3d,
}


@dataclass(frozen=True)
class Fields:
    """Receptive fields of P places.

    Attributes:
        boxes: (P, axes, 2) start and stop on every axis of the input (channels included), within the input.
        unclipped: (P, axes, 2) the same, with the part that lies in the padding around the input.

    """

    boxes: Tensor
    unclipped: Tensor


def receptive_fields(
    model: nn.Module,
    layer: str,
    example: Inputs,
    places: Sequence[tuple[int, ...]],
    *,
    batch: int = 16,
    **reading: Unpack[Reading],
) -> Fields:
    """What each of the `places` (indices into the layer's axes of space) can see of inputs like `example` (1, ...).

    Raises UserError for an unknown layer, a place out of range, and a model whose input takes no gradient (token
    numbers, say).
    """
    with opened(model, reading) as model:
        return _fields(model, layer, as_inputs(model, example), places, batch)


def _fields(model: nn.Module, layer: str, example: Tensor, places: Sequence[tuple[int, ...]], batch: int) -> Fields:
    device, dtype = device_and_dtype(model)
    x = torch.full((1, *example.shape[1:]), 0.5, device=device, dtype=dtype)
    with tapped(model, layer, x) as straight:
        with standing_for(model, [0]):
            written = _written(straight, x)

        def run(x: Tensor) -> dict[str, Tensor]:
            with _Paths(written), standing_for(model, [0] * len(x)):
                return straight(x)

        with torch.no_grad():
            space = tuple(run(x)[layer].shape[2:])
        middle = tuple(n // 2 for n in space)
        asked = [middle, *(tuple(place) for place in places)]  # the middle shows the full size
        for place in asked:
            if len(place) != len(space) or not all(0 <= i < n for i, n in zip(place, space, strict=True)):
                raise UserError(f"layer {layer!r} has places up to {space}; there is no place {place}")
        boxes = torch.cat(
            [_boxes(run, layer, x, asked[first : first + batch]) for first in range(0, len(asked), batch)]
        )
    return Fields(boxes[1:], _unclipped(boxes, tuple(x.shape[1:]))[1:])


def _written(straight: Callable[[Tensor], dict[str, Tensor]], x: Tensor) -> bool:
    """Whether the model writes into what its layers gave, as by `out += identity`."""
    try:
        with torch.no_grad(), _Paths(written=False):
            straight(x)
    except RuntimeError as error:
        if "written-to tensor" not in str(error):
            raise
        return True
    return False


def _boxes(run: Callable[[Tensor], dict[str, Tensor]], layer: str, x: Tensor, places: Sequence[Any]) -> Tensor:
    many = x.expand(len(places), *x.shape[1:]).clone().requires_grad_()
    seen = run(many)[layer]
    if not seen.requires_grad:
        raise UserError(f"the input reaches layer {layer!r} by no differentiable path: start from a later layer")
    summed = seen.flatten(2).sum(1) if seen.dim() > 2 else seen.sum(1, keepdim=True)  # (P, places)
    rows = torch.arange(len(places), device=x.device)
    flat = [_flat(place, tuple(seen.shape[2:])) for place in places]
    (gradient,) = torch.autograd.grad(summed[rows, torch.tensor(flat, device=x.device)].sum(), many)
    touched = (gradient != 0).cpu()
    result = torch.zeros(len(places), x.dim() - 1, 2, dtype=torch.int64)
    for axis in range(x.dim() - 1):
        others = [a for a in range(1, x.dim()) if a != axis + 1]
        line = touched.amax(others) if others else touched  # (P, n)
        result[:, axis, 0] = line.int().argmax(1)
        result[:, axis, 1] = line.shape[1] - line.flip(1).int().argmax(1)
    return result


def _flat(place: tuple[int, ...], shape: tuple[int, ...]) -> int:
    number = 0
    for i, n in zip(place, shape, strict=True):
        number = number * n + i
    return number


def _unclipped(boxes: Tensor, shape: tuple[int, ...]) -> Tensor:
    result = boxes.clone()
    for axis, length in enumerate(shape):
        size = int((boxes[:, axis, 1] - boxes[:, axis, 0]).max())
        for row in result[:, axis]:
            start, stop = row.tolist()
            if start == 0 and stop < length:
                row[0] = stop - size
            elif stop == length and start > 0:
                row[1] = start + size
    return result


class _Paths(TorchFunctionMode):
    """The substitutions. Channels are carried as one, since all are alike, but where they are `written` to in place."""

    def __init__(self, written: bool):
        super().__init__()
        self.written = written

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = self.substituted(func, args, kwargs or {})
        return found.contiguous() if self.written and isinstance(found, Tensor) and _is_shared(found) else found

    def substituted(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """What stands for func(*args, **kwargs)."""
        name = getattr(func, "__name__", "").removesuffix("_with_indices")
        if name in _SAME:
            return args[0] if args else kwargs["input"]
        if name in _DIFFERENCES and isinstance(args[1], Tensor):
            return args[0].add_(args[1]) if name in ("sub_", "__isub__") else args[0] + args[1]
        if name in _CONV:
            return _conv(_CONV[name], *args, **kwargs)
        if name in _TRANSPOSED:
            return _transposed(_TRANSPOSED[name], *args, **kwargs)
        if name in _POOL:
            return _pool(_POOL[name], *args, **kwargs)
        if name in _ADAPTIVE:
            x, size = (*args, *kwargs.values())[:2]
            return _ADAPTIVE[name](x, size)
        if name == "linear":
            x, weight = (*args, *kwargs.values())[:2]
            return x.mean(-1, keepdim=True).expand(*x.shape[:-1], len(weight))
        if name == "amax":
            return torch.mean(*args, **kwargs)
        return func(*args, **kwargs)


def _is_shared(x: Tensor) -> bool:
    return any(step == 0 and size > 1 for step, size in zip(x.stride(), x.shape, strict=True))


def _one(x: Tensor) -> Tensor:
    return x[:, :1] if x.stride(1) == 0 else x.mean(1, keepdim=True)


def _ones(x: Tensor, kernel: Sequence[int]) -> Tensor:
    # Scaled so that neither values nor gradients leave the range of float32 in deep nets.
    return x.new_full((1, 1, *kernel), 1 / math.sqrt(math.prod(kernel)))


def _conv(
    function: Any, input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    result = function(_one(input), _ones(input, weight.shape[2:]), None, stride, padding, dilation)
    return result.expand(-1, weight.shape[0], *(-1,) * (result.dim() - 2))


def _transposed(
    function: Any, input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    ones = _ones(input, weight.shape[2:])
    result = function(_one(input), ones, None, stride, padding, output_padding, 1, dilation)
    return result.expand(-1, weight.shape[1] * groups, *(-1,) * (result.dim() - 2))


def _pool(
    function: Any, input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor:  # fmt: skip
    space = input.dim() - 2

    def each(value: Any) -> tuple[int, ...]:
        return tuple(value) if isinstance(value, tuple | list) else (value,) * space

    kernel = each(kernel_size)
    steps = each(stride) if stride not in (None, (), []) else kernel
    x = _one(input)
    if each(dilation) == (1,) * space:
        pooled = function(x, kernel, steps, padding, ceil_mode)
    else:
        conv = (F.conv1d, F.conv2d, F.conv3d)[space - 1]
        pooled = conv(x, _ones(x, kernel), None, steps, padding, dilation)
    return pooled.expand(-1, input.shape[1], *(-1,) * space)
