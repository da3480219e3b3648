"""Second half: what excites filters, neurons and classes most, with the lecture's claims as numbers.

Optimal inputs of twelve filters of the second convolution, of nine neurons of the dense layer, and of the digits
without and with the L1 penalty. Claims: a filter's shows one local texture, repeated; a neuron's a picture as a whole;
with the penalty more of the picture stays blank, and the network still reads the digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from apps.digits.lecture.section import Claim, Section
from apps.digits.render import render
from cnn_core import visual
from cnn_core.drawing import report
from cnn_core.errors import UserError
from cnn_core.verbs.views.raw_inputs import maximize_raw
from cnn_core.visual.optimization.config import MaximizeConfig, Maximized

if TYPE_CHECKING:
    from cnn_core.runs import Run

FILTERS, NEURONS = 12, 9
STARTS = 4  # of each filter: what is found depends on the start, and the best is shown
PENALTY = MaximizeConfig(steps=256, l1=0.1)
BLIND = 0.5  # a filter that does not react to more of its own optimum than this is said to be weak


def section(run: Run, options: Any) -> tuple[Section, dict[str, Maximized]]:
    """Optimise all four groups and measure them; gives the groups as well."""
    model, labels = run.model, run.labels
    (_, conv), dense = layers_of(model)
    common: Any = {"seed": options.common.seed, "progress": not options.common.json}
    plain = replace(options.maximize, l1=0.0)
    penalty = options.maximize if options.maximize.l1 else PENALTY
    classes = min(10, len(labels))
    search = partial(maximize_raw, torch.zeros((28, 28), dtype=torch.uint8))
    filters = min(FILTERS, _width(model, conv))
    neurons = min(NEURONS, _width(model, dense))
    best, blind = _best_filters(run, conv, filters, plain, common)
    groups = {
        f"{filters} filters of {conv}": best,
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
    weak = [unit for unit, share in enumerate(blind) if share > BLIND]
    text = (
        "Each picture was found by gradient ascent from grey noise with the weights frozen: a_k of a filter is the sum "
        "of its feature map, a neuron and a class are one value each. Drawn as dark ink on white; an edge that stayed "
        "grey is one that no unit sees."
    )
    if weak:
        listed = ", ".join(map(str, weak))
        text += (
            f" Weak in {conv}: {listed}. Such a filter does not react to most of any picture that was found, and no "
            "pattern should be read into what is shown."
        )
    caption = "Optimal inputs of filters, neurons and classes; of the classes with the L1 penalty too."
    found = Section(
        "What a CNN has learned: the inputs that excite it most",
        text,
        [("optima", _sheet(groups, labels, weak), caption)],
        claims(numbers, classes),
        [(HEAD, _rows(numbers, classes))],
        {"groups": numbers, "blind": dict(enumerate(blind))},
    )
    return found, groups


def _best_filters(
    run: Run, conv: str, count: int, config: MaximizeConfig, common: Any
) -> tuple[Maximized, list[float]]:
    """Of several starts under small shifts and turns the best of each filter, then without these; and its blind share.

    The shifts carry pixels away from where a ReLU is dead, where plain ascent leaves its starting noise. The blind
    share is the part of the pixels to which the filter does not react; these are set to grey.
    """
    objectives = visual.filters(conv, range(count))
    rough = replace(config, robust="gentle", copies=STARTS)
    like = torch.zeros((28, 28), dtype=torch.uint8)
    found = maximize_raw(like, run, objectives, rough, **common)
    best = np.asarray(found.after).reshape(count, STARTS).argmax(1)
    starts = _stack(found).view(count, STARTS, 1, 28, 28)[torch.arange(count), torch.from_numpy(best)]
    pictures, before, after, blind = [], [], [], []
    for unit, (objective, start) in enumerate(zip(objectives, starts, strict=True)):
        canvas = visual.Pixels((1, 28, 28), 0, 255, start_from=start)
        fine = visual.optimize(run.model, objective, canvas, steps=config.steps, seed=common["seed"])
        x = fine.inputs
        dead = visual.saliency(run.model, x, objective) == 0
        x = torch.where(dead, torch.full_like(x, 127.5), x).round()
        pictures.append(x[0, 0].byte().cpu().numpy())
        before.append(found.before[unit * STARTS])
        after.append(float(visual.values(run.model, objective, x)))
        blind.append(float(dead.float().mean()))
    return Maximized(pictures, before, after), blind


HEAD = ["what", "one value sees", "repetition", "texture", "blank", "read as their class"]


def claims(numbers: dict[str, dict[str, float]], classes: int) -> list[Claim]:
    """The lecture's claims, each with the numbers and whether they bear it out."""
    filters, neurons, digits, penalised = numbers.values()
    return [
        Claim(
            "a filter's value is local, a neuron's is global",
            filters["sees"] < neurons["sees"],
            f"it depends on a square of side {filters['sees']:.0f} against {neurons['sees']:.0f} pixels",
        ),
        Claim(
            "a filter's optimum repeats one texture, a neuron's does not",
            filters["repetition"] > neurons["repetition"] and filters["texture"] > neurons["texture"],
            f"repetition {filters['repetition']:.2f} against {neurons['repetition']:.2f}, "
            f"texture {filters['texture']:.2f} against {neurons['texture']:.2f}",
        ),
        Claim(
            "the penalty leaves more of the picture blank",
            penalised["blank"] > digits["blank"],
            f"{penalised['blank']:.0%} against {digits['blank']:.0%}",
        ),
        Claim(
            "the pictures with the penalty are still read as their class",
            penalised["read_as_their_class"] == classes,
            f"{penalised['read_as_their_class']:.0f} of {classes}",
        ),
    ]


def layers_of(model: Any) -> tuple[list[str], str]:
    """The first two convolutions and the hidden dense layer. Raises UserError for a network without them."""
    names = [name for name, _ in model.named_children()]
    convolutions = [name for name in names if name.startswith(("conv", "res"))]
    dense = [name for name in names if name.startswith("dense") and "dropout" not in name]
    if len(convolutions) < 2 or not dense:
        raise UserError(
            "visualize lecture: needs a network with two convolutions and a dense layer after flatten; "
            "train one with `cnn-digits train --preset lecture`"
        )
    return convolutions[:2], dense[0]


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


def _sheet(groups: dict[str, Maximized], labels: Sequence[str], weak: Sequence[int]) -> Any:
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
            caption += " weak" if n == 0 and i in weak else ""
            box = {"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none"}
            axes.text(0.05, 0.95, caption, transform=axes.transAxes, va="top", fontsize=8, color="#d62728", bbox=box)
    return figure
