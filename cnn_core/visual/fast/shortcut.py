"""Short cuts through a model that is a plain chain of layers up to the one asked for: same values, less work.

Letters: B batch, C channels in, O channels out, K places of a kernel, then space.

Three savings, all exact up to rounding:

- Filter k of a convolution needs none of its other filters. With one filter for each sample, the last convolution
  computes one map instead of all: (C x O) times less work.
- A convolution of few channels (a grey or colour picture) runs as a matrix product over patches (`patches.py`).
- Max pooling commutes with ReLU; pooling first leaves a quarter of the values to ReLU.

Whether a model is such a chain is not guessed from its class but seen in a trial pass: every layer must get the
very tensor that the layer before it gave. Anything else (branches, functional steps, the user's hooks) makes
`shortcut` return None, and the ordinary way is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnn_core.visual.fast.patches import few_channels, fits, poolable
from cnn_core.visual.fast.sample_convolution import own_filter
from cnn_core.visual.modules.activations import _Stop, find_layer
from cnn_core.visual.optimization.objectives import Filter, Objective, bind

Step = Callable[[Tensor], Tensor]
Score = Callable[[Tensor], Tensor]

CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
# Layers whose output in one channel depends on that channel alone, without weights.
CHANNELWISE = (
    nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d,
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Hardswish, nn.Tanh, nn.Sigmoid,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
)  # fmt: skip


def shortcut(
    model: nn.Module, objectives: Sequence[Objective], example: Tensor, given: dict[str, Tensor]
) -> Score | None:
    """A function x (B, ...) -> (B,) that equals the objectives' values, or None where there is no short way.

    `given` holds the layers' outputs for `example` (1, ...). The model must be in eval semantics.
    """
    if len(given) != 1:
        return None
    ((layer, output),) = given.items()
    leaves = chain(model, layer, example)
    if leaves is None:
        return None
    singles = [_single_filter(objective) for objective in objectives]
    position = _last_conv(leaves)
    if all(singles) and position is not None:
        score: Score = _one_filter_each(leaves, position, [single for single in singles if single])
    else:
        steps, evaluate = _lower(leaves), bind(objectives, given)
        score = lambda x: evaluate({layer: _run(steps, x)})  # noqa: E731
    expected = bind(objectives, given)({layer: output.expand(len(objectives), *output.shape[1:])})
    with torch.no_grad():
        found = score(example.expand(len(objectives), *example.shape[1:]).clone())
    scale = expected.abs().max().clamp(min=1e-6)
    return score if bool((found - expected).abs().max() <= 1e-3 * scale) else None


def chain(model: nn.Module, layer: str, example: Tensor) -> list[nn.Module] | None:
    """The layers without parts of their own whose composition gives `layer`, or None if it is not a composition."""
    target = find_layer(model, layer)
    if any(_hooked(module) for module in model.modules()):
        return None
    seen: list[tuple[nn.Module, Any, Tensor]] = []
    plain = True
    end: list[Any] = []

    def note(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        nonlocal plain
        if not any(True for _ in module.children()):
            plain = plain and len(args) == 1 and not kwargs and isinstance(output, Tensor)
            seen.append((module, args[0] if args else None, output))
        if module is target:
            end.append(output)
            raise _Stop

    handles = [module.register_forward_hook(note, with_kwargs=True) for module in model.modules()]
    x = start = example.clone()
    untouched = start._version
    try:
        with torch.no_grad():
            model(x)
    except _Stop:
        pass
    finally:
        for handle in handles:
            handle.remove()
    for _, taken, passed in seen:
        plain = plain and taken is x
        x = passed
    plain = plain and start._version == untouched and bool(end) and end[0] is x
    return [module for module, _, _ in seen] if plain else None


def _hooked(module: nn.Module) -> bool:
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, name, None) for name in names)


def _single_filter(objective: Objective) -> tuple[Filter, float] | None:
    if len(objective.terms) == 1 and isinstance(objective.terms[0][0], Filter):
        return objective.terms[0][0], objective.terms[0][1]
    return None


def _last_conv(leaves: Sequence[nn.Module]) -> int | None:
    """Where the convolution stands behind which every layer treats the channels apart."""
    for position in reversed(range(len(leaves))):
        module = leaves[position]
        if type(module) in CONVS:
            return position if _plain_conv(module) else None
        if type(module) not in CHANNELWISE and not (type(module) in NORMS and _fixed_norm(module)):
            return None
        if getattr(module, "return_indices", False):
            return None
    return None


def _plain_conv(module: Any) -> bool:
    return module.groups == 1 and module.padding_mode == "zeros" and isinstance(module.padding, tuple)


def _fixed_norm(module: Any) -> bool:
    return module.running_mean is not None and module.running_var is not None


def _one_filter_each(leaves: Sequence[nn.Module], position: int, weighted: Sequence[tuple[Filter, float]]) -> Score:
    """Sample b computes filter wanted[b] alone."""
    conv: Any = leaves[position]
    index = torch.tensor([term.index for term, _ in weighted], device=conv.weight.device)
    steps = _lower(leaves[:position])
    tail: list[Step] = [own_filter(conv, index)]
    tail += [_own_norm(module, index) if type(module) in NORMS else module for module in leaves[position + 1 :]]
    means = [term.mean for term, _ in weighted]
    weights = [weight for _, weight in weighted]

    def score(x: Tensor) -> Tensor:
        maps = _run(tail, _run(steps, x)).flatten(1)  # (B, places): one channel
        share = [weight / maps.shape[1] if mean else weight for mean, weight in zip(means, weights, strict=True)]
        return maps.sum(1) * torch.tensor(share).to(maps)

    return score


def _own_norm(norm: Any, index: Tensor) -> Step:
    """Batch normalisation of one channel a sample."""
    scale = (norm.running_var[index] + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight[index]
    shift = -norm.running_mean[index] * scale
    if norm.bias is not None:
        shift = shift + norm.bias[index]

    def step(h: Tensor) -> Tensor:
        shape = (-1, *(1,) * (h.dim() - 1))
        return h * scale.view(shape) + shift.view(shape)

    return step


def _run(steps: Sequence[Step], x: Tensor) -> Tensor:
    for step in steps:
        x = step(x)
    return x


def _lower(leaves: Sequence[nn.Module]) -> list[Step]:
    """The same composition, each layer in its faster form."""
    order: list[Any] = list(leaves)
    for i in range(len(order) - 1):
        if type(order[i]) is nn.ReLU and type(order[i + 1]) is nn.MaxPool2d and not order[i + 1].return_indices:
            order[i], order[i + 1] = order[i + 1], order[i]
    steps: list[Step] = []
    while order:
        module = order.pop(0)
        if type(module) is nn.Conv2d and fits(module):
            pool = order.pop(0) if order and poolable(module, order[0]) else None
            relu = bool(order) and type(order[0]) is nn.ReLU
            if relu:
                order.pop(0)
            steps.append(few_channels(module, pool, relu))
        else:
            steps.append(F.relu if type(module) is nn.ReLU else module)
    return steps
