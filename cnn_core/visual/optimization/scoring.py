"""The values of objectives for a batch of inputs: as far through the model as they need, and no further."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.visual.activations import tapped_and_tried, undisturbed
from cnn_core.visual.fast.shortcut import shortcut
from cnn_core.visual.optimization.objectives import Objective, bind

Score = Callable[[Tensor], Tensor]


@contextmanager
def scoring(model: nn.Module, objectives: Sequence[Objective], example: Tensor) -> Iterator[Score]:
    """A function x (B, ...) -> (B,) for B objectives, row by row; differentiable in x, the weights frozen.

    `example` (1, ...) shows what inputs look like. Takes a short cut through the model where `cut.py` finds one.
    Raises UserError for an unknown layer, a unit out of range, an input that does not fit.
    """
    with undisturbed(model):
        layers = _layers(objectives)
        with tapped_and_tried(model, layers, example) as (_, given):
            bind(objectives, given)  # units out of range are reported before anything runs
        short = shortcut(model, objectives, example[:1], given)
        if short is not None:
            yield short
            return
        with tapped_and_tried(model, layers, example) as (run, given):
            evaluate = bind(objectives, given)
            yield lambda x: evaluate(run(x))


@contextmanager
def scoring_beside(
    model: nn.Module, objectives: Sequence[Objective], beside: Sequence[Objective], example: Tensor
) -> Iterator[Callable[[Tensor], tuple[Tensor, Tensor]]]:
    """Two lists of B objectives from one pass: x (B, ...) -> ((B,), (B,)). Otherwise as `scoring`."""
    with tapped_and_tried(model, _layers([*objectives, *beside]), example) as (run, given):
        first, second = bind(objectives, given), bind(beside, given)

        def score(x: Tensor) -> tuple[Tensor, Tensor]:
            outputs = run(x)
            return first(outputs), second(outputs)

        yield score


def values(model: nn.Module, objectives: Objective | Sequence[Objective], inputs: Tensor) -> Tensor:
    """(B,): what the objectives are for `inputs` (B, ...); one objective for all rows, or one for each."""
    each = [objectives] * len(inputs) if isinstance(objectives, Objective) else list(objectives)
    if len(each) != len(inputs):
        raise UserError(f"{len(each)} objectives for {len(inputs)} inputs: give one, or one for each input")
    with tapped_and_tried(model, _layers(each), inputs) as (run, given), torch.no_grad():
        return bind(each, given)(run(inputs))


def values_of_each(model: nn.Module, objectives: Sequence[Objective], inputs: Tensor) -> Tensor:
    """(U, B): what each of U objectives is for each of `inputs` (B, ...), from one pass."""
    with tapped_and_tried(model, _layers(objectives), inputs) as (run, given), torch.no_grad():
        outputs = run(inputs)
        return torch.stack([bind([objective] * len(inputs), given)(outputs) for objective in objectives])


def _layers(objectives: Sequence[Objective]) -> list[str]:
    if not all(objective.terms for objective in objectives):
        raise UserError("an objective is empty: its terms cancel each other")
    return list(dict.fromkeys(layer for objective in objectives for layer in objective.layers))
