"""Planes of a position against plain references, feature sets, symmetries, whole games against single positions."""

import numpy as np
import pytest
import torch

from apps.go.config import COMPACT
from apps.go.front import GoFront
from apps.go.model import turn, turn_moves, turnable
from apps.go.rules import encode, ladders
from apps.go.rules.position import Position
from apps.go.rules.symmetry import COUNT, sources, tables
from tests.helpers.go_games import (
    chain_and_liberties,
    crowded_game,
    defences,
    is_caught,
    liberties_of,
    played,
    random_game,
)

CHANNELS = {"stones": 4, "history": 16, "gonn": 17, "tactics": 32, "alphago": 48}


def plain(moves, size, colour, komi):
    """The compact planes by their definition, from a list of moves; slow."""
    n = size * size
    positions = [Position(size)]
    for move in moves:
        positions.append(positions[-1].copy())
        positions[-1].play(*move)
    now = positions[-1]
    array = now.board.ravel()
    out = np.zeros((encode.PLANES, n), int)
    out[0] = np.where(array == 0, 0, np.where(array == colour, 1, 2)) + (4 if colour == 2 else 0)
    if now.ko >= 0 and moves[-1][0] != colour:
        out[0, now.ko] += 8
    out[encode.LIBERTIES] = now.liberties().ravel()
    for ago, (_, point) in enumerate(reversed(moves), start=1):
        if point < n and not out[encode.AGE, point] and ago < 256:
            out[encode.AGE, point] = ago
    out[encode.KOMI] = 128 + round(2 * (komi if colour == 2 else -komi))
    for p in range(n):
        after = played(now, colour, p)
        if after is None:
            continue
        out[encode.LADDERS, p] |= encode.LEGAL | (encode.EYE if now.own_eye(colour)[p] else 0)
        free = len(liberties_of(after, p))
        gone = (array == 3 - colour).sum() - (after.board == 3 - colour).sum()
        atari = len(after.chain(p)) if free == 1 else 0
        out[encode.CAPTURE, p] = min(gone, 15) + 16 * min(atari, 15)
        out[encode.AFTER_MOVE, p] = free
    for ago, flag in enumerate((ladders.LADDERED, ladders.BEFORE, ladders.LONG_BEFORE)):
        if ago > len(moves):
            continue
        then = positions[len(moves) - ago]
        for p in np.flatnonzero(then.board.ravel()).tolist():
            free = len(liberties_of(then, p))
            if free < 3 and is_caught(then, p, free == 1):
                out[encode.LADDERS, p] |= flag
    for p in np.flatnonzero(array).tolist():
        free = len(liberties_of(now, p))
        if array[p] == colour and free == 1:
            for move in defences(now, p):
                after = played(now, colour, move)
                if after is not None:
                    left = len(liberties_of(after, p))
                    if left > 2 or (left == 2 and not is_caught(after, p, False)):
                        out[encode.LADDERS, move] |= ladders.ESCAPES
        if array[p] == 3 - colour and free == 2:
            for move in liberties_of(now, p):
                after = played(now, colour, move)
                if after is not None and is_caught(after, p, True):
                    out[encode.LADDERS, move] |= ladders.CAPTURES
    return out


def stored(moves):
    return np.array([point | (encode.WHITE_BIT if colour == 2 else 0) for colour, point in moves], np.uint16)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "seed"), [(5, 0), (6, 1), (7, 2), (9, 3)])
def test_planes_are_what_their_names_say(size, seed):
    moves = crowded_game(size, seed, 2 * size * size)
    position, seen = Position(size), np.zeros(8, int)
    for number, (colour, point) in enumerate(moves):
        if number % 6 == seed % 6:
            found = encode.encode(position, colour, 6.5).reshape(encode.PLANES, -1)
            np.testing.assert_array_equal(found, plain(moves[:number], size, colour, 6.5), err_msg=str(number))
            seen += [(found[encode.LADDERS] & (1 << bit)).any() for bit in range(8)]
        position.play(colour, point)
    if size == 9:
        assert (seen[:7] > 0).all()  # every kind of ladder was there


def test_whole_games_and_single_positions_are_the_same():
    size, games = 9, [stored(random_game(9, seed, 60, passes=0.05)) for seed in range(5)]
    games[1] = np.concatenate(
        [np.array([encode.SETUP | 12, encode.SETUP | encode.WHITE_BIT | 40], np.uint16), games[1]]
    )
    scratch = encode.new_scratch(size)
    games = [game for game in games if encode.first_illegal(scratch.state, game) < 0]
    moves, offsets = np.concatenate(games), np.cumsum([0, *map(len, games)])
    komis = np.arange(len(games), dtype=np.float32)
    rows = int(((moves & encode.KIND) == 0).sum())
    whole = np.empty((rows, encode.PLANES, 81), np.uint8)
    numbers = np.arange(len(games))
    assert encode.replay_games(scratch, moves, offsets, komis, numbers, encode.PLANES, whole) == rows
    index = np.flatnonzero((moves & encode.KIND) == 0)
    samples = np.stack([np.searchsorted(offsets, index, side="right") - 1, index], axis=1)
    for planes in (1, 3, 5, 7):
        single = np.empty((rows, planes, 81), np.uint8)
        encode.replay_samples(scratch, moves, offsets, komis, samples[::-1].copy(), planes, single)
        expected = whole[:, :planes].copy()
        if encode.LADDERS < planes <= encode.CAPTURE:  # tactics are not computed
            expected[:, encode.LADDERS] &= encode.LEGAL - 1
        np.testing.assert_array_equal(single[::-1], expected)


def test_stones_are_set_up_and_taken_away_between_moves():
    size, setup, white, remove = 9, encode.SETUP, encode.WHITE_BIT, encode.REMOVE
    entries = np.array([setup | 0, setup | 1, 80 | white, remove | 1, setup | white | 9, 40], np.uint16)
    assert encode.first_illegal(encode.new_scratch(size).state, entries) == -1
    planes = encode.encode_entries(entries, size, 2, 7.5)
    assert np.flatnonzero(planes[0] & 3).tolist() == [0, 9, 40, 80]
    assert planes[encode.LIBERTIES].ravel()[[0, 9, 40, 80]].tolist() == [1, 2, 4, 2]
    dead = np.array([setup | 0, setup | white | 1, setup | white | 9, 40], np.uint16)
    assert encode.first_illegal(encode.new_scratch(size).state, dead) == 3


@pytest.mark.parametrize("size", [2, 5, 9, 19])
def test_symmetries_are_the_eight_of_a_square(size):
    points = np.arange(size * size).reshape(size, size)
    forms = {
        points[sources(size)[k].reshape(size, size) // size, sources(size)[k].reshape(size, size) % size].tobytes()
        for k in range(COUNT)
    }
    square = [np.rot90(view, k) for view in (points, points.T) for k in range(4)]
    assert forms == {np.ascontiguousarray(view).tobytes() for view in square}
    for k in range(COUNT):
        assert (tables(size)[k, sources(size)[k]] == np.arange(size * size)).all()
        assert tables(size)[k, -1] == size * size


def test_turned_games_have_turned_planes():
    size, moves = 7, crowded_game(7, 5, 60)
    planes = torch.from_numpy(encode.encode_entries(stored(moves), size, 1, 7.5))[None]
    for k in range(COUNT):
        other = [(colour, int(tables(size)[k, point])) for colour, point in moves]
        turned = turn(planes, torch.tensor([k]))[0]
        np.testing.assert_array_equal(turned.numpy(), encode.encode_entries(stored(other), size, 1, 7.5))
    batch = planes.repeat(COUNT, 1, 1, 1)
    each = turn(batch, torch.arange(COUNT))
    assert all((each[k] == turn(planes, torch.tensor([k]))[0]).all() for k in range(COUNT))
    places = torch.arange(49).repeat_interleave(8)
    moved = turn_moves(places, torch.arange(8).repeat(49), size)
    flat = torch.eye(49, dtype=torch.uint8).repeat_interleave(8, 0).view(-1, 1, size, size)
    assert (turn(flat, torch.arange(8).repeat(49)).flatten(1).argmax(1) == moved).all()
    assert turn_moves(torch.tensor([49]), torch.tensor([5]), size).item() == 49


@pytest.mark.parametrize("features", CHANNELS)
def test_feature_sets_by_their_definition(features):
    size, moves = 9, crowded_game(9, 7, 70)
    compact = encode.encode_entries(stored(moves), size, 1 + len(moves) % 2, 7.5)
    front = GoFront(features).eval()
    found = front(torch.from_numpy(compact[None]))[0].numpy()
    assert front.planes == len(found) == CHANNELS[features]
    fewer = front(torch.from_numpy(compact[None, : COMPACT[features]]))[0].numpy()
    np.testing.assert_array_equal(found, fewer)
    stones, free, age, ladder, komi, capture, after = compact
    own, other, ones = (stones & 3) == 1, (stones & 3) == 2, np.ones((size, size))
    ko, legal = (stones & 8) > 0, (ladder & encode.LEGAL) > 0
    bit = {flag: (ladder & flag) > 0 for flag in (1, 2, 4, 8, 16, encode.EYE)}
    history = [own, other, ones, ko, *(free == k for k in (1, 2, 3)), free > 3, *(age == k for k in range(1, 9))]
    expected = {
        "stones": [own, other, ones, ko],
        "history": history,
        "gonn": [
            ones,
            own,
            other,
            *(free == k for k in (1, 2, 3)),
            ko,
            *(age == k for k in range(1, 6)),
            *(bit[flag] for flag in (1, 2, 4, 8)),
            (komi.astype(float) - 128) / 2 / 15,
        ],
        "tactics": [
            *history,
            *(bit[flag] for flag in (1, 2, 4, 8, 16, encode.EYE)),
            *(capture % 16 == k for k in (1, 2)),
            capture % 16 > 2,
            *(capture // 16 == k for k in (1, 2)),
            capture // 16 > 2,
            *(after == k for k in (1, 2, 3)),
            after > 3,
        ],
        "alphago": [
            own,
            other,
            ~(own | other),
            ones,
            *((age == k) & (own | other) for k in range(1, 8)),
            (age > 7) & (own | other),
            *(free == k for k in range(1, 8)),
            free > 7,
            *((capture % 16 == k) & legal for k in range(7)),
            (capture % 16 > 6) & legal,
            *(capture // 16 == k for k in range(1, 8)),
            capture // 16 > 7,
            *(after == k for k in range(1, 8)),
            after > 7,
            bit[8],
            bit[16],
            legal & ~bit[encode.EYE],
            np.zeros((size, size)),
        ],
    }[features]
    np.testing.assert_allclose(found, np.stack(expected).astype(np.float32), rtol=1e-6)


def test_history_is_dropped_while_training_only():
    compact = torch.from_numpy(encode.encode_entries(stored(crowded_game(9, 3, 50)), 9, 1, 7.5))[None].repeat(
        400, 1, 1, 1
    )
    front = GoFront("tactics", drop_history=0.25)
    kept = compact.clone()
    torch.manual_seed(0)
    planes = front(compact)
    assert (compact == kept).all()
    ages = planes[:, 8:16].flatten(1).sum(1)
    assert ((ages == 0) | (ages == ages.max())).all()
    assert 60 < (ages == 0).sum() < 140
    assert (front.eval()(compact)[:, 8:16].flatten(1).sum(1) == ages.max()).all()
    still = [*range(8), 16, *range(19, 32)]
    assert (planes[:, still] == planes[:1, still]).all()


def test_boards_of_few_stones_show_which_way_up_they_lie():
    few, many = (encode.encode_entries(stored(crowded_game(9, 3, count)), 9, 1, 7.5) for count in (6, 40))
    compact = torch.from_numpy(np.stack([few, many]))
    plain, front = GoFront("tactics").eval(), GoFront("tactics", upright=10).eval()
    assert front.planes == plain.planes + 3
    planes = front(compact)
    assert (planes[:, :-3] == plain(compact)).all()
    assert not planes[1, -3:].any()
    y, x = np.mgrid[:9, :9]
    sides = np.stack([y < 4, x > 4, abs(x - 4) > abs(y - 4)])
    assert (planes[0, -3:].numpy() == sides).all()
    views = {
        tuple(np.rot90(s if flip else s[:, ::-1], k).tobytes() for s in sides) for k in range(4) for flip in (0, 1)
    }
    assert len(views) == COUNT  # no two views look alike
    assert turnable(compact, torch.tensor([5, 5]), 10).tolist() == [0, 5]
    assert turnable(compact, torch.tensor([5, 5]), 0).tolist() == [5, 5]


def test_chains_are_those_of_the_reference():
    """The reference of these tests against itself: liberties of a position by flood fill."""
    position = Position(9)
    for move in crowded_game(9, 9, 60):
        position.play(*move)
    liberties = encode.encode(position)[encode.LIBERTIES]
    for row, column in np.argwhere(position.board):
        assert liberties[row, column] == len(chain_and_liberties(position.board, row, column)[1])
