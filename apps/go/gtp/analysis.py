"""What the engine says about a position: analysis lines for Sabaki and Lizzie, and a heat map for GoGui."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.go.gtp.protocol import SYNTAX, Refused, truth, whole
from apps.go.play.evaluation import Evaluation
from apps.go.play.search import Node
from apps.go.rules import points
from apps.go.rules.position import Position

VISITS = 10_000
"""A policy network has searched nothing: a move's visits are its probability times this."""
CERTAIN = 1.96
"""Standard errors below the win rate at which its lower bound (lcb) lies."""
GOGUI = (
    "gfx/Policy heat map/policy_heatmap",
    "dboard/Policy probabilities/policy_probabilities",
    "dboard/Ownership/ownership",
    "param/Player/cnn-param",
)


@dataclass(frozen=True)
class Request:
    """Arguments of an analysis command: `allowed` (size * size,) bool, `interval` in seconds, `most` moves."""

    colour: int
    interval: float
    allowed: np.ndarray
    most: int
    ownership: bool = False


def read_request(arguments: tuple[str, ...], size: int, to_move: int) -> Request:
    """[colour] [centiseconds] [interval N | minmoves N | maxmoves N | avoid/allow COLOUR POINTS N |
    ownership true | KEY VALUE]...

    Raises Refused for what cannot be read; other keys with their value are passed over.
    """
    words = list(arguments)
    colour, interval, most, ownership = to_move, 100, size * size + 1, False
    allowed = np.ones(size * size, bool)
    if words and words[0].lower() in points.COLOURS:
        colour = points.colour(words.pop(0))
    if words and words[0].isdigit():
        interval = whole(words.pop(0), 0, 10**9)
    while words:
        key = words.pop(0).lower()
        if len(words) < (3 if key in ("avoid", "allow") else 1):
            raise Refused(SYNTAX)
        if key in ("avoid", "allow"):
            side, names, _ = (words.pop(0) for _ in range(3))
            try:
                named = [points.parse(text, size) for text in names.split(",")]
                applies = points.colour(side) == colour
            except ValueError:
                raise Refused(SYNTAX) from None
            if applies:
                mask = np.zeros(size * size + 1, bool)
                mask[named] = True
                allowed &= mask[:-1] == (key == "allow")
        elif key == "interval":
            interval = whole(words.pop(0), 0, 10**9)
        elif key == "maxmoves":
            most = whole(words.pop(0), 1, 10**9)
        elif key == "ownership":
            ownership = truth(words.pop(0))
        else:
            words.pop(0)
    return Request(colour, max(interval, 1) / 100, allowed, most, ownership)


def candidates(shares: np.ndarray, request: Request) -> list[int]:
    """The moves that an analysis names, the best first: those allowed that have a visit; at least one."""
    mask = np.append(request.allowed, True)
    order = np.argsort(-np.where(mask, shares, 0.0), kind="stable")[: request.most].tolist()
    return [p for i, p in enumerate(order) if mask[p] and (i == 0 or round(VISITS * float(shares[p])) >= 1)]


@dataclass(frozen=True)
class Candidate:
    """What an analysis says of a move; all numbers are those of the player to move."""

    visits: int
    winrate: float
    lowest: float
    """Lower bound of the win rate."""
    score: float | None
    """Points by which the player is ahead after it, where they are known."""
    prior: float
    line: list[int]
    """The move, and those that are expected to follow."""


def by_network(found: Evaluation, after: dict[int, Evaluation], request: Request) -> list[Candidate]:
    """The network's candidates, without a search.

    `after` holds how the position after a candidate looks to the opponent: its winrate, turned, is the candidate's.
    The others have that of the position as it is, and 50 % where the network does not judge.
    """
    named = []
    for point in candidates(found.policy, request):
        winrate, score = _standing(found, after.get(point))
        prior = float(found.policy[point])
        named.append(Candidate(round(VISITS * prior), winrate, winrate, score, prior, [point]))
    return named


def by_search(root: Node, request: Request) -> list[Candidate]:
    """The moves that a search has visited, the most visited first; the likeliest one where it has visited none.

    Win rate and score are means over the visits below a move. The win rate's lower bound takes the widest spread that
    numbers between 0 and 1 with such a mean can have.
    """
    mask = np.append(request.allowed, True)
    order = [(point, child) for point, child in root.ranked() if mask[point]]
    named = []
    for i, (point, child) in enumerate(order[: request.most]):
        if i and not child.visits:
            break
        spread = (child.winrate * (1 - child.winrate) / max(child.visits, 1)) ** 0.5
        lowest = max(child.winrate - CERTAIN * spread, 0.0)
        named.append(Candidate(child.visits, child.winrate, lowest, child.score, child.prior, [point, *child.line()]))
    return named


def info(named: Sequence[Candidate], found: Evaluation, size: int, request: Request, kata: bool) -> str:
    """One line for all candidates, the best first; then the ownership of all points where it is asked for and known.

    As KataGo's, the ownership goes through the rows from the top left.
    """

    def share(value: float) -> str:
        return f"{value:.6g}" if kata else str(round(VISITS * value))

    parts = []
    for rank, each in enumerate(named):
        line = " ".join(points.name(point, size) for point in each.line)
        lead = "" if each.score is None else f" scoreMean {each.score:.3f} scoreLead {each.score:.3f}"
        prior = f"{each.prior:.6f}" if kata else share(each.prior)
        parts.append(
            f"info move {points.name(each.line[0], size)} visits {each.visits} winrate {share(each.winrate)}{lead} "
            f"prior {prior} lcb {share(each.lowest)} order {rank} pv {line}"
        )
    if request.ownership and found.ownership is not None:
        parts.append("ownership " + " ".join(f"{value:.4f}" for value in found.ownership[::-1].reshape(-1)))
    return " ".join(parts)


def _standing(found: Evaluation, after: Evaluation | None) -> tuple[float, float | None]:
    """(winrate, score) of a candidate for the player to move."""
    if after is not None and after.winrate is not None and after.score is not None:
        return 1 - after.winrate, -after.score
    return (0.5 if found.winrate is None else found.winrate), found.score


def heat_map(shares: np.ndarray, size: int) -> str:
    """GoGui's drawing commands: likely points from pale yellow to red, per cents on those of 1 % or more."""
    best = float(shares[:-1].max()) or 1.0
    lines = []
    for point in np.argsort(-shares[:-1], kind="stable").tolist():
        share = float(shares[point])
        if share < 0.001:
            break
        weight = (share / best) ** 0.5
        red, green, blue = 255, round(238 - 178 * weight), round(170 - 130 * weight)
        lines.append(f"COLOR #{red:02x}{green:02x}{blue:02x} {points.name(point, size)}")
        if share >= 0.01:
            lines.append(f"LABEL {points.name(point, size)} {100 * share:.0f}")
    lines.append(f"TEXT pass {100 * shares[-1]:.1f} %")
    return "\n".join(lines)


def number_board(values: np.ndarray) -> str:
    """Numbers (size, size), the top row first, as GoGui reads a dboard."""
    return "\n".join(" ".join(f"{value:.3f}" for value in row) for row in values[::-1])


def board_lines(position: Position) -> str:
    """The board in letters: X black, O white, + for star points, the last move in brackets."""
    size, board = position.size, position.board
    last = position.history[-1][1] if position.history else -1
    dots = points.stars(size)
    head = "   " + " ".join(points.LETTERS[:size])
    lines = [head]
    for row in range(size - 1, -1, -1):
        cells = ""
        for column in range(size):
            point = row * size + column
            mark = ".XO"[board[row, column]] if board[row, column] else "+" if point in dots else "."
            cells += ("(" if point == last else ")" if column and point - 1 == last else " ") + mark
        cells += ")" if last == row * size + size - 1 else " "
        lines.append(f"{row + 1:2}{cells}{row + 1}")
    return "\n".join([*lines, head])


def board_text(position: Position, komi: float) -> str:
    """The board in letters; captures, komi and whose turn it is below it."""
    black, white = position.captures
    turn = "black" if position.to_move == 1 else "white"
    return f"{board_lines(position)}\n{turn} to move; captured by black {black}, by white {white}; komi {komi:g}"
