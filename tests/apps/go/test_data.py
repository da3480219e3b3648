"""Records as they are found in the wild, collections, splits without leaks, and what prepare says."""

import gzip
import io
import lzma
import os
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from apps.go.app import APP
from apps.go.config import PRESETS, Choice, GoConfig
from apps.go.data import choose, load, read_data
from apps.go.records import collection, games, properties
from apps.go.records.grammar import BadGame
from apps.go.records.last_position import read
from apps.go.records.sgf import Game, read_lines, read_sgf
from apps.go.rules.encode import KIND, PLANES, POINT
from apps.go.rules.position import Position
from apps.go.rules.symmetry import COUNT, tables
from cnn_core.config import from_json, to_json
from cnn_core.errors import UserError
from cnn_core.fetching.sources import load_manifest
from tests.helpers.commands import answer, bad
from tests.helpers.go_games import board_array, play_on, random_game, record


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "cache"))


def only(text):
    (found,) = read_sgf(text if isinstance(text, bytes) else text.encode())
    return found


def reason(text):
    found = only(text)
    assert isinstance(found, BadGame), found
    assert "\n" not in str(found)
    return str(found)


def test_a_plain_record():
    game = only("(;GM[1]FF[4]SZ[19]KM[6.5]RE[W+R]BR[9d]WR[2k];B[pd];W[dp];B[];W[tt])")
    assert game.entries.tolist() == [15 * 19 + 15, 512 | (3 * 19 + 3), 361, 512 | 361]
    assert (game.size, game.komi, game.result, game.ranks, game.handicap) == (19, 6.5, 2, (9, -1), 0)
    assert game.next_colour == 1


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ("Dear sir,\n here (it) is: (;SZ[9];B[aa];W[bb]) bye", 2),
        ("(;SZ[9];B[aa](;W[bb];B[cc])(;W[dd]))", 3),  # the main line
        ("(;SZ[9];Black[aa];White[bb]C[a \\] b])", 2),  # the old long names
        ("(;SZ[9:9];B[aa]\r\n ; W [bb] )", 2),
        ("(;SZ[9]AB[aa][bb]AW[cc:dd];W[ee])", 1),
        ("(;SZ[9]CA[nonsense]PB[\xff\xfe];B[aa])", 1),
        ("(;SZ[9]KM[much]RE[?]BR[strong];B[aa])", 1),
        ("(;B[aa];SZ[9])", 1),
    ],
    ids=["text around", "variations", "long names", "spaces", "set up", "encoding", "odd values", "no size"],
)
def test_records_as_they_are_found(text, moves):
    game = only(text.encode("latin-1"))
    assert isinstance(game, Game)
    assert ((game.entries & KIND) == 0).sum() == moves


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not SGF"),
        ("hello (world)", "not SGF"),
        ("(;GM[2]SZ[8];B[aa])", "GM[2] is another game than Go"),
        ("(;SZ[37];B[aa])", "board size 37 (sizes 2 to 19 can be read)"),
        ("(;SZ[9:13];B[aa])", "board of 9x13"),
        ("(;SZ[x];B[aa])", "board size x"),
        ("(;SZ[9];B[aa];W[aa])", "move 2 (W A9) is illegal: the point is occupied"),
        ("(;SZ[9];W[ba];W[ab];B[aa])", "move 3 (B A9) is illegal: it would be suicide"),
        ("(;SZ[5]AB[bb][ac][cc][bd]AW[cb][dc][cd];W[bc];B[cc])", "move 2 (B C3) is illegal: it would retake a ko"),
        ("(;SZ[9];B[zz])", "move 1 (B): 'zz' is not a point of a board of 9x9"),
        ("(;SZ[9];B[abc])", "'abc' is not a point"),
        ("(;SZ[9]AB[tt];B[aa])", "a set-up stone has no point"),
        ("(;SZ[9]AB[aa]AW[ab][ba];B[cc])", "set-up stones before move 1 leave a chain without liberties"),
        ("(;SZ[9]C[no moves])", "no moves"),
        ("(;SZ[9];B[aa", "unexpected"),
        ("(;SZ[9];B)", "property with no values"),
        (f"(;SZ[9]{';B[];W[]' * 3000})", "more than 5000 moves"),
    ],
    ids=lambda value: value[:24] if not value.startswith("(") else "",
)
def test_a_bad_record_has_a_reason(text, message):
    assert message in reason(text)


def test_several_games_and_lines():
    a, b = record(random_game(9, 1, 30)), record(random_game(9, 2, 30))
    found = list(read_sgf(f"{a}\n(;GM[9])\n{b}".encode()))
    assert [isinstance(game, Game) for game in found] == [True, False, True]
    lines = b"7\t;B[pd];W[dp];B[dd]\n\nx\tSZ[9]KM[7];B[aa]\nno tab here\n9\t;B[aa];W[aa]\n"
    (n1, g1), (_, g2), (n3, g3), (n4, g4) = read_lines(lines)
    assert n1 == "line 1 (7)"
    assert (g1.size, len(g1.entries), g2.size, g2.komi) == (19, 3, 9, 7.0)
    assert "no tab" in str(g3)
    assert "move 2" in str(g4)
    assert (n3, n4) == ("line 4 (no tab here)", "line 5 (9)")


@pytest.mark.parametrize(
    ("text", "rank"),
    [("9d", 9), ("1 dan", 1), ("9p", 18), ("P9段", 9), ("1k", 0), ("12 kyu", -11), ("", None), ("?", None)],
)
def test_ranks(text, rank):
    assert properties.rank(text) == (properties.UNKNOWN_RANK if rank is None else rank)


def test_komi_of_odd_servers():
    assert [properties.komi(text) for text in ("375", "650", "6,5", "-3.5", "", "1e9", "7.5 points")] == [
        7.5, 6.5, 6.5, -3.5, 0.0, 0.0, 7.5,
    ]  # fmt: skip


@given(st.binary(max_size=300))
def test_any_bytes_are_games_or_reasons(data):
    found = list(read_sgf(data))
    assert found
    for game in found:
        assert isinstance(game, Game) or "\n" not in str(game)


PIECES = ["(", ")", ";", "B", "W", "AB", "AE", "SZ", "[9]", "[19]", "[37]", "[aa]", "[ab]", "[aa:cc]", "[tt]"]
PIECES += ["[]", "[zz]", "GM[1]", "GM[3]", "\\", "]", "KM[x]", "RE[W+]", "\n", "C[(;)]", "BR[9d]"]


@given(st.lists(st.sampled_from(PIECES), max_size=60), st.booleans())
def test_pieces_of_sgf_are_games_or_reasons(pieces, begun):
    text = ("(;SZ[9]" if begun else "") + "".join(pieces)
    found = list(read_sgf(text.encode()))
    assert found
    for game in found:
        if isinstance(game, Game):
            assert ((game.entries & POINT) <= game.size**2).all()
            assert collection.collect([game]).digest.shape == (1,)
        else:
            assert str(game)


def turned(moves, size, k):
    return [(colour, int(tables(size)[k, point])) for colour, point in moves]


def test_digests_are_those_of_the_game_in_any_form():
    moves, other = random_game(9, 1, 50), random_game(9, 2, 50)
    forms = [only(record(turned(moves, 9, k), root="KM[0]")) for k in range(COUNT)]
    found = collection.collect([*forms, only(record(other)), only(record(moves[:-1]))])
    assert len(set(found.digest[:COUNT].tolist())) == 1
    assert len(set(found.digest.tolist())) == 3
    assert found.start[0] == found.start[-1] != found.start[-2]
    setup = [only(record(moves[4:], root=f"AB[{a}][{b}]")) for a, b in (("ia", "ai"), ("ai", "ia"))]
    if all(isinstance(game, Game) for game in setup):
        assert len({collection.digests(game) for game in setup}) == 1


def test_a_collection_survives_the_trip_and_damage_is_seen(tmp_path):
    found = collection.collect([only(record(random_game(9, seed, 40))) for seed in range(4)])
    collection.save(found, {"files": 4}, tmp_path / "c.safetensors")
    again, notes = collection.load(tmp_path / "c.safetensors")
    assert notes == {"files": 4}
    for name in ("moves", "offsets", "komi", "ranks", "digest"):
        np.testing.assert_array_equal(getattr(found, name), getattr(again, name))
    assert again.moves.nbytes / len(again.moves) == 2
    part = found.take(np.array([3, 1]))
    assert (part.entries(1) == found.entries(1)).all()
    assert (collection.join([part, found]).entries(3) == found.entries(1)).all()
    wrong = replace(found, moves=np.full_like(found.moves, 400))
    collection.save(wrong, {}, tmp_path / "d.safetensors")
    (tmp_path / "e.safetensors").write_bytes(b"nothing")
    for name in ("d", "e", "f"):
        with pytest.raises(UserError, match=f"{name}.safetensors: not a collection"):
            collection.load(tmp_path / f"{name}.safetensors")


def sample_files():
    """Name -> contents: 30 good games, some in other forms, and one of each bad kind."""
    files = {f"a/{seed}.sgf": record(random_game(9, seed, 50)).encode() for seed in range(30)}
    files["b/turned.SGF"] = record(turned(random_game(9, 3, 50), 9, 5)).encode()
    files["b/again.sgf"] = files["a/4.sgf"] + b" "
    files["b/19.sgf"] = record(random_game(19, 1, 40), 19).encode()
    files["b/short.sgf"] = record(random_game(9, 77, 5)).encode()
    files["bad/none.sgf"] = b"no record"
    files["bad/chess.sgf"] = b"(;GM[3];B[aa])"
    files["bad/illegal.sgf"] = b"(;SZ[9];B[aa];W[aa])"
    files["bad/empty.sgf"] = b""
    files["notes.txt.xz"] = lzma.compress(b"1\tSZ[9];B[aa];W[bb]\n")
    files["sgf on lines.txt"] = b"".join(record(random_game(9, seed, 50)).encode() + b"\n" for seed in (90, 91))
    files["packed.sgf.gz"] = gzip.compress(record(random_game(9, 92, 50)).encode())
    files["broken.sgf.xz"] = b"not packed"
    files["picture.png"] = b"(;SZ[9];B[aa])"
    return files


def pack(folder, files, kind):
    if kind == "folder":
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return folder
    path = folder / f"games.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link.sgf")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
def test_games_from_folders_and_archives(tmp_path, kind):
    path = pack(tmp_path, sample_files(), kind)
    found, report = games.read_games(path, progress=False)
    assert (report.files, report.games, report.bad) == (42, 38, 5)
    assert report.reasons == {
        "not SGF": 2,
        "another game than Go": 1,
        "illegal move: the point is occupied": 1,
        "cannot be unpacked": 1,
    }
    assert ["bad/illegal.sgf", "move 2 (W A9) is illegal: the point is occupied"] in report.named
    again, same = games.read_games(path, progress=False)
    assert same == report
    np.testing.assert_array_equal(again.moves, found.moves)


def test_a_changed_folder_and_a_damaged_cache_are_read_again(tmp_path):
    path = pack(tmp_path / "games", sample_files(), "folder")
    games.read_games(path, progress=False)
    (kept,) = (tmp_path / "cache" / "go").glob("*.safetensors")
    kept.write_bytes(b"damage")
    assert games.read_games(path, progress=False)[1].games == 38
    (path / "a" / "0.sgf").unlink()
    assert games.read_games(path, progress=False)[1].games == 37
    os.utime(path / "a" / "1.sgf", ns=(1, 1))
    assert games.read_games(path, progress=False)[1].games == 37


@pytest.mark.slow
def test_many_files_are_parsed_by_several_processes(tmp_path, monkeypatch):
    text = {f"{n}.sgf": record(random_game(5, n % 40, 20), 5).encode() for n in range(60)}
    monkeypatch.setattr(games, "CHUNK", 10)
    monkeypatch.setattr(games, "usable_cores", lambda: 2)
    found, report = games.parse_all(iter(text.items()), progress=False)
    assert (report.files, len(found)) == (60, 60)
    monkeypatch.setattr(games, "usable_cores", lambda: 1)
    alone, _ = games.parse_all(iter(text.items()), progress=False)
    np.testing.assert_array_equal(found.moves, alone.moves)


def test_splits_are_by_game_and_leak_nothing(tmp_path):
    size, texts = 9, []
    for seed in range(80):
        moves = random_game(size, seed, 40)
        texts += [record(turned(moves, size, k)) for k in range(seed % 3 + 1)]
        texts.append(record(moves[:-3]))  # the same game, cut short
    path = pack(tmp_path, {f"{i}.sgf": text.encode() for i, text in enumerate(texts)}, "folder")
    found, _ = games.read_games(path, progress=False)
    parts, left = choose(found, size, Choice(min_moves=0, validation=0.2, test=0.2))
    assert left["the same as an earlier game"] == len(texts) - 160
    assert sum(map(len, parts.values())) == 160
    starts = [set(part.start.tolist()) for part in parts.values()]
    assert all(starts)
    assert sum(map(len, starts)) == len(set.union(*starts)) == 80
    seen = {}
    for name, part in parts.items():
        for game in range(len(part)):
            entries = part.entries(game).astype(int)
            for k in range(COUNT):
                key = (tables(size)[k, entries & POINT] | (entries & ~POINT)).tobytes()
                assert seen.setdefault(key, name) == name


def test_filters(tmp_path):
    texts = [
        record(random_game(9, 1, 40), root="BR[3d]WR[5d]RE[B+2]"),
        record(random_game(9, 2, 40), root="BR[3d]RE[W+R]"),
        record(random_game(9, 3, 15), root="BR[9p]WR[1d]"),
        record(random_game(9, 4, 40)[2:], root="AB[aa][bb]RE[0]"),
    ]
    found = collection.collect([only(text) for text in texts])

    def kept(**changes):
        parts, left = choose(found, 9, replace(Choice(min_moves=0), **changes))
        assert sum(map(len, parts.values())) + sum(left.values()) == 4
        return {int(d) for part in parts.values() for d in part.digest}

    every = [int(d) for d in found.digest]
    assert kept() == set(every)
    assert kept(min_moves=20) == {every[0], every[1], every[3]}
    assert kept(min_rank="1d") == {every[0], every[2]}
    assert kept(min_rank="4d") == set()
    assert kept(result="black") == {every[0]}
    assert kept(result="known") == {every[0], every[1], every[3]}
    assert kept(handicap=False) == set(every[:3])
    with pytest.raises(UserError, match="'strong' is not a rank"):
        kept(min_rank="strong")


@pytest.fixture
def folder(tmp_path):
    texts = {f"{seed}.sgf": record(random_game(9, seed, 45, passes=0.04)).encode() for seed in range(40)}
    return pack(tmp_path / "games", texts, "folder")


def config(folder, **changes):
    return replace(GoConfig(data=str(folder), choice=Choice(validation=0.2, test=0.2)), **changes)


def test_load(folder):
    data = load(config(folder, features="alphago"))
    assert data.labels[:2] == ("A1", "B1")
    assert len(data.labels) == 81
    inputs, moves = data.train.take(torch.arange(50))
    assert inputs.shape == (50, PLANES, 9, 9)
    stones = inputs[:, 0].flatten(1) & 3
    assert (stones.gather(1, moves[:, None]) == 0).all()  # every move goes to an empty point
    assert (inputs[:, 3].flatten(1).gather(1, moves[:, None]) & 32).all()  # and is legal
    again, _ = data.train.take(slice(10, 20))
    assert (again == inputs[10:20]).all()
    passing = load(config(folder, passes=True))
    assert passing.labels[-1] == "pass"
    assert len(passing.train) > len(data.train)
    assert passing.train.targets.max() == 81


def test_an_epoch_may_be_a_part_of_the_positions(folder):
    split = load(config(folder)).train
    total = len(split)
    assert len(split.inputs) == total > 300
    orders = [split.order(3, epoch, 32, 300) for epoch in range(8)]
    assert all(len(order) == 300 for order in orders)
    joined = torch.cat(orders)
    assert (joined[:total].sort().values == torch.arange(total)).all()  # each once before any is seen again
    assert (split.order(3, 5, 32, 300) == orders[5]).all()
    assert len(split.order(3, 5, 32, 10**9)) == total
    assert len(load(config(folder, watched=20)).validation) == 20


def test_an_earlier_config_names_positions():
    old = to_json(PRESETS["expert"])
    del old["fit"]["epoch_samples"]
    old["positions"] = 84_000
    assert from_json(GoConfig, old) == PRESETS["expert"]
    assert from_json(GoConfig, {"positions": 0}) == GoConfig()


def test_read_gives_the_last_position(tmp_path):
    path = tmp_path / "x.sgf"
    path.write_text("(;SZ[9]KM[5.5];B[aa];W[bb];B[cc])")
    planes = read(path)
    assert planes.shape == (PLANES, 9, 9)
    assert planes[0, 8, 0] == 2 + 4  # white is to move, and A9 is the opponent's
    assert planes[2, 6, 2] == 1
    assert (read(path.read_bytes()) == planes).all()
    for text, message in ((b"x", "not SGF"), (b"(;SZ[9];B[aa];B[aa])", "move 2")):
        with pytest.raises(UserError, match=f"standard input: .*{message}"):
            read(text)
    with pytest.raises(UserError, match="gone.sgf: cannot be read"):
        read(tmp_path / "gone.sgf")


@pytest.mark.parametrize(("name", "preset"), [("gnugo-9x9", "small"), ("gnugo-13x13", "medium")])
def test_the_shipped_games_need_no_network_and_are_what_their_card_says(name, preset):
    """Every position of some of them agrees with sgfmill's board too."""
    from sgfmill.boards import Board

    size = PRESETS[preset].size
    card = load_manifest(name)
    data = load(replace(PRESETS[preset], judge=0.0))
    watched = replace(PRESETS[preset], watched=0, judge=0.0)
    sizes = {"train": data.train, "validation": load(watched).validation, "test": data.test}
    assert {name: len(split) for name, split in sizes.items()} == card.splits
    assert data.labels == card.classes
    found, report = read_data(name, progress=False)
    assert report.bad == 0
    assert f"{len(found):,} games" in card.description
    for game in range(0, len(found), 20):
        position, board = Position(size), Board(size)
        entries = found.entries(game).astype(int)
        stones = entries[(entries & KIND) != 0]
        black, white = ([e & POINT for e in stones if ((e & 512) > 0) == flag] for flag in (False, True))
        position.setup(black, white)
        board.apply_setup([divmod(p, size) for p in black], [divmod(p, size) for p in white], [])
        for entry in entries[len(stones) :]:
            colour, point = 1 + ((entry & 512) >> 9), entry & POINT
            position.play(colour, point)
            assert play_on(board, colour, point) == position.ko
            assert (board_array(board) == position.board).all()


def test_prepare_says_what_was_taken(tmp_path, capsys):
    path = pack(tmp_path / "games", sample_files(), "folder")
    found = answer(capsys, "prepare", "--sgf", path, "--choice.validation", 0.2, "--choice.test", 0.2, app=APP)
    assert (found["games"], found["bad"], found["size"]) == (38, 5, 9)
    assert found["left_out"]["the same as an earlier game"] == 2
    assert found["left_out"]["fewer moves"] == 2
    assert found["sizes"] == {"9": 37, "19": 1}
    assert sum(split["games"] for split in found["splits"].values()) == 33


def test_bad_input_is_one_line(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "junk.zip").write_bytes(b"junk")
    (tmp_path / "junk.sgf").write_bytes(b"junk")
    path = tmp_path / "one.sgf"
    path.write_text(record(random_game(9, 1, 40)))
    for args, message in (
        (["prepare", "--sgf", tmp_path / "gone"], "gone"),
        (["prepare", "--sgf", tmp_path / "empty"], "empty: holds no SGF files"),
        (["prepare", "--sgf", tmp_path / "junk.zip"], "junk.zip: not a whole zip or tar archive"),
        (["prepare", "--sgf", tmp_path / "junk.sgf"], "junk.sgf: none of its 1 games can be used; junk.sgf: not SGF"),
        (["prepare", "--sgf", path, "--data", "x"], "give one of them"),
        (["prepare", "--sgf", path, "--size", "13"], "no game of 13x13 is left"),
        (["prepare", "--sgf", path, "--choice.test", "1"], "choice.test"),
        (["train", "--data", str(path)], "is left for"),
        (["train", "--data", str(path), "--size", "1"], "size must lie between"),
        (["train", "--net.first", "4"], "odd"),
        (["train", "--drop-history", "1"], "drop-history"),
        (["selfplay", "--out", tmp_path / "x", "--gnugo", "no-such-program"], "no-such-program: no such program"),
        (["selfplay", "--out", tmp_path / "x", "--size", "3"], "--size"),
        (["selfplay", "--out", tmp_path / "empty", "--gnugo", "true"], "empty: cannot be read and written"),
    ):
        assert message in bad(capsys, *args, app=APP)


@pytest.mark.slow
def test_selfplay_goes_on_where_it_was(tmp_path, capsys):
    from tests.helpers.go import GNUGO

    if GNUGO is None:
        pytest.skip("GNU Go is not installed (Debian: apt-get install gnugo)")
    path = tmp_path / "games.txt"
    common = ["--out", path, "--size", 5, "--level", 1, "--gnugo", GNUGO]
    first = answer(capsys, "selfplay", *common, "--games", 3, app=APP)
    assert first["new"] == 3
    before = path.read_text()
    path.write_text(f"{before}L1-0000")  # cut off while writing
    second = answer(capsys, "selfplay", *common, "--games", 5, "--processes", 2, app=APP)
    assert second["new"] >= 2
    lines = Path(path).read_text().splitlines()
    assert set(before.splitlines()) <= set(lines)
    assert lines == sorted(lines)
    for _, game in read_lines(path.read_bytes()):
        assert isinstance(game, Game)
        assert (game.entries[-2:] & POINT == 25).all()  # both pass at the end
        assert game.result
