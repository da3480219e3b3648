"""explain: why the network gave this answer for this input, by several methods side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import beside, table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parsed

METHODS = ("saliency", "smooth-grad", "integrated-gradients", "grad-cam", "guided-backprop", "occlusion")
MORE = ("grad-cam++", "layer-cam", "guided-grad-cam")
ABOUT = (
    "Which parts of an input spoke for the answer (red) and against it (blue), by several methods; "
    "and how far the probability falls when the hottest tenth is blanked."
)


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(Shared):
    """Options of explain."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    inputs: positional(tuple[str, ...]) = ()  # type: ignore[valid-type]
    """Your files, or numbers of test samples."""
    target: str = ""
    """Class to explain; the network's own answer when left out."""
    methods: tuple[str, ...] = METHODS
    """Which methods, in this order; there are grad-cam++, layer-cam and guided-grad-cam as well."""
    layer: str = ""
    """Layer for Grad-CAM; the last one with places when left out."""
    out: Path | None = None
    """PNG to write; RUN/explain/<input>.png when left out."""


def parse(app: App, prog: str, args: Sequence[str]) -> ExplainOptions:
    """Options; raises UserError for an unknown method and no inputs."""
    options = parsed(ExplainOptions, app, prog, args, ABOUT)
    check_methods(options.methods)
    if not options.inputs or not options.methods:
        raise UserError(f"name the {app.what}s to explain: files, or numbers of test samples")
    return options


def check_methods(methods: Sequence[str]) -> None:
    """Raises UserError for one that there is not."""
    for method in methods:
        if method not in METHODS + MORE:
            raise UserError(f"--methods {method}: unknown; choose from {', '.join(METHODS + MORE)}")


def run(app: App, options: ExplainOptions) -> Outcome:
    """Explain each input; one row a picture, one column a method."""
    import torch

    from cnn_core import runs, visual
    from cnn_core.drawing import grids, report
    from cnn_core.training import device
    from cnn_core.verbs.attributions import Question, blind_axes, fall, heat
    from cnn_core.verbs.views.common import layer_of, sample, shapes

    trained = runs.restore(app, options.run, device.choose(options.common.device, options.common.threads))
    app, model, labels = trained.app, trained.model, trained.labels
    if options.target and options.target not in labels:
        raise UserError(f"--target {options.target}: no such class; choose from {', '.join(labels[:20])}")
    samples = [sample(app, trained, given) for given in options.inputs]
    rest = visual.behind_front(model)
    pictures, captions, answers, notes = [], [], [], []
    for given in samples:
        features = visual.front_of(model, given.input[None])
        blank = visual.front_of(model, torch.zeros_like(given.input[None]))
        layer = layer_of(model, options.layer) if options.layer else _last_with_places(shapes(model, features))
        probabilities = trained.calibrated(visual.record(rest, features, "")[""][0].float()).softmax(0)
        if len(probabilities) != len(labels):  # a board of another size
            raise UserError(
                f"{given.name}: the network answers with {len(probabilities)} classes here, but has learned "
                f"{len(labels)}; explain {app.what}s of the size that it learned from"
            )
        answer = int(probabilities.argmax())
        target = labels.index(options.target) if options.target else answer
        temperature = trained.calibration.temperature
        question = Question(rest, features, target, blank, layer, options.common.seed, temperature)
        raw = given.input.numpy()
        show = partial(app.marked, raw, labels[target]) if app.marked else partial(app.render, raw)
        pictures.append(show())
        truth = f", truth {given.truth}" if given.truth else ""
        captions.append(f"{given.name[-18:]}\n{labels[answer]} p={float(probabilities[answer]):.2f}{truth}")
        found: dict[str, Any] = {}
        for method in options.methods:
            try:
                heat_map = heat(question, method)
            except UserError as error:  # such as guided backprop without a ReLU: the others still answer
                notes.append(f"{method}: left out ({error})")
                pictures.append(show())
                captions.append(f"{method}\nleft out")
                continue
            checked = fall(question, heat_map)
            found[method] = checked.to_json()
            pictures.append(show(heat=heat_map))
            blind = blind_axes(heat_map)
            axes = " and ".join(AXES[-heat_map.ndim :][axis] for axis in blind)
            if blind:
                notes.append(f"{method}: says the same for all {axes}, which layer {layer} does not tell apart")
                found[method]["blind_axes"] = blind
            told_here = str(checked).replace(" (", "\n(")
            captions.append(f"{method}\n{labels[target]}: {told_here}" + (f"\nblind along its {axes}" if blind else ""))
        answers.append(
            {
                "input": given.name,
                "answer": labels[answer],
                "target": labels[target],
                "probability": float(probabilities[target]),
                "truth": given.truth or None,
                "layer": layer,
                "methods": found,
            }
        )
    name = f"{Path(options.inputs[0]).stem}{'' if len(samples) == 1 else f'-and-{len(samples) - 1}-more'}"
    out = options.out or options.run / "explain" / f"{name}.png"
    title = "Why this answer? Red spoke for it, blue against"
    columns = None if len(samples) == 1 else 1 + len(options.methods)  # one input: as many rows as the page asks for
    size = max(max(picture.shape[:2]) for picture in pictures) / report.DPI if app.marked else None
    report.save(grids.gallery(pictures, captions, title=title, columns=columns, size=size), out)
    rows = [
        [a["input"], a["target"], f"{a['probability']:.3f}", m, *told(v)]
        for a in answers
        for m, v in a["methods"].items()
    ]
    beside(out, ["input", "class", "p", "method", *TOLD], rows)
    text = table(["input", "class", "p", "method", *TOLD], rows)
    text += "".join(f"\n{note}" for note in dict.fromkeys(notes))
    data = {"run": str(options.run), "explained": answers, "left_out": sorted(set(notes)), "picture": str(out)}
    return Outcome(data, f"{text}\n\npicture: {out}", pictures=pictures, captions=captions)


AXES = ("rows", "columns")
TOLD = ("p falls without the hottest tenth", "same shape elsewhere", "points at what matters")


def told(fall: dict[str, Any]) -> list[str]:
    """What the table says of one method's check."""
    elsewhere = f"{fall['fall_elsewhere']:.3f} ± {fall['fall_elsewhere_sd']:.3f}"
    return [f"{fall['fall']:.3f}", elsewhere, "yes" if fall["found"] else "not shown"]


def _last_with_places(shapes: dict[str, tuple[int, ...]]) -> str:
    """The deepest layer that still has more than one place."""
    from math import prod

    fitting = [name for name, shape in shapes.items() if len(shape) > 1 and prod(shape[1:]) > 1]
    if not fitting:
        raise UserError("this network has no layer with places for Grad-CAM; leave it out with --methods")
    return fitting[-1]
