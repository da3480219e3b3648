"""Many small pictures on one sheet: inputs with captions, feature maps, filters.

Letters: K tiles of height H and width W. Placement is computed in inches, so tiles are never squeezed and a
hundred of them take no longer to lay out than one.
"""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnn_core.drawing.report import GREY, INK, RED, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIGNED = "RdBu_r"  # blue below zero, white at zero, red above
EDGE = 0.12  # inches of margin around the sheet
GAP = 0.09  # inches between tiles
LINE = 0.155  # inches per line of caption
ROW = 6.5  # what fits into so many inches is one row
TITLE, NARROW = 0.092, 4.5  # inches of a letter of the title; a sheet is made so wide for it, then it is broken
FONT, WIDE = 8.0, 0.0088  # points of a caption's font; inches of a letter for each of them
FEW, SMALL, LARGE = 8, 1.6, 2.6  # so many pictures are drawn larger, between these sizes in inches


def gallery(
    pictures: Sequence[ArrayLike],
    captions: Sequence[str] | None = None,
    *,
    title: str | None = None,
    columns: int | None = None,
    size: float | None = None,
    wrong: Sequence[bool] | None = None,
) -> "Figure":
    """Pictures (H, W) grey or (H, W, 3) colour, uint8 or float 0..1, each above its caption.

    `size` is the longer side of the largest picture in inches, 1.05 when left out; up to FEW pictures are then drawn
    larger, as wide as their captions. Captions may have several lines; `wrong` marks captions to print in red. Raises
    ValueError for no pictures, odd shapes or a wrong number of captions.
    """
    tiles = [_picture(np.asarray(picture), k) for k, picture in enumerate(pictures)]
    if size is None:
        wanted = _letters(captions) * FONT * WIDE if len(tiles) <= FEW and columns is None else 1.05
        size = min(max(wanted, SMALL if len(tiles) <= FEW and columns is None else 1.05), LARGE)
    return _sheet(tiles, captions, title=title, columns=columns, size=size, wrong=wrong, limits=None, signed=False)


def feature_maps(
    maps: ArrayLike,
    titles: Sequence[str] | None = None,
    *,
    title: str | None = None,
    columns: int | None = None,
    size: float = 0.9,
    scale: Literal["shared", "each"] = "shared",
) -> "Figure":
    """Feature maps (K, H, W) in grey, black = smallest, white = largest, with the range printed below.

    `scale="each"` stretches every map by itself: faint maps become visible, brightness no longer compares.
    Raises ValueError for a wrong shape or NaN.
    """
    stack = _stack(maps)
    if scale == "each":
        low, high = stack.min(axis=(1, 2), keepdims=True), stack.max(axis=(1, 2), keepdims=True)
        stack = (stack - low) / np.where(high > low, high - low, 1)
    limits = _limits(stack, signed=False) if scale == "shared" else (0.0, 1.0)
    return _sheet(
        list(stack),
        titles,
        title=title,
        columns=columns,
        size=size,
        limits=limits,
        signed=False,
        bar=scale == "shared",
    )


def filters(
    weights: ArrayLike,
    titles: Sequence[str] | None = None,
    *,
    title: str | None = None,
    columns: int | None = None,
    size: float = 0.75,
) -> "Figure":
    """Signed weights (K, H, W): blue negative, white zero, red positive, one symmetric scale for all.

    Raises ValueError for a wrong shape or NaN.
    """
    stack = _stack(weights)
    return _sheet(
        list(stack),
        titles,
        title=title,
        columns=columns,
        size=size,
        limits=_limits(stack, True),
        signed=True,
        bar=True,
    )


def _picture(picture: NDArray, k: int) -> NDArray:
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[..., 0]
    if picture.size == 0 or not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)):
        raise ValueError(f"picture {k} must be (H, W) or (H, W, 3), not {picture.shape}")
    if picture.dtype != np.uint8:
        if not np.isfinite(picture).all():
            raise ValueError(f"picture {k} holds NaN or infinite values")
        picture = (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def _stack(maps: ArrayLike) -> NDArray[np.float64]:
    stack = np.asarray(maps, dtype=np.float64)
    if stack.ndim != 3 or stack.size == 0:
        raise ValueError(f"maps must be (K, H, W), not {stack.shape}")
    bad = np.flatnonzero(~np.isfinite(stack).all(axis=(1, 2)))
    if bad.size:
        raise ValueError(f"map {bad[0]} holds NaN or infinite values")
    return stack


def _limits(stack: NDArray, signed: bool) -> tuple[float, float]:
    low, high = float(stack.min()), float(stack.max())
    if signed:
        high = max(abs(low), abs(high)) or 1.0
        return -high, high
    return low, high if high > low else low + 1.0


@styled
def _sheet(
    tiles: Sequence[NDArray],
    captions: Sequence[str] | None,
    *,
    title: str | None,
    columns: int | None,
    size: float,
    limits: tuple[float, float] | None,
    signed: bool,
    wrong: Sequence[bool] | None = None,
    bar: bool = False,
) -> "Figure":
    if not tiles:
        raise ValueError("no pictures to draw")
    for name, values in (("captions", captions), ("marks", wrong)):
        if values is not None and len(values) != len(tiles):
            raise ValueError(f"{len(values)} {name} for {len(tiles)} pictures")
    tallest, widest = max(t.shape[0] for t in tiles), max(t.shape[1] for t in tiles)
    unit = size / max(tallest, widest)  # inches per pixel, the same for all
    cell_width = max(unit * widest, _letters(captions) * FONT * WIDE)  # a caption must not run into its neighbour
    lines = max((text.count("\n") + 1 for text in captions or ()), default=0)
    cell_height = unit * tallest + (lines * LINE + 0.04 if lines else 0.0)
    across = min(len(tiles), columns or _columns(len(tiles), cell_width + GAP, cell_height + GAP))
    down = math.ceil(len(tiles) / across)
    inside = max(across * (cell_width + GAP) - GAP, 1.75 if bar else 0.0, min(NARROW, TITLE * len(title or "")))
    heading = textwrap.wrap(title or "", max(int(inside / TITLE), 12))
    head, foot = 0.13 + 0.17 * len(heading) if heading else 0.0, 0.42 if bar else 0.0
    width = inside + 2 * EDGE
    height = down * (cell_height + GAP) - GAP + head + foot + 2 * EDGE

    figure = new_figure(width, height, constrained=False)
    if title:
        text = "\n".join(heading)
        figure.text(EDGE / width, 1 - EDGE / height, text, ha="left", va="top", fontweight="bold", fontsize=10.5)
    image = None
    for k, tile in enumerate(tiles):
        row, column = divmod(k, across)
        tile_height, tile_width = unit * tile.shape[0], unit * tile.shape[1]
        left = EDGE + column * (cell_width + GAP) + (cell_width - tile_width) / 2
        top = EDGE + head + row * (cell_height + GAP) + unit * tallest - tile_height
        box = (left / width, 1 - (top + tile_height) / height, tile_width / width, tile_height / height)
        axes = figure.add_axes(box)
        low, high = limits or (None, None)
        colours = SIGNED if signed else "gray"
        image = axes.imshow(tile, cmap=colours, vmin=low, vmax=high, interpolation="antialiased", aspect="auto")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set(visible=True, linewidth=0.5, color=GREY)
        if captions is not None:
            figure.text(
                (left + tile_width / 2) / width,
                1 - (EDGE + head + row * (cell_height + GAP) + unit * tallest + 0.04) / height,
                captions[k],
                ha="center",
                va="top",
                fontsize=FONT,
                linespacing=1.15,
                color=RED if wrong is not None and wrong[k] else INK,
            )
    if bar and image is not None:
        place = figure.add_axes(((EDGE + 0.15) / width, (EDGE + 0.2) / height, 1.4 / width, 0.08 / height))
        scale = figure.colorbar(image, cax=place, orientation="horizontal")
        scale.outline.set_visible(False)  # type: ignore[operator]
        ends = [limits[0], 0.0, limits[1]] if signed and limits else list(limits or ())
        scale.set_ticks(ends, labels=[f"{value:.3g}" for value in ends])
        place.tick_params(labelsize=7.5, length=2)
    return figure


def _letters(captions: Sequence[str] | None) -> int:
    """Of the longest line."""
    return max((len(line) for text in captions or () for line in text.split("\n")), default=0)


def _columns(count: int, width: float, height: float) -> int:
    if count * width <= ROW:
        return count
    # About 4 : 3 and no wider than a page; of the widths near that, the one that wastes the fewest places.
    ideal = max(1, min(round(math.sqrt(count * height / width * 4 / 3)), int(11 / width)))
    near = range(max(1, math.ceil(ideal * 0.75)), math.ceil(ideal * 1.25) + 1)
    return min(near, key=lambda n: (-count % n, abs(n - ideal)))
