"""What to maximise: small frozen objects that add and scale.

Letters: B batch, R rows of one kind of term, C channels (filters); h the output of a layer, (B, C, ...) or (B, F).

    objective = filter("conv2", 3) + 0.5 * neuron("dense1", 7) - logit(4)

An objective is a sum of weighted terms and keeps no state. `bind` turns a list of objectives, one for each
sample of a batch, into one function of the layers' outputs. All terms of one kind on one layer are a single
tensor operation, however many there are, and sample b's value depends on sample b alone (diversity apart).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from cnn_core.errors import UserError
from cnn_core.visual.optimization.terms import OUTPUT, Custom, Direction, Diversity, Filter, Neuron, Term, Whole


@dataclass(frozen=True, eq=False)
class Objective:
    """A weighted sum of terms. Objectives add, subtract and scale; equal terms are merged, so a + a == 2 * a."""

    terms: tuple[tuple[Term, float], ...]

    def __add__(self, other: Objective | int) -> Objective:
        if isinstance(other, int) and other == 0:  # sum() starts at 0
            return self
        if not isinstance(other, Objective):
            return NotImplemented
        weights = dict(self.terms)
        for term, weight in other.terms:
            weights[term] = weights.get(term, 0.0) + weight
        return Objective(tuple((term, weight) for term, weight in weights.items() if weight != 0))

    __radd__ = __add__

    def __mul__(self, factor: float) -> Objective:
        if not isinstance(factor, int | float):
            return NotImplemented
        return Objective(tuple((term, weight * factor) for term, weight in self.terms if weight * factor != 0))

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Objective:
        return self * (1 / divisor)

    def __neg__(self) -> Objective:
        return self * -1

    def __sub__(self, other: Objective) -> Objective:
        return self + -other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Objective) and dict(self.terms) == dict(other.terms)

    def __hash__(self) -> int:
        return hash(frozenset(self.terms))

    def __str__(self) -> str:
        """As it was written: filter('conv2', 3) + 0.5 * neuron('dense1', 7) - logit(4)."""
        text = ""
        for term, weight in self.terms:
            sign = (" - " if weight < 0 else " + ") if text else ("-" if weight < 0 else "")
            text += sign + (f"{term}" if abs(weight) == 1 else f"{abs(weight):g} * {term}")
        return text or "0"

    def renamed(self, name_of: Callable[[str], str]) -> Objective:
        """The same of other layers: `name_of` gives a layer's name for each; the model's output stays."""
        terms: list[tuple[Any, float]] = list(self.terms)
        return Objective(
            tuple((replace(t, layer=name_of(t.layer) if t.layer else OUTPUT), weight) for t, weight in terms)
        )

    @property
    def layers(self) -> list[str]:
        """The layers it looks at, each once."""
        return list(dict.fromkeys(term.layer for term, _ in self.terms))


def filter(layer: str, index: int, *, mean: bool = False) -> Objective:
    """The degree of activation of filter `index`: the sum over its feature map (or the mean)."""
    return Objective(((Filter(layer, int(index), mean), 1.0),))


def filters(layer: str, indices: Iterable[int], *, mean: bool = False) -> list[Objective]:
    """One objective for each filter, to be optimised in one batch."""
    return [filter(layer, index, mean=mean) for index in indices]


def neuron(layer: str, index: int | tuple[int, ...]) -> Objective:
    """One neuron: a number into the layer's flattened output, or (channel, ..., place)."""
    return Objective(((Neuron(layer, index if isinstance(index, tuple) else int(index)), 1.0),))


def neurons(layer: str, indices: Iterable[int | tuple[int, ...]]) -> list[Objective]:
    """One objective for each neuron."""
    return [neuron(layer, index) for index in indices]


def logit(index: int) -> Objective:
    """The model's output for class `index`."""
    return neuron(OUTPUT, index)


def logits(indices: Iterable[int]) -> list[Objective]:
    """One objective for each class."""
    return neurons(OUTPUT, indices)


def direction(layer: str, vector: Tensor | Sequence[float]) -> Objective:
    """<vector, output>: one value a channel, or the layer's whole shape."""
    values = vector.detach().flatten().tolist() if isinstance(vector, Tensor) else [float(v) for v in vector]
    return Objective(((Direction(layer, tuple(values)), 1.0),))


def whole(layer: str) -> Objective:
    """All that the layer sees, exaggerated: half the squared length of its output."""
    return Objective(((Whole(layer), 1.0),))


def diversity(layer: str, group: int = 0) -> Objective:
    """Makes samples of one group differ in what the layer sees; see Diversity."""
    return Objective(((Diversity(layer, group), 1.0),))


def custom(layer: str, function: Callable[[Tensor], Tensor]) -> Objective:
    """An objective of your own: a differentiable function (R, ...) -> (R,) of the layer's output."""
    return Objective(((Custom(layer, function), 1.0),))


def bind(objectives: Sequence[Objective], example: dict[str, Tensor]) -> Callable[[dict[str, Tensor]], Tensor]:
    """One function {layer: (B, ...)} -> (B,) for B objectives; `example` holds an output (1, ...) of each layer.

    Raises UserError for a unit out of range, naming the range.
    """
    kinds: dict[tuple[type, str], list[tuple[int, Term, float]]] = {}
    for row, objective in enumerate(objectives):
        for term, weight in objective.terms:
            kinds.setdefault((type(term), term.layer), []).append((row, term, weight))
    parts: list[tuple[str, Tensor | None, Tensor, Callable[[Tensor], Tensor]]] = []
    for (kind, layer), entries in kinds.items():
        like = example[layer]
        rows = [row for row, _, _ in entries]
        all_in_order = rows == list(range(len(objectives)))
        weights = torch.tensor([weight for _, _, weight in entries]).to(like)
        function = _binder(kind)([term for _, term, _ in entries], like)
        parts.append((layer, None if all_in_order else torch.tensor(rows, device=like.device), weights, function))

    def evaluate(outputs: dict[str, Tensor]) -> Tensor:
        total: Tensor | None = None
        for layer, rows, weights, function in parts:
            h = outputs[layer]
            values = function(h if rows is None else h[rows]) * weights
            if rows is not None:
                values = values.new_zeros(len(objectives)).index_add(0, rows, values)
            total = values if total is None else total + values
        if total is None:
            raise UserError("the objective is empty: its terms cancel each other")
        return total

    return evaluate


def shapeless(objectives: Iterable[Objective]) -> list[str]:
    """The layers of which no term asks where the channels are."""
    terms = [term for objective in objectives for term, _ in objective.terms]
    blind = [isinstance(t, Whole | Custom) or (isinstance(t, Neuron) and isinstance(t.index, int)) for t in terms]
    asked = {term.layer for term, free in zip(terms, blind, strict=True) if not free}
    return [layer for layer in dict.fromkeys(term.layer for term in terms) if layer not in asked]


def _binder(kind: Any) -> Callable[[Sequence[Any], Tensor], Callable[[Tensor], Tensor]]:
    return kind.bind
