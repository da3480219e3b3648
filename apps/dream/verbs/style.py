"""style: Deep Style, one picture's content in the style of others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from apps.dream.verbs.common import Looking, animations, arithmetic, asked_size, at_least, backbone_of, filmed, out_path
from apps.dream.verbs.dream import credit_lines, credits_of
from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    from torch import Tensor

    from apps.dream.backbone import Backbone

MOST = 2_000_000  # pixels; activations, gradients and L-BFGS' memory take about 4 kB for each
ABOUT = (
    "Deep Style: find one picture with the content of the first and the style of the others, first at half the size,"
    " then at the whole. Pictures are files or sample photographs by name; paintings are your own files."
)


@dataclass(frozen=True, kw_only=True)
class StyleOptions(Looking):
    """Options of style."""

    content: positional(str)  # type: ignore[valid-type]
    """Picture whose content is kept."""
    styles: positional(tuple[str, ...]) = ()  # type: ignore[valid-type]
    """Pictures whose style it gets."""
    blend: tuple[float, ...] = ()
    """Weight of each style; equal when left out."""
    style_weight: float = 15.0
    """Weight of all styles against the content's 1: more, and the content fades."""
    content_layers: tuple[str, ...] = ()
    """Layers that say what is in the picture, as conv4_2 or conv4_2=0.5 with a weight."""
    style_layers: tuple[str, ...] = ()
    """Layers whose correlations say how it is painted, likewise."""
    colours: Literal["style", "luminance", "histogram"] = "style"
    """luminance: the content's own colours; histogram: the style in the content's range of colours."""
    smooth: float = 0.0
    """Weight of the total variation, against speckle."""
    start: Literal["content", "noise"] = "content"
    """What to start from."""
    optimizer: Literal["lbfgs", "adam"] = "lbfgs"
    """How the picture is found."""
    rate: float = 0.02
    """Of adam, as a part of the range."""
    coarse: int = 40
    """Steps at half the size."""
    steps: int = 20
    """Steps at the whole size."""
    size: int | None = None
    """Longer side of the result in pixels: the content is shrunk or enlarged to it; 0 keeps its size. When left out,
    384, or the content's own where that is less."""
    style_size: int = 0
    """Longer side of the styles: smaller gives finer strokes; as size when 0."""
    every: int = 0
    """Write the picture of every so many steps as well, beside the result."""
    gif: Path | None = None
    """Animation of the way there to write as well."""
    mp4: Path | None = None
    """The same as a film (needs the extra mp4)."""


parse = parser(StyleOptions, ABOUT)


def run(app: App, options: StyleOptions) -> Outcome:
    """Paint, and write the picture."""
    from apps.dream.data import find, pixels_of
    from apps.dream.painting import paint
    from cnn_core.drawing import pictures
    from cnn_core.visual.fast.cache import remember

    at_least(options, coarse=0, steps=0, style_size=0, style_weight=0, smooth=0, every=0)
    if not options.styles:
        raise UserError("name the content and at least one style: cnn-dream style PHOTO PAINTING")
    if options.coarse + options.steps < 1 or not options.rate > 0:
        raise UserError("--coarse and --steps together must be at least 1, and --rate above 0")
    if options.blend and (
        len(options.blend) != len(options.styles) or min(options.blend) < 0 or not sum(options.blend)
    ):
        raise UserError(
            f"--blend: {len(options.blend)} weights for {len(options.styles)} styles; one each, none below 0"
        )
    progress = not options.common.json
    photo = find(options.content, *asked_size(options), progress=progress)
    height, width = photo.pixels.shape[:2]
    if height * width > MOST:
        need = f"{width} x {height} pixels need about {height * width * 4e-6:.0f} GB of memory"
        raise UserError(f"{options.content}: {need}; name a smaller --size, 1024 say")
    longest = options.style_size or max(height, width)
    paintings = [find(name, longest, progress=progress) for name in options.styles]
    backbone = backbone_of(options)
    content_layers = weighted(backbone, "content", options.content_layers or backbone.content)
    style_layers = weighted(backbone, "style", options.style_layers or backbone.style)
    out = out_path(options, "style", photo.name, *(p.name for p in paintings))
    frames: list[Any] = []

    def watch(step: int, picture: Tensor, loss: float) -> None:
        if options.every and (step + 1) % options.every == 0:
            pictures.save(pixels_of(picture), out.with_name(f"{out.stem}-step{step + 1:04}{out.suffix}"))
        if filmed(options) and step % 3 == 0:
            frames.append(pixels_of(picture) / 255)

    _, bf16 = arithmetic(options, backbone)
    given = [photo.tensor(backbone.channels), *(p.tensor(backbone.channels) for p in paintings)]
    settings: dict[str, Any] = {
        n: getattr(options, n)
        for n in ("coarse", "steps", "colours", "start", "style_weight", "smooth", "optimizer", "rate")
    }
    settings |= {"content_layers": content_layers, "style_layers": style_layers, "blend": options.blend or None}
    settings |= {"seed": options.common.seed, "precision": "bf16" if bf16 else "fp32"}
    watched = bool(options.every or filmed(options))

    def compute() -> dict[str, Tensor]:
        painting = paint(
            backbone.model,
            given[0],
            given[1:],
            progress=not options.common.json,
            watch=watch if watched else None,
            **settings,
        )
        return {"picture": painting.picture, "coarse": painting.coarse, "fine": painting.fine}

    found = compute() if watched else remember("painting", backbone.model, (given, settings), compute)
    pixels = pixels_of(found["picture"])
    pictures.save(pixels, out)
    losses = {part: found[part][[0, -1]].tolist() for part in ("coarse", "fine") if len(found[part])}
    size = [pixels.shape[1], pixels.shape[0]]
    data: dict[str, Any] = {"picture": str(out), "backbone": backbone.name, "size": size, "losses": losses}
    where = {"coarse": "at half the size", "fine": "at the whole"}
    fall = ", ".join(f"{first:.3g} to {last:.3g} {where[part]}" for part, (first, last) in losses.items())
    lines = [f"picture: {out} ({size[0]} x {size[1]}; loss {fall})"]
    for path in animations(options, [*frames, pixels / 255]):
        data[path.suffix[1:]] = str(path)
        lines.append(f"animation: {path}")
    return Outcome(data | credits_of(photo, *paintings), "\n".join([*lines, *credit_lines(photo, *paintings)]))


def weighted(backbone: Backbone, what: str, given: tuple[str, ...]) -> dict[str, float]:
    """{layer: weight} of "conv4_2" or "conv4_2=0.5". Raises UserError for a layer without feature maps."""
    layers: dict[str, float] = {}
    for entry in given:
        name, equals, number = entry.partition("=")
        try:
            weight = float(number) if equals else 1.0
        except ValueError:
            weight = -1.0
        if not 0 < weight < float("inf"):
            raise UserError(f"--{what}-layers {entry}: behind = stands a weight above 0, as in conv4_2=0.5")
        backbone.filters(name)
        layers[backbone.layer(name)] = weight
    return layers
