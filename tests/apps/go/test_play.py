"""The player's manners, matches under a referee, and what predict and annotate make of a record."""

import io
import json
import os
import re
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sgfmill import sgf

from apps.go.app import APP
from apps.go.play.opponent import GtpPlayer, full_command, network_player, random_player
from apps.go.play.player import Policy, Style, choose, draw
from apps.go.play.playouts import dead_stones, ownership, score_name, settled_score
from apps.go.play.referee import play_game
from apps.go.records.additions import Additions, insert
from apps.go.records.record import read_records
from apps.go.rules.points import name, parse
from apps.go.rules.position import Position
from apps.go.verbs.annotate import AnnotateOptions, annotate
from apps.go.verbs.match import MatchOptions, play_match, report
from cnn_core import runs
from cnn_core.cli import run
from cnn_core.errors import UserError
from tests.helpers.commands import answer, bad
from tests.helpers.go import GNUGO, Noise, Wants, needs_gnugo, tiny_run

STILL = Style(symmetries=1)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return tiny_run(tmp_path_factory.mktemp("runs") / "tiny")


def board(text):
    """A position from lines of X, O and dots, the top row first."""
    rows = text.split()[::-1]
    position = Position(len(rows))
    cells = "".join(rows)
    position.setup(*([i for i, c in enumerate(cells) if c == colour] for colour in "XO"))
    return position


HALVES = board(
    """. X . X O . O
       X X X X O O O
       . X . X O . O
       X X X X O O .
       . X . X O O O
       X X X X O . O
       . X X X O O ."""
    .replace(" ", "").replace("\n", " ")
)  # fmt: skip
OPEN = board(
    """. . . X O . .
       . . . X O . .
       . . . X O . .
       . O . X O . .
       . . . X O . .
       . . . X O . .
       . . . X O . ."""
    .replace(" ", "").replace("\n", " ")
)  # fmt: skip


def test_a_settled_board_is_counted():
    owner = ownership(HALVES)
    assert (owner[:, :4] == 1).all()
    assert (owner[:, 4:] == -1).all()
    assert settled_score(HALVES, owner, 0) == 28 - 21
    assert dead_stones(HALVES, owner) == []
    owner = ownership(OPEN)
    assert dead_stones(OPEN, owner) == [parse("b4", 7)]
    assert settled_score(OPEN, owner, 3.5) == 28 - 21 - 3.5
    assert np.array_equal(owner, ownership(OPEN))
    assert abs(ownership(Position(9))).max() < 0.5
    assert [score_name(s) for s in (3.5, -0.5, 0)] == ["B+3.5", "W+0.5", "0"]


def test_it_passes_when_only_eyes_are_left():
    assert choose(Wants(0), HALVES, 1, STILL, np.random.default_rng(0)) == HALVES.passes


def test_it_passes_after_a_pass_when_it_has_won_and_plays_on_when_it_has_not():
    position = OPEN.copy()
    for _ in range(8):
        position.play(1, position.passes)
        position.play(2, position.passes)
    position.history[-4:] = [(1, 0), (2, 1), (1, 2), (2, 3)]  # nobody passed lately
    position.history.append((2, position.passes))
    wanted = parse("f4", 7)
    undecided = Wants(wanted)
    assert choose(undecided, position, 1, STILL, np.random.default_rng(0), komi=3.5) == position.passes
    assert choose(undecided, position, 1, STILL, np.random.default_rng(0), komi=20.5) == wanted
    position.history[-3:] = [(2, position.passes), (1, 2), (2, position.passes)]
    assert choose(undecided, position, 1, STILL, np.random.default_rng(0), komi=20.5) == position.passes


def test_it_does_not_pass_in_the_opening_and_does_when_the_network_says_so():
    position = Position(9)
    position.play(1, position.passes)
    assert choose(Wants(40), position, 2, STILL, np.random.default_rng(0)) == 40
    assert choose(Wants(81), position, 2, STILL, np.random.default_rng(0)) == position.passes
    empty = np.zeros(81, bool)
    assert choose(Wants(40), position, 2, STILL, np.random.default_rng(0), allowed=empty) == position.passes


@pytest.mark.slow
@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([2, 5, 6]), st.sampled_from([0.0, 0.7, 3.0]))
def test_it_never_plays_an_illegal_move_nor_fills_an_eye_and_the_game_ends(seed, size, temperature):
    position, random, style = Position(size, superko=True), np.random.default_rng(seed), Style(temperature, 0.9, 1)
    for _ in range(6 * size * size):
        colour = position.to_move
        point = choose(Noise(), position, colour, style, random, komi=random.integers(-9, 9) + 0.5)
        assert not position.why_illegal(colour, point)
        assert point == position.passes or not position.own_eye(colour)[point]
        position.play(colour, point)
        if [p for _, p in position.history[-2:]] == [position.passes] * 2:
            return
    pytest.fail("the game did not end")


def test_temperature_and_top_p():
    shares = np.array([0.1, 0.5, 0.0, 0.15, 0.25])
    random = np.random.default_rng(0)

    def counts(style):
        return np.bincount([draw(shares, style, random) for _ in range(4000)], minlength=5) / 4000

    assert counts(Style(0.0)).tolist() == [0, 1, 0, 0, 0]
    assert np.allclose(counts(Style(1.0)), shares, atol=0.03)
    squared = shares**2 / (shares**2).sum()
    assert np.allclose(counts(Style(0.5)), squared, atol=0.03)
    assert np.allclose(counts(Style(1.0, 0.7)), [0, 2 / 3, 0, 0, 1 / 3], atol=0.03)
    assert counts(Style(1.0, 1e-9)).tolist() == [0, 1, 0, 0, 0]
    assert counts(Style(100.0))[2] == 0


def test_the_policy_masks_illegal_moves_and_averages_symmetries(net):
    policy = Policy(runs.restore(APP, net))
    position = Position(9)
    for i, move in enumerate(("c3", "d7", "g4", "e5", "b2")):
        position.play(1 + i % 2, parse(move, 9))
    one, eight = policy.probabilities(position), policy.probabilities(position, symmetries=8)
    for shares in (one, eight):
        assert shares.shape == (82,)
        assert shares.sum() == pytest.approx(1)
        assert (shares[:81][position.board.reshape(-1) > 0] == 0).all()
        assert shares[81] == 0
    # The average over all symmetries turns with the board; one look does not.
    turned = Position(9)
    for colour, point in position.history:
        row, column = divmod(point, 9)
        turned.play(colour, column * 9 + (8 - row))
    back = np.rot90(policy.probabilities(turned, symmetries=8)[:81].reshape(9, 9), -1)
    assert np.allclose(back, eight[:81].reshape(9, 9), atol=1e-5) or np.allclose(
        np.rot90(back, 2), eight[:81].reshape(9, 9), atol=1e-5
    )
    other = np.rot90(policy.probabilities(turned)[:81].reshape(9, 9), 1)
    assert not np.allclose(other, one[:81].reshape(9, 9), atol=1e-5)
    assert policy.probabilities(Position(13)).shape == (170,)  # fully convolutional


ENGINE = """
import os, sys, time
moves = {moves!r}
for line in sys.stdin:
    word = line.split()[0]
    if word == "genmove":
        move = moves.pop(0) if moves else "pass"
        if move == "die":
            print("Segmentation fault", file=sys.stderr); sys.exit(3)
        if move == "hang":
            time.sleep(60)
        if move == "close":
            os.close(1); time.sleep(60)
        if move == "babble":
            print("hello there", flush=True); continue
        if move == "error":
            print("? no idea\\n", flush=True); continue
        print(f"= {{move}}\\n", flush=True)
    elif word == "final_score" and {score!r}:
        print("= {score}\\n", flush=True)
    elif word in ("boardsize", "clear_board", "komi", "play", "quit"):
        print("=\\n", flush=True)
    else:
        print("? unknown command\\n", flush=True)
"""


@pytest.fixture
def engine(tmp_path):
    """A command that speaks GTP, playing the moves that are given."""

    def make(*moves, score=""):
        path = tmp_path / "engine.py"
        path.write_text(ENGINE.format(moves=list(moves), score=score))
        return shlex.join([sys.executable, "-S", str(path)])

    return make


def scripted(command, predictor=None, timeout=20.0, **options):
    foe = GtpPlayer(command, timeout)
    ours = network_player(predictor or Noise(), STILL, 0, "net")
    try:
        return play_game(foe, ours, foe, options.get("size", 5), 7.5)
    finally:
        foe.close()
        assert foe.process.poll() is not None


def test_a_game_against_a_script(engine):
    game = scripted(engine("A1", "pass", "pass", score="W+12.0"), Wants(12))
    assert game.moves == ((1, 0), (2, 12), (1, 25), (2, 25))
    assert (game.result, game.theirs, game.end, game.winner) == ("W+12", "W+12", "two passes", 2)
    assert game.ours == score_name(settled_score(_position(game), ownership(_position(game)), 7.5))


def _position(game):
    position = Position(game.size)
    for move in game.moves:
        position.play(*move)
    return position


def test_resignation_illegal_moves_and_engines_without_a_count(engine):
    assert scripted(engine("RESIGN")).result == "W+R"
    game = scripted(engine("C3", "C3"), Wants(0))
    assert game.result == "W+F"
    assert "illegal move C3" in game.end
    game = scripted(engine())
    assert (game.theirs, game.result) == ("", game.ours)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moves", "message"),
    [
        (["die"], r"died \(exit status 3\): Segmentation fault"),
        (["B2", "die"], r"died \(exit status 3\)"),
        (["close"], "closed its output"),
        (["hang"], "no answer to 'genmove b' within 0.5 seconds"),
        (["babble"], "speaks no GTP"),
        (["error"], "answers 'genmove b' with 'no idea'"),
        (["Z77"], "answers 'genmove b' with 'Z77'"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_an_opponent_that_fails_is_one_line(engine, moves, message):
    begin = time.monotonic()
    with pytest.raises(UserError, match=message) as caught:
        scripted(engine(*moves), timeout=0.5 if moves == ["hang"] else 20.0)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - begin < 15


def test_a_silly_count_is_one_line(engine):
    with pytest.raises(UserError, match="answers 'final_score' with 'black, I think'"):
        scripted(engine(score="black, I think"))
    assert scripted(engine(score="0")).winner == 0


def test_opponents_end_with_what_they_started(tmp_path):
    """The child of a shell script goes too."""
    script = tmp_path / "wrapper"
    script.write_text(f"#!/bin/sh\nsleep 77 &\necho $! > {tmp_path}/child\ncat > /dev/null\n")
    script.chmod(0o755)
    foe = GtpPlayer(str(script), 0.3)
    with pytest.raises(UserError, match="no answer to 'boardsize 9'"):
        foe.start(9, 7.5)
    foe.close()
    child = int((tmp_path / "child").read_text())
    end = time.monotonic() + 5
    while time.monotonic() < end and _alive(child):
        time.sleep(0.02)
    assert not _alive(child)


def _alive(process):
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_a_match_writes_every_game_and_counts(tmp_path):
    options = MatchOptions(run=tmp_path, opponent="random", games=4, size=5, symmetries=1)
    games = play_match(Noise(), STILL, options, tmp_path)
    outcome = report(games, options, tmp_path)
    counts = outcome.data["results"][-1]
    assert counts["wins"] + counts["losses"] + counts["draws"] == counts["games"] == 4
    assert counts["interval"][0] <= counts["rate"] <= counts["interval"][1]
    assert json.loads((tmp_path / "results.json").read_text())["results"] == outcome.data["results"]
    for k, game in enumerate(games, start=1):
        (record,) = read_records(tmp_path / f"game-{k:03}.sgf")
        assert tuple((s.colour, s.point) for s in record.walk() if s.point is not None) == game.moves
        root = sgf.Sgf_game.from_bytes((tmp_path / f"game-{k:03}.sgf").read_bytes()).get_root()
        assert root.get("RE") == game.result
        assert root.get("PB" if k % 2 else "PW") == "cnn-go"
    assert [g.moves for g in play_match(Noise(), STILL, options, tmp_path)] == [g.moves for g in games]


def test_random_players_are_legal_and_differ():
    a, b = (play_game(random_player(k), random_player(k + 9), random_player(0), 5, 7.5) for k in (1, 2))
    assert a.moves != b.moves
    assert a.end == "two passes"


@pytest.mark.slow
def test_a_match_is_played_on_the_board_of_the_training_games(net, tmp_path, capsys):
    size = json.loads((net / "config.json").read_text())["config"]["size"]
    args = ["--opponent", "random", "--games", 1, "--symmetries", 1]
    assert answer(capsys, "match", net, *args, "--out", tmp_path / "own", app=APP)["size"] == size
    found = answer(capsys, "match", net, *args, "--size", size - 2, "--out", tmp_path / "other", app=APP)
    assert found["size"] == size - 2


@pytest.mark.slow
@needs_gnugo
def test_whole_games_against_gnu_go(net, tmp_path, capsys):
    args = ["--opponent", "gnugo --mode gtp --level 1", "--games", 2, "--symmetries", 1, "--out", tmp_path]
    found = answer(capsys, "match", net, *args, app=APP)
    assert found["results"][-1]["games"] == found["counted_twice"] == 2
    assert [game["end"] for game in found["games"]] == ["two passes"] * 2
    assert len(list(tmp_path.glob("*.sgf"))) == 2
    assert all(game["moves"] > 20 for game in found["games"])


@pytest.mark.slow
@needs_gnugo
def test_the_count_of_finished_games_is_gnu_gos():
    foes = [GtpPlayer("gnugo --mode gtp --level 1", 30, seed) for seed in (1, 2)]
    try:
        games = [play_game(*foes, foes[0], 7, 7.5) for _ in range(6)]
    finally:
        for foe in foes:
            foe.close()
    assert sum(game.ours == game.theirs for game in games) >= 5


def test_commands_of_opponents(monkeypatch, tmp_path):
    fake = tmp_path / "gnugo"
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert full_command("gnugo --mode gtp", 4) == [str(fake), "--mode", "gtp", "--seed", "4", "--chinese-rules"]
    assert full_command("gnugo --seed {seed} --japanese-rules", 7)[1:] == ["--seed", "7", "--japanese-rules"]
    fake.rename(tmp_path / "other")
    assert full_command("other 'a b' {seed}", 4) == [str(tmp_path / "other"), "a b", "4"]
    for command in ("", "none-such --gtp", "'open"):
        with pytest.raises(UserError, match="--opponent"):
            full_command(command, 0)
    if GNUGO:
        monkeypatch.setenv("PATH", "/nowhere")
        assert full_command("gnugo", 1)[0].endswith("gnugo")


GAME = (
    "text before (;FF[4]GM[1]CA[UTF-8]SZ[9]KM[5.5]PB[Łukasz]C[An old comment.];B[ee]LB[cc:X]CR[ee];W[cc]"
    "(;B[gc];W[];B[gg]N[main])(;B[gg]C[a variation\\] of mine];W[gc]))"
)


@pytest.fixture
def game(tmp_path):
    path = tmp_path / "game.sgf"
    path.write_text(GAME, encoding="utf-8")
    return path


@pytest.mark.slow
def test_predict(net, game, tmp_path, capsys):
    found = answer(capsys, "predict", net, game, "--move", 3, "--show", tmp_path / "a.png", app=APP)["predictions"]
    (first,) = found
    assert (first["move"], first["colour"], first["size"], first["played"]["move"]) == (3, "black", 9, "G7")
    assert len(first["top"]) == 5
    shares = [move["probability"] for move in first["top"]]
    assert shares == sorted(shares, reverse=True)
    policy = Policy(runs.restore(APP, net))
    position = Position(9)
    position.play(1, parse("e5", 9))
    position.play(2, parse("c7", 9))
    expected = policy.probabilities(position, komi=5.5)
    assert first["top"][0]["probability"] == pytest.approx(expected.max(), rel=1e-4)
    assert first["answer"] == name(int(expected.argmax()), 9)
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    last = answer(capsys, "predict", net, game, "--symmetries", 8, "--top", 2, app=APP)["predictions"][0]
    assert (last["move"], last["colour"], len(last["top"]), "played" in last) == (6, "white", 2, False)
    game.with_name("b.sgf").write_text(f"{GAME}\n(;GM[1]SZ[13];B[dd])", encoding="utf-8")
    folder = answer(capsys, "predict", net, tmp_path, "--show", tmp_path / "sheet.png", app=APP)["predictions"]
    assert [p["size"] for p in folder] == [9, 13, 9]
    assert folder[0]["file"].endswith("b.sgf (game 1)")


def test_predict_standard_input(net, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GAME.encode())))
    assert answer(capsys, "predict", net, "-", app=APP)["predictions"][0]["file"] == "standard input"


def test_predict_says_it_in_words(net, game, capsys):
    assert run(APP, ["predict", str(net), str(game), "--move", "2"]) == 0
    text = capsys.readouterr().out
    assert "move 2, white to play; the record has C7, the network's number" in text
    assert " 5 . . . .(X). . . . 5" in text


def test_annotate_keeps_the_record_and_adds_to_it(net, game, tmp_path, capsys):
    found = answer(capsys, "annotate", net, game, app=APP)
    out = tmp_path / "game-annotated.sgf"
    assert found["out"] == str(out)
    assert found["games"][0]["moves"] == 5
    old, new = (sgf.Sgf_game.from_bytes(data.encode() if isinstance(data, str) else data)
                for data in (GAME[GAME.index("(") :], out.read_bytes()))  # fmt: skip
    _compare(old.get_root(), new.get_root())
    main = new.get_main_sequence()
    assert new.get_root().get("PB") == "Łukasz"
    assert main[0].get("C").startswith("An old comment.\nThe network, black to play: 1. ")
    assert len(main[0].get("LB")) <= 5
    assert ((6, 2), "X") in main[1].get("LB")
    assert main[1].get("CR") == {(4, 4)}
    assert not main[1].has_property("MA")  # it was marked already
    for node in main[1:]:
        verdict = r"(Black|White) \w+: the network (agrees: its first choice|prefers \w+; this is its number \d+) "
        assert re.search(verdict, node.get("C"))
    labels = {text: place for place, text in main[0].get("LB")}
    policy = Policy(runs.restore(APP, net))
    best = int(policy.probabilities(Position(9), komi=5.5).argmax())
    assert labels["1"] == divmod(best, 9)
    variation = new.get_root()[0][0][1]
    assert variation.get("C") == "a variation] of mine"
    assert [p for p in variation.properties() if p in ("LB", "MA", "TR")] == []
    again = out.read_bytes()
    assert "exists already" in bad(capsys, "annotate", net, game, app=APP)
    assert out.read_bytes() == again
    answer(capsys, "annotate", net, game, "--out", game, "--overwrite", app=APP)
    assert b"The network" in game.read_bytes()


def _compare(old, new):
    """Everything in the old tree is in the new one; comments may have grown, labels and marks been added."""
    assert len(old) == len(new)
    for prop in old.properties():
        before, after = old.get(prop), new.get(prop)
        if prop == "C":
            assert after.startswith(before)
        elif prop in ("LB", "CR", "MA", "TR"):
            assert set(before) <= set(after)
        else:
            assert before == after
    for one, other in zip(old, new, strict=True):
        _compare(one, other)


def test_annotate_keeps_odd_encodings_and_several_games(net, tmp_path, capsys):
    path = tmp_path / "two.sgf"
    path.write_bytes(
        b"(;GM[1]SZ[9]CA[gb18030]PB[\xc4\xfe];B[ee];W[cc])\n(;GM[1]SZ[9]CA[no-such-code]PB[\xe9\xff];B[aa])(;GM[1]SZ[9])"
    )
    found = answer(capsys, "annotate", net, path, "--out", tmp_path / "out.sgf", app=APP)
    assert [g["moves"] for g in found["games"]] == [2, 1, 0]
    records = read_records(tmp_path / "out.sgf")
    assert records[0].tree.root_text(b"PB") == "宁"
    assert records[1].tree.values(records[1].tree.nodes[0], b"PB") == [b"\xe9\xff"]


def test_problems_and_bad_bytes_from_the_command_line(net, tmp_path, capsys):
    problem = tmp_path / "problem.sgf"
    problem.write_bytes(b"(;GM[1]SZ[9]CA[UTF-8]C[\xff\xfe]AB[cc][dd]AW[ee]PL[W])")
    (found,) = answer(capsys, "predict", net, problem, app=APP)["predictions"]
    assert (found["move"], found["colour"]) == (1, "white")
    assert answer(capsys, "annotate", net, problem, "--out", tmp_path / "a.sgf", app=APP)["games"][0]["moves"] == 0
    assert (tmp_path / "a.sgf").read_bytes() == problem.read_bytes()
    problem.write_bytes(problem.read_bytes().replace(b")", b";W[ff])"))
    answer(capsys, "annotate", net, problem, "--out", tmp_path / "b.sgf", app=APP)
    new = (tmp_path / "b.sgf").read_bytes()
    assert new.startswith(b"(;GM[1]SZ[9]CA[UTF-8]C[\xff\xfe\nThe network, white to play: 1. ")
    assert b"]AB[cc][dd]AW[ee]PL[W]LB[" in new


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no game at all", "not an SGF game record"),
        ("", "not an SGF game record"),
        ("(;GM[2]SZ[8];B[aa])", "GM[2] is another game than Go"),
        ("(;GM[1]SZ[37];B[aa])", "37"),
        ("(;GM[1]SZ[25];B[aa])", "board size 25 (sizes 2 to 19 can be read)"),
        ("(;GM[1]SZ[nine];B[aa])", "board size nine"),
        ("(;GM[1]SZ[9];B[ee];W[dd];B[ee])", "move 3 (B E5) is illegal: the point is occupied"),
        ("(;GM[1]SZ[9];B[ee];W[zz])", "move 2 (W): 'zz' is not a point of a board of 9x9"),
        ("(;GM[1]SZ[9]AB[aa]AW[ba][ab])", "set-up stones before move 1 leave a chain without liberties"),
        ("(" * 3000 + ";GM[1]", "not an SGF game record"),
    ],
    ids=["text", "empty", "othello", "size-37", "size-25", "size-word", "illegal", "no-point", "set-up", "deep"],
)
def test_bad_records_are_one_line(net, tmp_path, text, message, capsys):
    path = tmp_path / "bad.sgf"
    path.write_text(text)
    for verb in ("predict", "annotate"):
        error = bad(capsys, verb, net, path, app=APP)
        assert message in error
        assert "bad.sgf" in error
    assert [p.name for p in tmp_path.iterdir()] == ["bad.sgf"]


def test_bad_options_are_one_line(net, game, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for args, message in (
        (["predict", net], "name the"),
        (["predict", net, tmp_path / "empty"], "holds no"),
        (["predict", net, game, "--move", 6], "has no move 6; its moves are numbered 1 to 5"),
        (["predict", net, game, "--move", -2], "--move"),
        (["predict", net, game, "--top", 0], "--top"),
        (["predict", net, game, "--symmetries", 3], "symmetries must be 1 or 8"),
        (["annotate", net, tmp_path / "gone.sgf"], "gone.sgf"),
        (["annotate", net, game, "--least", 2], "--least"),
        (["annotate", "no/run", game], "no/run"),
        (["match", net, "--games", 0], "--games"),
        (["match", net, "--size", 37], "--size"),
        (["match", net, "--timeout", 0], "--timeout"),
        (["match", net, "--komi", "nan"], "--komi"),
        (["match", net, "--top-p", 0], "top-p"),
        (["match", net, "--opponent", "no-such-engine --gtp"], "no-such-engine: no such program"),
    ):
        assert message in bad(capsys, *args, app=APP)
    assert not (net / "matches").exists()


def test_a_match_with_a_failing_opponent_keeps_the_finished_games(net, engine, tmp_path, capsys):
    out = tmp_path / "out"
    command = engine("RESIGN")
    script = tmp_path / "engine.py"
    script.write_text(script.read_text().replace("['RESIGN']", "['RESIGN' if '7' in sys.argv else 'die']"))
    error = bad_after_notes(capsys, "match", net, "--opponent", f"{command} {{seed}}", "--games", 3, "--seed", 6,
                            "--size", 5, "--out", out)  # fmt: skip
    assert "died (exit status 3): Segmentation fault" in error
    assert [path.name for path in out.iterdir()] == ["game-001.sgf"]


def bad_after_notes(capsys, *args):
    """The last line of standard error of a command that fails on its way."""
    capsys.readouterr()
    assert run(APP, [*map(str, args)]) == 2
    return capsys.readouterr().err.splitlines()[-1]


PIECES = st.sampled_from(
    [
        "(",
        ")",
        ";",
        "[",
        "]",
        "\\",
        "GM[1]",
        "SZ[9]",
        "SZ[2]",
        "SZ[9:9]",
        "KM[x]",
        "KM[1e9]",
        "CA[utf-16]",
        "CA[]",
        "PL[B]",
        "PL[q]",
        "AB[aa:cc]",
        "AB[aa]",
        "AW[ba]",
        "AE[aa]",
        "B[aa]",
        "W[bb]",
        "B[]",
        "W[tt]",
        "B[zz]",
        "C[é]",
        "LB[aa:1]",
        "LB[a]",
        "CR[aa]",
        "\x00",
        "¶",
    ]
)


@settings(max_examples=80)
@given(st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=14).map(lambda p: f"(;{''.join(p)})".encode())))
def test_any_bytes_are_a_record_or_one_line(data):
    try:
        records = read_records(data)
        for record in records:
            for step in record.walk():
                assert step.point is None or step.number > 0
        additions = [Additions(record) for record in records]
        for record, new in zip(records, additions, strict=True):
            annotate(record, new, Noise(), AnnotateOptions(run=Path(), input=""))
        assert len(read_records(insert(additions))) == len(records)
    except UserError as error:
        assert "\n" not in " ".join(str(error).split())
        assert "standard input" in str(error)


def test_stones_may_be_set_up_in_the_middle_of_a_game(tmp_path):
    (record,) = read_records(b"(;SZ[9]AB[aa][bb]AW[cc]PL[B];B[ee];AE[aa]AW[dd]PL[W];W[ff];PL[W];W[gg])")
    steps = [(s.number, s.colour, s.point, int((s.position.board == 1).sum())) for s in record.walk()]
    assert [s[0] for s in steps] == [0, 1, 1, 2, 2, 3]
    assert [s[1] for s in steps] == [1, 1, 2, 2, 2, 2]
    assert [s[3] for s in steps] == [2, 2, 2, 2, 2, 2]
    last = record.before(None)
    assert (last.number, last.colour) == (4, 1)
    assert [int((last.position.board == c).sum()) for c in (1, 2)] == [2, 4]
