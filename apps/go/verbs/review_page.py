"""The page and the SGF properties of `annotate --review`: points lost by each move, the worst of each side, a graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.go.play.review import Reviewed, worst, worst_of_both

if TYPE_CHECKING:
    from apps.go.records.additions import Additions

VERY_BAD = 5.0
"""Points from which SGF's BM is 2, "very bad"."""


def add(additions: Additions, moves: Sequence[Reviewed]) -> None:
    """Write the review into a record: V (points for black), SBKV (Sabaki's graph: black's win rate in per cent), a line
    in the comment, and BM on the worst moves of each side."""
    bad = {move.number for move in worst_of_both(moves)}
    for move in moves:
        additions.value(move.node, "V", move.points.lstrip("+"))
        additions.value(move.node, "SBKV", f"{100 * move.winrate:.1f}")
        additions.comment(move.node, move.told())
        if move.number in bad:
            additions.value(move.node, "BM", "2" if move.lost >= VERY_BAD else "1", among=("BM", "TE", "DO", "IT"))


def summary(moves: Sequence[Reviewed]) -> dict[str, Any]:
    """For JSON: every move, the mean loss of each side, the worst of each."""

    def row(move: Reviewed) -> dict[str, Any]:
        names = {"move": move.number, "colour": move.side.lower(), "played": move.played, "better": move.better}
        return names | {"points_lost": move.lost, "score": move.score, "winrate": move.winrate}

    sides: dict[str, Any] = {}
    for colour, side in ((1, "black"), (2, "white")):
        lost = [move.lost for move in moves if move.colour == colour]
        mean = sum(lost) / len(lost) if lost else None
        sides[side] = {"mean_points_lost": mean, "worst": [row(move) for move in worst(moves, colour)]}
    return {"moves": [row(move) for move in moves], **sides}


def graph(moves: Sequence[Reviewed]) -> Any:
    """A figure: black's score after each move, and the points that each move lost as bars."""
    from cnn_core.drawing import report

    figure = report.new_figure(9, 5)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    numbers = [move.number for move in moves]
    above.plot(numbers, [move.score for move in moves], color="#1f4e79", linewidth=1.5)
    above.axhline(0, color="#888", linewidth=0.8)
    above.set_ylabel("score for black, points")
    for colour, tone, side in ((1, "#222222", "black"), (2, "#c9a227", "white")):
        own = [move for move in moves if move.colour == colour]
        below.bar([m.number for m in own], [m.lost for m in own], color=tone, label=f"lost by {side}")
    for move in worst_of_both(moves):
        below.annotate(
            move.played, (move.number, move.lost), ha="center", va="bottom", fontsize=8, annotation_clip=False
        )
    below.margins(y=0.2)
    below.set_ylabel("points lost")
    below.set_xlabel("move")
    below.legend(loc="upper left", fontsize=8)
    return figure


def write(games: Sequence[tuple[str, Sequence[Reviewed]]], path: Path, about: str) -> None:
    """One page for all games: (name, moves) of each; `about` names the network and what it is worth."""
    from cnn_core.drawing.pages import Page

    page = Page("Review: " + (games[0][0] if len(games) == 1 else f"{len(games)} games"))
    page.text(about)
    for title, moves in games:
        page.heading(title)
        if not moves:
            page.text("No move in the main line.")
            continue
        page.picture(graph(moves), f"Black's score after each move, and the points that each move lost: {title}")
        for colour, side in ((1, "Black"), (2, "White")):
            lost = [move.lost for move in moves if move.colour == colour]
            if not lost:
                continue
            page.text(f"{side} lost {sum(lost) / len(lost):.2f} points a move in the mean over {len(lost)} moves.")
            rows = [
                [m.number, m.played, m.better, f"{m.lost:.1f}", m.points, f"{m.winrate:.0%}"]
                for m in worst(moves, colour)
            ]
            if rows:
                head = ["move", "played", "better", "points lost", "score for black", "black wins"]
                page.table(head, rows)
    page.save(path)
