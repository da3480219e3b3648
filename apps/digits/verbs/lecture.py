"""The lecture's figures as one sheet and one page, with its claims as numbers.

Optimal inputs of twelve filters of the second convolution, of nine neurons of the dense layer, and of the digits
without and with the L1 penalty. Claims: a filter's shows one local texture, repeated; a neuron's a picture as a whole;
with the penalty more of the picture stays blank, and the network still reads the digit.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from apps.digits.render import render
from cnn_core import visual
from cnn_core.app import App
from cnn_core.drawing import report
from cnn_core.drawing.pages import Page
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.runs import Run
from cnn_core.verbs.views.common import out_path
from cnn_core.verbs.views.raw_inputs import maximize_raw
from cnn_core.visual.optimization.config import MaximizeConfig, Maximized

FILTERS, NEURONS = 12, 9
PENALTY = MaximizeConfig(steps=256, l1=0.1)


def view(app: App, run: Run, options: Any) -> Outcome:
    """Optimise all four groups, measure them, and write the sheet (PNG) and the page (HTML beside it)."""
    model, labels = run.model, run.labels
    conv, dense = _layers(model)
    common = {"seed": options.common.seed, "progress": not options.common.json}
    plain = replace(options.maximize, l1=0.0)
    penalty = options.maximize if options.maximize.l1 else PENALTY
    classes = min(10, len(labels))
    search = partial(maximize_raw, torch.zeros((28, 28), dtype=torch.uint8))
    filters = min(FILTERS, _width(model, conv))
    neurons = min(NEURONS, _width(model, dense))
    groups = {
        f"{filters} filters of {conv}": search(run, list(visual.filters(conv, range(filters))), plain, **common),
        f"{neurons} neurons of {dense}": search(run, list(visual.neurons(dense, range(neurons))), plain, **common),
        "the classes": search(run, list(visual.logits(range(classes))), plain, **common),
        f"the classes with L1 ({penalty.l1:g})": search(run, list(visual.logits(range(classes))), penalty, **common),
    }
    numbers = {name: _measure(model, found) for name, found in groups.items()}
    for name, layer in zip(groups, (conv, dense, "output", "output"), strict=True):
        numbers[name]["sees"] = _field(model, layer)
    for name in list(groups)[2:]:
        read = visual.predictions(model, _stack(groups[name]))[0].tolist()
        numbers[name]["read_as_their_class"] = sum(a == b for a, b in zip(read, range(classes), strict=True))
    out = out_path(options, run)
    figure = _sheet(groups, labels)
    report.save(figure, out)
    page = _page(run, figure, numbers, classes).save(out.with_suffix(".html"))
    rows = _rows(numbers, classes)
    text = f"{table(HEAD, rows)}\n\n" + "\n".join(claims(numbers, classes)) + f"\n\npicture: {out}\npage: {page}"
    return Outcome({"run": str(run.folder), "measures": numbers, "picture": str(out), "page": str(page)}, text)


HEAD = ["what", "one value sees", "repetition", "texture", "blank", "read as their class"]


def claims(numbers: dict[str, dict[str, float]], classes: int) -> list[str]:
    """The lecture's claims, each with the numbers and whether they bear it out."""
    filters, neurons, digits, penalised = numbers.values()

    def line(claim: str, holds: bool, figures: str) -> str:
        return f"{'holds' if holds else 'DOES NOT HOLD'}: {claim} ({figures})"

    return [
        line(
            "a filter's value is local, a neuron's is global",
            filters["sees"] < neurons["sees"],
            f"it depends on a square of side {filters['sees']:.0f} against {neurons['sees']:.0f} pixels",
        ),
        line(
            "a filter's optimum repeats one texture, a neuron's does not",
            filters["repetition"] > neurons["repetition"] and filters["texture"] > neurons["texture"],
            f"repetition {filters['repetition']:.2f} against {neurons['repetition']:.2f}, "
            f"texture {filters['texture']:.2f} against {neurons['texture']:.2f}",
        ),
        line(
            "the penalty leaves more of the picture blank",
            penalised["blank"] > digits["blank"],
            f"{penalised['blank']:.0%} against {digits['blank']:.0%}",
        ),
        line(
            "the pictures with the penalty are still read as their class",
            penalised["read_as_their_class"] == classes,
            f"{penalised['read_as_their_class']:.0f} of {classes}",
        ),
    ]


def _layers(model: Any) -> tuple[str, str]:
    """The second convolution and the hidden dense layer. Raises UserError for a network without them."""
    names = [name for name, _ in model.named_children()]
    convolutions = [name for name in names if name.startswith(("conv", "res"))]
    dense = [name for name in names if name.startswith("dense") and "dropout" not in name]
    if len(convolutions) < 2 or not dense:
        raise UserError(
            "visualize lecture: needs a network with two convolutions and a dense layer after flatten; "
            "train one with `cnn-digits train --preset lecture`"
        )
    return convolutions[1], dense[0]


def _width(model: Any, layer: str) -> int:
    blank = torch.zeros(1, 28, 28, dtype=torch.uint8)
    return visual.record(model, blank.to(next(model.parameters()).device), layer)[layer].shape[1]


def _field(model: Any, layer: str) -> int:
    """Side of the square of pixels that one value of the layer depends on."""
    blank = torch.zeros(1, 1, 28, 28)
    places = visual.record(visual.behind_front(model), blank, layer)[layer].shape[2:]
    fields = visual.receptive_fields(visual.behind_front(model), layer, blank, [tuple(n // 2 for n in places)])
    start, stop = fields.boxes[0, -1].tolist()
    return stop - start


def _stack(found: Maximized) -> torch.Tensor:
    return torch.from_numpy(np.stack(found.inputs)).float()  # (B, 28, 28)


def _measure(model: Any, found: Maximized) -> dict[str, float]:
    pictures = _stack(found)[:, None]
    alive = torch.tensor(found.after) > 0
    measured = visual.texture(pictures[alive] if alive.any() else pictures)
    return {
        "repetition": float(measured.repetition.median()),
        "texture": float(measured.concentration.median()),
        "blank": float(visual.blank_share(pictures, unit=255).mean()),
        "activation": float(np.mean(found.after)),
        "start": float(np.mean(found.before)),
    }


def _rows(numbers: dict[str, dict[str, float]], classes: int) -> list[list[Any]]:
    return [
        [
            name,
            f"{n['sees']:.0f} x {n['sees']:.0f}",
            f"{n['repetition']:.2f}",
            f"{n['texture']:.2f}",
            f"{n['blank']:.0%}",
            f"{n['read_as_their_class']:.0f} of {classes}" if "read_as_their_class" in n else "",
        ]
        for name, n in numbers.items()
    ]


SIDE, GAP, EDGE = 0.86, 0.07, 0.25  # inches


def _sheet(groups: dict[str, Maximized], labels: Sequence[str]) -> Any:
    """Four blocks of two rows, side by side."""
    columns = [-(-len(found.inputs) // 2) for found in groups.values()]
    across = [columns[0] + columns[1], columns[2] + columns[3]]
    width = max(across) * (SIDE + GAP) + 3 * EDGE
    block = 2 * (SIDE + GAP) + 0.42
    height = 2 * block + 0.55 + EDGE
    figure = report.new_figure(width, height, constrained=False)
    title = "What excites a CNN most: x* = argmax a(x)"
    figure.text(EDGE / width, 1 - 0.15 / height, title, va="top", fontsize=14, fontweight="bold")
    for n, (name, found) in enumerate(groups.items()):
        left = EDGE if n % 2 == 0 else width - EDGE - columns[n] * (SIDE + GAP)
        top = 0.6 + (n // 2) * block
        figure.text(left / width, 1 - top / height, name, va="top", fontsize=10.5, fontweight="bold")
        for i, pixels in enumerate(found.inputs):
            row, column = divmod(i, columns[n])
            x, y = left + column * (SIDE + GAP), top + 0.25 + row * (SIDE + GAP)
            axes = figure.add_axes((x / width, 1 - (y + SIDE) / height, SIDE / width, SIDE / height))
            axes.imshow(render(pixels), cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
            axes.set_xticks([])
            axes.set_yticks([])
            caption = labels[i] if name.startswith("the classes") else str(i)
            box = {"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none"}
            axes.text(0.05, 0.95, caption, transform=axes.transAxes, va="top", fontsize=8, color="#d62728", bbox=box)
    return figure


def _page(run: Run, figure: Any, numbers: dict[str, dict[str, float]], classes: int) -> Page:
    page = Page("What excites a CNN most")
    page.text(
        f"A network trained on {run.config.data} ({run.record['preset']} preset). Each picture was found by gradient "
        "ascent from grey noise with the weights frozen: a_k of a filter is the sum of its feature map, a neuron and "
        "a class are one value each. Drawn as dark ink on white; an edge that stayed grey is one that no unit sees."
    )
    page.picture(figure, "Optimal inputs of filters, neurons and classes; of the classes with the L1 penalty too.")
    page.heading("The claims, checked")
    for line in claims(numbers, classes):
        page.text(line)
    page.heading("The numbers")
    page.table(HEAD, _rows(numbers, classes))
    page.text(
        "Repetition: the highest autocorrelation away from zero shift, 1 for a pattern that repeats exactly (median). "
        "Texture: the part of the spectrum's power in its strongest 2 percent of frequencies (median). "
        "Blank: the part of the pixels within 5 percent of black (mean)."
    )
    return page
