"""On which axis of a layer's output the channels lie: told, or recognised from the layers around it.

Letters: B batch, C channels, T, H, W, D, N places; a layout is written as in einops, one letter or group an axis:

    BCHW      pictures as PyTorch's convolutions give them
    BHWC      channels last (Swin, ConvNeXt inside a block)
    BTC, TBC  tokens, batch first or second
    B(HW)C    tokens that are the places of a grid, row by row
    B(1HW)C   the same behind one token that is no place (ViT's class token)
    (BF)CHW   frames folded into the batch, the frames of an input together

Lenses see outputs as (B, C, places ...), whatever the layout is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from cnn_core.errors import UserError

FIRST, LAST = "first", "last"
_LEADING = 8  # tokens in front of a grid's, at most: a class token, a distillation token, registers

_CHANNELS_FIRST = (
    nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LocalResponseNorm,
    nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd, nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd, nn.Upsample, nn.PixelShuffle, nn.Dropout2d, nn.Dropout3d,
)  # fmt: skip
_CHANNELS_LAST = (nn.Linear, nn.Embedding)


@dataclass(frozen=True)
class Layout:
    """The axes of one layer's output: a group of letters for each; digits are tokens in front that are no places."""

    text: str
    groups: tuple[tuple[str, ...], ...]

    @staticmethod
    def parse(text: str) -> Layout:
        """Raises UserError for what is no layout."""
        groups = tuple(
            tuple(re.findall(r"\d+|[A-Z]", inner or single)) for inner, single in re.findall(r"\(([^()]*)\)|(.)", text)
        )
        letters = [item for group in groups for item in group if not item.isdigit()]
        leading = [(i, item) for group in groups for i, item in enumerate(group) if item.isdigit()]
        if (
            not re.fullmatch(r"(?:[A-Z]|\(\d?[A-Z]+\))+", text)
            or len(set(letters)) != len(letters)
            or not {"B", "C"} <= set(letters)
            or ("C",) not in groups
            or any(i > 0 for i, _ in leading)
        ):
            raise UserError(
                f"axes {text!r}: write one letter for each axis, with B for the batch and C for the channels, such as "
                "BCHW, BHWC, BTC, B(1HW)C for a class token before a grid, (BF)CHW for frames folded into the batch"
            )
        return Layout(text, groups)

    @property
    def is_plain(self) -> bool:
        """Whether it is (B, C, places ...) as it stands."""
        return self.groups[:2] == (("B",), ("C",)) and all(len(group) == 1 for group in self.groups)

    @property
    def places(self) -> list[str]:
        """The letters of the places, in their order."""
        return [item for group in self.groups for item in group if item not in ("B", "C") and not item.isdigit()]

    def sizes(self, name: str, shape: Sequence[int], batch: int, picture: Sequence[int]) -> dict[str, int]:
        """How many values each letter has in an output of `shape` for `batch` inputs with axes of space `picture`.

        Raises UserError where the output does not fit.
        """
        wrong = UserError(f"{name}: axes {self.text!r} do not fit an output of {_shape(shape)} for {batch} input(s)")
        if len(shape) != len(self.groups):
            raise wrong
        found: dict[str, int] = {"B": batch}
        for n, group in zip(shape, self.groups, strict=True):
            leading, letters = _leading(group), [item for item in group if not item.isdigit()]
            rest = n - leading
            known = math.prod(found[letter] for letter in letters if letter in found)
            unknown = [letter for letter in letters if letter not in found]
            if rest % known or (not unknown and rest != known):
                raise wrong
            rest //= known
            if len(unknown) == 1:
                found[unknown[0]] = rest
            elif len(unknown) == 2 and (grid := _grid(rest, picture)):
                found |= dict(zip(unknown, grid, strict=True))
            elif unknown:
                raise wrong
        return found

    def channels_first(self, output: Tensor, sizes: dict[str, int]) -> Tensor:
        """The output as (B, C, places ...), a view where that can be."""
        x = output
        for axis, group in enumerate(self.groups):
            if leading := _leading(group):
                x = x.narrow(axis, leading, x.shape[axis] - leading)
        axes = self._flat()
        x = x.reshape([sizes[letter] for letter in axes])
        return x.permute([axes.index(letter) for letter in ("B", "C", *self.places)])

    def restored(self, maps: Tensor, output: Tensor) -> Tensor:
        """What `channels_first` made of `output`, as the model goes on with it."""
        order = ["B", "C", *self.places]
        x = maps.permute([order.index(letter) for letter in self._flat()])
        shape = [n - _leading(group) for n, group in zip(output.shape, self.groups, strict=True)]
        x = x.reshape(shape)
        for axis, group in enumerate(self.groups):
            if leading := _leading(group):
                x = torch.cat([output.narrow(axis, 0, leading), x], axis)
        return x

    def _flat(self) -> list[str]:
        return [item for group in self.groups for item in group if not item.isdigit()]


@dataclass(frozen=True)
class Unknown:
    """Why the axes of an output cannot be told; `folded` when not even the batch is where it belongs."""

    reason: str
    folded: bool = False


class Evidence:
    """What the layers that run in one pass say of the axes of the tensors between them."""

    def __init__(self) -> None:
        self.marks = WeakIdKeyDictionary()
        self.inside: list[dict[tuple[int, ...], str | None]] = [{}]
        self.grids: set[tuple[int, ...]] = set()
        self.any_last = False

    def entered(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Before a module runs: what takes channels on some axis says so of its input."""
        self.inside.append({})
        if args and isinstance(args[0], Tensor) and args[0].dim() > 2:
            x = args[0]
            if isinstance(module, _CHANNELS_FIRST) and _is_batched(module, x):
                self._mark(x, FIRST)
            elif isinstance(module, nn.Linear) or (isinstance(module, nn.LayerNorm) and _own_forward(module)):
                if not isinstance(module, nn.LayerNorm) or len(module.normalized_shape) == 1:
                    self._mark(x, LAST)
            elif isinstance(module, nn.MultiheadAttention):
                self._mark(x, LAST)

    def left(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """After it: its own kind, what it passes on, or the last of its parts that gave an output of this shape."""
        inside = self.inside.pop() if len(self.inside) > 1 else {}
        self.inside[-1] |= inside
        if not isinstance(output, Tensor) or output.dim() < 3:
            return
        shape = tuple(output.shape)
        taken = args[0] if args and isinstance(args[0], Tensor) else None
        found = _given(module, taken, output)
        before = self._marks_of(taken) if taken is not None else set()
        if found is None and taken is not None and len(before) == 1 and not any(True for _ in module.children()):
            found = _carried(module, taken, output, next(iter(before)))
        if found is None and shape[1] != shape[-1]:  # axes of equal size could have changed places
            found = inside.get(shape)
            if found is None and taken is not None and taken.shape == shape and len(before) == 1:
                found = next(iter(before))
        if found is not None:
            self._mark(output, found)
            self.inside[-1][shape] = found
            if found == FIRST:
                self.grids.add(shape[2:])

    def _mark(self, x: Tensor, found: str) -> None:
        self.any_last = self.any_last or found == LAST
        self.marks[x] = self._marks_of(x) | {found}

    def _marks_of(self, x: Tensor) -> set[str]:
        return self.marks.get(x) or set()

    def layout(self, name: str, output: Tensor, picture: Sequence[int]) -> Layout | Unknown | None:
        """None for (B, C, ...), a Layout, or why the axes cannot be told."""
        shape = tuple(output.shape)
        if len(shape) < 1 or shape[0] != 1:
            return Unknown(
                f"{name} gives {_shape(shape)} for one input: its first axis is not the batch; say what the axes are, "
                "such as axes='(BF)CHW' where frames are folded into the batch, axes='TBC' where tokens come first",
                folded=True,
            )
        if len(shape) < 3:
            return None
        marks = self._marks_of(output)
        if marks == {FIRST} or (not marks and not self.any_last):
            return None
        if marks == {LAST}:
            return Layout.parse(self._channels_last(shape, picture))
        why = "is used both ways" if marks else "could not be told from the layers around it"
        letters = {3: "'BCT' or 'BTC'", 4: "'BCHW' or 'BHWC'"}.get(len(shape), "'BCDHW' or 'BDHWC'")
        return Unknown(f"{name} gives {_shape(shape)}, and which axis holds the channels {why}: say axes={letters}")

    def _channels_last(self, shape: tuple[int, ...], picture: Sequence[int]) -> str:
        if len(shape) != 3:
            return {4: "BHWC", 5: "BDHWC"}.get(len(shape), "B" + "DEFGHKLM"[: len(shape) - 2] + "C")
        tokens = shape[1]
        if len(picture) == 2:
            products = {math.prod(grid) for grid in self.grids if len(grid) == 2}
            for leading in range(_LEADING + 1):
                rest = tokens - leading
                if rest > 1 and _grid(rest, picture) and (rest in products or (leading < 2 and not products)):
                    return f"B({leading or ''}HW)C"
        return "BTC"


def _given(module: nn.Module, taken: Tensor | None, output: Tensor) -> str | None:
    if isinstance(module, _CHANNELS_FIRST):
        return FIRST if taken is None or _is_batched(module, taken) else None
    if isinstance(module, _CHANNELS_LAST):
        return LAST
    if isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1:
        size = module.normalized_shape[0]
        if _own_forward(module):
            return LAST
        if (output.shape[1] == size) != (output.shape[-1] == size):  # a subclass may turn its axes (ConvNeXt)
            return FIRST if output.shape[1] == size else LAST
    return None


def _carried(module: nn.Module, taken: Tensor, output: Tensor, before: str) -> str | None:
    """What a layer without parts leaves of its input's axes."""
    order = getattr(module, "dims", None)
    if isinstance(order, list | tuple) and sorted(order) == list(range(taken.dim())):  # a layer that permutes
        place = list(order).index(1 if before == FIRST else taken.dim() - 1)
        return FIRST if place == 1 else LAST if place == taken.dim() - 1 else None
    if isinstance(module, nn.Flatten):
        return FIRST if before == FIRST and module.start_dim == 2 else None
    return before if output.shape == taken.shape else None


def _own_forward(module: nn.LayerNorm) -> bool:
    return type(module).forward is nn.LayerNorm.forward


def _is_batched(module: nn.Module, x: Tensor) -> bool:
    """Whether a convolution or pooling of k axes gets k + 2: without a batch the first axis holds the channels."""
    axes = re.search(r"([123])d$", type(module).__name__)
    return axes is None or x.dim() == int(axes[1]) + 2 or isinstance(module, nn.modules.batchnorm._NormBase)


def _leading(group: Sequence[str]) -> int:
    return sum(int(item) for item in group if item.isdigit())


def _grid(count: int, picture: Sequence[int]) -> tuple[int, int] | None:
    """Rows and columns of `count` places with a picture's proportions; None where they do not come out whole."""
    if len(picture) != 2:
        return None
    rows = round(math.sqrt(count * picture[0] / picture[1]))
    for near in (rows, rows - 1, rows + 1):
        if near > 0 and count % near == 0 and abs(count / near / near * picture[0] / picture[1] - 1) < 0.2:
            return near, count // near
    return None


def _shape(shape: Sequence[int]) -> str:
    return "x".join(str(n) for n in shape) or "()"
