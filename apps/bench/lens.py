"""lens: one page with the five domains side by side, made by the same commands that each app has.

For a digit, a board, a sound and a sentence: the filters of the first layer, what they want, what excites them in real
data, what some classes want, and one explained prediction. Another network, trained with another seed, is asked what
it makes of the classes' optima: does it see the same thing?
"""

import textwrap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from apps.bench.options import BenchOptions, computing
from apps.bench.studies.domains import check_names
from apps.bench.studies.study import app_named
from cnn_core.app import App
from cnn_core.console import note
from cnn_core.files import plain, write_json
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser
from cnn_core.visual.optimization.config import MaximizeConfig

UNITS, PATCHES, SHOWN = 4, 3, 12
WIDTH, HEIGHT, HEAD = 4.2, 3.4, 0.25  # inches of a cell on the sheet, and of the line above it
LAST = 2.4  # inches of the lowest row
PRESET = {"digits": "lecture", "photos": "scratch", "go": "small", "speech": "time", "text": "rand"}
SEARCH = {
    "digits": MaximizeConfig(steps=256, l1=0.1),
    "photos": MaximizeConfig(steps=128, fourier=True, robust="gentle"),
    "go": MaximizeConfig(steps=24),
    "speech": MaximizeConfig(steps=200),
    "text": MaximizeConfig(steps=64),
}
METHODS = ("integrated-gradients", "occlusion")
COLUMNS = {
    "weights": "the filters of the first layer",
    "filters": "what some of them want",
    "exemplars": "what excites them in real data",
    "classes": "what some classes want",
    "explain": "one explained prediction",
}
LEGEND = (
    "Under an optimum: the activation that it reaches, and the most that real test inputs reach. In an explained "
    "prediction, red spoke for the answer and blue against; p is its probability, with the hottest tenth of the places "
    "blanked and with a random tenth."
)
SEEN = {
    "digits": "Filters are edges and strokes; a class's optimum holds the strokes that speak for the digit.",
    "photos": "Filters are edges and spots of colour; optima are textures, for a network this small knows no shapes.",
    "go": "Filters look at stones, liberties and the edge. Every optimum is a legal board that invites the move.",
    "speech": "Spectrograms, time from left to right, low tones below. An optimum is a sound of one second that hisses "
    "and hums where the word has its bands: the network hears the word in it, people seldom do.",
    "text": "Filters span a few words. Every optimum is words of the vocabulary, in an order that nobody would write.",
}
"""What there is to see, as a sheet says it below its title."""


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of lens. A run folder that is not named is trained with the app's preset."""

    digits: Path | None = None
    """Run of cnn-digits with a network like preset lecture."""
    photos: Path | None = None
    """Run of cnn-photos with a network like preset scratch."""
    go: Path | None = None
    """Run of cnn-go."""
    speech: Path | None = None
    """Run of cnn-speech."""
    text: Path | None = None
    """Run of cnn-text."""
    apps: tuple[str, ...] = tuple(PRESET)
    """Which domains."""
    judge: bool = True
    """Train a second network of each, with another seed, and show it what the first one's classes want."""
    steps: int = 0
    """Steps of each optimum; 0 takes what suits the domain."""
    sample: int = 30
    """Number of the test sample that is explained; small numbers are the first moves of a game of Go."""
    out: Path = Path("benchmarks/lens")
    """Folder for the page (lens.html), a sheet a domain (lens-NAME.png), the numbers (lens.json) and trained runs."""


parse = parser(
    Options, "One page with what the networks of all five domains see; --seed is that of networks and optima."
)


def run(app: App | None, options: Options) -> Outcome:
    """Make the page."""
    check_names("--apps", options.apps, PRESET)
    with computing(options.common) as place:
        found = {name: domain(name, options, place) for name in options.apps}
    sheets = {name: options.out / f"lens-{name}.png" for name in found}
    result = {"domains": found, "page": str(options.out / "lens.html"), "pictures": plain(sheets)}
    write_json(options.out / "lens.json", result)
    for name, each in found.items():
        _picture(name, each, sheets[name])
    _page(found, options.out)
    data = plain(result)
    assert isinstance(data, dict)
    return Outcome(data, f"page: {result['page']}\npictures: {', '.join(map(str, sheets.values()))}")


def domain(name: str, options: Options, place: Any) -> dict[str, Any]:
    """The pictures and numbers of one domain."""
    from cnn_core import runs
    from cnn_core.drawing import report
    from cnn_core.verbs.views.common import units_of

    app = app_named(name)
    folder = getattr(options, name) or trained(app, name, options, options.common.seed)
    run = runs.restore(app, folder, place)
    units = units_of((), len(run.labels), UNITS, "output")  # classes
    pictures, data, optima = {}, {}, ()
    for what in COLUMNS:
        note(f"{name}: {COLUMNS[what]}")
        path = options.out / name / f"{what}.png"
        done = _explain(run, options, path) if what == "explain" else _visualize(run, what, name, options, path)
        optima = done.inputs if what == "classes" else optima
        cell = path.with_name(f"{what}-cell.png")
        report.save(weights(run) if what == "weights" else _cell(what, done), cell, dpi=200)
        pictures[what], data[what] = str(cell), done.data
    found = {"run": str(folder), "preset": run.record["preset"], "pictures": pictures, "data": data}
    if options.judge:
        other = runs.restore(app, trained(app, name, options, options.common.seed + 1), place)
        found["judge"] = judged(other, units, optima)
    return found


def trained(app: App, name: str, options: Options, seed: int) -> Path:
    """The run folder of the preset with `seed`, trained when it is not there yet."""
    folder = options.out / "runs" / f"{name}-{seed}"
    if not (folder / "config.json").is_file():
        from cnn_core.verbs import train

        common = options.common
        args = ["--preset", PRESET[name], "--seed", str(seed), "--threads", str(common.threads)]
        args += ["--device", common.device]
        train.run(app, train.parse(app, app.prog, [*args, "--out", str(folder)]))
    return folder


def judged(other: Any, units: list[int], inputs: Any) -> dict[str, Any]:
    """How often another network gives the classes' optima (one for each of `units`) to their class, and how likely."""
    import torch

    from cnn_core import visual

    probabilities = visual.record(other.model, torch.from_numpy(np.stack(inputs)), "")[""].float().softmax(1)
    answers = probabilities.argmax(1).tolist()
    return {
        "classes": [other.labels[unit] for unit in units],
        "answers": [other.labels[answer] for answer in answers],
        "probabilities": [float(row[unit]) for row, unit in zip(probabilities, units, strict=True)],
        "agree": sum(a == b for a, b in zip(answers, units, strict=True)),
        "chance": 1 / len(other.labels),
    }


def _visualize(run: Any, what: str, name: str, options: Options, path: Path) -> Outcome:
    from cnn_core.verbs.views import VIEWS
    from cnn_core.verbs.views.weights import first_convolution
    from cnn_core.verbs.visualize import VisualizeOptions

    search = replace(SEARCH[name], steps=options.steps or SEARCH[name].steps)
    asked = VisualizeOptions(
        what=what,
        run=run.folder,
        layer="" if what == "classes" else first_convolution(run.model),
        count=UNITS,
        exemplars=PATCHES,
        maximize=search if what == "classes" else replace(search, l1=0.0),
        out=path,
        common=replace(options.common, json=True),
    )
    return VIEWS[what].module().view(run.app, run, asked)


def _explain(run: Any, options: Options, path: Path) -> Outcome:
    from cnn_core.verbs import explain

    asked = explain.ExplainOptions(
        run=run.folder,
        inputs=(str(options.sample),),
        methods=METHODS,
        out=path,
        common=replace(options.common, json=False),
    )
    return explain.run(run.app, asked)


def _cell(what: str, done: Outcome) -> Any:
    """The tiles of a look as a figure of about WIDTH x HEIGHT; the explained prediction has a row for itself."""
    from cnn_core.drawing import grids

    columns = {"exemplars": 1 + PATCHES, "explain": 1 + len(METHODS)}.get(what, 2)
    wide, high = (2 * WIDTH, LAST) if what == "explain" else (WIDTH, HEIGHT)
    pictures, captions = done.pictures, done.captions
    if what == "exemplars" and pictures[1].shape[1] > 3 * pictures[1].shape[0]:  # words: read without their text
        kept = [number for number in range(len(pictures)) if number % columns]
        captions = [f"{captions[n - n % columns]}\n{captions[n]}" for n in kept]
        pictures, columns = [pictures[n] for n in kept], columns - 1
    elif what == "exemplars":
        pictures = [_fitted(picture) for picture in pictures]
    rows = -(-len(pictures) // columns)
    tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    side = min(wide / columns, high / rows / min(tallest, 1)) - (0.3 if what == "exemplars" else 0.4)
    return grids.gallery(pictures, captions, columns=columns, size=max(side, 0.4))


def _fitted(picture: np.ndarray, side: int = 240) -> np.ndarray:
    """The picture with its longer side at `side` pixels: a patch is small beside the input that it was cut from."""
    from PIL import Image

    image = Image.fromarray(picture)
    factor = side / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return np.asarray(image.resize(size, Image.Resampling.NEAREST if factor > 3 else Image.Resampling.LANCZOS))


def weights(run: Any) -> Any:
    """Some filters: of a colour picture's the colours, of planes' the strongest, of a signal's the strongest channels
    over time."""
    from torch import nn

    from cnn_core.drawing import grids
    from cnn_core.verbs.views.common import units_of
    from cnn_core.verbs.views.weights import as_colours, first_convolution

    block = run.model.get_submodule(first_convolution(run.model))
    weight = next(m.weight for m in block.modules() if isinstance(m, nn.Conv1d | nn.Conv2d)).detach().float()
    weight = weight[units_of((), len(weight), SHOWN, "")]
    if weight.dim() == 4 and weight.shape[1] == 3:
        return grids.gallery(as_colours(weight.cpu()), columns=6, size=0.5)
    strength = weight.flatten(2).norm(dim=2)  # (K, C)
    if weight.dim() == 4:
        best = strength.argmax(1)
        tiles = weight[range(len(weight)), best]
        names = [f"plane {c}" if weight.shape[1] > 1 else "" for c in best.tolist()]
    else:
        order = strength.topk(min(40, weight.shape[1]), dim=1).indices.sort(dim=1).values
        tiles = weight.gather(1, order[:, :, None].expand(-1, -1, weight.shape[2]))
        names = [""] * len(tiles)
    return grids.filters(
        tiles.cpu().numpy(), names, columns=6 if weight.dim() == 4 else 12, size=0.5 if weight.dim() == 4 else 1.1
    )


def _picture(name: str, each: dict[str, Any], path: Path) -> None:
    """One domain's looks, two beside each other: so wide that captions can be read where a page shows it."""
    from PIL import Image

    from cnn_core.drawing import report

    across, above, below = 2, 0.95, 0.7
    down = len(COLUMNS) // across
    figure = report.new_figure(across * WIDTH, above + down * (HEIGHT + HEAD) + LAST + HEAD + below, constrained=False)
    wide, high = figure.get_size_inches()
    title, words = f"{name[0].upper()}{name[1:]}: what a small CNN sees", textwrap.fill(SEEN[name], 102)
    figure.text(0.15 / wide, 1 - 0.1 / high, title, fontsize=14, fontweight="bold", va="top")
    figure.text(0.15 / wide, 1 - 0.45 / high, words, fontsize=10, va="top")
    figure.text(0.15 / wide, 0.1 / high, textwrap.fill(LEGEND, 130), fontsize=9, va="bottom")
    for number, (what, about) in enumerate(COLUMNS.items()):
        row, column = divmod(number, across)
        room, tall = (across * WIDTH, LAST) if what == "explain" else (WIDTH, HEIGHT)
        top, left = above + row * (HEIGHT + HEAD), column * WIDTH
        x, y = (left + room / 2) / wide, 1 - top / high
        figure.text(x, y, about, ha="center", va="top", fontsize=11, fontweight="bold")
        with Image.open(each["pictures"][what]) as image:
            pixels = np.asarray(image.convert("RGB"))
        scale = min((room - 0.15) / pixels.shape[1], (tall - 0.1) / pixels.shape[0])
        w, h = pixels.shape[1] * scale, pixels.shape[0] * scale
        middle = top + HEAD + tall / 2
        box = ((left + (room - w) / 2) / wide, 1 - (middle + h / 2) / high, w / wide, h / high)
        axes = figure.add_axes(box)
        axes.imshow(pixels, aspect="auto", interpolation="antialiased")
        axes.set_axis_off()
    report.save(figure, path, dpi=200)


def _page(found: dict[str, Any], out: Path) -> None:
    from cnn_core.drawing.pages import Page

    page = Page("One lens for all: what five networks see")
    page.text(
        "A picture, a board, a sound and a sentence, looked into by the same commands. x* is always a valid input: "
        "an image, a legal board, a waveform, words. Beside each optimum stands what the best real test input gives."
    )
    for name, each in found.items():
        page.heading(name)
        for what, title in COLUMNS.items():
            page.picture(each["pictures"][what], f"{name}: {title}")
            units = each["data"][what].get("units")
            if units:
                rows = [
                    [u["unit"], *(f"{u[k]:.3g}" for k in ("activation", "start", "best_real", "median"))] for u in units
                ]
                page.table(["unit", "x*", "start", "best real input", "median real input"], rows)
        if "judge" in each:
            judge = each["judge"]
            page.text(
                f"Another network, trained with another seed, gives {judge['agree']} of {len(judge['classes'])} of the "
                f"classes' optima to their class; by chance it would be {judge['chance'] * len(judge['classes']):.2g}."
            )
            page.table(
                ["class", "its answer", "probability of the class"],
                [
                    list(row)
                    for row in zip(
                        judge["classes"], judge["answers"], (f"{p:.3f}" for p in judge["probabilities"]), strict=True
                    )
                ],
            )
    page.save(out / "lens.html")
