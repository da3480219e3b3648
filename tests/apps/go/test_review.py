"""annotate --review: points lost as a stand-in judge knows them, in the record, in JSON and on the page."""

import re

import numpy as np
import pytest
from PIL import Image
from sgfmill import sgf

from apps.go.app import APP
from apps.go.play.review import reviewed, searched, worst
from apps.go.play.search import Search
from apps.go.records.record import read_records
from apps.go.rules.points import parse
from apps.go.verbs import review_page
from cnn_core.cli import run
from tests.helpers.commands import answer, bad
from tests.helpers.go import Judge

CAPTURE = b"(;GM[1]FF[4]SZ[5]KM[0]AB[bc][dc][cb]AW[cc]PL[B];B[cd];W[aa];B[ee]V[3]BM[1];W[bb])"
MISSED = b"(;GM[1]FF[4]SZ[5]KM[0]AB[bc][dc][cb]AW[cc]PL[B];B[aa];W[ee])"


class Keen(Judge):
    """A policy that looks at the capture first."""

    def probabilities(self, position, colour=0, symmetries=1, komi=7.5):
        shares = 0.01 * super().probabilities(position, colour)
        shares[parse("c2", 5)] += 0.9
        return shares / shares.sum()


def all_moves(record, judge):
    """The review of every move of the main line."""
    steps = (step for step in record.walk() if step.point is not None)
    return [
        reviewed(step, judge.probabilities(step.position, step.colour, 1, record.komi), judge, record.komi)
        for step in steps
    ]


def test_a_capture_that_was_missed_is_a_point_lost():
    (record,) = read_records(MISSED)
    first, second = all_moves(record, Keen())
    assert (first.played, first.better, first.lost) == ("A5", "C2", 1.0)
    assert first.score == 0
    assert first.best_score == 1
    assert first.told() == "Black A5: 1.0 points lost, C2 was better (score +0.0 for black, black wins 50%)."
    assert second.colour == 2
    assert worst([first, second], 1) == [first]


def test_a_capture_that_was_made_loses_nothing():
    (record,) = read_records(CAPTURE)
    first, *_ = all_moves(record, Keen())
    assert (first.lost, first.best) == (0, parse("c2", 5))
    assert first.score == 1
    assert first.winrate == pytest.approx(1 / (1 + np.exp(-1)))


@pytest.mark.parametrize("colours", [b"BW", b"WB"])
def test_a_search_finds_the_capture_that_the_policy_does_not_see(colours):
    data = MISSED.translate(bytes.maketrans(b"BW", colours))
    (record,) = read_records(data)
    search = Search(Judge())
    steps = (step for step in record.walk() if step.point is not None)
    first, second = (searched(step, search, 120, record.komi) for step in steps)
    assert (first.played, first.better) == ("A5", "C2")
    sign = 1 if colours == b"BW" else -1
    assert sign * first.best_score == pytest.approx(1, abs=0.05)
    assert sign * first.score == pytest.approx(0, abs=0.3)  # where all moves are alike, few take the stone later
    assert first.lost == pytest.approx(sign * (first.best_score - first.score))
    assert second.colour == 3 - first.colour
    assert search.root.visits >= 120


def test_the_record_keeps_its_own_values_and_gets_the_others(tmp_path):
    from apps.go.records.additions import Additions, insert

    (record,) = read_records(CAPTURE)
    moves = all_moves(record, Keen())
    additions = Additions(record)
    review_page.add(additions, moves)
    root, *rest = sgf.Sgf_game.from_bytes(insert([additions])).get_main_sequence()
    assert not root.has_property("V")
    assert [node.get_raw("V") for node in rest] == [b"1.0", b"1.0", b"3", b"1.0"]
    assert rest[2].get_raw("BM") == b"1"
    assert all(0 <= float(node.get_raw("SBKV")) <= 100 for node in rest)
    assert "no point lost (score +1.0 for black" in rest[0].get("C")
    data = review_page.summary(moves)
    assert data["black"]["mean_points_lost"] == 0
    assert [row["move"] for row in data["moves"]] == [1, 2, 3, 4]
    review_page.write([("<b>game</b>", moves), ("empty", [])], tmp_path / "page.html", "Judged by <i>")
    page = (tmp_path / "page.html").read_text()
    assert "&lt;b&gt;game" in page
    assert "<b>" not in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.slow
def test_the_command_reviews_a_game_and_refuses_what_it_cannot_judge(tmp_path, capsys):
    game, page = tmp_path / "game.sgf", tmp_path / "page.html"
    game.write_bytes(b"(;SZ[9]KM[7.5];B[ee];W[ec];B[ia];W[ge])")
    found = answer(capsys, "annotate", "@go-9x9", game, "--review", "--page", page, app=APP)
    review = found["games"][0]["review"]
    lost = [row["points_lost"] for row in review["moves"]]
    assert lost[2] == max(lost)  # a stone in the corner of an empty board
    assert review["black"]["worst"][0]["played"] == "J9"
    assert page.read_text().count("<table>") >= 1
    assert b"SBKV[" in (tmp_path / "game-annotated.sgf").read_bytes()
    deep = answer(
        capsys, "annotate", "@go-9x9", game, "--review", "--visits", 20, "--page", page, "--overwrite", app=APP
    )
    lost = [row["points_lost"] for row in deep["games"][0]["review"]["moves"]]
    assert lost[2] == max(lost)
    assert "search of 20 visits" in page.read_text()
    assert b"The search, " in (tmp_path / "game-annotated.sgf").read_bytes()
    assert "--page" in bad(capsys, "annotate", "@go-9x9", game, "--review", "--page", page, "--out", "x.sgf", app=APP)
    large = tmp_path / "large.sgf"
    large.write_bytes(b"(;SZ[19];B[pd];W[dp])")
    assert "not of 19x19" in bad(capsys, "annotate", "@go-9x9", large, "--review", app=APP)
    assert not (tmp_path / "large-annotated.sgf").exists()
    assert "add --review" in bad(capsys, "annotate", "@go-9x9", large, "--page", tmp_path / "p.html", app=APP)


@pytest.mark.slow
def test_predict_says_who_is_ahead_and_explain_marks_the_move(tmp_path, capsys):
    game, large = tmp_path / "game.sgf", tmp_path / "large.sgf"
    game.write_bytes(b"(;SZ[9]KM[7.5];B[ee];W[ia];B[ec];W[aa];B[eg];W[ii])")
    large.write_bytes(b"(;SZ[19];B[pd];W[dp])")
    found = answer(capsys, "predict", "@go-9x9", game, app=APP)["predictions"][0]
    assert found["winrate"] > 0.6  # white has three stones in the corners
    assert found["score"] > 0
    behind = answer(capsys, "predict", "@go-9x9", game, "--move", 6, app=APP)["predictions"][0]
    assert behind["winrate"] < 0.5
    assert "winrate" not in answer(capsys, "predict", "@go-9x9", large, app=APP)["predictions"][0]
    assert run(APP, ["predict", "@go-9x9", str(game)]) == 0
    assert re.search(r"black wins with a probability of \d+\.\d%, and is \d+\.\d points ahead", capsys.readouterr().out)
    out = tmp_path / "why.png"
    answer(capsys, "explain", "@go-9x9", game, "--methods", "saliency", "--out", out, app=APP)
    with Image.open(out) as picture:
        assert picture.width > 700  # two boards of 364 pixels
    assert "has learned 81" in bad(capsys, "explain", "@go-9x9", large, "--methods", "saliency", app=APP)
