"""Why an input does not fit a model, in one line."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


def misfit(model: nn.Module, module: nn.Module, x: Tensor, example: Tensor) -> str | None:
    """Why `x` cannot go through `module`, in one line; None when the reason is another."""
    name = next((known for known, each in model.named_modules() if each is module), "") or type(module).__name__
    shape = "x".join(str(n) for n in example.shape[1:])
    if isinstance(module, nn.Linear) and x.shape[-1] != module.in_features:
        return (
            f"layer {name!r} takes {module.in_features} values but an input of {shape} gives it {x.shape[-1]}: "
            "use inputs of the size the model was built for"
        )
    if isinstance(module, nn.Embedding | nn.EmbeddingBag) and x.is_floating_point():
        return (
            f"layer {name!r} looks up whole numbers, such as words; there is no gradient with respect to these: look "
            "into the part of the model behind it, with what it gives as the input"
        )
    weight = getattr(module, "weight", None)
    if (
        isinstance(weight, Tensor)
        and not x.is_floating_point()
        and not isinstance(module, nn.Embedding | nn.EmbeddingBag)
    ):
        kinds = (str(tensor.dtype).removeprefix("torch.") for tensor in (weight, x))
        return "layer {!r} takes {} values, not {}: turn the input into floats".format(name, *kinds)
    channels = getattr(module, "in_channels", None)
    dims = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}.get(type(module))
    if dims and x.dim() != dims + 2:
        return f"layer {name!r} takes {dims}-D inputs with channels; an input of shape {shape} does not fit"
    if dims and channels is not None and x.shape[1] != channels:
        return f"layer {name!r} takes {channels} channels but an input of {shape} gives it {x.shape[1]}"
    kernel = getattr(module, "kernel_size", None)
    if kernel is None or x.dim() < 3:
        return None
    space = x.shape[2:]

    def per_axis(value: Any) -> tuple[int, ...]:
        return tuple(value) if isinstance(value, tuple) else (int(value),) * len(space)

    padding = getattr(module, "padding", 0)
    padding = per_axis(0 if isinstance(padding, str) else padding)
    dilation = per_axis(getattr(module, "dilation", 1))
    for size, k, pad, step in zip(space, per_axis(kernel), padding, dilation, strict=True):
        if size + 2 * pad < step * (k - 1) + 1:
            return (
                f"an input of {shape} is too small: it reaches layer {name!r} with only {size} of the "
                f"{step * (k - 1) + 1 - 2 * pad} places the layer needs; use a larger input or a layer before it"
            )
    return None
