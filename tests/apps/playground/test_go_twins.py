"""Go on the page against Python: rules, ladders, planes and records, on thousands of positions of random games."""

import base64

import numpy as np
import pytest

from apps.go.counting import benson, count
from apps.go.play import playouts
from apps.go.records import properties, sgf
from apps.go.rules import encode, points
from apps.go.rules.position import Position
from apps.playground.page import WEB
from tests.helpers.go_games import crowded_game, random_game, record

REASONS = {"": "", "occupied": "the point is occupied", "ko": "it would retake a ko at once", "suicide": "suicide"}
REPLAY = """(await (async () => {
  const { encode } = await import(data.planes);
  const text = (flags) => flags.map(Number).join('');
  return data.games.map(({ size, komi, black, white, moves, shown }) => {
    const game = new m.Game(size, { komi, black, white });
    const found = [];
    for (let i = 0; i <= moves.length; i += 1) {
      if (shown.includes(i)) {
        const { board, toMove } = game;
        found.push({
          planes: Buffer.from(encode(game, 7)).toString('base64'), legal: text(game.legal()), toMove, ko: board.ko,
          strict: text(game.legal(toMove, true)), area: board.area(),
          eyes: text(Array.from(board.stones, (_, p) => board.isEye(p, toMove))),
        });
      }
      if (i < moves.length) game.play(moves[i][1], moves[i][0]);
    }
    return found;
  });
})())"""


def games(sizes, seeds, every):
    """Random games with the positions to look at, as JSON takes them."""
    found = []
    for size in sizes:
        for seed in seeds:
            length = 2 * size * size if size < 13 else size * size
            crowded = seed % 2
            moves = crowded_game(size, seed, length) if crowded else random_game(size, seed, length, passes=0.02)
            shown = list(range(seed % every, len(moves) + 1, every))
            komi = [7.5, 0.0, 6.5, 3.75, -5.25, 60.0][seed % 6]
            found.append({"size": size, "komi": komi, "black": [], "white": [], "moves": moves, "shown": shown})
    return found


def flags(values) -> str:
    return "".join(map(str, np.asarray(values).astype(int)))


def compared(javascript, chosen) -> int:
    """How many positions were compared."""
    planes = (WEB / "go" / "planes.js").as_uri()
    replayed = javascript("go/game.js", REPLAY, {"planes": planes, "games": chosen})
    count = 0
    for game, found in zip(chosen, replayed, strict=True):
        size, komi, moves = game["size"], game["komi"], game["moves"]
        position = Position(size)
        if game["black"] or game["white"]:
            position.setup(game["black"], game["white"])
        its = iter(found)
        for number in range(len(moves) + 1):
            if number in game["shown"]:
                here, colour = next(its), position.to_move
                strict = position.copy()
                strict.superko = True
                planes = np.frombuffer(base64.b64decode(here["planes"]), np.uint8)
                np.testing.assert_array_equal(planes, encode.encode(position, colour, komi).ravel())
                assert here["toMove"] == colour
                assert here["ko"] == position.ko
                assert here["legal"] == flags(position.legal(colour))
                assert here["strict"] == flags(strict.legal(colour))
                assert here["eyes"] == flags(position.own_eye(colour))
                assert here["area"] == position.area_score(0)
                count += 1
            if number < len(moves):
                position.play(*moves[number])
    return count


def test_planes_and_rules_are_pythons(javascript):
    assert compared(javascript, games((2, 3, 5, 9), range(6), 9)) > 150


@pytest.mark.slow
def test_planes_and_rules_are_pythons_on_thousands_of_positions(javascript):
    chosen = games((4, 5, 6, 7, 9), range(20), 3) + games((13, 19), range(6), 11)
    assert compared(javascript, chosen) > 3000


def test_set_up_stones(javascript):
    random = np.random.default_rng(3)
    chosen = []
    while len(chosen) < 12:
        stones = random.permutation(81)[:40].tolist()
        black, white = sorted(stones[:22]), sorted(stones[22:] if len(chosen) % 3 else [])
        position = Position(9)
        try:
            position.setup(black, white)
        except ValueError:
            continue
        moves = []
        for _ in range(9):
            point = int(random.choice(np.flatnonzero(position.legal(position.to_move))))
            moves.append((position.to_move, point))
            position.play(*moves[-1])
        game = {"size": 9, "komi": 7.5, "black": black, "white": white, "moves": moves}
        chosen.append({**game, "shown": list(range(10))})
    assert compared(javascript, chosen) == 120
    assert javascript("go/board.js", "m.Board.setUp(2, [0, 1], [2, 3])") is None


@pytest.mark.parametrize("seed", range(3))
def test_illegal_moves_have_pythons_reason(javascript, seed):
    moves = crowded_game(5, seed, 60)
    code = (
        "(() => { const game = new m.Game(5); return data.map(([colour, point]) => { const all = [1, 2].map((each) =>"
        " Array.from({length: 25}, (_, p) => game.whyIllegal(p, each))); game.play(point, colour); return all; }); })()"
    )
    found = javascript("go/game.js", code, moves)
    position, seen = Position(5), set()
    for move, both in zip(moves, found, strict=True):
        for colour, reasons in zip((1, 2), both, strict=True):
            for point, reason in enumerate(reasons):
                expected = position.why_illegal(colour, point)
                assert bool(reason) == bool(expected)
                assert REASONS[reason] in expected
                seen.add(reason)
        position.play(*move)
    assert {"", "occupied", "suicide"} <= seen


def test_undo_and_redo(javascript):
    code = (
        "(() => { const game = new m.Game(9); data.forEach(([colour, point]) => game.play(point, colour));"
        " const key = game.board.key(); for (let i = 0; i < 30; i += 1) game.undo(); const less = game.moves.length;"
        " while (game.redo()); const same = game.board.key() === key; while (game.undo());"
        " return [less, same, game.board.key(), game.undo()]; })()"
    )
    moves = random_game(9, 4, 100)
    assert javascript("go/game.js", code, moves) == [len(moves) - 30, True, "0" * 81, False]


def test_names_and_stars(javascript):
    code = (
        "data.map((size) => [Array.from({length: size * size + 1}, (_, p) => [m.pointName(p, size), m.toSgf(p, size),"
        " m.fromSgf(m.toSgf(p, size), size)]), m.stars(size)])"
    )
    sizes = list(points.SIZES)
    for size, (names, stars) in zip(sizes, javascript("go/points.js", code, sizes), strict=True):
        expected = [[points.name(p, size), points.to_sgf(p, size), p] for p in range(size * size + 1)]
        assert names == expected
        assert stars == points.stars(size)


RECORDS = [
    record(random_game(9, 1, 60)),
    record(random_game(19, 2, 100), 19),
    "noise (;SZ[9]KM[6,5]AB[aa:cc][ii]AW[dd];W[ee];B[ff])",
    "(;GM[1]SZ[13:13]AB[aa]AE[aa]PL[W]C[a \\] bracket; (and) more](;W[mm];B[tt](;W[aa])(;W[bb]))(;W[cc]))",
    "(;GaMe[1]SiZe[9]SZ[9]HA[2]AB[cc][gg];W[e\n e];B[])",
    "( ;SZ[9]KM[375]PL[2];B[aa];B[bb];W[cc]",
    "(;SZ[])",
]
READ = """data.map((text) => { try { const game = m.readSgf(text);
  return { size: game.size, komi: game.komi, start: game.start,
  moves: game.moves.map(({ colour, point }) => [colour, point]), toMove: game.toMove }; } catch (error) {
  if (!(error instanceof m.BadRecord)) throw error; return error.key; } })"""


def test_records_are_read_as_python_reads_them(javascript):
    for text, found in zip(RECORDS, javascript("go/sgf.js", READ, RECORDS), strict=True):
        game = sgf.read_one(text.encode())
        removed = {e & encode.POINT for e in game.entries.tolist() if e & encode.KIND == encode.REMOVE}
        put = [e for e in game.entries.tolist() if e & encode.KIND == encode.SETUP and e & encode.POINT not in removed]
        moves = [e for e in game.entries.tolist() if not e & encode.KIND]
        assert (found["size"], found["komi"], found["toMove"]) == (game.size, game.komi, game.next_colour)
        assert found["moves"] == [[1 + (e >> 9 & 1), e & encode.POINT] for e in moves]
        for name, flag in (("black", 0), ("white", encode.WHITE_BIT)):
            assert found["start"][name] == sorted(e & encode.POINT for e in put if e & encode.WHITE_BIT == flag)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "sgfNone"),
        ("hello (world)", "sgfNone"),
        ("(;SZ[25])", "sgfSize"),
        ("(;SZ[9:13])", "sgfSize"),
        ("(;SZ[9];B[aa];W[aa])", "sgfIllegal"),
        ("(;SZ[9];B[zz])", "sgfIllegal"),
        ("(;SZ[9]AB[aa][ba]AW[ab][bb][ca])", "sgfSetup"),
        ("(;SZ[9]AB[zz])", "sgfSetup"),
        ("(;SZ[9];B[aa];AB[bb])", "sgfLate"),
        ("(;SZ[9]" + ";B[];W[]" * 2501 + ")", "sgfIllegal"),
    ],
)
def test_what_is_no_record_is_refused(javascript, text, key):
    assert javascript("go/sgf.js", READ, [text]) == [key]


def test_komi_is_pythons(javascript):
    texts = [
        (t, a) for a in ("", "foxwq") for t in ("7.5", "6,5", "650", "375", "50", "-3.", ".5", "7目半", "x", "61", "")
    ]
    found = javascript("go/sgf.js", "data.map(([text, application]) => m.komiOf(text, application))", texts)
    assert found == [properties.komi(text, application) for text, application in texts]


def test_a_written_record_is_read_again(javascript):
    code = "data.map((text) => m.writeSgf(m.readSgf(text), {black: 'a ] b \\\\ c', white: 'W'}))"
    for text, written in zip(RECORDS, javascript("go/sgf.js", code, RECORDS), strict=True):
        before, after = sgf.read_one(text.encode()), sgf.read_one(written.encode())
        assert (after.size, after.komi, after.next_colour) == (before.size, before.komi, before.next_colour)
        np.testing.assert_array_equal(
            encode.encode_entries(after.entries, after.size, after.next_colour, after.komi),
            encode.encode_entries(before.entries, before.size, before.next_colour, before.komi),
        )
        assert "PB[a \\] b \\\\ c]" in written


CHOOSE = """data.map(({ moves, shares, komi }) => { const game = new m.Game(5, { komi });
  moves.forEach(([colour, point]) => game.play(point, colour)); return m.choose(game, shares); })"""


def test_the_network_fills_no_eye_and_passes_sensibly(javascript):
    lone = [[1, p] if turn == 0 else [2, 25] for p in (5, 6, 1, 12) for turn in (0, 1)]  # black's eye is A1
    wants_eye = [0.9] + [0.1 / 24] * 24
    found = javascript(
        "go/game.js",
        CHOOSE,
        [
            {"moves": lone, "shares": wants_eye, "komi": 99},
            {"moves": lone, "shares": wants_eye, "komi": 7.5},  # white has passed and black is ahead
            {"moves": lone[:-1], "shares": [*wants_eye[:24], 0.0, 1.0], "komi": 7.5},  # it knows passes and wants one
            {"moves": [], "shares": wants_eye, "komi": 7.5},
        ],
    )
    assert found[0] == 25  # white has passed twice running
    assert found[1:] == [25, 25, 0]
    suicide = {"moves": [*lone[:6], [1, 12]], "shares": wants_eye, "komi": 7.5}
    assert javascript("go/game.js", CHOOSE, [suicide]) == [2]


def test_probabilities_are_of_legal_moves(javascript):
    code = (
        "(() => { const game = new m.Game(2); game.play(0, 1);"
        " return [m.policy(game, data), m.policy(game, [...data, 1])]; })()"
    )
    short, long = javascript("go/game.js", code, [5.0, 0.0, 1.0, -1.0])
    weights = np.exp([0.0, 1.0, -1.0])
    np.testing.assert_allclose(short, [0, *(weights / weights.sum())], atol=1e-12)
    weights = np.exp([0.0, 1.0, -1.0, 1.0])
    np.testing.assert_allclose(long, [0, *(weights / weights.sum())], atol=1e-12)


SETTLED = """(await (async () => {
  const [{ Board }, { passAlive }] = await Promise.all(data.modules.map((each) => import(each)));
  return data.positions.map(({ size, black, white, played, told }) => {
    const board = Board.setUp(size, black, white);
    const owner = m.blended(board, played, told);
    const dead = m.deadStones(board, owner);
    return [Array.from(passAlive(board)), Array.from(owner), Array.from(dead).sort((a, b) => a - b),
      Array.from(m.owners(m.cleared(board, dead)))];
  });
})())"""
LIVING = """
. X X . X .
X X . X X .
O O X X . .
. O O O O O
O O . O . O
. O O O O .
"""


def test_positions_are_settled_as_python_settles_them(javascript):
    positions = [drawn(LIVING)]
    for size, seed, length in [
        (9, 1, 100),
        (9, 2, 60),
        (9, 3, 160),
        (13, 5, 250),
        (5, 7, 40),
        (19, 4, 300),
        (9, 9, 130),
    ]:
        position = Position(size)
        for move in (crowded_game if seed % 2 else random_game)(size, seed, length):
            position.play(*move)
        positions.append(position)
    random, given = np.random.default_rng(0), []
    for number, position in enumerate(positions):
        black, white = (np.flatnonzero(position.board == colour).tolist() for colour in (1, 2))
        played, told = random.uniform(-1, 1, (2, position.size**2))
        each = {"size": position.size, "black": black, "white": white, "played": played.tolist()}
        given.append({**each, "told": told.tolist() if number % 2 else None})
    modules = [(WEB / "go" / f"{name}.js").as_uri() for name in ("board", "benson")]
    found = javascript("go/counting.js", SETTLED, {"modules": modules, "positions": given})
    some = 0
    for position, one, (alive, owner, dead, area) in zip(positions, given, found, strict=True):
        safe = benson.pass_alive(position).ravel()
        assert alive == safe.tolist()
        some += int((safe > 0).sum())
        mixed = np.array(one["played"])
        if one["told"]:
            mixed = (1 - count.TRUST) * mixed + count.TRUST * np.array(one["told"])
        mixed = np.where(safe == 1, 1, np.where(safe == 2, -1, mixed))
        np.testing.assert_allclose(owner, mixed, atol=1e-12)
        settled = count.counted(position, mixed)
        assert dead == settled.dead
        assert [{1: 1, -1: 2, 0: 0}[value] for value in area] == settled.owner.tolist()
    assert some > 60


def drawn(text):
    """A position from rows of X (black), O (white) and dots."""
    cells = "".join(text.split())
    position = Position(round(len(cells) ** 0.5))
    position.setup(*([point for point, cell in enumerate(cells) if cell == stone] for stone in "XO"))
    return position


def test_planes_of_either_colour_are_pythons(javascript):
    moves = crowded_game(9, 3, 70)
    position = Position(9)
    for move in moves:
        position.play(*move)
    code = (
        "(await (async () => { const { Game } = await import(data.game); const game = new Game(9);"
        " data.moves.forEach(([colour, point]) => game.play(point, colour));"
        " return [1, 2].map((colour) => Array.from(m.encode(game, 7, colour))); })())"
    )
    found = javascript("go/planes.js", code, {"game": (WEB / "go/game.js").as_uri(), "moves": moves})
    for colour, planes in zip((1, 2), found, strict=True):
        assert planes == encode.encode(position, colour, 7.5).ravel().tolist()


COUNTED = """(async () => {
  const { Board } = await import(m.BOARD);
  return Promise.all(data.map(async ([black, white]) => {
    const board = Board.setUp(9, black, white);
    const owner = await m.ownership(board, 200);
    const dead = m.deadStones(board, owner);
    const rest = m.cleared(board, dead);
    return [Array.from(owner), Array.from(dead).sort((a, b) => a - b), rest.area()];
  }));
})()"""


@pytest.mark.slow
def test_random_games_count_as_python_does(javascript):
    positions = []
    for seed in range(2):
        position = Position(9)
        for move in random_game(9, 40 + seed, 70):
            position.play(*move)
        positions.append(position)
    data = [[np.flatnonzero(p.board == colour).tolist() for colour in (1, 2)] for p in positions]
    found = javascript("go/counting.js", COUNTED.replace("m.BOARD", repr((WEB / "go/board.js").as_uri())), data)
    for position, (owner, dead, area) in zip(positions, found, strict=True):
        expected = playouts.ownership(position, 200)
        np.testing.assert_allclose(owner, expected.ravel(), atol=0.45)  # two samples of 200 games: 5 standard errors
        assert np.abs(np.array(owner) - expected.ravel()).mean() < 0.1
        clear = {
            stone
            for stone in playouts.dead_stones(position, expected)
            if abs(expected.ravel()[position.chain(stone)].mean()) > 0.3
        }
        assert clear <= set(dead)
        cleared = Position(9)
        board = position.board.ravel().copy()
        board[dead] = 0
        cleared.setup(*(np.flatnonzero(board == colour).tolist() for colour in (1, 2)))
        assert area == cleared.area_score(0)
