"""Deep Style from coarse to fine: the large forms are found at half the size, where a step costs a quarter.

Letters: C channels, H height, W width; pictures (C, H, W) in 0 to 255.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cnn_core import visual
from cnn_core.visual.pictures.resize import resize

Watch = Callable[[int, Tensor, float], None]


@dataclass(frozen=True)
class Painting:
    """The picture (C, H, W), and the loss at each step at half the size and at the whole."""

    picture: Tensor
    coarse: Tensor
    fine: Tensor


def paint(
    model: nn.Module,
    content: Tensor,
    styles: Sequence[Tensor],
    *,
    coarse: int,
    steps: int,
    start: str,
    colours: str,
    watch: Watch | None = None,
    **settings: Any,
) -> Painting:
    """`coarse` steps at half the size, then `steps` steps at the whole one; `settings` go to `visual.stylize`.

    Colours are kept, where asked for, at the end of the second part only; the first needs the style's own. Raises
    UserError as `visual.stylize`.
    """
    history = {"coarse": torch.zeros(0), "fine": torch.zeros(0)}
    begin: str | Tensor = start
    if coarse:
        half = [_half(content), *map(_half, styles)]
        early = "histogram" if colours == "histogram" else "style"
        rough = visual.stylize(
            model,
            half[0],
            half[1:],
            steps=coarse,
            start=start,
            colours=early,
            low=0.0,
            high=255.0,
            watch=watch,
            **settings,
        )
        begin = rough.picture
        history["coarse"] = rough.history
    if steps:
        later = None if watch is None else lambda step, picture, loss: watch(coarse + step, picture, loss)
        fine = visual.stylize(
            model,
            content,
            list(styles),
            steps=steps,
            start=begin,
            colours=colours,
            low=0.0,
            high=255.0,
            watch=later,
            **settings,
        )
        begin = fine.picture
        history["fine"] = fine.history
    assert isinstance(begin, Tensor)
    return Painting(begin, **history)


def _half(picture: Tensor) -> Tensor:
    return resize(picture[None], [max(1, n // 2) for n in picture.shape[1:]])[0]
