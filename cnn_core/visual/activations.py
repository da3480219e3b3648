"""Record what named layers of any `nn.Module` give, and stop the forward pass at the deepest one asked for.

Letters: B batch; the axes after it belong to the layer.

Layers are named as in `model.named_modules()`; "" is the model itself, that is its output. A layer that runs
more than once in a forward pass (a shared ReLU) counts by its last run; "relu#0" names its first, "relu#1" the
second. Whatever happens, the model is left as it was: no hook, the same train/eval flags, the same
`requires_grad`, untouched buffers and gradients.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from cnn_core.errors import UserError

Run = Callable[[Tensor], dict[str, Tensor]]


class _Stop(BaseException):
    """Ends a forward pass that has given all that was asked for; a BaseException, so that no model catches it."""


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Eval semantics and frozen weights inside; every flag as before outside, also after an exception.

    The flags are set directly, since a module's own `train` may do more (freeze, merge weights). Another thread that
    wants to look into a network meanwhile waits: flags and hooks belong to modules, which networks may share.
    """
    with _LOOKING:
        yield from _undisturbed(model)


_LOOKING = threading.RLock()


def _undisturbed(model: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    gradients = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        for module, _ in modes:
            module.training = False
        for parameter, _ in gradients:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, gradient in gradients:
            parameter.requires_grad_(gradient)


def layer_names(model: nn.Module) -> list[str]:
    """The names that every function of this package takes, in the model's own order."""
    names = (name for name, _ in model.named_modules(remove_duplicate=False) if name)
    return [name for name in names if "parametrizations" not in name.split(".")]  # how weights are made is not a layer


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """The module of that name; raises UserError that lists the layers there are."""
    bare = name.partition("#")[0]
    for known, module in model.named_modules(remove_duplicate=False):
        if known == bare:
            return module
    raise UserError(f"there is no layer {bare!r} in this model; its layers: {', '.join(layer_names(model))}")


def device_and_dtype(model: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Where the model's weights lie and of what floating type they are; (cpu, float32) for a model without any."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return torch.device("cpu"), torch.get_default_dtype()


def record(model: nn.Module, inputs: Tensor, layers: str | Sequence[str]) -> dict[str, Tensor]:
    """What the named layers give for `inputs` (B, ...): {name: (B, ...)}, detached, in eval semantics.

    Raises UserError for an unknown layer, one that does not run, one whose output is not a tensor, and for inputs
    that do not fit the layers.
    """
    with tapped(model, layers, inputs) as run, torch.no_grad():
        return run(inputs)


@contextmanager
def tapped(model: nn.Module, layers: str | Sequence[str], example: Tensor) -> Iterator[Run]:
    """A function x (B, ...) -> {name: (B, ...)} that runs the model no further than the deepest named layer.

    Differentiable with respect to x; the weights are frozen meanwhile. `example` (B, ...) serves one trial pass
    of its first row, in which the layers' order is learned. Raises as `record` does.
    """
    with tapped_and_tried(model, layers, example) as (run, _):
        yield run


@contextmanager
def tapped_and_tried(
    model: nn.Module, layers: str | Sequence[str], example: Tensor
) -> Iterator[tuple[Run, dict[str, Tensor]]]:
    """As `tapped`, and what the layers gave in the trial pass: {name: (1, ...)}."""
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    modules = {name: find_layer(model, name) for name in names}
    with undisturbed(model):
        names_by_run, fragile, eats_input, tried = _trial(model, modules, example[:1])
        got: dict[str, Tensor] = {}
        runs: dict[nn.Module, int] = {}
        running = False

        def keep(module: nn.Module, _: Any, output: Any) -> Any:
            if not running:  # somebody else runs the model meanwhile
                return None
            run = runs[module] = runs.get(module, -1) + 1
            names_here = names_by_run.get((module, run), ())
            for name in names_here:
                got[name] = output
            if len(got) == len(names):
                raise _Stop
            # Later in-place operations then change the copy, not what was recorded.
            return output.clone() if any(name in fragile for name in names_here) else None

        def run(x: Tensor) -> dict[str, Tensor]:
            nonlocal running
            got.clear()
            runs.clear()
            running = True
            try:
                model(x.clone() if eats_input else x)
            except _Stop:
                pass
            else:
                missing = [name for name in names if name not in got]
                raise RuntimeError(f"layers ran less often than in the trial pass: {', '.join(missing)}")
            finally:
                running = False
                runs.clear()
            result = {name: got[name] for name in names}
            got.clear()
            return result

        handles = [module.register_forward_hook(keep) for module in dict.fromkeys(modules.values())]
        try:
            if fragile:
                with torch.no_grad():
                    tried = run(example[:1])
            yield run, tried
        finally:
            for handle in handles:
                handle.remove()


def _trial(
    model: nn.Module, modules: dict[str, nn.Module], example: Tensor
) -> tuple[dict[tuple[nn.Module, int], list[str]], set[str], bool, dict[str, Tensor]]:
    """One watched pass.

    Gives {(module, number of its run): names}, the names whose output is changed in place later on, whether the
    model changes its input in place, and the outputs.
    """
    outputs: dict[nn.Module, list[tuple[Any, int]]] = {module: [] for module in modules.values()}
    entered: list[tuple[nn.Module, Tensor]] = []

    def note(module: nn.Module, _: Any, output: Any) -> None:
        outputs[module].append((output, output._version if isinstance(output, Tensor) else 0))

    def enter(module: nn.Module, args: tuple[Any, ...]) -> None:
        if args and isinstance(args[0], Tensor):
            entered.append((module, args[0]))

    handles = [module.register_forward_hook(note) for module in outputs]
    handles += [module.register_forward_pre_hook(enter) for module in model.modules()]
    failure: Exception | None = None
    probe = example.clone()
    untouched = probe._version
    try:
        with torch.no_grad():
            model(probe)
    except Exception as error:
        failure = error
    finally:
        for handle in handles:
            handle.remove()
    if failure is not None and not all(
        len(outputs[module]) > (_run_number(name) or 0) and ("#" in name or len(outputs[module]) == 1)
        for name, module in modules.items()
    ):
        # The rest of the net may dislike a picture of this size: no matter where the layers asked for have run.
        reason = _misfit(model, *entered[-1], example) if entered else None
        try:
            if reason:
                raise UserError(reason) from failure
            raise failure
        finally:
            del failure  # or this frame and the exception would keep each other, and their tensors, alive
    names_by_run: dict[tuple[nn.Module, int], list[str]] = {}
    fragile: set[str] = set()
    tried: dict[str, Tensor] = {}
    for name, module in modules.items():
        given = outputs[module]
        number = _run_number(name)
        if not given:
            raise UserError(f"layer {name!r} ({type(module).__name__}) is never run by this model")
        if number is not None and number >= len(given):
            raise UserError(f"layer {name!r}: it runs {len(given)} times, counted from #0")
        output, version = given[-1 if number is None else number]
        if not isinstance(output, Tensor):
            raise UserError(
                f"layer {name!r} ({type(module).__name__}) gives no tensor but a {type(output).__name__}; "
                "name a layer inside or behind it"
            )
        names_by_run.setdefault((module, len(given) - 1 if number is None else number), []).append(name)
        tried[name] = output
        if output._version != version:
            fragile.add(name)
    return names_by_run, fragile, probe._version != untouched, tried


def _run_number(name: str) -> int | None:
    _, mark, number = name.partition("#")
    if not mark:
        return None
    if not number.isdecimal():
        raise UserError(f"layer {name!r}: behind # stands the number of the run, from 0, as in 'relu#0'")
    return int(number)


def _misfit(model: nn.Module, module: nn.Module, x: Tensor, example: Tensor) -> str | None:
    """Why `x` cannot go through `module`, in one line; None when the reason is another."""
    name = next((known for known, each in model.named_modules() if each is module), "") or type(module).__name__
    shape = "x".join(str(n) for n in example.shape[1:])
    if isinstance(module, nn.Linear) and x.shape[-1] != module.in_features:
        return (
            f"layer {name!r} takes {module.in_features} values but an input of {shape} gives it {x.shape[-1]}: "
            "use inputs of the size the model was built for"
        )
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
