"""annotate: the network's candidates, written into a game record as labels, marks and comments."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser

if TYPE_CHECKING:
    import numpy as np

    from apps.go.play.player import Predictor
    from apps.go.records.record import Record


@dataclass(frozen=True, kw_only=True)
class AnnotateOptions(Shared):
    """Options of annotate."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    input: positional(str)  # type: ignore[valid-type]
    """SGF file, or - for standard input."""
    out: Path | None = None
    """File to write; GAME-annotated.sgf beside the record when left out."""
    overwrite: bool = False
    """Replace `out` when it exists, also when it is the record itself."""
    top: int = 5
    """How many candidates to label in each position."""
    least: float = 0.01
    """Candidates with a smaller probability are not labelled."""
    symmetries: int = 1
    """1, or 8 to average over all turned and mirrored boards."""


parse = parser(AnnotateOptions, "Write the network's candidates into a game record, for Sabaki and other editors.")


def run(app: App, options: AnnotateOptions) -> Outcome:
    """Annotate the main line of every game in the file; variations and all other properties are kept."""
    if options.top < 1:
        raise UserError(f"--top must be at least 1, not {options.top}")
    if not 0 <= options.least <= 1:
        raise UserError(f"--least must lie between 0 and 1, not {options.least:g}")
    source = Path("standard-input.sgf") if options.input == "-" else Path(options.input)
    out = options.out or source.with_name(f"{source.stem}-annotated.sgf")
    if out.exists() and not options.overwrite:
        raise UserError(f"{out}: exists already; name another with --out, or add --overwrite")

    from apps.go.play.player import Policy, Style
    from apps.go.records.record import read_records
    from cnn_core.files import atomic
    from cnn_core.training import device, runs

    Style(symmetries=options.symmetries)  # checks it
    records = read_records(sys.stdin.buffer.read() if options.input == "-" else source)
    for record in records:
        for _ in record.walk():  # an illegal move is told before the network is loaded
            pass
    trained = runs.restore(app, options.run, device.choose(options.common.device, options.common.threads))
    policy = Policy(trained)
    games = [annotate(record, policy, options) for record in records]
    with atomic(out) as part:
        part.write_bytes(b"".join(record.game.serialise() for record in records))
    rows = [
        [g["game"], g["moves"], *(f"{g[key]:.1%}" if g["moves"] else None for key in ("agrees", "in_top"))]
        for g in games
    ]
    text = table(["game", "moves", "network's first choice", f"among its {options.top} best"], rows)
    return Outcome({"run": str(options.run), "out": str(out), "games": games}, f"{text}\n\nwrote {out}")


def annotate(record: "Record", predictor: "Predictor", options: AnnotateOptions) -> dict[str, Any]:
    """Add to the nodes of the main line, in place: to each position labels 1, 2, ... of the candidates for its next
    move and a comment that lists them; to each move a mark (a circle where it is the first choice, a triangle where
    it is another candidate, a cross elsewhere) and what the network thought of it.
    """
    from apps.go.rules.points import name

    before: Any = None
    moves = first = among = 0
    for step in record.walk():
        if step.point is None:
            before = step.node
            continue
        size = step.position.size
        shares = predictor.probabilities(step.position, step.colour, options.symmetries, record.komi)
        order = (-shares).argsort(kind="stable").tolist()
        rank = order.index(step.point) + 1
        moves, first, among = moves + 1, first + (rank == 1), among + (rank <= options.top)
        candidates = [p for p in order[: options.top] if shares[p] >= max(options.least, 1e-9)]
        if before is not None:
            label_candidates(before, candidates, shares, step.colour, size)
        side = "Black" if step.colour == 1 else "White"
        verdict = (
            "agrees: its first choice" if rank == 1 else f"prefers {name(order[0], size)}; this is its number {rank}"
        )
        note_on(step.node, f"{side} {name(step.point, size)}: the network {verdict} ({shares[step.point]:.1%}).")
        if step.point < size * size:
            mark = "CR" if rank == 1 else "TR" if step.point in candidates else "MA"
            mark_point(step.node, mark, divmod(step.point, size))
        before = step.node
    share = (lambda part: part / moves) if moves else (lambda part: 0.0)
    return {"game": record.name, "moves": moves, "agrees": share(first), "in_top": share(among)}


def label_candidates(node: Any, candidates: list[int], shares: "np.ndarray", colour: int, size: int) -> None:
    """Labels 1, 2, ... on the points, but where the record has labels of its own, and the list as a comment."""
    from apps.go.rules.points import name

    there = list(node.get("LB")) if node.has_property("LB") else []
    taken = {place for place, _ in there}
    new = [(divmod(p, size), str(i + 1)) for i, p in enumerate(candidates) if p < size * size]
    new = [(place, text) for place, text in new if place not in taken]
    if there or new:
        node.set("LB", there + new)
    listed = ", ".join(f"{i + 1}. {name(p, size)} {shares[p]:.1%}" for i, p in enumerate(candidates))
    note_on(node, f"The network, {'black' if colour == 1 else 'white'} to play: {listed or 'no candidate'}.")


def note_on(node: Any, text: str) -> None:
    """Add a line to the node's comment."""
    old = node.get("C").rstrip() if node.has_property("C") else ""
    node.set("C", f"{old}\n{text}" if old else text)


def mark_point(node: Any, mark: str, place: tuple[int, int]) -> None:
    """Mark a point, unless the record has marked it."""
    marks = ("CR", "TR", "MA", "SQ", "SL")
    if any(place in node.get(other) for other in marks if node.has_property(other)):
        return
    node.set(mark, (set(node.get(mark)) if node.has_property(mark) else set()) | {place})
