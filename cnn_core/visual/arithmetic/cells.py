"""Grids of numbers on one sheet: cells, frames around parts of them, signs between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnn_core.drawing import report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = 0.42  # inches
WINDOW, WINNER, LINE = "#d62728", "#2ca02c", "#9a9a9a"
CHANNELS = ("#d9534f", "#4c9f50", "#4f7fd9")  # red, green, blue planes of a cube


class Sheet:
    """A drawing of `columns` x `rows` cells; places count from the top left, in cells."""

    def __init__(self, columns: float, rows: float, title: str = ""):
        head = 0.45 if title else 0.1
        self.figure: Figure = report.new_figure(columns * CELL, rows * CELL + head, constrained=False)
        height = rows * CELL / (rows * CELL + head)
        self.axes: Any = self.figure.add_axes((0, 0, 1, height))
        self.axes.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal")
        self.axes.axis("off")
        if title:
            self.figure.text(0.5, 1 - 0.1 / (rows * CELL + head), title, ha="center", va="top", fontsize=11)

    def grid(
        self,
        values: NDArray[np.float64],
        x: float,
        y: float,
        *,
        name: str = "",
        tint: str = "#3b6ea8",
        size: float = 1.0,
        small: NDArray[np.float64] | None = None,
        below: str = "",
    ) -> None:
        """Numbers in cells, darker the larger they are; `small` are written into the corners of the first cells."""
        from matplotlib.colors import to_rgb
        from matplotlib.patches import Rectangle

        low, high = min(0.0, float(values.min())), max(1e-9, float(values.max()))
        colour = np.array(to_rgb(tint))
        for (row, column), value in np.ndenumerate(values):
            share = 0.6 * max(0.0, float(value)) / high if value > 0 else -0.25 * float(value) / min(low, -1e-9)
            face = 1 - share * (1 - colour) if share >= 0 else 1 + share * (1 - np.array(to_rgb("#b0792b")))
            corner = (x + column * size, y + row * size)
            self.axes.add_patch(Rectangle(corner, size, size, facecolor=tuple(face), edgecolor=LINE, linewidth=0.7))
            centre = (corner[0] + size / 2, corner[1] + size / 2)
            written = number(value)
            fits = min(1.0, 4.5 / len(written))  # long numbers must not run into their neighbours
            self.axes.text(*centre, written, ha="center", va="center", fontsize=9 * size**0.5 * fits)
        if small is not None:
            for (row, column), value in np.ndenumerate(small):
                place = (x + column * size + 0.93 * size, y + row * size + 0.9 * size)
                self.axes.text(*place, f"×{number(value)}", ha="right", va="bottom", fontsize=5.5, color=WINDOW)
        if name:
            self.axes.text(x + values.shape[1] * size / 2, y - 0.25, name, ha="center", va="bottom", fontsize=9)
        if below:
            where = (x + values.shape[1] * size / 2, y + values.shape[0] * size + 0.25)
            self.axes.text(*where, below, ha="center", va="top", fontsize=8, color="#555555")

    def frame(
        self, x: float, y: float, width: float, height: float, colour: str = WINDOW, thickness: float = 2.0
    ) -> None:
        """A frame around cells."""
        from matplotlib.patches import Rectangle

        box = Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=thickness, zorder=3)
        self.axes.add_patch(box)

    def sign(self, x: float, y: float, text: str, size: float = 15) -> None:
        """A sign between grids."""
        self.axes.text(x, y, text, ha="center", va="center", fontsize=size)

    def words(self, x: float, y: float, text: str, size: float = 9, align: str = "left") -> None:
        """A line of text."""
        self.axes.text(x, y, text, ha=align, va="center", fontsize=size)


def number(value: float) -> str:
    """A number as short as it can be written: 3, -1, .5, 2.25."""
    return f"{float(value):.3g}".replace("-", "−") if value else "0"


def products(window: NDArray[np.float64], weights: NDArray[np.float64], bias: float = 0.0, most: int = 12) -> str:
    """1·1 + 0·(-1) + ... = 3, those without a pixel left out where there are many."""
    pairs = [(float(a), float(b)) for a, b in zip(window.ravel(), weights.ravel(), strict=True)]
    shown: Sequence[tuple[float, float]] = pairs if len(pairs) <= most else [pair for pair in pairs if pair[0]][:most]
    terms = [f"{number(a)}·{number(b) if b >= 0 else f'({number(b)})'}" for a, b in shown]
    rest = " + ..." if len(pairs) > most and sum(bool(a) for a, _ in pairs) > most else ""
    add = f" + {number(bias)}" if bias else ""
    return " + ".join(terms) + rest + add + f" = {number(sum(a * b for a, b in pairs) + bias)}"
