"""The values of objectives for a batch of inputs: as far through the model as they need, and no further."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Unpack

import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.visual.fast.shortcut import shortcut
from cnn_core.visual.modules.activations import Inputs, tapped_and_tried, undisturbed
from cnn_core.visual.modules.subject import Reading, Subject, as_inputs, opened
from cnn_core.visual.optimization.notation import as_objective, as_objectives
from cnn_core.visual.optimization.objectives import Objective, bind, shapeless

Score = Callable[[Tensor], Tensor]


@contextmanager
def scoring(model: nn.Module, objectives: Sequence[Objective], example: Tensor) -> Iterator[Score]:
    """A function x (B, ...) -> (B,) for B objectives, row by row; differentiable in x, the weights frozen.

    `example` (1, ...) shows what inputs look like. Takes a short cut through the model where `cut.py` finds one.
    Raises UserError for an unknown layer, a unit out of range, an input that does not fit.
    """
    with undisturbed(model):
        layers, free = _layers(objectives), shapeless(objectives)
        with tapped_and_tried(model, layers, example, as_given=free) as (run, given):
            bind(objectives, given)  # units out of range are reported before anything runs
        plain = not run.rearranged and not isinstance(model, Subject)
        short = shortcut(model, objectives, example[:1], given) if plain else None
        if short is not None:
            yield short
            return
        with tapped_and_tried(model, layers, example, as_given=free) as (run, given):
            evaluate = bind(objectives, given)
            yield lambda x: evaluate(run(x))


@contextmanager
def scoring_beside(
    model: nn.Module, objectives: Sequence[Objective], beside: Sequence[Objective], example: Tensor
) -> Iterator[Callable[[Tensor], tuple[Tensor, Tensor]]]:
    """Two lists of B objectives from one pass: x (B, ...) -> ((B,), (B,)). Otherwise as `scoring`."""
    every = [*objectives, *beside]
    with tapped_and_tried(model, _layers(every), example, as_given=shapeless(every)) as (run, given):
        first, second = bind(objectives, given), bind(beside, given)

        def score(x: Tensor) -> tuple[Tensor, Tensor]:
            outputs = run(x)
            return first(outputs), second(outputs)

        yield score


def values(
    model: nn.Module,
    objectives: Objective | str | Sequence[Objective | str],
    inputs: Inputs,
    **reading: Unpack[Reading],
) -> Tensor:
    """(B,): what the objectives are for `inputs` (B, ...); one objective for all rows, or one for each."""
    with opened(model, reading) as model:
        x = as_inputs(model, inputs)
        one = isinstance(objectives, Objective | str)
        each = [as_objective(objectives)] * len(x) if one else as_objectives(objectives)
        if len(each) != len(x):
            raise UserError(f"{len(each)} objectives for {len(x)} inputs: give one, or one for each input")
        free = shapeless(each)
        with tapped_and_tried(model, _layers(each), x, as_given=free) as (run, given), torch.no_grad():
            return bind(each, given)(run(x))


def values_of_each(
    model: nn.Module, objectives: Sequence[Objective | str], inputs: Inputs, **reading: Unpack[Reading]
) -> Tensor:
    """(U, B): what each of U objectives is for each of `inputs` (B, ...), from one pass."""
    with opened(model, reading) as model:
        x, each = as_inputs(model, inputs), as_objectives(objectives)
        free = shapeless(each)
        with tapped_and_tried(model, _layers(each), x, as_given=free) as (run, given), torch.no_grad():
            outputs = run(x)
            return torch.stack([bind([objective] * len(x), given)(outputs) for objective in each])


def _layers(objectives: Sequence[Objective]) -> list[str]:
    if not all(objective.terms for objective in objectives):
        raise UserError("an objective is empty: its terms cancel each other")
    return list(dict.fromkeys(layer for objective in objectives for layer in objective.layers))
