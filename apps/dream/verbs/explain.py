"""explain: which parts of a picture made a classifier say what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.dream.verbs.common import CLASSIFIER, Looking, at_least, backbone_of, class_of, out_path
from apps.dream.verbs.dream import credit_lines, credits_of
from cnn_core import config
from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.explain import METHODS, TOLD, check_methods, told

ABOUT = (
    "Which parts of a picture spoke for the answer (red) and against it (blue), by several methods, and how far the"
    " probability falls when the hottest tenth of the places is turned grey, beside a random tenth."
)


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(Looking):
    """Options of explain."""

    photos: positional(tuple[str, ...]) = ()  # type: ignore[valid-type]
    """Files, or names of sample photographs."""
    target: str = ""
    """Class to explain, by name or number; the network's own answer when left out."""
    methods: tuple[str, ...] = METHODS
    """Which methods, in this order; there are grad-cam++, layer-cam and guided-grad-cam as well."""
    layer: str = ""
    """Layer for Grad-CAM; the last one with places when left out."""
    size: int = 0
    """Show the network the whole picture with this longer side; when 0, its middle, as large as the network likes."""
    top: int = 5
    """How many answers to list."""


def parse(app: App, prog: str, args: Sequence[str]) -> ExplainOptions:
    """Options; raises UserError for an unknown method and no pictures."""
    options = config.parse(ExplainOptions, args, prog=prog, about=ABOUT)
    check_methods(options.methods)
    if not options.photos or not options.methods:
        raise UserError("name the pictures to explain: files, or sample photographs (chelsea, coffee, ...)")
    return options


def run(app: App, options: ExplainOptions) -> Outcome:
    """Explain each picture; one row of the sheet a picture, one column a method."""

    from apps.dream.data import find, square
    from apps.dream.render import render
    from cnn_core import visual
    from cnn_core.drawing import grids, report
    from cnn_core.verbs.attributions import Question, fall, heat

    at_least(options, size=0, top=1)
    backbone = backbone_of(options, CLASSIFIER)
    if not backbone.labels:
        class_of(backbone, "")  # says what has classes
    target = class_of(backbone, options.target) if options.target else None
    photos = [find(name, options.size, progress=not options.common.json) for name in options.photos]
    if not options.size:
        photos = [square(photo, backbone.side) for photo in photos]
    layer = backbone.layer(options.layer or list(backbone.shapes)[-1])
    out = out_path(options, "explain", photos[0].name, f"and-{len(photos) - 1}-more" if len(photos) > 1 else "")
    rest = visual.behind_front(backbone.model)
    tiles, captions, answers, notes = [], [], [], []
    for photo in photos:
        x = photo.tensor(backbone.channels)[None]
        features = visual.front_of(backbone.model, x)
        blank = visual.front_of(backbone.model, backbone.blank(*x.shape[2:]))
        probabilities = visual.record(rest, features, "")[""][0].float().softmax(0)
        best, order = probabilities.topk(min(options.top, len(backbone.labels)))
        explained = int(order[0]) if target is None else target
        question = Question(rest, features, explained, blank, layer, options.common.seed)
        tiles.append(render(photo.pixels))
        captions.append(f"{photo.name[-18:]}\n{backbone.labels[int(order[0])][:20]} p={float(best[0]):.2f}")
        falls: dict[str, Any] = {}
        for method in options.methods:
            try:
                found = heat(question, method)
            except UserError as error:  # such as guided backprop without a ReLU: the others still answer
                notes.append(f"{method}: left out ({error})")
                tiles.append(render(photo.pixels))
                captions.append(f"{method}\nleft out")
                continue
            checked = fall(question, found)
            falls[method] = checked.to_json()
            tiles.append(render(photo.pixels, found))
            captions.append(f"{method}\n{checked}")
        top = [{"label": backbone.labels[int(i)], "probability": float(p)} for p, i in zip(best, order, strict=True)]
        answers.append(
            {"picture": photo.name, "top": top, "target": backbone.labels[explained], "layer": layer}
            | {"probability": float(probabilities[explained]), "methods": falls}
        )
    title = f"Why this answer of {backbone.name}? Red spoke for it, blue against"
    report.save(grids.gallery(tiles, captions, title=title, columns=1 + len(options.methods), size=1.6), out)
    said = [[a["picture"], ", ".join(f"{t['label']} {t['probability']:.2f}" for t in a["top"])] for a in answers]
    rows = [
        [a["picture"], a["target"], f"{a['probability']:.3f}", method, *told(v)]
        for a in answers
        for method, v in a["methods"].items()
    ]
    text = table(["picture", "answers"], said)
    head = ["picture", "class", "p", "method", *TOLD]
    text += f"\n\n{table(head, rows)}" + "".join(f"\n{line}" for line in dict.fromkeys(notes))
    lines = [text, "", f"picture: {out}", *credit_lines(*photos)]
    data = {"backbone": backbone.name, "explained": answers, "left_out": sorted(set(notes)), "picture": str(out)}
    return Outcome(data | credits_of(*photos), "\n".join(lines))
