"""The page in a real browser: Debian's Chromium, driven by Playwright; skipped where there is none."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image

from apps.digits import frame
from apps.playground import page
from apps.playground.runs import run_at
from apps.playground.server import Server
from apps.text.verbs.answers import AnswerOptions, answer
from cnn_core.networks import pretrained
from cnn_core.verbs.answers import answers_to
from tests.apps.playground.test_photo_twins import photo
from tests.helpers.runs import in_fp32

pytestmark = pytest.mark.slow
SEVEN = [(90, 60), (190, 60), (170, 110), (150, 160), (130, 220)]


def draw(shown, points=SEVEN):
    shown.locator(".pad").scroll_into_view_if_needed()
    box = shown.locator(".pad").bounding_box()
    places = [(box["x"] + x * box["width"] / 280, box["y"] + y * box["height"] / 280) for x, y in points]
    shown.mouse.move(*places[0])
    shown.mouse.down()
    for place in places[1:]:
        shown.mouse.move(*place, steps=6)
    shown.mouse.up()
    shown.wait_for_selector(".network[data-milliseconds]")
    shown.wait_for_timeout(200)  # the last frame of the drawing


SEEN = """() => {
  const sheet = [...document.querySelectorAll('canvas')].find((each) => each.width === 28 && each.height === 28);
  const { data } = sheet.getContext('2d').getImageData(0, 0, 28, 28);
  return Array.from({ length: 784 }, (_, i) => data[4 * i]);
}"""


def test_a_drawn_digit_gets_pythons_answer_from_the_single_file(opened, file, digits_run):
    shown, requests = opened()
    draw(shown)
    assert requests == [file.as_uri()]
    pixels = torch.tensor(shown.evaluate(SEEN), dtype=torch.uint8).view(1, 28, 28)
    trained = in_fp32(run_at(digits_run))
    expected, unlikeness = answers_to(trained, pixels)
    expected = expected[0].numpy()
    is_none = float(unlikeness[0]) > trained.calibration.most_unlikeness(0.01)
    bars = shown.locator(".bars > span").all_inner_texts()[1::2]
    found = np.array([float(text.removesuffix(" %")) for text in bars]) / 100
    np.testing.assert_allclose(found, expected, atol=6e-4)
    answer = "none of these" if is_none else trained.labels[int(expected.argmax())]
    assert shown.locator(".network").get_attribute("data-answer") == answer


def test_noise_is_none_of_these(emptied):
    shown = emptied
    points = np.random.default_rng(0).integers(20, 260, (30, 2)).tolist()
    draw(shown, points)
    assert shown.locator(".network").get_attribute("data-answer") == "none of these"
    assert "None of these" in shown.locator(".answer").inner_text()


def test_the_arithmetic_of_a_cell_is_the_maps_value(emptied):
    shown = emptied
    draw(shown)
    for number in (0, 2):  # conv1 and conv2
        shown.locator(".maps canvas").nth(number).click(position={"x": 15, "y": 15})
        cell = shown.locator("[data-total]")
        total, after = cell.evaluate("(each) => [Number(each.dataset.total), Number(each.dataset.after)]")
        assert max(total, 0) == pytest.approx(after, abs=1e-4)
        assert after > 0
    assert shown.locator("table.cells").count() == 9  # patch, filter, product of the three largest maps


def test_the_keyboard_draws_and_chooses(emptied):
    shown = emptied
    shown.locator(".pad").focus()
    shown.keyboard.down(" ")
    for _ in range(14):
        shown.keyboard.press("ArrowDown")
    shown.keyboard.up(" ")
    shown.wait_for_selector(".network[data-answer]")
    assert "%" in shown.locator(".answer").inner_text()
    shown.locator(".maps canvas").first.focus()
    shown.keyboard.press("ArrowRight")
    shown.wait_for_selector("[data-total]")


def test_a_picture_gets_pythons_answer(emptied, digits_run, tmp_path):
    grey = photo(3, 640, 480, noise=2.0)
    path = tmp_path / "photo.png"
    Image.fromarray(grey).convert("RGB").save(path)
    shown = emptied
    shown.set_input_files("input[type=file]", path)
    shown.wait_for_selector(".network[data-answer]")
    shown.get_by_text("The digit of your picture").wait_for()
    pixels = np.array(shown.evaluate(SEEN)).reshape(28, 28)
    expected = frame.find(path).digits[0].astype(int)
    assert np.abs(pixels - expected).max() <= 2
    assert (pixels != expected).mean() < 0.05
    trained = in_fp32(run_at(digits_run))
    shares = answers_to(trained, torch.from_numpy(pixels.astype(np.uint8)[None]))[0][0].numpy()
    bars = shown.locator(".bars > span").all_inner_texts()[1::2]
    np.testing.assert_allclose([float(text.removesuffix(" %")) / 100 for text in bars], shares, atol=6e-4)
    draw(shown)  # drawing takes its place
    assert shown.get_by_text("The digit of your picture").count() == 0


@pytest.mark.parametrize(("data", "said"), [(b"<b>text</b>", "no picture"), (None, "No ink was found")])
def test_a_wrong_picture_is_told(emptied, tmp_path, data, said):
    path = tmp_path / "wrong.png"
    if data:
        path.write_bytes(data)
    else:
        Image.new("L", (80, 90), 200).save(path)
    shown = emptied
    shown.set_input_files("input[type=file]", path)
    shown.get_by_text(said).wait_for()
    shown.get_by_text("Draw something.").wait_for()


def test_clear_takes_everything_back(emptied):
    shown = emptied
    draw(shown)
    shown.get_by_role("button", name="Clear").click()
    shown.get_by_text("Draw something.").wait_for()
    assert shown.locator(".bars .best").count() == 0


def test_what_speaks_for_the_answer_is_laid_over_it(emptied):
    shown = emptied
    draw(shown)
    before = shown.evaluate(SEEN)
    shown.get_by_role("button", name="Which parts").click()
    shown.wait_for_timeout(500)
    assert shown.evaluate(SEEN) != before


def test_chinese_and_a_phone(opened):
    shown, _ = opened(width=390, language="zh-CN")
    assert shown.locator("h1").inner_text() == "看网络如何思考"
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    draw(shown)
    assert "7" in shown.locator(".answer").inner_text()
    shown.get_by_role("button", name="English").click()
    assert shown.locator("h1").inner_text() == "Watch a network think"


def test_a_typed_text_gets_pythons_answer(opened, browser_runtime, tmp_path):
    trained = in_fp32(run_at(pretrained.run_path("@text-sentiment")))
    path = tmp_path / "text.html"
    path.write_text(page.page(trained), encoding="utf-8")
    shown, requests = opened(path.as_uri())
    text = "It's a warm, clever and wonderful film, though <b>Zyxxland</b> is a bit dull."
    shown.get_by_role("textbox").fill(text)
    shown.wait_for_selector(".network[data-answer]")
    shown.locator(".word.unknown", has_text="zyxxland").wait_for()
    expected = answer(trained, [text], AnswerOptions(2, "0", "0", 1.0))[0]
    assert shown.locator(".network").get_attribute("data-answer") == expected["answer"]
    best = shown.locator(".bars .best + .track + span").inner_text()
    assert float(best.removesuffix(" %")) / 100 == pytest.approx(expected["top"][0]["probability"], abs=6e-4)
    assert shown.locator("ol li").count() > 0
    assert shown.locator(".words b").count() == 0  # text is never HTML
    assert requests == [path.as_uri()]
    shown.get_by_role("textbox").fill("")
    shown.locator(".answer", has_text="Type a sentence").wait_for()


def test_the_served_page_asks_its_server_alone(opened, network):
    with Server([network]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            shown, requests = opened(server.url)
            draw(shown)
            assert {url.removeprefix(server.url) for url in requests} == {"", "api", "glue", "wasm", "graph/0"}
            shown.locator("summary").click()
            shown.locator("footer pre", has_text="Microsoft").wait_for()
        finally:
            server.shutdown()
            thread.join()
