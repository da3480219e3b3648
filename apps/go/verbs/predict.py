"""predict: the most probable next moves in game records, with a picture of the board."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.console import note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Answering, parser
from cnn_core.verbs.inputs import names_of, read_all

if TYPE_CHECKING:
    import numpy as np

    from apps.go.records.record import Record, Step


@dataclass(frozen=True, kw_only=True)
class PredictOptions(Answering):
    """Options of predict."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    inputs: positional(tuple[str, ...]) = ()  # type: ignore[valid-type]
    """SGF files, folders of them, or - for one file on standard input."""
    move: int = 0
    """Number of the move to predict, counted from 1; 0 is the one after the record's last."""
    top: int = 5
    """How many moves to name."""
    symmetries: int = 1
    """1, or 8 to average over all turned and mirrored boards."""
    skip_bad: bool = False
    """Answer the others where some records cannot be read."""
    show: Path | None = None
    """PNG to write of the board with the network's moves; of several records, a sheet."""


parse = parser(PredictOptions, "The most probable next moves in your game records, as text, JSON and a picture.")


def run(app: App, options: PredictOptions) -> Outcome:
    """Read all records, then answer; a bad file is an error before anything is computed."""
    if options.top < 1:
        raise UserError(f"--top must be at least 1, not {options.top}")
    if options.move < 0:
        raise UserError(f"--move must be at least 1, or 0 for the one after the last, not {options.move}")
    names = names_of(app, options.inputs)

    from apps.go.play.player import Policy, Style
    from apps.go.records.record import read_records
    from cnn_core.verbs.answers import opened

    Style(symmetries=options.symmetries)  # checks it

    def steps_of(source: Path | bytes) -> "list[tuple[Record, Step]]":
        return [(record, record.before(options.move or None)) for record in read_records(source)]

    _, read = read_all(names, steps_of, app.what, options.skip_bad)
    records = [record for each in read for record, _ in each]
    steps = [step for each in read for _, step in each]
    trained = opened(app, options)
    policy = Policy(trained)
    judged = [
        policy.evaluate(step.position, step.colour, options.symmetries, record.komi)
        for record, step in zip(records, steps, strict=True)
    ]
    found = [each.policy for each in judged]
    answers = [
        _answer(record, step, shares, options.top) for record, step, shares in zip(records, steps, found, strict=True)
    ]
    for step, answer, each in zip(steps, answers, judged, strict=True):
        if each.winrate is not None and policy.counts(step.position.size):
            answer |= {"winrate": each.winrate, "score": each.score}
    if options.show:
        _show(steps, found, answers, options.show)
    text = "\n\n".join(_text(step, answer) for step, answer in zip(steps, answers, strict=True))
    return Outcome({"run": str(options.run), "predictions": answers}, text)


def _answer(record: "Record", step: "Step", shares: "np.ndarray", top: int) -> dict[str, Any]:
    from apps.go.rules.points import name

    size = step.position.size
    order = (-shares).argsort(kind="stable").tolist()
    best = [
        {"move": name(point, size), "probability": float(shares[point])} for point in order[:top] if shares[point] > 0
    ]
    answer: dict[str, Any] = {
        "file": record.name,
        "size": size,
        "move": step.number,
        "colour": "black" if step.colour == 1 else "white",
        "answer": best[0]["move"],
        "top": best,
    }
    if step.point is not None:
        played = {"move": name(step.point, size), "probability": float(shares[step.point])}
        answer["played"] = played | {"rank": order.index(step.point) + 1}
    return answer


def _text(step: "Step", answer: dict[str, Any]) -> str:
    """The board in letters, and the moves below it."""
    from apps.go.gtp.analysis import board_lines

    head = f"{answer['file']}: move {answer['move']}, {answer['colour']} to play"
    if "played" in answer:
        played = answer["played"]
        head += (
            f"; the record has {played['move']}, the network's number {played['rank']} ({played['probability']:.1%})"
        )
    if "winrate" in answer:
        head += (
            f"\n{answer['colour']} wins with a probability of {answer['winrate']:.1%}, and is "
            f"{abs(answer['score']):.1f} points {'ahead' if answer['score'] > 0 else 'behind'} on average"
        )
    rows = [[i + 1, t["move"], f"{t['probability']:.1%}"] for i, t in enumerate(answer["top"])]
    return f"{head}\n\n{board_lines(step.position)}\n\n{table(['', 'move', 'probability'], rows)}"


def _show(steps: "list[Step]", found: "list[np.ndarray]", answers: list[dict[str, Any]], path: Path) -> None:
    from PIL import Image

    from apps.go.board_picture import draw
    from cnn_core.drawing import grids, report
    from cnn_core.files import atomic

    pictures = []
    for step, shares in zip(steps, found, strict=True):
        position = step.position
        last = position.history[-1][1] if position.history else None
        cell = 44 if position.size > 13 else 60
        candidates = dict(enumerate(shares[:-1].tolist()))
        pictures.append(draw(position.board, last=last, played=step.point, candidates=candidates, cell=cell))
    if len(pictures) == 1 and path.suffix.lower() == ".png":
        with atomic(path) as part:
            Image.fromarray(pictures[0]).save(part, format="PNG")
    else:
        captions = [f"{Path(a['file']).name[-24:]}\nmove {a['move']}: {a['answer']}" for a in answers]
        title = "The network's moves, in per cent; ringed in red: the record's"
        report.save(grids.gallery(pictures, captions, title=title, size=4.0), path)
    note(f"the network's moves on the board: {path}")
