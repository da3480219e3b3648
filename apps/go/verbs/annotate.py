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
from cnn_core.verbs.common import Answering, parser

if TYPE_CHECKING:
    import numpy as np

    from apps.go.play.player import Predictor
    from apps.go.records.additions import Additions
    from apps.go.records.record import Record


@dataclass(frozen=True, kw_only=True)
class AnnotateOptions(Answering):
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
    """Annotate the main line of every game in the file; every other byte stays as it was."""
    if options.top < 1:
        raise UserError(f"--top must be at least 1, not {options.top}")
    if not 0 <= options.least <= 1:
        raise UserError(f"--least must lie between 0 and 1, not {options.least:g}")
    source = Path("standard-input.sgf") if options.input == "-" else Path(options.input)
    out = options.out or source.with_name(f"{source.stem}-annotated.sgf")
    if out.exists() and not options.overwrite:
        raise UserError(f"{out}: exists already; name another with --out, or add --overwrite")

    from apps.go.play.player import Policy, Style
    from apps.go.records.additions import Additions, insert
    from apps.go.records.record import read_records
    from apps.go.records.sgf import LARGEST
    from cnn_core.files import atomic
    from cnn_core.verbs.answers import opened

    Style(symmetries=options.symmetries)  # checks it
    records = read_records(sys.stdin.buffer.read(LARGEST + 1) if options.input == "-" else source)
    for record in records:
        for _ in record.walk():  # an illegal move is told before the network is loaded
            pass
    trained = opened(app, options)
    policy = Policy(trained)
    additions = [Additions(record) for record in records]
    games = [annotate(record, new, policy, options) for record, new in zip(records, additions, strict=True)]
    with atomic(out) as part:
        part.write_bytes(insert(additions))
    rows = [
        [g["game"], g["moves"], *(f"{g[key]:.1%}" if g["moves"] else None for key in ("agrees", "in_top"))]
        for g in games
    ]
    text = table(["game", "moves", "network's first choice", f"among its {options.top} best"], rows)
    return Outcome({"run": str(options.run), "out": str(out), "games": games}, f"{text}\n\nwrote {out}")


def annotate(
    record: "Record", additions: "Additions", predictor: "Predictor", options: AnnotateOptions
) -> dict[str, Any]:
    """Collect what to add to the main line: to each position labels 1, 2, ... of the candidates for its next move and
    a comment that lists them; to each move a mark (a circle where it is the first choice, a triangle where it is
    another candidate, a cross elsewhere) and what the network thought of it.
    """
    from apps.go.rules.points import name

    before: int | None = None
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
        if before is not None and before != step.node:  # the second move of a node has no position of its own
            label_candidates(additions, before, candidates, shares, step.colour, size)
        side = "Black" if step.colour == 1 else "White"
        verdict = (
            "agrees: its first choice" if rank == 1 else f"prefers {name(order[0], size)}; this is its number {rank}"
        )
        line = f"{side} {name(step.point, size)}: the network {verdict} ({shares[step.point]:.1%})."
        additions.comment(step.node, line)
        if step.point < size * size:
            mark = "CR" if rank == 1 else "TR" if step.point in candidates else "MA"
            additions.mark(step.node, mark, step.point)
        before = step.node
    share = (lambda part: part / moves) if moves else (lambda part: 0.0)
    return {"game": record.name, "moves": moves, "agrees": share(first), "in_top": share(among)}


def label_candidates(
    additions: "Additions", node: int, candidates: list[int], shares: "np.ndarray", colour: int, size: int
) -> None:
    """Labels 1, 2, ... on the points, but where the record has labels, and the list as a comment."""
    from apps.go.rules.points import name

    for i, point in enumerate(candidates):
        if point < size * size:
            additions.label(node, point, str(i + 1))
    listed = ", ".join(f"{i + 1}. {name(p, size)} {shares[p]:.1%}" for i, p in enumerate(candidates))
    line = f"The network, {'black' if colour == 1 else 'white'} to play: {listed or 'no candidate'}."
    additions.comment(node, line)
