"""What the engine says about a position: analysis lines for Sabaki and Lizzie, and a heat map for GoGui."""

from dataclasses import dataclass

import numpy as np

from apps.go.gtp.protocol import SYNTAX, Refused, whole
from apps.go.rules import points
from apps.go.rules.position import Position

VISITS = 10_000
"""A policy network has searched nothing: a move's visits are its probability times this."""
GOGUI = (
    "gfx/Policy heat map/policy_heatmap",
    "dboard/Policy probabilities/policy_probabilities",
    "dboard/Ownership by random games/ownership",
    "param/Player/cnn-param",
)


@dataclass(frozen=True)
class Request:
    """Arguments of an analysis command: `allowed` (size * size,) bool, `interval` in seconds, `most` moves."""

    colour: int
    interval: float
    allowed: np.ndarray
    most: int


def read_request(arguments: tuple[str, ...], size: int, to_move: int) -> Request:
    """[colour] [centiseconds] [interval N | minmoves N | maxmoves N | avoid/allow COLOUR POINTS N | KEY VALUE]...

    Raises Refused for what cannot be read; other keys with their value are passed over.
    """
    words = list(arguments)
    colour, interval, most = to_move, 100, size * size + 1
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
        else:
            words.pop(0)
    return Request(colour, max(interval, 1) / 100, allowed, most)


def info(shares: np.ndarray, size: int, request: Request, kata: bool) -> str:
    """One line for all candidates, the best first; winrate is the constant 50 %, as the network has no opinion."""
    mask = np.append(request.allowed, True)
    order = np.argsort(-np.where(mask, shares, 0.0), kind="stable")[: request.most]
    parts = []
    for rank, point in enumerate(order.tolist()):
        visits = round(VISITS * float(shares[point]))
        if not mask[point] or (visits < 1 and rank):
            break
        vertex = points.name(point, size)
        half, prior = ("0.5", f"{shares[point]:.6f}") if kata else ("5000", str(visits))
        values = f"visits {visits} winrate {half} prior {prior} lcb {half} order {rank} pv {vertex}"
        parts.append(f"info move {vertex} {values}")
    return " ".join(parts)


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
