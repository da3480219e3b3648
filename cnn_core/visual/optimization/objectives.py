"""What to maximise: small frozen objects that add and scale.

Letters: B batch, R rows of one kind of term, C channels (filters); h the output of a layer, (B, C, ...) or (B, F).

    objective = filter("conv2", 3) + 0.5 * neuron("dense1", 7) - logit(4)

An objective is a sum of weighted terms and keeps no state. `bind` turns a list of objectives, one for each
sample of a batch, into one function of the layers' outputs. All terms of one kind on one layer are a single
tensor operation, however many there are, and sample b's value depends on sample b alone (diversity apart).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from cnn_core.errors import UserError

OUTPUT = ""  # the name of the model itself: its output


class Term(Protocol):
    """One kind of summand. `bind` gets all terms of this kind on one layer and an example of its output (1, ...)."""

    @property
    def layer(self) -> str:
        """The layer it looks at."""
        ...

    @classmethod
    def bind(cls, terms: Sequence[Self], example: Tensor) -> Callable[[Tensor], Tensor]:
        """A function of the rows' outputs: (R, ...) -> (R,), row r for term r."""
        ...


@dataclass(frozen=True)
class Filter:
    """a_k: the sum (or mean) of filter k's feature map."""

    layer: str
    index: int
    mean: bool = False

    @classmethod
    def bind(cls, terms: Sequence[Filter], example: Tensor) -> Callable[[Tensor], Tensor]:
        """See Term."""
        if example.dim() < 2:
            raise UserError(f"layer {terms[0].layer!r} has no filters: its output is of shape {_shape(example)}")
        index = _indices(terms[0].layer, "filter", [term.index for term in terms], example.shape[1], example.device)
        rows = torch.arange(len(terms), device=example.device)
        places = math.prod(example.shape[2:])
        share = torch.tensor([1 / places if term.mean else 1.0 for term in terms]).to(example)
        return lambda h: h[rows, index].reshape(len(terms), -1).sum(1) * share


@dataclass(frozen=True)
class Neuron:
    """One value of the layer's output: an index into the flattened output, or (channel, ..., place)."""

    layer: str
    index: int | tuple[int, ...]

    @classmethod
    def bind(cls, terms: Sequence[Neuron], example: Tensor) -> Callable[[Tensor], Tensor]:
        """See Term."""
        shape = tuple(example.shape[1:])
        flat = []
        for term in terms:
            if isinstance(term.index, int):
                flat.append(term.index)
                continue
            if len(term.index) != len(shape) or not all(0 <= i < n for i, n in zip(term.index, shape, strict=True)):
                raise UserError(f"{_name(term.layer)}: no neuron {term.index}; its output is of shape {shape}")
            number = 0
            for i, n in zip(term.index, shape, strict=True):
                number = number * n + i
            flat.append(number)
        what = "class" if terms[0].layer == OUTPUT else "neuron"
        index = _indices(terms[0].layer, what, flat, math.prod(shape), example.device)
        rows = torch.arange(len(terms), device=example.device)
        return lambda h: h.reshape(len(h), -1)[rows, index]


@dataclass(frozen=True)
class Direction:
    """<v, h>: v over the channels (summed over places) or of the layer's whole shape."""

    layer: str
    vector: tuple[float, ...]

    @classmethod
    def bind(cls, terms: Sequence[Direction], example: Tensor) -> Callable[[Tensor], Tensor]:
        """See Term."""
        channels, total = example.shape[1], math.prod(example.shape[1:])
        full = []
        for term in terms:
            v = torch.tensor(term.vector).to(example)
            if len(v) not in (channels, total):
                raise UserError(
                    f"{_name(term.layer)}: a direction has {channels} values (one a channel) or {total}, not {len(v)}"
                )
            full.append(v if len(v) == total else v.repeat_interleave(total // channels))
        weights = torch.stack(full)  # (R, total)
        return lambda h: (h.reshape(len(h), -1) * weights).sum(1)


@dataclass(frozen=True)
class Whole:
    """Half the squared length of the layer's output, the rule of Deep Dream.

    Its gradient with respect to the output is the output itself: positive entries go up, negative ones down, the
    strong ones most (Mordvintsev et al., 2015).
    """

    layer: str

    @classmethod
    def bind(cls, terms: Sequence[Whole], example: Tensor) -> Callable[[Tensor], Tensor]:
        """See Term."""
        return lambda h: 0.5 * h.reshape(len(h), -1).square().sum(1)


@dataclass(frozen=True)
class Diversity:
    """Minus the mean likeness of a sample's layer output to those of the other samples with the same term.

    Likeness is the cosine between the correlations of filters (Gram matrices), or between the outputs themselves
    where a layer has no places (Olah et al., "Feature Visualization", 2017). It lies in -1..1.
    """

    layer: str
    group: int = 0

    @classmethod
    def bind(cls, terms: Sequence[Diversity], example: Tensor) -> Callable[[Tensor], Tensor]:
        """See Term."""
        group = torch.tensor([term.group for term in terms], device=example.device)
        others = (group[:, None] == group[None, :]).to(example)
        others.fill_diagonal_(0)
        others = others / others.sum(1, keepdim=True).clamp(min=1)

        def value(h: Tensor) -> Tensor:
            if h.dim() > 2:
                maps = h.flatten(2)  # (R, C, places)
                h = maps @ maps.transpose(1, 2)
            vectors = F.normalize(h.flatten(1), dim=1)
            return -((vectors @ vectors.T) * others).sum(1)

        return value


@dataclass(frozen=True)
class Custom:
    """A function of your own: (R, ...) -> (R,), row by row."""

    layer: str
    function: Callable[[Tensor], Tensor]

    @classmethod
    def bind(cls, terms: Sequence[Custom], example: Tensor) -> Callable[[Tensor], Tensor]:
        """See Term."""
        functions = [term.function for term in terms]
        if all(function == functions[0] for function in functions):
            return functions[0]
        return lambda h: torch.cat([function(h[r : r + 1]) for r, function in enumerate(functions)])


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


def _binder(kind: Any) -> Callable[[Sequence[Any], Tensor], Callable[[Tensor], Tensor]]:
    return kind.bind


def _indices(layer: str, what: str, indices: Sequence[int], count: int, device: torch.device) -> Tensor:
    for index in indices:
        if not 0 <= index < count:
            plural = "classes" if what == "class" else f"{what}s"
            raise UserError(f"{_name(layer)} has {plural} 0 to {count - 1}; there is no {what} {index}")
    return torch.tensor(list(indices), device=device)


def _name(layer: str) -> str:
    return "the model's output" if layer == OUTPUT else f"layer {layer!r}"


def _shape(tensor: Tensor) -> str:
    return "x".join(str(n) for n in tensor.shape)
