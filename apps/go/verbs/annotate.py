"""annotate: the network's candidates, written into a game record as labels, marks and comments."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.go.verbs import review_page
from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Answering, parser

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from apps.go.play.evaluation import Judge
    from apps.go.play.player import Policy, Predictor
    from apps.go.play.review import Reviewed
    from apps.go.play.search import Searcher
    from apps.go.records.additions import Additions
    from apps.go.records.record import Record, Step


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
    review: bool = False
    """Also tell what each move lost: points, score and win rate after it, the worst moves of each side. Needs a
    network that judges."""
    visits: int = 0
    """Positions that a tree search looks at for each move; its candidates are then labelled, and the review goes by it.
    0 takes the network's own. For a network that judges."""
    page: Path | None = None
    """HTML file for the review: the score as a graph, the worst five moves of each side and what was better."""
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
    for path in (out, options.page):
        if path is not None and path.exists() and not options.overwrite:
            option = "--page" if path == options.page else "--out"
            raise UserError(f"{path}: exists already; name another with {option}, or add --overwrite")
    if options.page is not None and (not options.review or options.page.resolve() == out.resolve()):
        raise UserError(
            f"--page {options.page}: is the page of --review, beside the record; add --review, or rename it"
        )

    from apps.go.play.player import Policy, Style
    from apps.go.play.search import searcher
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
    predictor = searcher(policy, options.visits, options.run)
    if options.review:
        _check_review(policy, records, options.run)
    additions = [Additions(record) for record in records]
    reviews: list[list[Reviewed]] = [[] for _ in records]
    games = []
    for record, new, moves in zip(records, additions, reviews, strict=True):
        see = _reviewer(record, predictor, options, moves) if options.review else None
        games.append(annotate(record, new, predictor, options, see))
        if options.review:
            review_page.add(new, moves)
            games[-1]["review"] = review_page.summary(moves)
    with atomic(out) as part:
        part.write_bytes(insert(additions))
    if options.page is not None:
        review_page.write(
            [(Path(g["game"]).name, moves) for g, moves in zip(games, reviews, strict=True)],
            options.page,
            _about(policy, options),
        )
    rows = [
        [g["game"], g["moves"], *(f"{g[key]:.1%}" if g["moves"] else None for key in ("agrees", "in_top"))]
        for g in games
    ]
    text = table(["game", "moves", f"{_who(options)}'s first choice", f"among its {options.top} best"], rows)
    data: dict[str, Any] = {"run": str(options.run), "out": str(out), "games": games}
    wrote = f"wrote {out}"
    if options.review:
        text += "\n\n" + "\n\n".join(_worst(g["game"], moves) for g, moves in zip(games, reviews, strict=True))
    if options.page is not None:
        data["page"], wrote = str(options.page), f"{wrote} and {options.page}"
    return Outcome(data, f"{text}\n\n{wrote}")


def _check_review(policy: "Policy", records: "list[Record]", run: Path) -> None:
    """Raises UserError where the network does not judge, or has not learned from boards of such a size."""
    if not policy.judges:
        raise UserError(f"--review: {run} does not judge who wins; train it with --judge 1")
    for record in records:
        if not policy.counts(record.size):
            board, own = (f"{size}x{size}" for size in (record.size, policy.run.config.size))
            raise UserError(f"{record.name}: --review: {run} has learned the score of {own} boards, not of {board}")


def _reviewer(
    record: "Record", predictor: "Judge | Searcher", options: AnnotateOptions, moves: "list[Reviewed]"
) -> "Callable[[Step, np.ndarray], None]":
    """What `annotate` calls at each move, so that the network is asked once for the policy, and a tree is kept."""
    from apps.go.play.review import reviewed, searched
    from apps.go.play.search import Searcher

    def see(step: "Step", shares: "np.ndarray") -> None:
        if isinstance(predictor, Searcher):
            moves.append(searched(step, predictor.search, predictor.visits, record.komi))
        else:
            moves.append(reviewed(step, shares, predictor, record.komi, options.symmetries))

    return see


def _who(options: AnnotateOptions) -> str:
    return "search" if options.visits else "network"


def _about(policy: "Policy", options: AnnotateOptions) -> str:
    size = policy.run.config.size
    how = (
        f"by a search of {options.visits} visits: after each move and after its own choice"
        if options.visits
        else "one move ahead and without a search: after each move and after the network's own candidates"
    )
    return (
        f"Judged by {options.run.name} ({size}x{size}), {how} it tells the score, and what the best is ahead "
        "is what the move lost. Fights that it misreads it also misjudges; a player's rank is not estimated."
    )


def _worst(game: str, moves: "list[Reviewed]") -> str:
    from apps.go.play.review import worst_of_both

    rows = [[m.number, m.side.lower(), m.played, m.better, f"{m.lost:.1f}", m.points] for m in worst_of_both(moves)]
    head = ["move", "by", "played", "better", "points lost", "score for black"]
    return f"{game}: " + (f"the worst moves\n{table(head, rows)}" if rows else "no move lost half a point")


def annotate(
    record: "Record",
    additions: "Additions",
    predictor: "Predictor",
    options: AnnotateOptions,
    see: "Callable[[Step, np.ndarray], None] | None" = None,
) -> dict[str, Any]:
    """Collect what to add to the main line: to each position labels 1, 2, ... of the candidates for its next move and
    a comment that lists them; to each move a mark (a circle where it is the first choice, a triangle where it is
    another candidate, a cross elsewhere) and what the network thought of it. `see` is called with the step of each move
    and the network's probabilities there.
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
        if see is not None:
            see(step, shares)
        order = (-shares).argsort(kind="stable").tolist()
        rank = order.index(step.point) + 1
        moves, first, among = moves + 1, first + (rank == 1), among + (rank <= options.top)
        candidates = [p for p in order[: options.top] if shares[p] >= max(options.least, 1e-9)]
        if before is not None and before != step.node:  # the second move of a node has no position of its own
            label_candidates(additions, before, candidates, shares, step.colour, size, _who(options))
        side = "Black" if step.colour == 1 else "White"
        verdict = (
            "agrees: its first choice" if rank == 1 else f"prefers {name(order[0], size)}; this is its number {rank}"
        )
        line = f"{side} {name(step.point, size)}: the {_who(options)} {verdict} ({shares[step.point]:.1%})."
        additions.comment(step.node, line)
        if step.point < size * size:
            mark = "CR" if rank == 1 else "TR" if step.point in candidates else "MA"
            additions.mark(step.node, mark, step.point)
        before = step.node
    share = (lambda part: part / moves) if moves else (lambda part: 0.0)
    return {"game": record.name, "moves": moves, "agrees": share(first), "in_top": share(among)}


def label_candidates(
    additions: "Additions",
    node: int,
    candidates: list[int],
    shares: "np.ndarray",
    colour: int,
    size: int,
    who: str = "network",
) -> None:
    """Labels 1, 2, ... on the points, but where the record has labels, and the list as a comment."""
    from apps.go.rules.points import name

    for i, point in enumerate(candidates):
        if point < size * size:
            additions.label(node, point, str(i + 1))
    listed = ", ".join(f"{i + 1}. {name(p, size)} {shares[p]:.1%}" for i, p in enumerate(candidates))
    line = f"The {who}, {'black' if colour == 1 else 'white'} to play: {listed or 'no candidate'}."
    additions.comment(node, line)
