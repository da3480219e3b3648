"""dream: Deep Dream on a picture or on noise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.dream.config import DEFAULT
from apps.dream.verbs.common import (
    CLASSIFIER,
    Looking,
    animations,
    arithmetic,
    asked_size,
    at_least,
    backbone_of,
    chosen_units,
    class_of,
    filmed,
    out_path,
)
from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    from torch import Tensor

    from apps.dream.backbone import Backbone
    from apps.dream.data import Picture
    from cnn_core.visual.dream import Frame
    from cnn_core.visual.optimization.objectives import Objective

MOST = 50_000_000  # pixels; beyond, the picture and its gradient alone take gigabytes
ABOUT = (
    "Deep Dream: change a picture so that a layer's positive entries go up and its negative ones down. Starts from"
    " your picture, from a sample photograph by name (chelsea, coffee, rocket ...), or from noise when none is named."
)


@dataclass(frozen=True, kw_only=True)
class DreamOptions(Looking):
    """Options of dream."""

    picture: positional(str) = ""  # type: ignore[valid-type]
    """File, or name of a sample photograph; noise when left out."""
    layers: tuple[str, ...] = ()
    """Layers to exaggerate, or filters in short form (conv4_2:7, "conv4_2:7 - 0.5*conv4_2:9"); a layer where parts of
    things are seen when left out."""
    units: tuple[int, ...] = ()
    """Only these filters of the layer."""
    target: str = ""
    """A class to dream of, by name or number, in place of layers; from noise, by way of Fourier coefficients."""
    guide: str = ""
    """A second picture: the layers are drawn to what they see there."""
    size: int | None = None
    """Longer side of the result in pixels: the picture is shrunk or enlarged to it; 0 keeps its size. When left out,
    384, or the picture's own where that is less."""
    octaves: int = 4
    """Sizes to work at, small to large."""
    ratio: float = 1.4
    """Between neighbouring sizes."""
    steps: int = 12
    """Steps in each octave."""
    rate: float = 0.01
    """Mean change of a value in a step, as a part of the range."""
    jitter: int = 16
    """Pixels by which the picture is rolled at random before each step."""
    tile: int = 512
    """Larger pictures are worked on in tiles about this large a side, to bound memory."""
    gif: Path | None = None
    """Animation of the way there to write as well."""
    mp4: Path | None = None
    """The same as a film (needs the extra mp4)."""


parse = parser(DreamOptions, ABOUT)


def run(app: App, options: DreamOptions) -> Outcome:
    """Dream, and write the picture."""
    import torch

    from apps.dream.data import find, pixels_of
    from cnn_core import visual
    from cnn_core.drawing import pictures
    from cnn_core.visual.fast.cache import remember

    at_least(options, octaves=1, steps=1, tile=16, jitter=0)
    if not options.ratio > 1 or not options.rate > 0:
        raise UserError("--ratio must be above 1 and --rate above 0")
    progress = not options.common.json
    photo = find(options.picture, *asked_size(options), progress=progress) if options.picture else None
    guide = find(options.guide, options.size or 384, progress=progress) if options.guide else None
    height, width = photo.pixels.shape[:2] if photo else (options.size or 384,) * 2
    if height * width > MOST:
        raise UserError(
            f"{options.picture}: {width} x {height} pixels are too many to dream on; name a --size, 4096 say"
        )
    backbone = backbone_of(options, CLASSIFIER if options.target else DEFAULT)
    what, words = asked(backbone, options)
    out = out_path(options, "dream", photo.name if photo else "noise", words)
    frames: list[Any] = []

    def frame(octave: int, step: int, picture: Tensor) -> None:
        if step % 3 == 0:
            frames.append(pixels_of(picture) / 255)

    context, bf16 = arithmetic(options, backbone)
    settings: dict[str, Any] = {
        name: getattr(options, name) for name in ("octaves", "ratio", "steps", "rate", "jitter", "tile")
    }
    settings |= {"low": 0.0, "high": 255.0, "seed": options.common.seed}
    start = photo.tensor(backbone.channels) if photo else None
    led = guide.tensor(backbone.channels) if guide else None
    size = None if photo else (backbone.channels, height, width)

    def compute() -> dict[str, torch.Tensor]:
        with context:
            if size and options.target:
                return {"picture": from_noise(backbone, what, size, options, frame if filmed(options) else None)}
            seen = visual.deep_dream(
                backbone.model, what, start, size=size, guide=led, progress=not options.common.json,
                frame=frame if filmed(options) else None, **settings,
            )  # fmt: skip
        return {"picture": seen}

    key = (what, start, size, led, settings, bf16)
    result = (
        compute()
        if filmed(options)
        else remember("class" if size and options.target else "dream", backbone.model, key, compute)
    )["picture"]
    pixels = pixels_of(result)
    pictures.save(pixels, out)
    data: dict[str, Any] = {"picture": str(out), "backbone": backbone.name, "dreamt": words, "size": [width, height]}
    lines = [f"picture: {out} ({width} x {height}; {words} of {backbone.name})"]
    for path in animations(options, [*frames, pixels / 255]):
        data[path.suffix[1:]] = str(path)
        lines.append(f"animation: {path}")
    return Outcome(data | credits_of(photo, guide), "\n".join([*lines, *credit_lines(photo, guide)]))


def from_noise(
    backbone: Backbone, goal: Objective, size: tuple[int, ...], options: DreamOptions, frame: Frame | None
) -> Tensor:
    """A class out of nothing, (C, H, W): on pixels its gradient is noise, so Fourier coefficients are changed instead.

    Every step of every octave counts as four here.
    """
    from cnn_core import visual

    def watch(step: int, inputs: Tensor, values: Tensor) -> None:
        if frame is not None and step % 4 == 0:
            frame(0, step // 4, inputs[0])

    found = visual.optimize(
        backbone.model,
        goal,
        visual.Fourier(size, 0, 255, colour=backbone.channels == 3),
        steps=4 * options.octaves * options.steps,
        transforms=visual.STRONG,
        seed=options.common.seed,
        watch=watch,
        progress=not options.common.json,
    )
    return found.inputs[0].cpu()


def asked(backbone: Backbone, options: DreamOptions) -> tuple[Any, str]:
    """What `visual.deep_dream` is to exaggerate, and the same in words. Raises UserError where options contradict."""
    from cnn_core import visual

    if options.target:
        if options.layers or options.units or options.guide:
            raise UserError("--target dreams of a class; leave out --layers, --units and --guide")
        number = class_of(backbone, options.target)
        return visual.logit(number), f"class {backbone.labels[number]}".replace(" ", "-")
    names = options.layers or (backbone.deep,)
    if any(":" in name for name in names):
        if options.units or options.guide:
            raise UserError("--layers names filters already; leave out --units and --guide")
        goals = [visual.as_objective(name).renamed(backbone.layer) for name in names]
        return sum(goals[1:], goals[0]), re.sub(r"[^\w.]+", "-", "-".join(names)).strip("-")
    layers = [backbone.layer(name) for name in names]
    if not options.units:
        return layers, "-".join(names)
    if len(layers) > 1 or options.guide:
        raise UserError("--units picks filters of one layer, without a guide")
    units = chosen_units(backbone, names[0], options.units, 0)
    goal = sum(visual.filters(layers[0], units)[1:], visual.filter(layers[0], units[0]))
    return goal, f"{names[0]}-{'-'.join(map(str, units))}"


def credits_of(*photos: Picture | None) -> dict[str, Any]:
    """Whose pictures were used, for --json."""
    found = [photo.credit for photo in photos if photo and photo.credit]
    return {"credits": found} if found else {}


def credit_lines(*photos: Picture | None) -> list[str]:
    """The same for people."""
    return [f"photograph: {photo.credit}" for photo in photos if photo and photo.credit]
