"""The summands of objectives: small frozen objects, one kind each.

Letters: R rows of one kind of term, C channels (filters); h the output of a layer, (R, C, ...) or (R, F).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from cnn_core.errors import UserError

OUTPUT = ""  # the name of the model itself: its output
_SHOWN = 6  # values of a direction, in print


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

    def __str__(self) -> str:
        mean = ", mean=True" if self.mean else ""
        return f"filter({self.layer!r}, {self.index}{mean})"

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

    def __str__(self) -> str:
        return f"logit({self.index})" if self.layer == OUTPUT else f"neuron({self.layer!r}, {self.index})"

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

    def __str__(self) -> str:
        values = ", ".join(f"{value:g}" for value in self.vector[:_SHOWN])
        more = ", ..." if len(self.vector) > _SHOWN else ""
        return f"direction({self.layer!r}, ({values}{more}))"

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

    def __str__(self) -> str:
        return f"whole({self.layer!r})"

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

    def __str__(self) -> str:
        return f"diversity({self.layer!r}, {self.group})"

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

    def __str__(self) -> str:
        return f"custom({self.layer!r}, {getattr(self.function, '__name__', type(self.function).__name__)})"

    @classmethod
    def bind(cls, terms: Sequence[Custom], example: Tensor) -> Callable[[Tensor], Tensor]:
        """See Term."""
        functions = [term.function for term in terms]
        if all(function == functions[0] for function in functions):
            return functions[0]
        return lambda h: torch.cat([function(h[r : r + 1]) for r, function in enumerate(functions)])


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
