"""The GTP engine: the protocol as its specification has it, interruption, undo, and whatever else comes in."""

import io
import queue
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.go.app import APP
from apps.go.gtp.engine import NAMES
from apps.go.gtp.handicap import fixed_points, most_fixed
from apps.go.gtp.protocol import Command, answer, parse
from apps.go.play.player import Style
from apps.go.rules.points import name
from apps.go.rules.points import parse as parse_point
from apps.go.rules.position import Position
from apps.go.verbs.gtp import serve
from cnn_core.errors import UserError
from tests.helpers.commands import bad
from tests.helpers.go import GNUGO, Noise, Wants, needs_gnugo, new_engine, talk, tiny_run

SPECIFIED = [
    "protocol_version",
    "name",
    "version",
    "known_command",
    "list_commands",
    "quit",
    "boardsize",
    "clear_board",
    "komi",
    "play",
    "genmove",
    "fixed_handicap",
    "place_free_handicap",
    "set_free_handicap",
    "loadsgf",
    "reg_genmove",
    "undo",
    "time_settings",
    "time_left",
    "final_score",
    "final_status_list",
    "showboard",
    "analyze",
    "lz-analyze",
    "kata-analyze",
    "gogui-analyze_commands",
    "gogui-play_sequence",
]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("genmove b", Command("", "genmove", ("b",))),
        ("12 play\tw  D4 # my move", Command("12", "play", ("w", "D4"))),
        ("\x07na\x01me\r", Command("", "name", ())),
        ("0name", Command("", "0name", ())),
        ("7", Command("7", "", ())),
        ("# only a comment", None),
        (" \t \r", None),
        ("", None),
    ],
)
def test_lines_are_read_as_the_specification_says(line, found):
    assert parse(line) == found


@given(st.text(), st.booleans())
def test_every_answer_is_one_block(text, good):
    found = answer(Command("3", "x", ()), text, good)
    assert found.startswith("=3" if good else "?3")
    assert found.index("\n\n") == len(found) - 2
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\t]", found)


def test_all_commands_are_known():
    (_, listed), *known = talk("list_commands", *(f"known_command {c}" for c in (*SPECIFIED, "fly", "")))
    assert set(listed.split("\n")) >= set(SPECIFIED)
    assert [text for _, text in known] == ["true"] * len(SPECIFIED) + ["false", "false"]
    for command in listed.split("\n"):
        assert talk(command)[0][1] != "unknown command"


def test_a_session():
    lines = [
        "protocol_version",
        "name",
        "10 boardsize 9",
        "komi 5.5",
        "get_komi",
        "play black D4",
        "play WHITE e5",
        "play w pass",
        "play b d4",
        "play b z9",
        "play b d44",
        "play b i5",
        "play g d5",
        "play b",
        "boardsize 37",
        "boardsize nine",
        "11 nonsense",
        "komi nan",
        "undo",
        "undo",
        "undo",
        "undo",
        "time_settings 60 10 5",
        "time_left b 12 0",
        "time_left b soon 0",
        "is_legal b a1",
        "final_status_list foo",
        "gogui-play_sequence b a1 w a2 b a1",
        "gogui-play_sequence b a1 w",
        "gogui-play_sequence b a1 w b2",
        "is_legal w a1",
        "quit",
        "name",
    ]
    found = [text if good else f"? {text}" for good, text in talk(*lines)]
    assert found == [
        *("2", "cnn-go", "10", "", "5.5", "", "", "", "? illegal move"),
        *("? syntax error",) * 5,
        *("? unacceptable size", "? syntax error", "? 11 unknown command", "? syntax error"),
        *("", "", "", "? cannot undo"),
        *("", "", "? syntax error", "1", "? syntax error"),
        *("? illegal move", "? syntax error", "", "0", ""),
    ]


def test_ids_are_kept_and_comments_pass():
    out = io.StringIO()
    serve(new_engine(), [b"# hello\n", b"\n", b"42 name # who?\n", b"0007 fly\r\n"], out)
    assert out.getvalue() == "=42 cnn-go\n\n?0007 unknown command\n\n"


def test_moves_out_of_turn_and_superko_of_the_opponent_are_taken():
    # Black takes a ko, both pass, white may take back by simple ko: the board repeats, and play must accept it.
    ko = ["play b b1", "play b a2", "play b b3", "play w c1", "play w b2", "play w d2", "play w c3", "play b c2"]
    engine = new_engine(Wants(parse_point("b2", 9)))
    assert [good for good, _ in talk(*ko, engine=engine)] == [True] * len(ko)
    assert talk("is_legal w b2", engine=engine) == [(True, "0")]
    talk("play w pass", "play b pass", engine=engine)
    assert talk("is_legal w b2", engine=engine) == [(True, "1")]
    (good, chosen) = talk("reg_genmove w", engine=engine)[0]
    assert good
    assert chosen != "B2"  # the engine itself repeats no board
    assert talk("play w b2", engine=engine) == [(True, "")]


def test_handicap():
    assert talk("fixed_handicap 9")[0] == (True, "C3 E3 G3 C5 E5 G5 C7 E7 G7")
    for command in ("fixed_handicap 10", "fixed_handicap 1", "place_free_handicap 81", "place_free_handicap -3"):
        assert talk(command)[0] == (False, "invalid number of stones")
    assert talk("boardsize 5", "fixed_handicap 2")[1] == (False, "invalid number of stones")
    assert talk("play b a1", "fixed_handicap 2")[1] == (False, "board not empty")
    assert talk("play b a1", "set_free_handicap c3 d4")[1] == (False, "board not empty")
    for command in ("a1", "a1 a1", "a1 pass", "a1 q20", ""):
        assert talk(f"set_free_handicap {command}")[0] == (False, "bad vertex list")
    engine = new_engine()
    found = talk("set_free_handicap a1 b2 c3", "undo", "showboard", engine=engine)
    assert found[:2] == [(True, ""), (False, "cannot undo")]
    assert engine.session.position.to_move == 2
    assert int(engine.session.position.board.sum()) == 3
    for size, count in ((9, 20), (5, 6), (2, 3)):
        good, text = talk(f"boardsize {size}", f"place_free_handicap {count}")[1]
        assert good
        assert 2 <= len(set(text.split())) <= count


@needs_gnugo
def test_fixed_handicap_is_gnu_gos():
    for size in (7, 8, 9, 10, 13, 14, 19):
        for stones in range(2, most_fixed(size) + 1):
            commands = f"boardsize {size}\nfixed_handicap {stones}\nquit\n"
            said = subprocess.run([GNUGO, "--mode", "gtp"], input=commands, capture_output=True, text=True, check=True)
            theirs = set(said.stdout.split("\n\n")[1][2:].split())
            assert {name(point, size) for point in fixed_points(stones, size)} == theirs


def test_analysis_is_stopped_by_the_next_line():
    lines: queue.Queue = queue.Queue()
    reader, writer = _pipe()
    thread = threading.Thread(target=serve, args=(new_engine(), iter(lines.get, None), writer))
    thread.start()
    lines.put(b"5 kata-analyze b 1\n")
    assert reader.get(timeout=10) == "=5\n"
    for _ in range(3):
        assert reader.get(timeout=10).startswith("info move ")
    lines.put(b"6 name\n")
    rest = []
    while not rest or not rest[-1].startswith("=6"):
        rest.append(reader.get(timeout=10))
    assert rest[-2:] == ["\n", "=6 cnn-go\n"]
    lines.put(None)
    thread.join(10)
    assert not thread.is_alive()


def _pipe():
    """Where a server writes, and its lines."""
    lines: queue.Queue = queue.Queue()

    class Writer(io.StringIO):
        rest = ""

        def write(self, text):
            *whole, self.rest = (self.rest + text).split("\n")
            for line in whole:
                lines.put(f"{line}\n")
            return len(text)

    return lines, Writer()


@pytest.mark.parametrize("command", ["analyze", "kata-analyze", "lz-analyze"])
def test_analysis_as_sabaki_reads_it(command):
    """Pairs of words after `move`, `pv` last; winrate with a point is a share, without one in 1/10,000."""
    engine = new_engine()
    (_, text), *_ = talk(f"{command} w 10", engine=engine)
    shares = Noise().probabilities(engine.session.position, 2)
    moves = []
    for part in text.split("info ")[1:]:
        words = part.split()
        values = dict(zip(words[::2], words[1::2], strict=True))
        assert words[-2] == "pv"
        assert values["pv"] == values["move"]
        assert float(values["winrate"]) == (5000 if command == "lz-analyze" else 0.5)
        assert ("." in values["winrate"]) == (command != "lz-analyze")
        share = shares[parse_point(values["move"], 9)]
        assert int(values["visits"]) == round(10_000 * share)
        moves.append(share)
    assert moves == sorted(moves, reverse=True)
    assert len(moves) > 10


def test_analysis_takes_what_controllers_send():
    engine = new_engine()
    everything = " ".join(name(p, 9) for p in range(81)).replace(" ", ",")
    first, second, third = (
        name(p, 9) for p in np.argsort(-Noise().probabilities(engine.session.position))[:3].tolist()
    )
    few = talk(
        "lz-analyze b interval 50 maxmoves 2",
        f"kata-analyze 20 allow b {second},{third} 1 ownership true",
        f"lz-analyze avoid b {first} 1 avoid w {second} 1 maxmoves 2",
        engine=engine,
    )
    moves = [re.findall(r"info move (\w+)", text) for _, text in few]
    assert moves == [[first, second], [second, third], [second, third]]
    assert (
        talk("lz-analyze b interval", "lz-analyze avoid b", "lz-analyze avoid b x9 1") == [(False, "syntax error")] * 3
    )
    good, text = talk("genmove_analyze b", engine=engine)[0]
    info, _, move = text.partition("\n")
    assert good
    assert info.split()[2] == move.removeprefix("play ")
    assert len(engine.session.position.history) == 1
    assert talk(f"lz-genmove_analyze w avoid w {everything} 1", engine=engine)[0][1].endswith("play pass")


def test_gogui(tmp_path):
    (_, commands), (_, heat), (_, board), (_, settings_) = talk(
        "gogui-analyze_commands", "policy_heatmap", "policy_probabilities", "cnn-param"
    )
    for line in commands.split("\n"):
        kind, label, command = line.split("/")
        assert kind in ("gfx", "dboard", "param")
        assert label
        assert command in NAMES
    assert all(re.fullmatch(r"COLOR #[0-9a-f]{6} \w+|LABEL \w+ \d+|TEXT .*", line) for line in heat.split("\n"))
    assert np.array([row.split() for row in board.split("\n")], float).shape == (9, 9)
    assert settings_.split("\n")[0] == "[string] temperature 0"
    found = talk(
        "cnn-param temperature 0.5", "cnn-param symmetries 3", "cnn-param depth 3", "cnn-param top_p 0", "cnn-param"
    )
    assert [good for good, _ in found] == [True, False, False, False, True]
    assert found[-1][1].split("\n")[0] == "[string] temperature 0.5"


def test_loadsgf(tmp_path):
    path = tmp_path / "a game.sgf"
    path.write_text("(;GM[1]SZ[9]KM[5.5]AB[aa][ba];W[ee];B[dd];W[cc](;B[bb])(;B[hh]))")
    for text, moves in (("", 4), (" 3", 2), (" 1", 0), (" 99", 4), (" 0", 0)):
        engine = new_engine(size=19)
        assert talk(f"loadsgf {path}{text}", "get_komi", engine=engine) == [(True, ""), (True, "5.5")]
        position = engine.session.position
        assert (position.size, len(position.history), position.board[8, 0]) == (9, moves, 1)
        assert position.to_move == (2 if moves % 2 == 0 else 1)
    before = engine.session.position
    path.write_text("no game")
    for text in (f"loadsgf {path}", "loadsgf nowhere.sgf 3", "loadsgf"):
        assert not talk(text, engine=engine)[0][0]
    assert engine.session.position is before


@settings(max_examples=40)
@given(st.lists(st.integers(0, 36), max_size=60), st.integers(1, 60), st.booleans())
def test_undo_gives_the_position_before(moves, back, handicap):
    engine = new_engine(size=6)
    again = Position(6)
    if handicap:
        talk("set_free_handicap c3 d4", engine=engine)
        again.setup([14, 21], [])
    played = []
    for i, point in enumerate(moves):
        colour = 1 + i % 2
        if talk(f"play {'bw'[i % 2]} {name(point, 6)}", engine=engine)[0][0]:
            played.append((colour, point))
    back = min(back, len(played))
    assert all(good for good, _ in talk(*["undo"] * back, engine=engine))
    for move in played[: len(played) - back]:
        again.play(*move)
    position = engine.session.position
    assert np.array_equal(position.board, again.board)
    assert np.array_equal(position.legal(1), again.legal(1))
    assert (position.ko, position.captures, position.history) == (again.ko, again.captures, again.history)
    if len(played) > back:
        assert position.to_move == again.to_move


WORDS = st.sampled_from(
    [
        *NAMES,
        *(
            [
                "b",
                "w",
                "black",
                "D4",
                "e5",
                "pass",
                "A1",
                "9",
                "19",
                "7",
                "-1",
                "0",
                "1e9",
                "nan",
                "tt",
                "Z99",
                "é",
                "²",
            ]
        ),
        "x" * 300,
    ]
)


@settings(max_examples=150)
@given(st.lists(st.one_of(st.binary(max_size=40), st.lists(WORDS, max_size=5).map(" ".join)), max_size=12))
def test_no_line_ends_the_engine(lines):
    engine = new_engine(size=5)
    fed = [
        (line if isinstance(line, bytes) else line.encode()).replace(b"quit", b"exit").replace(b"printsgf", b"print")
        + b"\n"
        for line in lines
    ]
    commands = [c for line in b"".join(fed).split(b"\n") if (c := parse(line.decode("utf-8", "replace")))]
    found = talk(*[line + b"\n" for line in b"".join(fed).split(b"\n")], "99 name", engine=engine)
    assert len(found) == len(commands) + 1
    assert found[-1] == (True, "99 cnn-go")
    assert not any("internal error" in text for _, text in found)


def test_a_network_that_fails_is_an_error_and_the_engine_lives_on():
    class Broken:
        def probabilities(self, *args, **kwargs):
            raise RuntimeError("out of memory\nsomewhere")

    class Diverged:
        def probabilities(self, position, *args, **kwargs):
            return np.full(position.size**2 + 1, np.nan)

    found = talk("genmove b", "showboard", "lz-analyze", "name", engine=new_engine(Broken()))
    assert [good for good, _ in found] == [False, True, False, True]
    assert found[0][1] == "internal error: RuntimeError: out of memory somewhere"
    found = talk("genmove b", "analyze b", "policy_heatmap", "name", engine=new_engine(Diverged()))
    assert [good for good, _ in found] == [False, False, False, True]


def test_a_clock_that_runs_down_takes_one_symmetry():
    session = new_engine(style=Style(symmetries=8)).session
    assert session.style_of(1).symmetries == 8
    session.clock = {1: (0, 0), 2: (30, 25)}
    assert session.style_of(1).symmetries == 1
    assert session.style_of(2).symmetries == 8


@pytest.mark.parametrize(("name_", "value"), [("temperature", -1), ("top_p", 0), ("top_p", 1.5), ("symmetries", 2)])
def test_styles_are_checked(name_, value):
    with pytest.raises(UserError, match=name_.replace("_", "-")):
        Style(**{name_: value})


@pytest.mark.slow
def test_the_command(tmp_path, capsys):
    run = tiny_run(tmp_path / "run")
    command = [sys.executable, "-W", "error", "-m", "apps.go", "gtp", str(run), "--threads", "1"]
    lines = "1 boardsize 9\n2 genmove b\n3 lz-analyze w 1\n4 genmove w\n5 undo\n6 quit\n"
    assert "no/run" in bad(capsys, "gtp", "no/run", app=APP)
    assert "temperature" in bad(capsys, "gtp", run, "--temperature", -1, app=APP)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    assert re.fullmatch(r"=1\n\n=2 [A-J]\d\n\n=3\n(info .*\n)+\n=4 [A-J]\d\n\n=5\n\n=6\n\n", done.stdout)
