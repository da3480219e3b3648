"""predict: as every app does; with --digits many each shape of a picture is read as a digit, from left to right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cnn_core.app import App
from cnn_core.console import note
from cnn_core.drawing.tables import table
from cnn_core.outcome import Outcome
from cnn_core.verbs import predict as shared
from cnn_core.verbs.common import parser
from cnn_core.verbs.inputs import names_of, read_all

if TYPE_CHECKING:
    from apps.digits.frame import Found

SHOWN = 640  # longest side of a picture with boxes, pixels
DIGIT = 220  # side of a digit beside it
PICTURE_INCHES = 3.0  # a digit then has one inch


@dataclass(frozen=True, kw_only=True)
class PredictOptions(shared.PredictOptions):
    """Options of predict."""

    none: str = "1%"
    """Answer "none of these" where an input is less like the training data than all but this share of held-out samples;
    0 never does."""
    digits: Literal["one", "many"] = "one"
    """many: each separate shape of a picture is a digit, read from left to right."""


parse = parser(PredictOptions, "The most probable classes of your own files, folders of them, or standard input.")


def run(app: App, options: PredictOptions) -> Outcome:
    """Read all inputs, then answer them in one batch; a bad file is an error before anything is computed."""
    if options.digits == "one":
        return shared.run(app, options)
    shared.check(options)
    names = names_of(app, options.inputs)

    import numpy as np

    from apps.digits.frame import find
    from cnn_core.metrics.limits import limits_of
    from cnn_core.verbs.answers import labelled, opened

    trained = opened(app, options)
    names, read = read_all(names, lambda source: (source, find(source, many=True)), app.what, options.skip_bad)
    sources, found = [source for source, _ in read], [one for _, one in read]
    for name, one in zip(names, found, strict=True):
        if one.remarks:
            note(f"{name}: {'; '.join(one.remarks)}")
    inputs = np.stack([digit for one in found for digit in one.digits])
    limits = limits_of(trained.calibration, options.reject, options.none)
    rows = iter(labelled(trained, inputs, limits, options.top))
    answers = [_answer(name, one, rows, trained.labels) for name, one in zip(names, found, strict=True)]
    if options.show:
        _show(sources, found, answers, options.show)
    lines = [
        [a["file"], a["answer"], *(f"{d['answer']} {d['top'][0]['probability']:.3f}" for d in a["digits"])]
        for a in answers
    ]
    widest = max(map(len, lines))
    header = ["file", "answer", *(f"{number}." for number in range(1, widest - 1))]
    text = table(header, [[*line, *[""] * (widest - len(line))] for line in lines])
    return Outcome({"run": str(options.run), "predictions": answers}, text)


def _answer(name: str, found: Found, rows: Any, labels: tuple[str, ...]) -> dict[str, Any]:
    """The digits of one picture, with their places; "?" stands for one that is rejected."""
    digits = [{**next(rows), "box": box} for box in found.boxes]
    digits = [{**digit, "answer": "?" if digit["rejected"] else digit["answer"]} for digit in digits]
    separator = "" if all(len(label) == 1 for label in labels) else " "
    return {"file": name, "answer": separator.join(digit["answer"] for digit in digits), "digits": digits}


def _show(sources: list[Path | bytes], found: list[Found], answers: list[dict[str, Any]], path: Path) -> None:
    """Each picture with the boxes, then what the network saw of each digit."""
    import numpy as np
    from PIL import Image, ImageDraw

    from cnn_core.drawing import grids, pictures, report

    def enlarged(digit: np.ndarray) -> np.ndarray:
        return np.kron(digit, np.ones((max(1, DIGIT // max(digit.shape)),) * 2, digit.dtype))

    tiles, captions = [], []
    for source, one, answer in zip(sources, found, answers, strict=True):
        image = pictures.opened(source, side=SHOWN)
        width, height = pictures.size_of(source)
        pixels = pictures.shrunk(pictures.colour(image), SHOWN)
        drawn = Image.fromarray(pixels)
        draw = ImageDraw.Draw(drawn)
        for left, top, right, bottom in one.boxes:
            across, down = drawn.width / width, drawn.height / height
            draw.rectangle((left * across, top * down, right * across - 1, bottom * down - 1), outline="red", width=2)
        tiles += [np.asarray(drawn), *(enlarged(digit) for digit in one.digits)]
        captions += [f"{Path(answer['file']).name[-16:]}\n{answer['answer']}"]
        captions += [f"{digit['answer']} p={digit['top'][0]['probability']:.2f}" for digit in answer["digits"]]
    report.save(grids.gallery(tiles, captions, title="What the network saw", size=PICTURE_INCHES), path)
    note(f"what the network saw: {path}")
