"""Handicap: where the stones go (the table of GTP version 2, section 4.1.1), and the commands that put them there."""

import numpy as np

from apps.go.gtp.protocol import Refused, whole
from apps.go.gtp.session import Arguments, Session, exactly
from apps.go.rules import points
from apps.go.rules.position import Position


def most_fixed(size: int) -> int:
    """The largest fixed handicap on a board of this size; 0 where there is none."""
    if size < 7:
        return 0
    return 9 if size % 2 and size >= 9 else 4


def fixed_points(stones: int, size: int) -> list[int]:
    """The points of a fixed handicap. Raises ValueError unless 2 <= stones <= most_fixed(size)."""
    if not 2 <= stones <= most_fixed(size):
        raise ValueError(f"{stones} handicap stones do not fit a board of {size} x {size}")
    low = 3 if size >= 13 else 2
    high, middle = size - 1 - low, size // 2
    corners = [(low, low), (high, high), (high, low), (low, high)]
    sides = [(middle, low), (middle, high), (low, middle), (high, middle)]
    places = corners[:stones] + sides[: (stones - 4) // 2 * 2 if stones > 5 else 0]
    if stones >= 5 and stones % 2:
        places.append((middle, middle))
    return sorted(row * size + column for row, column in places)


def fixed_handicap(session: Session, arguments: Arguments) -> str:
    """Black stones on the protocol's points."""
    count = _count(session, arguments, most_fixed(session.position.size))
    return _set_up(session, fixed_points(count, session.position.size))


def place_free_handicap(session: Session, arguments: Arguments) -> str:
    """Black stones where the engine likes: the fixed points while there are such, then the network's moves."""
    size = session.position.size
    count = _count(session, arguments, size * size - 1)
    fixed = min(count, most_fixed(size))
    trial = Position(size)
    places = fixed_points(fixed, size) if fixed >= 2 else []
    for point in places:
        trial.play(1, point)
    while len(places) < count:
        shares = session.predictor.probabilities(trial, 1, 1, session.komi)[:-1]
        free = trial.legal(1) & ~trial.own_eye(1)
        if not free.any():  # fewer stones than asked for are allowed
            break
        point = int(np.where(free, shares, -1).argmax())
        trial.play(1, point)
        places.append(point)
    return _set_up(session, sorted(places))


def set_free_handicap(session: Session, arguments: Arguments) -> str:
    """Black stones where the controller likes."""
    _must_be_empty(session)
    try:
        places = [points.parse(text, session.position.size) for text in arguments]
    except ValueError:
        raise Refused("bad vertex list") from None
    if len(places) < 2 or len(set(places)) < len(places) or session.position.passes in places:
        raise Refused("bad vertex list")
    _set_up(session, places)
    return ""


def _count(session: Session, arguments: Arguments, most: int) -> int:
    count = whole(exactly(arguments, 1)[0], -(10**9), 10**9)
    _must_be_empty(session)
    if not 2 <= count <= most:
        raise Refused("invalid number of stones")
    return count


def _must_be_empty(session: Session) -> None:
    if session.position.board.any():
        raise Refused("board not empty")


def _set_up(session: Session, places: list[int]) -> str:
    fresh = session.empty(session.position.size)
    try:
        fresh.setup(places, [])
    except ValueError:
        raise Refused("bad vertex list") from None
    session.position = fresh
    return " ".join(points.name(point, fresh.size) for point in places)
