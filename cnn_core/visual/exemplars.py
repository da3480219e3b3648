"""The real inputs, and the patches in them, that excite each filter most.

Letters: N inputs, U filters (or neurons), k exemplars of each.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.visual.modules.activations import Inputs, tapped
from cnn_core.visual.modules.receptive import receptive_fields
from cnn_core.visual.modules.subject import Reading, as_inputs, opened, standing_for


@dataclass(frozen=True)
class Exemplars:
    """What `find_exemplars` found, best first; every input counts at most once for a filter.

    Attributes:
        layer: the layer.
        units: the U filters or neurons.
        scores: (U, k) the strongest activation in each input.
        indices: (U, k) the input's number in the order they came.
        places: (U, k, axes) where in the layer's map it is; no axes for a dense layer.
        boxes: (U, k, input axes, 2) start and stop of the receptive field on each axis of the input; negative or
            beyond the end where it reaches into the padding.
        inputs: {number: input} of all exemplars.

    """

    layer: str
    units: tuple[int, ...]
    scores: Tensor
    indices: Tensor
    places: Tensor
    boxes: Tensor
    inputs: dict[int, Tensor]

    def patch(self, unit: int, rank: int, *, fill: float = 0.0) -> Tensor:
        """The patch that filter `unit` saw in its exemplar number `rank`; what lies in the padding is `fill`."""
        row = self.units.index(unit)
        whole = self.inputs[int(self.indices[row, rank])]
        box = self.boxes[row, rank].tolist()
        patch = whole.new_full([stop - start for start, stop in box], fill)
        source = tuple(slice(max(0, start), min(n, stop)) for (start, stop), n in zip(box, whole.shape, strict=True))
        into = tuple(slice(s.start - start, s.stop - start) for s, (start, _) in zip(source, box, strict=True))
        patch[into] = whole[source]
        return patch


def find_exemplars(
    model: nn.Module,
    inputs: Inputs | Iterable[Inputs],
    layer: str,
    *,
    units: Sequence[int] | None = None,
    count: int = 9,
    batch: int = 256,
    **reading: Unpack[Reading],
) -> Exemplars:
    """Go once through `inputs` and keep the `count` best of every filter.

    `inputs` is a tensor (N, ...) or batches of one, so that a data set need not be in memory. Raises UserError for
    an unknown layer, a filter out of range, and no inputs.
    """
    whole = isinstance(inputs, Tensor | np.ndarray)
    batches = iter(torch.as_tensor(inputs).split(batch) if whole else inputs)
    with opened(model, reading) as model:
        return _found(model, batches, layer, units, count)


def _found(
    model: nn.Module, batches: Iterator[Inputs], layer: str, units: Sequence[int] | None, count: int
) -> Exemplars:
    first = next(batches, None)
    if first is None or len(first) == 0 or count < 1:
        raise UserError("exemplars need at least one input and a count of at least 1")
    example = as_inputs(model, first)
    best: _Best | None = None
    found: dict[int, Tensor] = {}
    offset = 0
    with tapped(model, layer, example) as run, torch.no_grad():
        for part in itertools.chain([first], batches):
            rows = torch.as_tensor(part)
            with standing_for(model, range(offset, offset + len(rows))):
                maps = run(as_inputs(model, rows))[layer]  # (B, C, ...)
            if maps.dim() < 2:
                raise UserError(f"layer {layer!r} has no filters: its output is of shape {tuple(maps.shape)}")
            if best is None:
                best = _Best(layer, units, maps, count)
            best.add(maps, offset)
            chosen = best.numbers()
            found |= {offset + i: row.cpu().clone() for i, row in enumerate(rows) if offset + i in chosen}
            found = {number: found[number] for number in chosen}
            offset += len(rows)
    assert best is not None
    places = best.unravelled()
    unique = sorted({tuple(place) for place in places.flatten(0, 1).tolist()})
    fields = receptive_fields(model, layer, example[:1], unique)
    at = {place: i for i, place in enumerate(unique)}
    rows = torch.tensor([[at[tuple(place)] for place in row] for row in places.tolist()])
    return Exemplars(layer, best.units, best.scores, best.indices, places, fields.unclipped[rows], found)


class _Best:
    """The running best of every filter."""

    def __init__(self, layer: str, units: Sequence[int] | None, maps: Tensor, count: int):
        self.units = tuple(range(maps.shape[1]) if units is None else units)
        for unit in self.units:
            if not 0 <= unit < maps.shape[1]:
                raise UserError(f"layer {layer!r} has filters 0 to {maps.shape[1] - 1}; there is no filter {unit}")
        if not self.units:
            raise UserError("exemplars need at least one filter")
        self.count, self.shape = count, tuple(maps.shape[2:])
        self.scores = torch.empty(len(self.units), 0)
        self.indices = torch.empty(len(self.units), 0, dtype=torch.int64)
        self.flat = torch.empty(len(self.units), 0, dtype=torch.int64)

    def add(self, maps: Tensor, offset: int) -> None:
        """The maps (B, C, ...) of inputs offset, offset + 1, ..."""
        values = maps[:, list(self.units)].reshape(len(maps), len(self.units), -1)
        strongest, where = values.float().max(2)  # (B, U)
        numbers = torch.arange(offset, offset + len(maps)).expand(len(self.units), -1)
        scores = torch.cat([self.scores, strongest.T.cpu()], 1)
        # Stable: of equal scores the earlier input stays, so the size of the batches does not matter.
        order = scores.argsort(dim=1, descending=True, stable=True)[:, : self.count]
        self.scores = scores.gather(1, order)
        self.indices = torch.cat([self.indices, numbers], 1).gather(1, order)
        self.flat = torch.cat([self.flat, where.T.cpu()], 1).gather(1, order)

    def numbers(self) -> set[int]:
        """The inputs that are among the best of some filter."""
        return set(self.indices.flatten().tolist())

    def unravelled(self) -> Tensor:
        """(U, k, axes): the places as indices on each axis."""
        places, rest = [], self.flat
        for n in reversed(self.shape):
            places.append(rest % n)
            rest = rest // n
        empty = torch.empty(*self.flat.shape, 0, dtype=torch.int64)
        return torch.stack(places[::-1], -1) if places else empty
