"""Deep Dream and Deep Style with the network of the page itself: small, but by the lecture's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from apps.digits.lecture.section import Claim, Section
from apps.digits.render import render
from cnn_core import visual
from cnn_core.drawing import report

if TYPE_CHECKING:
    from cnn_core.runs import Run


def section(run: Run, pictures: torch.Tensor, layers: list[str], seed: int) -> Section:
    """The first of `pictures` (N, 28, 28) is dreamt on and painted like stripes; `layers` are convolutions."""
    conv = layers[-1]
    start = pictures[:1].float()  # (1, 28, 28), one channel
    dreams = [start]
    for _ in range(3):
        options: Any = {"octaves": 1, "steps": 15, "jitter": 2, "high": 255.0, "rate": 0.02, "seed": seed}
        dreams.append(visual.deep_dream(run.model, conv, dreams[-1], **options))
    whole = visual.whole(conv)
    seen = [float(visual.values(run.model, whole, x[None])) for x in dreams]
    style = _stripes()
    painted = visual.stylize(
        run.model, start, style, content_layers=[conv], style_layers=layers, style_weight=20.0, steps=150, high=255.0,
        seed=seed,
    )  # fmt: skip
    answers = [int(visual.predictions(run.model, x[None])[0]) for x in (start, painted.picture)]
    grams = [_gram(run, x, conv) for x in (start, style, painted.picture)]
    near = [float((g - grams[1]).norm() / grams[1].norm()) for g in (grams[0], grams[2])]
    names = ["a digit", "dreamt on", "further", "further still", "style", "the digit in its style"]
    return Section(
        "Deep Dream and Deep Style",
        f"Deep Dream: the outputs of {conv} are taken as a vector; what is positive is raised, what is negative "
        "lowered, and the picture is changed towards that: the network exaggerates what it sees. Deep Style: the "
        "picture keeps the outputs of the filters (content) and takes over which of them fire together in another "
        "picture (style, the Gram matrix). `cnn-dream` does both with networks that know photographs.",
        [
            (
                "dream",
                _strip([*dreams, style, painted.picture], names),
                "A digit, dreamt on, and in the style of stripes.",
            )
        ],
        [
            Claim(
                "a dream makes the layer see more",
                seen[-1] > seen[0],
                f"half the squared outputs {seen[0]:.3g} to {seen[-1]:.3g}",
            ),
            Claim(
                "style is what filters fire together: the painted digit's correlations are nearer to the style's",
                near[1] < near[0],
                f"distance {near[0]:.2f} before, {near[1]:.2f} after",
            ),
            Claim(
                "the content is kept: the painted digit is still read as the digit",
                answers[0] == answers[1],
                f"{run.labels[answers[0]]} before, {run.labels[answers[1]]} after",
            ),
        ],
        measures={"dream": seen, "style": near},
    )


def _stripes() -> torch.Tensor:
    row, column = torch.meshgrid(torch.arange(28), torch.arange(28), indexing="ij")
    return (((row + column) % 6 < 3).float() * 255)[None]


def _gram(run: Run, picture: torch.Tensor, conv: str) -> torch.Tensor:
    return visual.gram(visual.record(run.model, picture[None], conv)[conv])[0]


def _strip(pictures: list[torch.Tensor], names: list[str]) -> Any:
    figure = report.new_figure(1.35 * len(pictures), 1.65)
    for place, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        axes = figure.add_subplot(1, len(pictures), place + 1)
        pixels = render(picture[0].round().clamp(0, 255).byte().cpu().numpy())
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(name, fontsize=8.5, loc="center", fontweight="normal")
    return figure
