"""GTP commands of the game itself: the board, komi, moves, records and clocks."""

import re
import time
from dataclasses import replace
from pathlib import Path

from apps.go.gtp.analysis import board_text
from apps.go.gtp.protocol import SYNTAX, Refused, number, whole
from apps.go.gtp.session import Arguments, Session, exactly, read_colour, read_vertex
from apps.go.records.record import read_records
from apps.go.rules import points
from cnn_core.errors import UserError


def boardsize(session: Session, arguments: Arguments) -> str:
    """A new, empty board. A second number, as rectangular boards have it, must be the same."""
    size, *rows = (whole(text, -(10**9), 10**9) for text in exactly(arguments, min(max(len(arguments), 1), 2)))
    if size not in points.SIZES or rows not in ([], [size]):
        raise Refused("unacceptable size")
    session.position, session.hopeless = session.empty(size), {1: 0, 2: 0}
    return ""


def clear_board(session: Session, arguments: Arguments) -> str:
    """Empties the board; the clocks stand at their settings again."""
    session.position = session.empty(session.position.size)
    session.hopeless = {1: 0, 2: 0}
    session.set_time(*session.times)
    return ""


def set_komi(session: Session, arguments: Arguments) -> str:
    """Any number is accepted."""
    session.komi = number(exactly(arguments, 1)[0])
    return ""


def play(session: Session, arguments: Arguments) -> str:
    """A move of either colour, whose turn it may be or not, legal by the session's rules."""
    colour, vertex = exactly(arguments, 2)
    session.play(read_colour(colour), read_vertex(vertex, session))
    return ""


def play_sequence(session: Session, arguments: Arguments) -> str:
    """COLOUR POINT COLOUR POINT ...: all of them or none."""
    if len(arguments) % 2:
        raise Refused(SYNTAX)
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    moves = [(read_colour(colour), read_vertex(vertex, session)) for colour, vertex in pairs]
    before = session.position.copy()
    try:
        for move in moves:
            session.play(*move)
    except Refused:
        session.position = before
        raise
    return ""


def is_legal(session: Session, arguments: Arguments) -> str:
    """1 or 0, as GNU Go has it."""
    colour, vertex = exactly(arguments, 2)
    return "0" if session.position.why_illegal(read_colour(colour), read_vertex(vertex, session)) else "1"


def genmove(session: Session, arguments: Arguments) -> str:
    """Chooses a move and plays it, or resigns."""
    colour, start = read_colour(exactly(arguments, 1)[0]), time.monotonic()
    if session.resigns(colour):
        return "resign"
    point = session.choose(colour)
    session.play(colour, point)
    session.spend(colour, time.monotonic() - start)
    return points.name(point, session.position.size)


def reg_genmove(session: Session, arguments: Arguments) -> str:
    """The most probable sensible move, the same each time; it is not played."""
    colour = read_colour(exactly(arguments, 1)[0])
    point = session.choose(colour, style=replace(session.style, temperature=0.0))
    return points.name(point, session.position.size)


def undo(session: Session, arguments: Arguments) -> str:
    """Takes back one move; handicap stones stay."""
    if not session.position.history:
        raise Refused("cannot undo")
    session.position.undo()
    return ""


def showboard(session: Session, arguments: Arguments) -> str:
    """The board in letters."""
    return "\n" + board_text(session.position, session.komi)


def loadsgf(session: Session, arguments: Arguments) -> str:
    """FILE [MOVE]: the position before that move, or the last one, of the file's first game."""
    if not arguments:
        raise Refused(SYNTAX)
    *words, last_word = arguments
    numbered = bool(words) and re.fullmatch("[0-9]{1,9}", last_word) is not None
    path = " ".join(words if numbered else arguments)
    try:
        record = read_records(Path(path))[0]
        # The protocol's move 0 or 1 is the start, and a number beyond the end the whole game.
        steps = list(record.walk())
        last = max((step.number for step in steps), default=0)
        move = max(int(last_word), 1) if numbered else last + 1
        session.position = record.before(move if move <= last else None).position.copy().adopt(session.rules)
    except UserError as error:
        raise Refused(f"cannot load file: {error}") from error
    session.komi = record.komi
    return ""


def time_settings(session: Session, arguments: Arguments) -> str:
    """Main time, byo-yomi time and stones. The engine's own moves run the clock down; time_left counts more."""
    session.set_time(*(whole(text, 0, 10**9) for text in exactly(arguments, 3)))
    return ""


def time_left(session: Session, arguments: Arguments) -> str:
    """Seconds, and stones to play in them, or 0 in main time."""
    colour, seconds, stones = exactly(arguments, 3)
    side = read_colour(colour)
    session.clock[side] = (whole(seconds, -(10**9), 10**9), whole(stones, 0, 10**9))
    return ""
