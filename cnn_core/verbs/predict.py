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
from cnn_core.verbs.common import Shared, parser
from cnn_core.verbs.inputs import names_of, read_all

WIDEST = 100  # characters of a picture drawn as text


@dataclass(frozen=True, kw_only=True)
class PredictOptions(Shared):
    """Options of predict."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    inputs: positional(tuple[str, ...]) = ()  # type: ignore[valid-type]
    """Files, folders, or - for one file on standard input."""
    top: int = 3
    """How many answers to give for each input."""
    reject: float = 0.0
    """Answer "rejected" where the best probability is below this."""
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
    import torch

    from cnn_core import runs
    from cnn_core.training import device, engine

    trained = runs.restore(app, options.run, device.choose(options.common.device, options.common.threads))
    names, values = read_all(names, app.read, app.what, options.skip_bad)
    inputs = np.stack(values)
    logits = engine.predict_logits(
        trained.model,
        torch.from_numpy(inputs),
        precision=trained.config.fit.precision,
        forward=trained.app.forward_of(trained.config),
    )
    probabilities = logits.double().softmax(1)
    best, order = probabilities.topk(min(options.top, len(trained.labels)))
    answers = [
        _answer(name, p, [trained.labels[c] for c in classes], options.reject)
        for name, p, classes in zip(names, best.tolist(), order.tolist(), strict=True)
    ]
    if options.show:
        _show(app, inputs, answers, options.show)
    rows = [[a["file"], a["answer"], *(f"{t['label']} {t['probability']:.3f}" for t in a["top"])] for a in answers]
    text = table(["file", "answer", *(f"#{i + 1}" for i in range(best.shape[1]))], rows)
    if not options.show and len(names) <= 3:
        text += "".join(
            f"\n\nwhat the network saw of {n}:\n{_blocks(app.render(x))}" for n, x in zip(names, inputs, strict=True)
        )
    return Outcome({"run": str(options.run), "predictions": answers}, text)


def check(options: PredictOptions) -> None:
    """Raise UserError for numbers that make no sense."""
    if not options.top >= 1:
        raise UserError(f"--top must be at least 1, not {options.top}")
    if not 0 <= options.reject <= 1:
        raise UserError(f"--reject must lie between 0 and 1, not {options.reject:g}")


def _answer(name: str, probabilities: list[float], labels: list[str], reject: float) -> dict[str, Any]:
    rejected = probabilities[0] < reject
    top = [{"label": label, "probability": p} for label, p in zip(labels, probabilities, strict=True)]
    return {"file": name, "answer": "rejected" if rejected else labels[0], "rejected": rejected, "top": top}


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
