"""Do the pictures of the classes look like digits? Measured, and how far one gets with what does better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from apps.digits.lecture.section import Claim, Section
from apps.digits.render import render
from cnn_core import runs, visual
from cnn_core.drawing import report
from cnn_core.networks import pretrained
from cnn_core.visual.fast.cache import fingerprint

if TYPE_CHECKING:
    from cnn_core.runs import Run

EXAMPLES, COMPONENTS = 10_000, 40
HEAD = ["how", "this network's p", "another network's p", "likeness to the nearest real digit", "read by the other"]


def section(run: Run, examples: torch.Tensor, test: torch.Tensor, seed: int, steps: int) -> Section:
    """`examples` (N, 28, 28) are training pictures, `test` others: how like each other are real digits?"""
    examples = examples[:EXAMPLES]
    other, name = _other(run)
    classes = min(10, len(run.labels))
    ways = _ways(run, examples, classes, seed, steps)
    real = float(nearest(test[:500], examples).median())
    low = float(nearest(test[:500], examples).quantile(0.05))
    rows, measures = [], {}
    for way, pictures in ways.items():
        likeness = float(nearest(pictures, examples).mean())
        own = _certainty(run.model, pictures, classes)
        theirs = _certainty(other.model, pictures, classes) if other else None
        measures[way] = {"own": own[0], "other": theirs[0] if theirs else None, "likeness": likeness}
        read = f"{theirs[1]} of {classes}" if theirs else ""
        rows.append([way, f"{own[0]:.2f}", f"{theirs[0]:.2f}" if theirs else "", f"{likeness:.2f}", read])
    rows.append(["real digits", "", "", f"{real:.2f}", ""])
    plain, penalised, prior = (measures[way] for way in (PLAIN, L1, PRIOR))
    best = max(measures, key=lambda way: measures[way]["likeness"])
    claims = [
        Claim(
            "the picture that excites a class most does not look like a digit",
            plain["likeness"] < low,
            f"likeness {plain['likeness']:.2f}, where 95 % of real digits have more than {low:.2f}; this network is "
            f"sure all the same, p {plain['own']:.2f}",
        ),
        Claim(
            "with the penalty it looks more like one",
            penalised["likeness"] > plain["likeness"],
            f"{penalised['likeness']:.2f} against {plain['likeness']:.2f}",
        ),
        Claim(
            "pictures made of what digits have in common are the most like digits",
            best == PRIOR,
            f"likeness {prior['likeness']:.2f}; real digits {real:.2f}",
        ),
    ]
    if other:
        claims.insert(
            1,
            Claim(
                "what one network is sure of is specific to it: another one is less sure",
                plain["other"] < plain["own"],
                f"p {plain['other']:.2f} of {name} against {plain['own']:.2f}",
            ),
        )
    text = (
        "Likeness is the correlation with the most similar of "
        f"{len(examples):,} training pictures, the mean over the classes. "
        + (f"The other network is {name}, which was trained apart from this one. " if other else "")
        + "Plain ascent finds what this network reacts to, not what it was shown. Each row asks more of the picture: "
        "few dark pixels (the lecture's L1), neighbours alike (total variation), to be read when shifted and turned "
        f"(jitter), smooth from the start (Fourier), and made of the {COMPONENTS} principal components of the training "
        "pictures, none further out than real digits lie (a prior from data)."
    )
    figure = _sheet(ways, run.labels)
    return Section(
        "The pictures of the classes do not look like digits, and what helps",
        text,
        [("likeness", figure, "What is found for each class, from plain ascent to a prior from data.")],
        claims,
        [(HEAD, rows)],
        {"ways": measures, "real": real, "real_low": low},
    )


PLAIN, L1, TV, ROBUST, FOURIER, PRIOR = (
    "plain", "L1", "L1 and total variation", "the same, shifted and turned", "Fourier, shifted and turned",
    "prior from data",
)  # fmt: skip


def _ways(run: Run, examples: torch.Tensor, classes: int, seed: int, steps: int) -> dict[str, torch.Tensor]:
    """(classes, 28, 28) bytes of each way."""
    pixels = visual.Pixels((1, 28, 28), 0, 255)
    few, alike = visual.L1(0.1, unit=255), visual.TotalVariation(0.01, unit=255)
    prior = visual.Subspace.of(examples[:, None], COMPONENTS, low=0, high=255, reach=1.5)
    asked: dict[str, dict[str, Any]] = {
        PLAIN: {"canvas": pixels},
        L1: {"canvas": pixels, "penalties": [few]},
        TV: {"canvas": pixels, "penalties": [few, alike]},
        ROBUST: {"canvas": pixels, "penalties": [few, alike], "transforms": visual.GENTLE},
        FOURIER: {"canvas": visual.Fourier((1, 28, 28), 0, 255), "penalties": [few], "transforms": visual.GENTLE},
        PRIOR: {"canvas": prior},
    }
    goals = visual.logits(range(classes))
    found = {}
    for way, options in asked.items():
        best = visual.optimize(run.model, goals, steps=steps, seed=seed, cache=True, **options)
        found[way] = best.inputs[:, 0].round().clamp(0, 255).cpu()
    return found


def nearest(pictures: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
    """(B,): the highest correlation of each picture (B, H, W) with one of the examples (N, H, W)."""
    return (_standard(pictures) @ _standard(examples).T).amax(1)


def _standard(pictures: torch.Tensor) -> torch.Tensor:
    flat = pictures.flatten(1).float()
    flat = flat - flat.mean(1, keepdim=True)
    return flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-9)


def _certainty(model: torch.nn.Module, pictures: torch.Tensor, classes: int) -> tuple[float, int]:
    """Mean probability of the class that each picture was made for, and how many are read as theirs."""
    logits = visual.record(model, pictures.byte(), "")[""].float()
    wanted = torch.arange(classes)
    return float(logits.softmax(1)[wanted, wanted].mean()), int((logits.argmax(1).cpu() == wanted).sum())


def _other(run: Run) -> tuple[Run | None, str]:
    """A ready-made network of the same classes and other weights."""
    own = fingerprint(run.model)
    for card in pretrained.cards("digits"):
        found = runs.restore(run.app, pretrained.run_path(f"@{card.name}"))
        if found.labels == run.labels and fingerprint(found.model) != own:
            return found, f"@{card.name}"
    return None, ""


def _sheet(ways: dict[str, torch.Tensor], labels: Any) -> Any:
    side, left = 0.74, 1.75
    columns = max(len(pictures) for pictures in ways.values())
    figure = report.new_figure(left + columns * side + 0.1, len(ways) * side + 0.4, constrained=False)
    width, height = figure.get_size_inches()
    for row, (way, pictures) in enumerate(ways.items()):
        top = 0.3 + row * side
        name = way.replace(" and ", "\nand ").replace(", ", ",\n")
        figure.text(0.1 / width, 1 - (top + side / 2) / height, name, va="center", fontsize=8.5)
        for column, pixels in enumerate(pictures):
            tile = 0.95 * side
            box = ((left + column * side) / width, 1 - (top + tile) / height, tile / width, tile / height)
            axes = figure.add_axes(box)
            axes.imshow(render(pixels.byte().numpy()), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            if row == 0:
                axes.set_title(labels[column], fontsize=9, pad=3)
    return figure
