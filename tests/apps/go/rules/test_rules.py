"""The rules of Go: against sgfmill's board, against GNU Go, and superko by its definition."""

import random
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sgfmill.boards import Board

from apps.go.rules import points
from apps.go.rules.position import Position
from tests.helpers.go import GNUGO, needs_gnugo
from tests.helpers.go_games import (
    board_array,
    chain_and_liberties,
    crowded_game,
    is_caught,
    liberties_of,
    play_on,
    played,
    random_game,
)


def same_as_sgfmill(size, moves, stones=((), ())):
    position, board = Position(size), Board(size)
    if any(stones):
        position.setup(*stones)
        places = [[divmod(p, size) for p in part] for part in stones]
        assert board.apply_setup(*places, [])
    for number, (colour, point) in enumerate(moves, start=1):
        position.play(colour, point)
        ko = play_on(board, colour, point)
        assert (position.board == board_array(board)).all(), number
        assert position.ko == ko, number
    assert position.area_score(6.5) == board.area_score() - 6.5
    return position


@pytest.mark.slow
@pytest.mark.parametrize(("size", "games"), [(2, 20), (5, 20), (9, 15), (13, 3), (19, 3)])
def test_every_position_agrees_with_sgfmill(size, games):
    for seed in range(games):
        same_as_sgfmill(size, random_game(size, seed, 3 * size * size, eyes=0.1))


@pytest.mark.parametrize("size", [5, 9])
def test_chains_liberties_and_captures(size):
    for seed in range(4):
        position, lost = Position(size), [0, 0, 0]
        for colour, point in random_game(size, seed, 2 * size * size):
            lost[colour] += position.play(colour, point)
            array, liberties = position.board, position.liberties()
            for p in range(size * size):
                row, column = divmod(p, size)
                if array[row, column]:
                    stones, free = chain_and_liberties(array, row, column)
                    assert position.chain(p) == sorted(r * size + c for r, c in stones)
                    assert liberties[row, column] == len(free)
                else:
                    assert position.chain(p) == []
                    assert liberties[row, column] == 0
        assert position.captures == (lost[1], lost[2])
        assert sum(lost) > 5


@pytest.mark.slow
def test_legal_is_what_play_accepts():
    for seed in range(6):
        position = Position(5)
        for colour, point in random_game(5, seed, 60, eyes=0.3):
            for side in (1, 2):
                legal = position.legal(side)
                for p in range(25):
                    copy = position.copy()
                    try:
                        copy.play(side, p)
                    except ValueError:
                        assert not legal[p]
                        assert (copy.board == position.board).all()
                        assert copy.history == position.history
                    else:
                        assert legal[p]
                        assert (copy.board > 0).sum() <= (position.board > 0).sum() + 1
            position.play(colour, point)


def board(text):
    """A position from rows, top first: X black, O white."""
    rows = text.split()
    position = Position(len(rows))
    flat = "".join(reversed(rows))
    position.setup([p for p, c in enumerate(flat) if c == "X"], [p for p, c in enumerate(flat) if c == "O"])
    return position


KO = """
.....
.XO..
X.XO.
.XO..
....."""


def at(position, vertex):
    return points.parse(vertex, position.size)


def test_ko():
    position = board(KO)
    position.play("w", at(position, "B3"))
    assert position.ko == at(position, "C3")
    assert "ko" in position.why_illegal("b", position.ko)
    assert not position.why_illegal("w", position.ko)  # it is the opponent of the player who took that must wait
    with pytest.raises(ValueError, match="B C3 is illegal: it would retake a ko at once"):
        position.play("b", position.ko)
    position.play("b", at(position, "A1"))
    position.play("w", position.passes)
    assert position.play("b", at(position, "C3")) == 1


def test_suicide_and_captures_from_within():
    position = board(".XO.. XXO.. OOO.. ..... .....")
    assert "suicide" in position.why_illegal("b", at(position, "A5"))
    position = board(".XO.. XOO.. OO... ..... .....")
    assert position.play("w", at(position, "A5")) == 2
    position = board(".O... O.... ..... ..... .....")
    with pytest.raises(ValueError, match="suicide"):
        position.play("b", at(position, "A5"))
    with pytest.raises(ValueError, match="occupied"):
        position.play("b", at(position, "B5"))
    with pytest.raises(ValueError, match="5x5"):
        position.play("b", 26)


@pytest.mark.slow
def test_superko_is_never_repeating_a_board():
    """On a tiny board, where games repeat soon; the boards seen so far are kept as they are."""
    repeats = 0
    for seed in range(8):
        choice, position = random.Random(seed), Position(3, superko=True)
        seen = {position.board.tobytes()}
        for _ in range(40):
            colour = position.to_move
            legal = position.legal(colour)
            for p in range(9):
                free = Position(3)
                free.setup(*(np.flatnonzero(position.board.ravel() == c).tolist() for c in (1, 2)))
                after = played(free, colour, p)
                allowed = after is not None and after.board.tobytes() not in seen
                repeats += after is not None and not allowed
                assert legal[p] == allowed
                assert (position.why_illegal(colour, p) == "") == allowed
            moves = np.flatnonzero(legal)
            point = int(choice.choice(list(moves))) if len(moves) else 9
            position.play(colour, point)
            seen.add(position.board.tobytes())
    assert repeats > 2


def test_undo_and_copy():
    position = board(KO)
    moves = random_game(5, 1, 8)
    stack = []
    for colour, point in moves:
        if not position.why_illegal(colour, point):
            stack.append((position.board, position.ko, position.to_move, position.captures))
            position.play(colour, point)
    other = position.copy()
    assert len(stack) >= 3
    while stack:
        position.undo()
        before, ko, colour, captures = stack.pop()
        assert (position.board == before).all()
        assert (position.ko, position.to_move, position.captures) == (ko, colour, captures)
    with pytest.raises(ValueError, match="no move"):
        position.undo()
    assert len(other.history) >= 3


def test_setup():
    position = Position(9)
    position.setup([10, 11], [])
    assert position.to_move == 2
    assert position.liberties()[1, 1] == 6
    for black, white, message in (([1], [1], "one point"), ([81], [], "outside"), ([0], [1, 9], "no liberty")):
        empty = Position(9)
        with pytest.raises(ValueError, match=message):
            empty.setup(black, white)
        assert not empty.board.any()
        empty.setup([0], [])  # it can still be used
    with pytest.raises(ValueError, match="empty board"):
        position.setup([1], [])
    with pytest.raises(ValueError, match="size"):
        Position(20)


def test_area_and_eyes():
    position = board("XXXOO X.XO. XXXOO XXXO. OOOO.")
    assert (position.area()[3] == [1, 1, 1, 2, 2]).all()
    assert position.area_score(0.5) == 12 - 13 - 0.5
    eyes = position.own_eye("b")
    assert np.flatnonzero(eyes).tolist() == [at(position, "B4")]
    assert position.own_eye("w")[at(position, "E4")]
    false = board("..... .OX.. .X.X. .OX.. .....")  # two diagonals are the opponent's
    assert not false.own_eye("b")[at(false, "C3")]


@pytest.mark.slow
def test_ladders_against_trying_everything():
    from apps.go.rules import encode, ladders

    found = [0, 0]
    for seed in range(12):
        size = (6, 7, 9)[seed % 3]
        scratch, position = encode.new_scratch(size), Position(size)
        for colour, point in crowded_game(size, seed, 2 * size * size):
            position.play(colour, point)
            if len(position.history) % 5:
                continue
            moves = np.array([*encode.entries(position), position.passes], np.uint16)
            planes = np.empty((1, encode.PLANES, size * size), np.uint8)
            encode.replay(scratch, moves, len(moves) - 1, 0.0, encode.PLANES, planes)
            array, marks = position.board.ravel(), planes[0, encode.LADDERS]
            for p in np.flatnonzero(array):
                free = len(liberties_of(position, int(p)))
                caught = free < 3 and is_caught(position, int(p), free == 1)
                assert bool(marks[p] & ladders.LADDERED) == caught, (seed, len(position.history), p)
                found[caught] += free < 3
    assert min(found) > 30


@needs_gnugo
def test_gnugo_agrees_on_legality_and_liberties():
    """`is_legal` and `countlib` on sampled positions of one game of each size."""
    choice = random.Random(0)
    lines, expected = [], []
    for size in (9, 19):
        position = Position(size)
        lines += [f"boardsize {size}", "clear_board"]
        expected += [None, None]
        for number, (colour, point) in enumerate(random_game(size, 3, size * size)):
            lines.append(f"play {points.letter(colour)} {points.name(point, size)}")
            expected.append(None)
            position.play(colour, point)
            if number % 7 == 0:
                for p in choice.sample(range(size * size), 12):
                    side = choice.choice((1, 2))
                    stone = position.board.ravel()[p]
                    if stone:
                        lines.append(f"countlib {points.name(p, size)}")
                        expected.append(str(position.liberties().ravel()[p]))
                    else:
                        lines.append(f"is_legal {points.letter(side)} {points.name(p, size)}")
                        expected.append(str(int(position.legal(side)[p])))
    command = [GNUGO, "--mode", "gtp", "--forbid-suicide"]
    done = subprocess.run(command, input="\n".join([*lines, "quit", ""]), capture_output=True, text=True, check=True)
    answers = [block[1:].strip() for block in done.stdout.split("\n\n")][: len(lines)]
    assert sum(e is not None for e in expected) > 500
    wrong = [(li, a, e) for li, a, e in zip(lines, answers, expected, strict=True) if e is not None and a != e]
    assert not wrong


@given(st.integers(2, 19), st.data())
def test_names_of_points(size, data):
    point = data.draw(st.integers(0, size * size))
    assert points.parse(points.name(point, size).lower(), size) == point
    if point < size * size:
        letters = points.to_sgf(point, size)
        assert (ord(letters[0]) - 97, size - 1 - (ord(letters[1]) - 97)) == (point % size, point // size)
