"""The learning curves of several runs in one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cnn_core.drawing.report import new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def learning_curves(logs: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Loss and accuracy per epoch of runs by name: of training dashed, of validation (where logged) in full.

    `logs` holds the records of each run (`cnn_core.training.log.read_log`). Raises ValueError without any epoch.
    """
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    if not any(record.get("epoch") for log in logs.values() for record in log):
        raise ValueError("nothing to draw: no record has an epoch")
    figure = new_figure(8, 3.4)
    figure.suptitle("Learning curves (dashed: training, full: validation)", x=0.01, ha="left", fontweight="bold")
    colours = colormaps["tab10"].colors  # type: ignore[attr-defined]
    panels = figure.subplots(1, 2)
    for axes, what, scale in zip(panels, ("loss", "accuracy"), (1, 100), strict=True):
        for number, (name, log) in enumerate(logs.items()):
            for who, style in (("train", "--"), ("validation", "-")):
                key = f"{who}_{what}"
                points = [(each["epoch"], scale * each[key]) for each in log if each.get(key) is not None]
                if points:
                    x, y = zip(*points, strict=True)
                    marker = "o" if len(points) <= 30 else ""
                    axes.plot(x, y, style, marker=marker, color=colours[number % len(colours)], label=name)
        axes.set_title("Loss" if what == "loss" else "Accuracy, %")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.grid(axis="y")
    handles = {name: line for line in panels[0].lines for name in [str(line.get_label())]}
    panels[1].legend(handles.values(), handles.keys(), fontsize=7)
    return figure
