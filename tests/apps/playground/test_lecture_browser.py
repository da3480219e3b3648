"""The lecture's page in a real browser, as a single file."""

import pytest

from apps.playground import page
from apps.playground.lecture.network import network
from tests.apps.playground.test_browser import draw

pytestmark = pytest.mark.slow
INK = (
    "[...document.querySelectorAll('.optimum canvas')].map((each) =>"
    " each.getContext('2d').getImageData(0, 0, 28, 28).data.reduce((sum, value, i) => sum + (i % 4 ? 0 : value), 0))"
)


@pytest.fixture(scope="module")
def lecture_file(browser_runtime, tmp_path_factory):
    path = tmp_path_factory.mktemp("lecture") / "lecture.html"
    path.write_text(page.single([network()]), encoding="utf-8")
    return path


def climbed(shown):
    shown.get_by_role("button", name="Climb").click()
    shown.wait_for_selector("[data-steps]", timeout=60_000)
    shown.get_by_role("button", name="Climb").wait_for()
    return [float(text.split()[-3].lstrip(">")) for text in shown.locator(".optimum p").all_inner_texts()]


def test_five_networks_answer_beside_each_other_and_are_moved_about(opened, lecture_file):
    shown, requests = opened(lecture_file.as_uri())
    draw(shown)
    assert shown.locator(".network").get_attribute("data-answers").split() == ["7"] * 5
    shown.locator("[data-stays]").nth(4).wait_for()
    stays = {
        each.get_attribute("data-sister"): int(each.locator("[data-stays]").get_attribute("data-stays"))
        for each in shown.locator(".sister").all()
    }
    assert max(stays, key=stays.get) != "shuffled"
    assert stays["max"] > stays["none"] > stays["shuffled"] > 0
    assert shown.locator(".sister", has_text="wrong on 4.33 %").count() == 1
    assert "Shuffled pixels: 7" in shown.locator("[aria-live]").first.inner_text()
    shown.get_by_text("Which network holds").click()
    shown.get_by_text("Those with pooling, of either kind").wait_for()
    assert requests == [lecture_file.as_uri()]


def test_optima_climb_and_ink_has_a_price(opened, lecture_file):
    shown, _ = opened(lecture_file.as_uri())
    assert min(climbed(shown)) > 99
    with_price = shown.evaluate(INK)
    shown.get_by_label("Ink costs").fill("0")
    shown.evaluate("document.querySelector('[data-steps]').removeAttribute('data-steps')")
    assert min(climbed(shown)) > 99
    assert all(free > paid > 0 for free, paid in zip(shown.evaluate(INK), with_price, strict=True))


def test_a_dream_begins_with_the_drawing(opened, lecture_file):
    shown, _ = opened(lecture_file.as_uri())
    shown.get_by_label("Goal").select_option(label="Deep Dream: more of what its filters see")
    shown.get_by_role("button", name="Climb").click()
    shown.get_by_text("Draw a digit first").wait_for()
    draw(shown)
    climbed(shown)
    assert min(shown.evaluate(INK)) > 0


def test_a_phone_the_film_and_another_language(opened, lecture_file):
    shown, _ = opened(lecture_file.as_uri(), width=390)
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    shown.get_by_label("Deep Dream in colour").focus()
    shown.keyboard.press("End")
    shown.get_by_text("Frame 16 of 16").wait_for()
    shown.get_by_role("button", name="Play").click()
    shown.get_by_role("button", name="中文").click()
    shown.get_by_text("一个数字，五个网络").wait_for()
