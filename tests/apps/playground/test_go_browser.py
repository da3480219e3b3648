"""The Go page in a real browser, as a single file: play, records, keyboard, phone."""

import re

import numpy as np
import pytest

from apps.go.app import APP
from apps.go.play.player import Policy, Style, choose
from apps.go.records import sgf
from apps.go.rules.points import name, parse
from apps.go.rules.position import Position
from apps.playground.runs import run_at
from cnn_core.cli import run
from cnn_core.networks import pretrained
from tests.helpers.go_games import random_game, record
from tests.helpers.runs import in_fp32

pytestmark = pytest.mark.slow
LISTED = "[...document.querySelectorAll('.moves li')].map((each) => [each.dataset.point, Number(each.dataset.share)])"


@pytest.fixture(scope="module")
def go_file(browser_runtime, tmp_path_factory):
    path = tmp_path_factory.mktemp("go") / "go.html"
    assert run(APP, ["export", "@go-9x9", "--page", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def policy():
    return Policy(in_fp32(run_at(pretrained.run_path("@go-9x9"))))


@pytest.fixture
def board(opened, go_file):
    """board(...) -> (page, requests), the answer to the empty board shown."""

    def open_board(**settings):
        shown, requests = opened(go_file.as_uri(), **settings)
        shown.wait_for_selector("[data-moves='0']")
        return shown, requests

    return open_board


def play(shown, point, size=9):
    box = shown.locator(".board").bounding_box()
    unit = box["width"] / (size + 1.12)
    row, column = divmod(point, size)
    edge = (box["width"] - (size - 1) * unit) / 2
    shown.mouse.click(box["x"] + edge + column * unit, box["y"] + box["height"] - edge - row * unit)


def check(shown, policy, position):
    """The listed moves are Python's best, with its probabilities to 1e-5."""
    expected = policy.probabilities(position)
    listed = shown.evaluate(LISTED)
    assert len(listed) == 6
    for point, share in listed:
        assert share == pytest.approx(expected[parse(point, 9)], abs=1e-5)
    assert listed[0][1] == pytest.approx(expected.max(), abs=1e-5)


def test_it_answers_as_python_does(board, policy, go_file):
    shown, requests = board()
    position = Position(9)
    check(shown, policy, position)
    for number, point in enumerate((parse("D7", 9), parse("C3", 9), parse("G3", 9)), start=1):  # no symmetric boards
        while position.why_illegal(1, point):
            point += 1
        play(shown, point)
        shown.wait_for_selector(f"[data-moves='{2 * number}']")
        position.play(1, point)
        position.play(2, choose(policy, position, 2, Style(symmetries=1), np.random.default_rng(0)))
        stones = shown.locator(".board").get_attribute("data-stones")
        assert stones == "".join(map(str, position.board.ravel()))
        check(shown, policy, position)
    assert f"Move 6: white {name(position.history[-1][1], 9)}" in shown.locator("section [role=status]").inner_text()
    assert requests == [go_file.as_uri()]


def test_a_record_is_loaded_and_saved(board, policy, tmp_path):
    shown, _ = board()
    moves = random_game(9, 11, 50)
    path = tmp_path / "game.sgf"
    path.write_text(record(moves))
    shown.set_input_files("input[type=file]", path)
    shown.wait_for_selector("[data-moves='50']")
    position = Position(9)
    for move in moves:
        position.play(*move)
    check(shown, policy, position)
    with shown.expect_download() as saved:
        shown.get_by_role("button", name="Save SGF").click()
    written = sgf.read_one(saved.value.path().read_bytes())
    np.testing.assert_array_equal(written.entries, sgf.read_one(path).entries)
    for _ in range(3):
        shown.get_by_role("button", name="Undo").click()
    shown.wait_for_selector("[data-moves='47']")
    shown.get_by_role("button", name="Redo").click()
    shown.wait_for_selector("[data-moves='48']")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<b>no record</b>", "This file is no game record in SGF."),
        ("(;SZ[11])", "The record is of a board of 11 × 11; this network was trained on 9 × 9."),
        ("(;SZ[9];B[aa];W[aa])", "Move 2 of the record is illegal."),
    ],
)
def test_a_wrong_record_is_told(board, tmp_path, text, said):
    shown, _ = board()
    path = tmp_path / "wrong.sgf"
    path.write_text(text)
    shown.set_input_files("input[type=file]", path)
    shown.get_by_text(said).wait_for()
    assert shown.locator(".network").get_attribute("data-moves") == "0"


def test_the_keyboard_plays(board):
    shown, _ = board()
    shown.locator(".board").focus()
    shown.keyboard.press("ArrowUp")
    shown.keyboard.press("ArrowLeft")
    assert shown.locator(".hidden").inner_text() == "D6, empty"
    shown.keyboard.press("Enter")
    shown.wait_for_selector("[data-moves='2']")
    assert shown.locator(".board").get_attribute("data-stones")[parse("D6", 9)] == "1"
    shown.keyboard.press("Enter")
    shown.get_by_text("D6 is occupied.").wait_for()


def test_white_passes_and_the_end(board):
    shown, _ = board()
    shown.get_by_label("You play").select_option("white")
    shown.wait_for_selector("[data-moves='1']")  # the network opens
    shown.get_by_role("button", name="Undo").click()
    shown.wait_for_selector("[data-moves='0']")
    shown.wait_for_selector("[data-moves='1']")  # and opens again
    shown.get_by_label("You play").select_option("both colours")
    for number in (2, 3):
        shown.get_by_role("button", name="Pass").click()
        shown.wait_for_selector(f"[data-moves='{number}']")
    shown.get_by_text("The game is over.").wait_for()
    shown.get_by_text("black wins by 73.5 points. Dead stones taken off: 0.").wait_for()
    stone = shown.locator(".board").get_attribute("data-stones").index("1")
    play(shown, stone)  # told to be dead, then alive after all
    shown.get_by_text("white wins by 7.5 points. Dead stones taken off: 1.").wait_for()
    play(shown, stone)
    shown.get_by_text("Dead stones taken off: 0.").wait_for()
    assert shown.get_by_role("button", name="Pass").is_disabled()
    shown.get_by_role("button", name="New game").click()
    shown.wait_for_selector("[data-moves='0']")


def test_a_map_is_laid_over_the_board(board):
    shown, _ = board()
    look = "document.querySelector('.board').toDataURL()"
    before = shown.evaluate(look)
    shown.locator(".maps canvas").nth(1).click(position={"x": 15, "y": 15})
    off = shown.get_by_role("button", name="Take the map off")
    assert shown.evaluate(look) != before
    off.click()
    shown.get_by_label("Show its moves").uncheck()
    shown.wait_for_function("document.querySelectorAll('.moves li').length === 0")
    assert off.is_hidden()


def test_chinese_and_a_phone(board):
    shown, _ = board(width=390, language="zh-CN")
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    play(shown, parse("E5", 9))
    shown.wait_for_selector("[data-moves='2']")
    assert "概率" in shown.locator(".answer").inner_text()
    assert "前五选" in shown.locator("footer").inner_text()


def test_a_larger_board(board, tmp_path):
    shown, _ = board()
    shown.locator("label", has_text="Board").locator("select").select_option("13 × 13")
    shown.get_by_text("It has never seen a board of 13 × 13").wait_for()
    play(shown, parse("D4", 13), 13)
    shown.wait_for_selector("[data-moves='2']")
    assert len(shown.locator(".board").get_attribute("data-stones")) == 169
    path = tmp_path / "large.sgf"
    path.write_text("(;SZ[19];B[pd];W[dp])")
    shown.set_input_files("input[type=file]", path)
    shown.wait_for_function("() => document.querySelector('.board').dataset.stones.length === 361")


def test_who_wins_and_who_owns_what(board, policy):
    shown, _ = board()
    for point, colour in ((None, "black"), (parse("E5", 9), "white")):
        position = Position(9)
        if point is not None:
            shown.get_by_label("You play").select_option("both colours")
            play(shown, point)
            shown.wait_for_selector("[data-moves='1']")
            position.play(1, point)
        judged = policy.evaluate(position)
        said = shown.get_by_text(f"It gives {colour}")
        said.wait_for()
        share, points = (float(number) for number in re.findall(r"(\d+\.\d) (?:%|points)", said.inner_text()))
        assert share / 100 == pytest.approx(judged.winrate, abs=0.001)
        assert points == pytest.approx(abs(judged.score), abs=0.1)
        assert ("ahead" if judged.score >= 0 else "behind") in said.inner_text()
    look = "document.querySelector('.board').toDataURL()"
    before = shown.evaluate(look)
    shown.get_by_label("Show who will own what").check()
    shown.wait_for_timeout(300)
    assert shown.evaluate(look) != before
