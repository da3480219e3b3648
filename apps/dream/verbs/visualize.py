"""visualize: what excites the filters of a layer most, the weights of the first layer, and the photographs that do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from apps.dream.verbs.common import Looking, arithmetic, at_least, backbone_of, chosen_units, out_path
from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser
from cnn_core.verbs.visualize import check_options, layer_and_unit

if TYPE_CHECKING:
    from apps.dream.backbone import Backbone

ABOUT = (
    "What filters look for. filters: the picture that excites each filter most, all in one batch; weights: the filters"
    " of the first layer themselves; exemplars: the patches of real pictures that excite each filter most."
)


@dataclass(frozen=True, kw_only=True)
class VisualizeOptions(Looking):
    """Options of visualize."""

    what: positional(Literal["filters", "weights", "exemplars"])  # type: ignore[valid-type]
    """What to show; see above."""
    layer: str = ""
    """Layer to look at, or one filter of it (conv4_2:7); a layer in the middle when left out."""
    units: tuple[int, ...] = ()
    """Numbers of filters; some spread evenly over the layer when left out."""
    count: int = 12
    """How many, when they are not named."""
    copies: int = 1
    """filters: different pictures for each filter."""
    steps: int = 64
    """filters: steps of the ascent."""
    size: int = 96
    """filters: height and width of the pictures in pixels; exemplars: of the squares looked through, 224 at least."""
    rate: float = 0.05
    """filters: step size."""
    robust: Literal["none", "gentle", "strong"] = "strong"
    """filters: random shifts, turns and scales at every step, which a picture must survive."""
    pixels: bool = False
    """filters: optimise pixels, not Fourier coefficients in decorrelated colours."""
    tv: float = 0.0
    """filters: weight of the total variation, against speckle."""
    photos: str = "photos"
    """exemplars: folder of pictures to look through; the sample photographs when left out."""
    exemplars: int = 6
    """exemplars: how many for each filter."""


READS = {
    "filters": ("layer", "units", "count", "copies", "steps", "size", "rate", "robust", "pixels", "tv"),
    "weights": ("layer", "units"),
    "exemplars": ("layer", "units", "count", "size", "photos", "exemplars"),
}

parse = parser(VisualizeOptions, ABOUT)


def run(app: App, options: VisualizeOptions) -> Outcome:
    """Draw the sheet."""
    at_least(options, count=1, copies=1, steps=1, size=16, exemplars=1, tv=0)
    options = replace(options, **layer_and_unit(options.layer, options.units))
    given = {name: getattr(options, name) for reads in READS.values() for name in reads}
    check_options(options.what, READS[options.what], given, VisualizeOptions)
    if not options.rate > 0:
        raise UserError("--rate must be above 0")
    backbone = backbone_of(options)
    return {"filters": _filters, "weights": _weights, "exemplars": _exemplars}[options.what](app, backbone, options)


def _filters(app: App, backbone: Backbone, options: VisualizeOptions) -> Outcome:
    import torch

    from apps.dream.data import pixels_of
    from cnn_core import visual
    from cnn_core.drawing import grids, report
    from cnn_core.visual.fast.cache import remember

    name = options.layer or backbone.middle
    units = chosen_units(backbone, name, options.units, options.count)
    layer, out = backbone.layer(name), out_path(options, "filters", backbone.name, name)
    shape = (backbone.channels, options.size, options.size)
    canvas: Any = visual.Pixels(shape, 0, 255)
    if not options.pixels:
        canvas = visual.Fourier(shape, 0, 255, colour=backbone.channels == 3)
    objectives = visual.filters(layer, units, mean=True)
    context, bf16 = arithmetic(options, backbone)
    settings: dict[str, Any] = {
        "steps": options.steps,
        "rate": options.rate,
        "penalties": [visual.TotalVariation(options.tv / (options.size**2 * 255))] if options.tv else [],
        "transforms": {"none": (), "gentle": visual.GENTLE, "strong": visual.STRONG}[options.robust],
        "copies": options.copies,
        "variety": 1.0 if options.copies > 1 else 0.0,
        "seed": options.common.seed,
    }

    def compute() -> dict[str, torch.Tensor]:
        with context:
            # 16 in one pass: their activations stay below a gigabyte.
            best = visual.optimize(
                backbone.model, objectives, canvas, chunk=16, progress=not options.common.json, **settings
            )
        return {"inputs": best.inputs, "before": best.before}

    found = remember("filters", backbone.model, (objectives, canvas, settings, bf16), compute)
    pictures = [pixels_of(x) for x in found["inputs"]]
    each = [objective for objective in objectives for _ in range(options.copies)]
    shown = torch.stack([torch.from_numpy(p).permute(2, 0, 1)[: backbone.channels].float() for p in pictures])
    device = next(backbone.model.parameters()).device
    after = torch.cat(
        [visual.values(backbone.model, [goal], x[None].to(device)) for goal, x in zip(each, shown, strict=True)]
    ).tolist()
    owners = [unit for unit in units for _ in range(options.copies)]
    captions = [f"{unit}: {value:.3g}" for unit, value in zip(owners, after, strict=True)]
    title = f"What excites filters of {name} most ({backbone.name}, {options.steps} steps)"
    columns = options.copies if options.copies > 2 else None
    report.save(grids.gallery(pictures, captions, title=title, columns=columns, size=1.2), out)
    before = found["before"].tolist()
    rows = [[u, f"{b:.3g}", f"{a:.3g}"] for u, b, a in zip(owners, before, after, strict=True)]
    units_found = [{"unit": u, "start": b, "activation": a} for u, b, a in zip(owners, before, after, strict=True)]
    data = {"backbone": backbone.name, "layer": name, "units": units_found, "picture": str(out)}
    return Outcome(data, f"{table(['filter', 'mean of noise', 'mean reached'], rows)}\n\npicture: {out}")


def _weights(app: App, backbone: Backbone, options: VisualizeOptions) -> Outcome:
    from torch import nn

    from cnn_core import visual
    from cnn_core.drawing import grids, report

    named = backbone.body.named_modules()
    inside = options.layer and backbone.layer(options.layer)
    first = next(
        (n for n, m in named if isinstance(m, nn.Conv2d) and (backbone.prefix + n).startswith(inside or "")), ""
    )
    if not first:
        raise UserError(f"--layer {options.layer}: holds no convolution; the first is in {backbone.at(0)}")
    weight = visual.filter_pictures(backbone.body, first)  # (O, C, h, w)
    if weight.shape[1] not in (1, 3):
        raise UserError(
            f"--layer {options.layer}: its filters have {weight.shape[1]} channels and are not pictures; those of the"
            f" first layer are: leave --layer out, or use `visualize filters`"
        )
    units = list(options.units) or range(len(weight))
    if not all(0 <= unit < len(weight) for unit in units):
        raise UserError(f"--units: {first} has filters 0 to {len(weight) - 1}")
    out = out_path(options, "weights", backbone.name, first)
    top = weight.flatten(1).abs().amax(1).clamp(min=1e-12).view(-1, 1, 1, 1)
    tiles = [visual.as_picture(w) for w in (0.5 + 0.5 * weight / top)[list(units)]]
    title = f"{first} of {backbone.name}: {len(tiles)} filters of {weight.shape[2]} x {weight.shape[3]}; grey is zero"
    report.save(grids.gallery(tiles, [str(u) for u in units], title=title, size=0.6), out)
    data = {"backbone": backbone.name, "layer": first, "filters": len(tiles), "picture": str(out)}
    return Outcome(data, f"picture: {out} ({title})")


def _exemplars(app: App, backbone: Backbone, options: VisualizeOptions) -> Outcome:
    from apps.dream.data import Picture, in_folder, pixels_of, samples, squares
    from cnn_core import visual
    from cnn_core.drawing import grids, report

    name = options.layer or backbone.middle
    units = chosen_units(backbone, name, options.units, options.count)
    layer, out = backbone.layer(name), out_path(options, "exemplars", backbone.name, name)
    names = list(samples()) if options.photos == "photos" else in_folder(Path(options.photos), app.suffixes)
    side = max(options.size, backbone.side)
    used: list[Picture] = []

    def batches() -> Any:
        for picture in squares(names, side, progress=not options.common.json):
            used.append(picture)
            yield picture.tensor(backbone.channels)[None]

    context, _ = arithmetic(options, backbone)
    with context:
        found = visual.find_exemplars(backbone.model, batches(), layer, units=units, count=options.exemplars)
    tiles, captions, rows = [], [], []
    for row, unit in enumerate(units):
        for rank in range(found.scores.shape[1]):
            whole, score = used[int(found.indices[row, rank])], float(found.scores[row, rank])
            patch = found.patch(unit, rank, fill=255.0)
            tiles.append(pixels_of(patch))
            captions.append(f"{unit}: {whole.name}\n{score:.3g}" if rank == 0 else f"{whole.name}\n{score:.3g}")
            rows.append({"unit": unit, "rank": rank, "picture": whole.name, "score": score})
    title = (
        f"What excites filters of {name} most ({backbone.name}, {len(used)} pictures): patches of the receptive field"
    )
    report.save(grids.gallery(tiles, captions, title=title, columns=found.scores.shape[1], size=1.2), out)
    best = [[r["unit"], r["picture"], f"{r['score']:.3g}"] for r in rows if r["rank"] == 0]
    data = {"backbone": backbone.name, "layer": name, "looked_through": len(used), "exemplars": rows}
    text = table(["filter", "best in", "activation"], best)
    return Outcome(data | {"picture": str(out)}, f"{text}\n\npicture: {out}")
