"""Record what named layers of any `nn.Module` give, and stop the forward pass at the deepest one asked for.

Letters: B batch; the axes after it belong to the layer.

Layers are named as in `model.named_modules()`; "" is the model itself, that is its output. A layer that runs
more than once in a forward pass (a shared ReLU) counts by its last run; "relu#0" names its first, "relu#1" the
second. Whatever happens, the model is left as it was: no hook, the same train/eval flags, the same
`requires_grad`, untouched buffers and gradients.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.visual.modules.axes import Layout
from cnn_core.visual.modules.subject import Reading, Subject, as_inputs, opened, standing_for, unwrapped
from cnn_core.visual.modules.trial import Trial, trial

Inputs = Tensor | np.ndarray
MANY = 40  # layers that an error still lists


@dataclass(frozen=True)
class Run:
    """x (B, ...) -> {layer: (B, C, ...)}; `rearranged` when some layer's axes are not as the model gives them."""

    function: Callable[[Tensor], dict[str, Tensor]]
    rearranged: bool

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """What the layers give for x (B, ...)."""
        return self.function(x)


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
    names = (name for name, _ in unwrapped(model).named_modules(remove_duplicate=False) if name)
    return [name for name in names if "parametrizations" not in name.split(".")]  # how weights are made is not a layer


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """The module of that name; raises UserError that lists the layers there are."""
    bare = name.partition("#")[0]
    for known, module in model.named_modules(remove_duplicate=False):
        if known == bare:
            return module
    names = layer_names(model)
    near = difflib.get_close_matches(bare, names, n=5, cutoff=0.4)
    shown = names if len(names) <= MANY else [*near, f"... ({len(names)} in all, see layer_names)"]
    raise UserError(f"there is no layer {bare!r} in this model; its layers: {', '.join(shown)}")


def record(
    model: nn.Module, inputs: Inputs, layers: str | Sequence[str], **reading: Unpack[Reading]
) -> dict[str, Tensor]:
    """What the named layers give for `inputs` (B, ...): {name: (B, ...)}, detached, in eval semantics.

    As the layers give it; as (B, C, places ...) where `axes` are told. Raises UserError for an unknown layer, one that
    does not run, one whose output is not a tensor, and for inputs that do not fit the layers.
    """
    with opened(model, reading) as model:
        x = as_inputs(model, inputs)
        with tapped(model, layers, x, as_given=True) as run, torch.no_grad():
            return run(x)


@contextmanager
def tapped(
    model: nn.Module, layers: str | Sequence[str], example: Tensor, *, as_given: bool | Sequence[str] = False
) -> Iterator[Run]:
    """A function x (B, ...) -> {name: (B, C, ...)} that runs the model no further than the deepest named layer.

    Differentiable with respect to x; the weights are frozen meanwhile. `example` (B, ...) serves one trial pass
    of its first row, in which the layers' order and axes are learned. `as_given`: all layers, or those named, are
    taken as they are where their axes cannot be told (all: where the user does not tell them); UserError else.
    Raises as `record` does.
    """
    with tapped_and_tried(model, layers, example, as_given=as_given) as (run, _):
        yield run


@contextmanager
def tapped_and_tried(
    model: nn.Module, layers: str | Sequence[str], example: Tensor, *, as_given: bool | Sequence[str] = False
) -> Iterator[tuple[Run, dict[str, Tensor]]]:
    """As `tapped`, and what the layers gave in the trial pass: {name: (1, ...)}."""
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    modules = {name: find_layer(model, name) for name in names}
    with undisturbed(model):
        learned = trial(model, modules, example[:1])
        layouts = _layouts(model, learned, as_given)
        got: dict[str, Tensor] = {}
        runs: dict[nn.Module, int] = {}
        batch: int | None = None
        space = example.shape[2:]

        def keep(module: nn.Module, _: Any, output: Any) -> Any:
            if batch is None:  # somebody else runs the model meanwhile
                return None
            run = runs[module] = runs.get(module, -1) + 1
            names_here = learned.names_by_run.get((module, run), ())
            result = None
            for name in names_here:
                got[name] = output
                if name in layouts:
                    layout = layouts[name]
                    sizes = layout.sizes(f"layer {name!r}", output.shape, batch, space)
                    got[name] = layout.channels_first(output, sizes)
                    result = layout.restored(got[name], output)  # the model goes on with what was recorded
            if len(got) == len(names):
                raise _Stop
            if any(name in learned.fragile for name in names_here):
                # Later in-place operations then change the copy, not what was recorded.
                return (output if result is None else result).clone()
            return result

        def run(x: Tensor) -> dict[str, Tensor]:
            nonlocal batch, space
            got.clear()
            runs.clear()
            batch, space = len(x), x.shape[2:]
            try:
                model(x.clone() if learned.eats_input else x)
            except _Stop:
                pass
            else:
                missing = [name for name in names if name not in got]
                raise RuntimeError(f"layers ran less often than in the trial pass: {', '.join(missing)}")
            finally:
                batch = None
                runs.clear()
            result = {name: got[name] for name in names}
            got.clear()
            return result

        handles = [module.register_forward_hook(keep) for module in dict.fromkeys(modules.values())]
        try:
            tried = learned.given
            if learned.fragile or layouts:
                with torch.no_grad(), standing_for(model, [0]):
                    tried = run(example[:1])
            yield Run(run, bool(layouts)), tried
        finally:
            for handle in handles:
                handle.remove()


def _layouts(model: nn.Module, learned: Trial, as_given: bool | Sequence[str]) -> dict[str, Layout]:
    """The layers whose axes are changed."""
    result: dict[str, Layout] = {}
    told = isinstance(model, Subject) and bool(model.reading.get("axes"))
    for name, layout in learned.layouts.items():
        if as_given is True and not told:
            continue
        if isinstance(layout, Layout):
            result[name] = layout
        elif as_given is not True and (layout.folded or not as_given or name not in as_given):
            raise UserError(layout.reason)
    return result
