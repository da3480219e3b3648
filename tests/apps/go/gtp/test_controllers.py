"""What servers and clients send beyond the protocol; a table of GTP 2's own rules; and Sabaki's own client."""

import json
import shutil
import subprocess
import sys

import pytest

from apps.go.records.record import read_records
from tests.helpers.go import Wants, new_engine, talk, tiny_run

# GTP 2, section 6.3: each command with lines before it, and its answer; "?" begins a failure.
TABLE = [
    ((), "protocol_version", "2"),
    ((), "known_command genmove", "true"),
    ((), "known_command fly", "false"),
    ((), "boardsize 19", ""),
    ((), "boardsize 26", "?unacceptable size"),
    ((), "boardsize 13 13", ""),
    ((), "boardsize 13 9", "?unacceptable size"),
    ((), "rectangular_boardsize 13 9", "?unknown command"),
    ((), "boardsize", "?syntax error"),
    (("play b a1",), "clear_board", ""),
    ((), "komi 6.5", ""),
    ((), "komi x", "?syntax error"),
    ((), "play black pass", ""),
    ((), "play black i9", "?syntax error"),
    (("play b c3",), "play white c3", "?illegal move"),
    (("play b c3",), "play b d3", ""),
    (("play b a2", "play b b1"), "play w a1", "?illegal move"),
    ((), "undo", "?cannot undo"),
    (("play b c3",), "undo", ""),
    ((), "time_settings 300 30 5", ""),
    ((), "time_settings 300 30", "?syntax error"),
    (("time_settings 0 30 5",), "time_left b 25 3", ""),
    ((), "time_left 25 3", "?syntax error"),
    ((), "fixed_handicap 4", "C3 G3 C7 G7"),
    (("play b a1",), "fixed_handicap 4", "?board not empty"),
    ((), "set_free_handicap c3 g7", ""),
    ((), "loadsgf nowhere.sgf", "?cannot load file"),
    ((), "fly", "?unknown command"),
    # KGS
    ((), "kgs-time_settings none", ""),
    ((), "kgs-time_settings byoyomi 1200 30 5", ""),
    ((), "kgs-time_settings canadian 1200 30", "?syntax error"),
    ((), "kgs-time_settings fischer 1 2", "?syntax error"),
    # GNU Go
    (("play b c3", "play b d3", "play w a1"), "list_stones black", "C3 D3"),
    (("play b c3", "play b d3"), "countlib d3", "6"),
    ((), "countlib d3", "?vertex must not be empty"),
    ((), "countlib pass", "?vertex must not be empty"),
    # GoGui
    ((), "gogui-setup b a1 w b1 b c3", ""),
    (("gogui-setup b a1 w b1 b c3",), "list_stones b", "C3 A1"),
    ((), "gogui-setup b a1 w", "?syntax error"),
    ((), "gogui-setup b a1 w a1", "?two set-up stones"),
    ((), "gogui-setup b a1 w a2 w b1", "?a set-up chain has no liberty"),
    (("gogui-setup b a1 w b1", "gogui-setup_player w"), "gogui-rules_side_to_move", "white"),
    ((), "gogui-rules_game_id", "Go"),
    ((), "gogui-rules_board_size", "9"),
    (("boardsize 2", "play b a1"), "gogui-rules_board", ". .\nX ."),
    (("boardsize 2", "play b a1"), "gogui-rules_legal_moves", "B1 A2 B2 pass"),
    (("boardsize 2", "play b pass", "play w pass"), "gogui-rules_legal_moves", ""),
    ((), "gogui-rules_final_result", "the game is not over"),
]


@pytest.mark.parametrize(("before", "command", "wanted"), TABLE)
def test_the_table_of_commands(before, command, wanted):
    *first, (good, text) = talk(*before, command)
    assert all(done for done, _ in first)
    assert good == (not wanted.startswith("?"))
    assert text == wanted if good else text.startswith(wanted[1:])


def test_a_refused_set_up_leaves_the_board():
    engine = new_engine()
    talk("play b e5", "gogui-setup b a1 w a2 w b1", engine=engine)
    assert talk("list_stones b", engine=engine) == [(True, "E5")]


def test_cleanup_takes_dead_stones_and_then_passes():
    """White's one stone in black's land: black takes its liberties away; then there is nothing to do."""
    engine = new_engine(Wants(12), size=5)
    wall = [f"play b {x}{y}" for x in "bd" for y in range(1, 6)]
    talk(*wall, "play w c3", engine=engine)
    assert talk("final_status_list dead", engine=engine) == [(True, "C3")]
    moves = [talk("kgs-genmove_cleanup b", engine=engine)[0][1] for _ in range(3)]
    assert set(moves[:2]) == {"C2", "C4"}
    assert moves[2] == "pass"
    assert talk("list_stones w", engine=engine) == [(True, "")]


def test_a_printed_game_is_read_again(tmp_path):
    engine = new_engine()
    moves = ("play w e5", "play b c4", "play w pass")
    talk("kata-set-rules japanese", "komi 0.5", "set_free_handicap c3 g7", *moves, engine=engine)
    path = tmp_path / "a game.sgf"
    assert talk(f"printsgf {path}", engine=engine) == [(True, "")]
    (record,) = read_records(path)
    position = record.before(None).position
    assert (position.history, position.stones) == (engine.session.position.history, engine.session.position.stones)
    assert record.komi == 0.5
    printed = talk("printsgf", engine=engine)[0][1]
    assert "RU[Japanese]" in printed
    assert "HA[2]" in printed
    assert not talk(f"printsgf {path}/there.sgf", engine=engine)[0][0]
    assert float(talk("cputime")[0][1]) > 0


SABAKI = """
const {Controller, Command} = require('@sabaki/gtp')
const [path, ...args] = JSON.parse(process.argv[2])
const engine = new Controller(path, args)
async function main() {
  engine.start()
  const found = []
  for (const line of JSON.parse(process.argv[3])) {
    const answer = await engine.sendCommand(Command.fromString(line))
    found.push([!answer.error, answer.content])
  }
  console.log(JSON.stringify(found))
  await engine.stop(5000)
}
main()
"""


@pytest.mark.long
def test_sabakis_own_client_drives_the_engine(tmp_path):
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(tmp_path)]
    got = subprocess.run([*install, "@sabaki/gtp@3.0.0"], capture_output=True, check=False, timeout=180)
    if got.returncode:
        pytest.skip("npm gives no @sabaki/gtp")
    run = tiny_run(tmp_path / "run")
    script = tmp_path / "drive.cjs"
    script.write_text(SABAKI)
    command = [sys.executable, "-m", "apps.go", "gtp", str(run)]
    lines = ["name", "boardsize 9", "3 play b E5", "genmove w", "fly", "kata-get-rules", "gogui-rules_side_to_move"]
    words = ["node", script, json.dumps(command), json.dumps(lines)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    assert [good for good, _ in found] == [True, True, True, True, False, True, True]
    assert found[0][1] == "cnn-go"
    assert found[-1][1] == "black"
