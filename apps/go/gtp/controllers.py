"""GTP commands beyond the protocol that servers and clients send: KGS's, GNU Go's, and GoGui's for set-up and rules."""

import time
from pathlib import Path

import numpy as np

from apps.go.counting.count import count, score_by
from apps.go.gtp.protocol import SYNTAX, Refused, whole
from apps.go.gtp.session import Arguments, Session, exactly, read_colour, read_vertex
from apps.go.play.playouts import score_name
from apps.go.records.record import new_game
from apps.go.rules import points
from apps.go.rules.position import Position
from apps.go.rules.ruleset import name_of, sgf_name
from cnn_core.errors import UserError
from cnn_core.files import atomic

CLOCKS = {"none": 0, "absolute": 1, "byoyomi": 3, "canadian": 3}
"""Kinds of time of `kgs-time_settings`, and how many numbers each has."""


def kgs_time_settings(session: Session, arguments: Arguments) -> str:
    """none | absolute MAIN | byoyomi MAIN PERIOD PERIODS | canadian MAIN PERIOD STONES; time_left says the rest."""
    kind = exactly(arguments, 1)[0].lower()
    if kind not in CLOCKS:
        raise Refused(SYNTAX)
    numbers = [whole(text, 0, 10**9) for text in exactly(arguments[1:], CLOCKS[kind])]
    main, period, count = [*numbers, 0, 0, 0][:3]
    session.set_time(main, period, min(count, 1) if kind == "byoyomi" else count)
    return ""


def kgs_genmove_cleanup(session: Session, arguments: Arguments) -> str:
    """A move that helps to take dead stones of the opponent off the board; a pass once there are none."""
    colour = read_colour(exactly(arguments, 1)[0])
    point = cleaning_move(session, colour)
    session.play(colour, point)
    return points.name(point, session.position.size)


def cleaning_move(session: Session, colour: int) -> int:
    """The liberty to take of a dead chain of the opponent: of the one with the fewest, the most probable there."""
    position = session.position
    board = position.board.reshape(-1)
    dead = [p for p in count(position, session.predictor, session.komi).dead if board[p] != colour]
    strict = position.copy()
    strict.superko, strict.situational, strict.suicide = True, False, False
    free = strict.legal(colour) & ~strict.own_eye(colour)
    near, liberties, shares = position._state.near, position.liberties().reshape(-1), session.shares(colour)
    moves = []
    for stone in dead:
        for point in near[stone].tolist():
            if point < position.passes and board[point] == 0 and free[point]:
                moves.append((int(liberties[stone]), -float(shares[point]), point))
    return min(moves)[2] if moves else position.passes


def list_stones(session: Session, arguments: Arguments) -> str:
    """The points of all stones of a colour, from the top left."""
    colour = read_colour(exactly(arguments, 1)[0])
    size = session.position.size
    found = np.flatnonzero(session.position.board.reshape(-1) == colour).tolist()
    return " ".join(points.name(p, size) for p in sorted(found, key=lambda p: (-(p // size), p % size)))


def countlib(session: Session, arguments: Arguments) -> str:
    """How many liberties the chain at a point has."""
    point = _stone(session, arguments)
    return str(int(session.position.liberties().reshape(-1)[point]))


def printsgf(session: Session, arguments: Arguments) -> str:
    """The game as SGF, printed, or written to a file."""
    data = as_sgf(session)
    if not arguments or arguments[0] == "-":
        return data.decode()
    path = Path(" ".join(arguments))
    try:
        with atomic(path) as part:
            part.write_bytes(data)
    except (OSError, UserError) as error:
        raise Refused(f"cannot write {path}: {error}") from error
    return ""


def as_sgf(session: Session) -> bytes:
    """The game so far as one record, with its set-up, komi and rules."""
    position = session.position
    record, size = new_game(position.size), position.size
    root = record.get_root()
    root.set("AP", ("cnn-go", "gtp"))
    root.set("KM", session.komi)
    root.set("RU", sgf_name(session.rules))
    black, white = position.stones
    if black or white:
        root.set_setup_stones([divmod(p, size) for p in black], [divmod(p, size) for p in white])
        first = position.history[0][0] if position.history else position.to_move
        root.set("PL", points.letter(first))
    if len(black) > 1 and not white:
        root.set("HA", len(black))
    for colour, point in position.history:
        place = None if point == position.passes else divmod(point, size)
        record.extend_main_sequence().set_move(points.letter(colour), place)
    return record.serialise()


def cputime(session: Session, arguments: Arguments) -> str:
    """CPU-seconds that the engine has used."""
    return f"{time.process_time():.3f}"


def gogui_setup(session: Session, arguments: Arguments) -> str:
    """COLOUR POINT COLOUR POINT ...: a board with these stones alone, and no moves."""
    if len(arguments) % 2:
        raise Refused(SYNTAX)
    stones: dict[int, list[int]] = {1: [], 2: []}
    for colour, vertex in zip(arguments[::2], arguments[1::2], strict=True):
        stones[read_colour(colour)].append(read_vertex(vertex, session))
    fresh = session.empty(session.position.size)
    try:
        fresh.setup(stones[1], stones[2])
    except ValueError as error:
        raise Refused(str(error)) from error
    session.position = fresh
    return ""


def gogui_setup_player(session: Session, arguments: Arguments) -> str:
    """Whose turn it is."""
    session.position.to_move = read_colour(exactly(arguments, 1)[0])
    return ""


def rules_game_id(session: Session, arguments: Arguments) -> str:
    """The game that these rules are of."""
    return "Go"


def rules_board(session: Session, arguments: Arguments) -> str:
    """The board as rows of X, O and dots, the top row first."""
    return "\n" + "\n".join(" ".join(".XO"[stone] for stone in row) for row in session.position.board[::-1])


def rules_board_size(session: Session, arguments: Arguments) -> str:
    """The side of the board."""
    return str(session.position.size)


def rules_legal_moves(session: Session, arguments: Arguments) -> str:
    """All legal moves of the player to move, and pass; none once both have passed."""
    position = session.position
    if _is_finished(position):
        return ""
    legal = np.flatnonzero(position.legal(position.to_move)).tolist()
    return " ".join(points.name(point, position.size) for point in [*legal, position.passes])


def rules_side_to_move(session: Session, arguments: Arguments) -> str:
    """black or white."""
    return "black" if session.position.to_move == 1 else "white"


def rules_final_result(session: Session, arguments: Arguments) -> str:
    """The result by the session's rules once both have passed, and a word for it before."""
    position = session.position
    if not _is_finished(position):
        return "the game is not over"
    found = count(position, session.predictor, session.komi)
    return f"{score_name(score_by(session.rules, position, found, session.komi))} by {name_of(session.rules)} rules"


def _is_finished(position: Position) -> bool:
    last = [point for _, point in position.history[-2:]]
    return last == [position.passes] * 2


def _stone(session: Session, arguments: Arguments) -> int:
    point = read_vertex(exactly(arguments, 1)[0], session)
    if point == session.position.passes or not session.position.chain(point):
        raise Refused("vertex must not be empty")
    return point
