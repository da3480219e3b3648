"""Pictures of how training went and how good the answers are. Every function returns a matplotlib Figure.

Figures are made without pyplot: no global state, no window, safe in threads and on machines without a
display. matplotlib takes half a second to import, so it is imported inside the functions.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from cnn_core.console import visible
from cnn_core.drawing.fonts import families, missing_characters_told
from cnn_core.errors import UserError
from cnn_core.files import atomic, write_json
from cnn_core.metrics.classes import Calibration, Coverage, Metrics, wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "confusion",
    "learning_curve",
    "new_figure",
    "per_class",
    "reliability",
    "save",
    "styled",
    "write_json",
]

# Okabe and Ito's colours: told apart with every common colour vision.
BLUE, ORANGE, GREEN, RED, GREY, INK = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8A8F98", "#22262B"

DPI = 150
"""Pixels per inch of what is saved."""
STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E3E6EA",
    "grid.linewidth": 0.7,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "text.parse_math": False,  # a class named "$5$" is not a formula
    "axes.formatter.use_mathtext": False,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
}

P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function under the suite's style, leaving the caller's matplotlib settings alone."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib as mpl

        with mpl.rc_context():
            mpl.rcParams.update(STYLE)  # type: ignore[arg-type]  # its stubs list every key as a literal
            mpl.rcParams["font.family"] = families()
            return draw(*args, **kwargs)

    return wrapper


def new_figure(width: float, height: float, *, constrained: bool = True) -> "Figure":
    """An empty figure of `width` x `height` inches, off screen; a constrained one lays itself out."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained" if constrained else None, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: "Figure", path: str | Path, *, dpi: int = DPI) -> Path:
    """Write `figure` atomically; the suffix names the format (.png, .pdf, .svg). Gives the path back.

    Raises UserError for a suffix matplotlib does not know and when the file cannot be written.
    """
    final = Path(path)
    kind = final.suffix.lower().lstrip(".") or "png"
    supported = figure.canvas.get_supported_filetypes()
    if kind not in supported:
        raise UserError(f"cannot draw {final}: no picture format .{kind}; use .png, .pdf or .svg")
    _show_controls(figure)
    with atomic(final) as temporary, missing_characters_told(final):
        figure.savefig(temporary, format=kind, dpi=dpi)
    return final


def _show_controls(figure: "Figure") -> None:
    """Write control characters in labels, names and texts as escapes; no font has them."""
    from matplotlib.text import Text

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            formatter = axis.get_major_formatter()  # draws its labels anew
            formatter.format_ticks = partial(_shown_ticks, formatter.format_ticks)
    for text in figure.findobj(Text):
        shown = text.get_text()  # type: ignore[attr-defined]
        if shown != visible(shown, page=True):
            text.set_text(visible(shown, page=True))  # type: ignore[attr-defined]


def _shown_ticks(format_ticks: Callable[..., list[str]], values: Any) -> list[str]:
    return [visible(label, page=True) for label in format_ticks(values)]


@styled
def learning_curve(log: Iterable[Mapping[str, Any]], *, title: str = "Learning curve") -> "Figure":
    """Loss and accuracy per epoch, of training and (where logged) validation.

    `log` holds the records of a run (`cnn_core.training.monitoring.log.read_log`): `epoch`, and any of train_loss,
    train_accuracy, validation_loss, validation_accuracy (accuracies 0..1). Of an epoch logged twice the last
    record counts. Raises ValueError when no record has an epoch.
    """
    from matplotlib.ticker import MaxNLocator

    epochs = {record["epoch"]: record for record in log if "epoch" in record}
    if not epochs:
        raise ValueError("nothing to draw: no record has an epoch")
    figure = new_figure(8, 3.2)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11.5)
    panels = figure.subplots(1, 2)
    for axes, what, scale in zip(panels, ("loss", "accuracy"), (1, 100), strict=True):
        for who, colour in (("train", ORANGE), ("validation", BLUE)):
            key = f"{who}_{what}"
            points = sorted((e, scale * r[key]) for e, r in epochs.items() if r.get(key) is not None)
            if points:
                x, y = zip(*points, strict=True)
                marker = "o" if len(points) <= 30 else ""
                axes.plot(x, y, color=colour, marker=marker, label=f"{who} {_short(y[-1], what)}")
        axes.set_title(what.capitalize())
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.grid(axis="y")
        if len(epochs) == 1:
            only = next(iter(epochs))
            axes.set_xlim(only - 1, only + 1)
        if axes.lines:
            axes.legend(title="last epoch", alignment="left", title_fontsize=8)
        else:
            axes.text(0.5, 0.5, "not logged", color=GREY, ha="center", transform=axes.transAxes)
    panels[1].yaxis.set_major_formatter(_percent)
    bottom, top = panels[1].get_ylim()
    if top > 100:
        panels[1].set_ylim(bottom, 100 + 0.02 * (100 - bottom))
    return figure


def _percent(value: float, _position: float = 0) -> str:
    return f"{value:.6g} %"


def _short(value: float, what: str) -> str:
    return f"{value:.2f} %" if what == "accuracy" else f"{value:.3g}"


@styled
def confusion(matrix: Any, classes: Sequence[str], *, title: str | None = None) -> "Figure":
    """Confusion matrix (C, C), rows = truth. Only mistakes are coloured: by their share of the row.

    So a network that is right 99 times in 100 still shows what it mixes up. Right answers stand in grey on
    the diagonal; counts are printed where they fit (about 50 classes), zeros are left out.
    """
    counts = np.asarray(matrix)
    size = len(classes)
    if counts.shape != (size, size):
        raise ValueError(f"the matrix must be ({size}, {size}) for {size} classes, not {counts.shape}")
    total = counts.sum(axis=1, keepdims=True)
    share = 100 * counts / np.where(total > 0, total, 1)
    mistakes = np.ma.masked_array(share, mask=np.eye(size, dtype=bool) | (counts == 0))
    # At least half a per cent: two mistakes of a very good network should not look like an alarm.
    worst = max(0.5, float(mistakes.max())) if mistakes.count() else 0.5

    cell = min(0.62, max(0.27, 5.2 / size)) if size <= 60 else 12 / size  # inches
    longest = max(len(name) for name in classes)
    margin = 0.65 + 0.075 * min(longest, 20)
    figure = new_figure(max(3.6, cell * size + margin + 0.75), max(2.9, cell * size + margin + 0.35))
    axes = figure.add_subplot()
    axes.set_facecolor("white")
    diagonal = np.ma.masked_array(np.ones((size, size)), mask=~np.eye(size, dtype=bool))
    axes.imshow(diagonal, cmap="Greys", vmin=0, vmax=9)
    image = axes.imshow(mistakes, cmap="YlOrRd", vmin=0, vmax=worst)
    _cell_counts(axes, counts, share / worst, cell)
    if size <= 60:
        crowded = longest * 0.075 > cell
        axes.set_xticks(range(size), classes, rotation=90 if crowded else 0)
        axes.set_yticks(range(size), classes)
    axes.tick_params(length=0, labelsize=9 if cell > 0.3 else 7.5)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    right = int(counts.trace())
    axes.set_title(title or f"{int(counts.sum()) - right:,} mistakes in {int(counts.sum()):,}")
    if mistakes.count():
        bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=24, pad=0.02)
        bar.set_label("mistakes, % of the true class")
        bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def _cell_counts(axes: "Axes", counts: np.ndarray, heat: np.ndarray, cell: float) -> None:
    # A digit is about 0.62 of the font size wide; a count may take 90 % of its cell.
    points = min(9.0, cell * 72 * 0.42)
    if points < 5:
        return
    for row, column in zip(*np.nonzero(counts), strict=True):
        text = str(counts[row, column])
        fitting = min(points, 0.9 * cell * 72 / (0.62 * len(text)))
        if fitting >= 5:
            dark = row != column and heat[row, column] > 0.6
            axes.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=fitting,
                color="white" if dark else INK if row != column else GREY,
            )


@styled
def risk_coverage(found: "Sequence[Coverage]") -> "Figure":
    """Errors that are left, with their 95 % intervals, over the share of samples that are answered."""
    figure = new_figure(4.4, 3.2)
    axes = figure.subplots()
    x, y = ([100 * getattr(each, name) for each in found] for name in ("coverage", "risk"))
    ends = np.array([[100 * (each.risk - each.low), 100 * (each.high - each.risk)] for each in found])
    axes.errorbar(x, y, yerr=ends.T.clip(0), fmt="o-", color=BLUE, linewidth=1.2, elinewidth=1, markersize=4)
    axes.set_xlabel("answered, the surest first")
    axes.set_ylabel("errors among them")
    axes.set_ylim(bottom=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_percent)
    axes.grid()
    return figure


@styled
def reliability(found: Calibration, *, title: str | None = None) -> "Figure":
    """Reliability diagram (Guo et al. 2017): accuracy over confidence, with 95 % Wilson intervals per bin.

    Below it, how many samples each bin has (logarithmic). On the dashed line, confidence is what it says.
    """
    from matplotlib.ticker import NullLocator

    figure = new_figure(4.4, 4.8)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    filled = found.counts > 0
    counts, x, y = found.counts[filled], 100 * found.confidence[filled], 100 * found.accuracy[filled]
    ends = 100 * np.array([wilson_interval(round(a / 100 * n), n) for a, n in zip(y, counts, strict=True)])
    upper.plot([0, 100], [0, 100], color=GREY, linewidth=1, linestyle=(0, (4, 3)), label="perfect")
    upper.errorbar(
        x,
        y,
        yerr=np.abs(ends.T - y),
        fmt="o-",
        color=BLUE,
        linewidth=1.2,
        elinewidth=1,
        markersize=4.5,
        label="measured, 95 %",
    )
    upper.set_ylabel("accuracy")
    upper.set_ylim(-2, 102)
    upper.set_xlim(-2, 102)
    upper.yaxis.set_major_formatter(_percent)
    upper.grid()
    modest = np.average(y - x, weights=counts) > 0  # the points lie above the line: the corner below is free
    upper.legend(loc="lower right" if modest else "upper left")
    upper.set_title(title or f"Calibration error (ECE) {100 * found.error:.2f} %")
    edges = 100 * found.edges
    lower.bar(edges[:-1], found.counts, width=np.diff(edges), align="edge", color=BLUE, edgecolor="white")
    lower.set_yscale("log")
    decades = max(1, math.ceil(math.log10(found.counts.max())))
    lower.set_ylim(0.7, 1.5 * 10**decades)
    lower.set_yticks([10**k for k in range(0, decades + 1, 1 if decades < 3 else 2)])
    lower.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    lower.yaxis.set_minor_locator(NullLocator())
    lower.xaxis.set_major_formatter(_percent)
    lower.set_ylabel("samples")
    lower.set_xlabel("confidence (probability of the answer)")
    lower.grid(axis="y")
    figure.align_ylabels([upper, lower])
    return figure


@styled
def per_class(found: Metrics, *, title: str | None = None) -> "Figure":
    """Recall with its 95 % Wilson interval and precision of every class, and the accuracy of all.

    Points, not bars: the axis need not begin at 0, so that 99.1 % and 99.7 % can be told apart.
    """
    size = len(found.classes)
    step = 0.28 if size <= 20 else 0.2
    figure = new_figure(5.6, 1.25 + step * size)
    axes = figure.add_subplot()
    rows = np.arange(size)
    supported = found.support > 0
    recall, ends = 100 * found.recall[supported], 100 * found.class_intervals[supported]
    axes.axvline(100 * found.accuracy, color=GREY, linewidth=1, linestyle=(0, (4, 3)), label="accuracy of all")
    axes.errorbar(
        recall,
        rows[supported],
        xerr=np.abs(ends.T - recall),
        fmt="o",
        color=BLUE,
        elinewidth=1.2,
        markersize=5.5,
        label="recall, 95 %",
    )
    axes.plot(100 * found.precision, rows, "D", color=ORANGE, markersize=4.5, label="precision")
    reach = np.concatenate([ends.ravel(), 100 * found.precision[~np.isnan(found.precision)]])
    low, high = reach.min(), reach.max()
    pad = 0.04 * (high - low)
    axes.set_xlim(low - pad, high + pad)
    names = [f"{name}  ({n:,})" for name, n in zip(found.classes, found.support.tolist(), strict=True)]
    axes.set_yticks(rows, names)
    axes.set_ylim(size - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelsize=9 if step > 0.25 else 8)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="both")
    axes.xaxis.set_major_formatter(_percent)
    low_all, high_all = (100 * end for end in found.accuracy_interval)
    headline = f"Accuracy {100 * found.accuracy:.2f} %  (95 %: {low_all:.2f} to {high_all:.2f})"
    axes.set_title(title or headline)
    figure.legend(loc="outside lower left", ncols=3)
    return figure
