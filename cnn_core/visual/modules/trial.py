"""One watched pass of one input: in which order layers run, how often, what they change in place, on which axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.visual.modules.axes import Evidence, Layout, Unknown
from cnn_core.visual.modules.misfit import misfit
from cnn_core.visual.modules.subject import Subject, parts_of


@dataclass
class Trial:
    """What was learned.

    Attributes:
        names_by_run: {(module, number of its run): names}.
        fragile: the names whose output is changed in place later on.
        eats_input: whether the model changes its input in place.
        given: {name: (1, ...)} the layers' outputs as the model gives them.
        layouts: {name: layout} of those whose axes are not (B, C, ...); or why these cannot be told.

    """

    names_by_run: dict[tuple[nn.Module, int], list[str]] = field(default_factory=dict)
    fragile: set[str] = field(default_factory=set)
    eats_input: bool = False
    given: dict[str, Tensor] = field(default_factory=dict)
    layouts: dict[str, Layout | Unknown] = field(default_factory=dict)


def trial(model: nn.Module, modules: Mapping[str, nn.Module], example: Tensor) -> Trial:
    """Run `model` once on `example` (1, ...), and learn what the named modules do.

    Raises UserError for inputs that do not fit, and for a layer that does not run or gives no tensor.
    """
    outputs: dict[nn.Module, list[tuple[Any, int]]] = {module: [] for module in modules.values()}
    entered: list[tuple[nn.Module, Tensor]] = []
    evidence = Evidence()

    def note(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        evidence.left(module, args, output)
        if module in outputs:
            outputs[module].append((output, output._version if isinstance(output, Tensor) else 0))

    def enter(module: nn.Module, args: tuple[Any, ...]) -> None:
        evidence.entered(module, args)
        if args and isinstance(args[0], Tensor):
            entered.append((module, args[0]))

    every = list(model.modules())
    handles = [module.register_forward_pre_hook(enter) for module in every]
    handles += [module.register_forward_hook(note) for module in every]
    failure: Exception | None = None
    probe = example.clone()
    untouched = probe._version
    if isinstance(model, Subject):
        model.trying = True
    try:
        with torch.no_grad():
            model(probe)
    except Exception as error:
        failure = error
    finally:
        for handle in handles:
            handle.remove()
        if isinstance(model, Subject):
            model.trying = False
    if failure is not None and not all(
        len(outputs[module]) > (run_number(name) or 0) and ("#" in name or len(outputs[module]) == 1)
        for name, module in modules.items()
    ):
        # The rest of the net may dislike a picture of this size: no matter where the layers asked for have run.
        reason = misfit(model, *entered[-1], example) if entered else None
        if isinstance(failure, TypeError) and "positional argument" in str(failure):
            reason = f"the model cannot be called with one input ({failure}): give the others by extra=, or wrap it"
        try:
            if reason:
                raise UserError(reason) from failure
            raise failure
        finally:
            del failure  # or this frame and the exception would keep each other, and their tensors, alive
    found = Trial(eats_input=probe._version != untouched)
    last = {name: outputs[module][-1][0] for name, module in modules.items() if outputs[module]}
    told = model.told(last) if isinstance(model, Subject) else {}
    for name, module in modules.items():
        given = outputs[module]
        number = run_number(name)
        what = f"layer {name!r}" if name else "the model's output"
        if not given:
            raise UserError(f"{what} ({type(module).__name__}) is never run by this model")
        if number is not None and number >= len(given):
            raise UserError(f"{what}: it runs {len(given)} times, counted from #0")
        output, version = given[-1 if number is None else number]
        if not isinstance(output, Tensor):
            if not name:
                raise UserError(f"the model's output is no tensor: {parts_of(output)}")
            raise UserError(
                f"{what} ({type(module).__name__}) gives no tensor but a {type(output).__name__}; "
                "name a layer inside or behind it"
            )
        found.names_by_run.setdefault((module, len(given) - 1 if number is None else number), []).append(name)
        found.given[name] = output
        if output._version != version:
            found.fragile.add(name)
        layout = told.get(name) or evidence.layout(what, output, example.shape[2:])
        if layout is not None and not (isinstance(layout, Layout) and layout.is_plain):
            found.layouts[name] = layout
    return found


def run_number(name: str) -> int | None:
    """The number behind # in a layer's name; None without one."""
    _, mark, number = name.partition("#")
    if not mark:
        return None
    if not number.isdecimal():
        raise UserError(f"layer {name!r}: behind # stands the number of the run, from 0, as in 'relu#0'")
    return int(number)
