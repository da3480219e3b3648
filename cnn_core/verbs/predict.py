"""predict: what a network says to the user's files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.console import note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Answering, parser
from cnn_core.verbs.inputs import names_of, read_all

WIDEST = 100  # characters of a picture drawn as text


@dataclass(frozen=True, kw_only=True)
class PredictOptions(Answering):
    """Options of predict."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    inputs: positional(tuple[str, ...]) = ()  # type: ignore[valid-type]
    """Files, folders, or - for one file on standard input."""
    top: int = 3
    """How many answers to give for each input."""
    reject: str = "0"
    """Answer "rejected" where the best probability is below this: .7, say, or a share such as 5%, which is what so much
    of the samples held out in training falls below."""
    none: str = "0"
    """Answer "none of these" where an input is less like the training data than all but this share of held-out samples;
    0 never does."""
    skip_bad: bool = False
    """Answer the others where some inputs cannot be read."""
    show: Path | None = None
    """PNG to write of what the network saw, with its answers; without it, a few inputs are drawn as text."""


parse = parser(PredictOptions, "The most probable classes of your own files, folders of them, or standard input.")


def run(app: App, options: PredictOptions) -> Outcome:
    """Read all inputs, then answer them in one batch; a bad file is an error before anything is computed."""
    check(options)
    names = names_of(app, options.inputs)

    import numpy as np

    from cnn_core.metrics.limits import limits_of
    from cnn_core.verbs.answers import labelled, opened

    trained = opened(app, options)
    limits = limits_of(trained.calibration, options.reject, options.none)
    names, values = read_all(names, trained.app.read, app.what, options.skip_bad)
    inputs = np.stack(values)
    found = labelled(trained, inputs, limits, options.top)
    answers = [{"file": name, **one} for name, one in zip(names, found, strict=True)]
    if options.show:
        _show(app, inputs, answers, options.show)
    rows = [[a["file"], a["answer"], *(f"{t['label']} {t['probability']:.3f}" for t in a["top"])] for a in answers]
    text = table(["file", "answer", *(f"#{i + 1}" for i in range(len(answers[0]["top"])))], rows)
    if not options.show and len(names) <= 3:
        text += "".join(
            f"\n\nwhat the network saw of {n}:\n{_blocks(app.render(x))}" for n, x in zip(names, inputs, strict=True)
        )
    return Outcome({"run": str(options.run), "predictions": answers}, text)


def check(options: PredictOptions) -> None:
    """Raise UserError for numbers that make no sense."""
    if not options.top >= 1:
        raise UserError(f"--top must be at least 1, not {options.top}")


def _show(app: App, inputs: Any, answers: list[dict[str, Any]], path: Path) -> None:
    from cnn_core.drawing import grids, report

    captions = [f"{Path(a['file']).name[-16:]}\n{a['answer']} p={a['top'][0]['probability']:.2f}" for a in answers]
    figure = grids.gallery([app.render(x) for x in inputs], captions, title="What the network saw")
    report.save(figure, path)
    note(f"what the network saw: {path}")


def _blocks(picture: Any) -> str:
    """A grey picture (H, W) as text, two rows a line, for a terminal of any background."""
    shades = " ░▒▓█"
    grey = picture if picture.ndim == 2 else picture.mean(2)
    side = -(-grey.shape[1] // WIDEST)  # pixels to a character
    grey = grey[: len(grey) // side * side, : grey.shape[1] // side * side]
    grey = grey.reshape(len(grey) // side, side, -1, side).mean((1, 3))
    dark = 255 - grey[: len(grey) // 2 * 2].reshape(len(grey) // 2, 2, -1).mean(1)  # (H / 2, W)
    return "\n".join("".join(shades[int(v * (len(shades) - 1) / 255 + 0.5)] for v in row).rstrip() for row in dark)
