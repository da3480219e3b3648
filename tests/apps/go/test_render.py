"""The board picture: stones, marks, candidates and heat where they belong, on boards of every size."""

import numpy as np
import pytest

from apps.go.board_picture import draw
from apps.go.render import CELL, TABLE, board_of, marked, patch, render
from apps.go.rules.encode import encode
from apps.go.rules.points import parse, stars
from apps.go.rules.position import Position


def spot(picture, point, size, cell=CELL, reach=3):
    """Mean colour around a point of a picture without coordinates."""
    row, column = divmod(point, size)
    y, x = int((size - 0.5 - row) * cell), int((column + 0.5) * cell)
    return picture[y - reach : y + reach, x - reach : x + reach].reshape(-1, 3).mean(0)


def game(size, *moves):
    position = Position(size)
    for i, move in enumerate(moves):
        position.play(1 + i % 2, parse(move, size))
    return position


@pytest.mark.parametrize("size", [2, 5, 9, 13, 19])
def test_stones_lie_where_they_were_played(size):
    board = np.zeros((size, size), np.int8)
    board[0, 1], board[size - 1, 0] = 1, 2  # B1 and the upper left corner
    plain = draw(board * 0, cell=CELL, coordinates=False)
    picture = draw(board, cell=CELL, coordinates=False)
    assert picture.shape == (size * CELL, size * CELL, 3)
    assert picture.dtype == np.uint8
    assert spot(picture, 1, size).max() < 90
    assert spot(picture, size * (size - 1), size).min() > 200
    if size > 2:
        far = spot(picture, size * size - 1, size)
        assert np.allclose(far, spot(plain, size * size - 1, size))
        assert far[0] > far[1] > far[2]  # wood


def test_a_picture_is_always_the_same_and_larger_with_coordinates():
    board = game(9, "e5", "c3").board
    assert np.array_equal(draw(board), draw(board))
    wide = draw(board, cell=40)
    assert wide.shape[0] == wide.shape[1] > 9 * 40


def test_the_last_move_is_marked():
    position = game(9, "e5", "c3")
    with_mark, without = (render(encode(p)) for p in (position, game(9, "e5")))
    board, last = board_of(encode(position))
    assert last == parse("c3", 9)
    assert np.array_equal(board, position.board)
    difference = np.abs(with_mark.astype(int) - draw(position.board, cell=CELL, coordinates=False)).sum(2)
    rows, columns = np.nonzero(difference)
    assert rows.size
    assert np.all(np.abs(rows - 6.5 * CELL) < CELL / 2)
    assert np.all(np.abs(columns - 2.5 * CELL) < CELL / 2)
    assert board_of(encode(game(9)))[1] is None
    assert without.shape == with_mark.shape


def test_colours_do_not_depend_on_who_is_to_move():
    for moves in (("e5", "c3"), ("e5", "c3", "g7")):
        position = game(9, *moves)
        assert np.array_equal(board_of(encode(position))[0], position.board)


def test_heat_is_red_for_and_blue_against():
    planes = encode(game(9, "e5", "c3"))
    heat = np.zeros((9, 9))
    heat[1, 7], heat[7, 1] = 2.0, -1.0
    plain, hot = render(planes), render(planes, heat)
    red = spot(hot, 9 + 7, 9, reach=2) - spot(plain, 9 + 7, 9, reach=2)
    blue = spot(hot, 63 + 1, 9, reach=2) - spot(plain, 63 + 1, 9, reach=2)
    assert red[0] > red[1]
    assert blue[2] > blue[0]
    assert np.array_equal(spot(hot, 4 * 9, 9), spot(plain, 4 * 9, 9))
    assert np.array_equal(render(planes, heat * 0), plain)


def test_candidates_and_the_move_played_are_drawn():
    board = game(9, "e5").board
    plain = draw(board, cell=CELL, coordinates=False)
    best, little, none = parse("c3", 9), parse("g7", 9), parse("g3", 9)
    drawn = draw(board, candidates={best: 0.7, little: 0.2, none: 0.001, 81: 0.1}, cell=CELL, coordinates=False)
    rim = 7  # the middle holds the figures
    for point in (best, little):
        assert np.abs(spot(drawn, point, 9, reach=rim) - spot(plain, point, 9, reach=rim)).max() > 40
    assert np.array_equal(spot(drawn, none, 9, reach=rim), spot(plain, none, 9, reach=rim))
    played = draw(board, played=none, cell=CELL, coordinates=False)
    assert np.array_equal(spot(played, none, 9), spot(plain, none, 9))
    assert not np.array_equal(spot(played, none, 9, reach=CELL // 2), spot(plain, none, 9, reach=CELL // 2))


def test_patches_are_parts_of_the_board():
    planes = encode(game(9, "b1", "c3"))
    whole = render(planes)
    assert np.array_equal(patch(planes, ((0, 9), (0, 9))), whole)
    corner = patch(planes, ((0, 3), (0, 3)))  # A1 to C3
    assert np.array_equal(corner, whole[6 * CELL :, : 3 * CELL])
    beyond = patch(planes, ((-2, 1), (-1, 2)))
    assert beyond.shape == (3 * CELL, 3 * CELL, 3)
    assert np.array_equal(beyond[:CELL, CELL:], whole[8 * CELL :, : 2 * CELL])
    assert (beyond[CELL:] == TABLE).all()
    assert (beyond[:, :CELL] == TABLE).all()
    assert (patch(planes, ((12, 14), (0, 2))) == TABLE).all()


def test_star_points():
    assert stars(9) == sorted(parse(p, 9) for p in ("c3", "c7", "g3", "g7", "e5"))
    assert stars(13) == sorted(parse(p, 13) for p in ("d4", "d10", "k4", "k10", "g7"))
    assert len(stars(19)) == 9
    assert stars(5) == []


@pytest.mark.parametrize("size", [9, 19])
def test_the_explained_move_is_ringed_and_a_pass_is_not(size):
    planes = encode(game(size, "e5", "c3"))
    plain = marked(planes, "pass")
    assert plain.shape[0] > render(planes).shape[0]
    picture = marked(planes, "G7")
    rows, columns = np.nonzero(np.abs(picture.astype(int) - plain).sum(2))
    cell = 36 if size == 9 else 26
    edge = (len(plain) - (size - 1) * cell) / 2
    assert abs((rows.min() + rows.max()) / 2 - (edge + (size - 7) * cell)) < 2
    assert abs((columns.min() + columns.max()) / 2 - (edge + 6 * cell)) < 2
    assert 0.8 * cell < np.ptp(rows) < 1.1 * cell
    heated = marked(planes, "G7", heat=np.ones((size, size)))
    y, x = round(edge + (size - 7) * cell), round(edge + 6 * cell)
    assert heated[y, x - round(0.42 * cell)].min() > 200  # white also where all is red
