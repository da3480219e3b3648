"""Photos on the page: the framing against Python's, and the page in a real browser."""

import base64
import io
import json
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from apps.photos.app import APP
from apps.photos.corpora import framing
from apps.playground import networks
from apps.playground.runs import run_at
from apps.playground.server import Server
from cnn_core.cli import run
from tests.apps.photos.test_commands import SMALL
from tests.apps.playground.conftest import CHROMIUM, FLAGS
from tests.helpers.little import discs
from tests.helpers.runs import in_fp32

FRAMED = """data.map(({ width, height, text, side, kind }) =>
  Array.from(m.framed({ width, height, data: new Uint8Array(Buffer.from(text, 'base64')) }, side, kind)))"""
SIZES = [(40, 31, 16), (31, 40, 32), (17, 17, 17), (20, 33, 48), (130, 90, 32)]


@pytest.mark.parametrize("kind", ["crop", "pad", "squash"])
def test_pictures_are_framed_as_python_does(javascript, kind):
    random = np.random.default_rng(5)
    # Away from black and white: there Pillow's order of rows and columns, which differs by version, cuts off otherwise.
    pictures = [random.integers(60, 196, (height, width, 3)).astype(np.uint8) for width, height, _ in SIZES]
    data = []
    for picture, (width, height, side) in zip(pictures, SIZES, strict=True):
        rgba = np.dstack([picture, np.full((height, width), 255, np.uint8)])
        text = base64.b64encode(rgba.tobytes()).decode()
        data.append({"width": width, "height": height, "text": text, "side": side, "kind": kind})
    for picture, (_, _, side), found in zip(pictures, SIZES, javascript("photos/frame.js", FRAMED, data), strict=True):
        expected = framing.framed(picture, side, kind).astype(int)
        difference = np.abs(np.reshape(found, (3, side, side)) - expected)
        assert difference.max() <= 1  # bytes between the two directions, and fixed point


@pytest.mark.parametrize("kind", ["crop", "pad", "squash"])
def test_large_pictures_are_reduced_as_python_reduces_them(javascript, kind):
    random, data, files = np.random.default_rng(6), [], []
    for width, height, side in [(400, 300, 32), (300, 401, 16), (517, 700, 32), (700, 90, 16)]:
        picture = random.integers(60, 196, (height, width, 4)).astype(np.uint8)
        picture[..., 3] = 255 if side == 32 else random.integers(0, 256, (height, width))
        text = base64.b64encode(picture.tobytes()).decode()
        data.append({"width": width, "height": height, "text": text, "side": side, "kind": kind})
        files.append(io.BytesIO())
        Image.fromarray(picture).save(files[-1], format="PNG")
    for one, file, found in zip(data, files, javascript("photos/frame.js", FRAMED, data), strict=True):
        expected = framing.read(file.getvalue(), one["side"], kind).astype(int)
        difference = np.abs(np.reshape(found, expected.shape) - expected)
        assert difference.max() <= 2  # Pillow rounds colours under transparency more than once
        assert difference.mean() < 0.3


def test_transparency_lies_on_white(javascript):
    data = {
        "width": 1,
        "height": 1,
        "text": base64.b64encode(bytes([10, 20, 30, 0])).decode(),
        "side": 1,
        "kind": "crop",
    }
    assert javascript("photos/frame.js", FRAMED, [data]) == [[255, 255, 255]]


@pytest.fixture(scope="module")
def discs_run(tmp_path_factory):
    folder = discs(tmp_path_factory.mktemp("discs") / "data")
    out = tmp_path_factory.mktemp("runs") / "photos"
    assert run(APP, ["train", "--data", str(folder), "--out", str(out), "--threads", "1", "--json", *SMALL]) == 0
    return out, folder


def least_sure(trained, one, other):
    """Of mixtures of two pictures that whose answer is the least sure."""
    first, second = (Image.open(path).convert("RGB") for path in (one, other))
    mixed = [Image.blend(first, second, share) for share in np.linspace(0, 1, 101)]
    pixels = torch.from_numpy(np.stack([framing.framed(np.asarray(each), 16, "crop") for each in mixed]))
    with torch.no_grad():
        shares = torch.softmax(trained.calibrated(trained.model(pixels)), 1).amax(1)
    return mixed[int(shares.argmin())]


@pytest.fixture(scope="module")
def photos_file(discs_run, browser_runtime, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "photos.html"
    assert run(APP, ["export", str(discs_run[0]), "--page", str(path)]) == 0
    return path


@pytest.mark.slow
def test_a_picture_gets_pythons_answer_and_its_reasons(opened, discs_run, photos_file, tmp_path):
    trained = in_fp32(run_at(discs_run[0]))
    shown, requests = opened(photos_file.as_uri())
    picture = discs_run[1] / "red" / "3.png"
    shown.set_input_files("input[type=file]", picture)
    shown.wait_for_selector(".network[data-answer]")
    pixels = torch.from_numpy(framing.read(picture, 16, "crop"))[None]
    expected = torch.softmax(trained.calibrated(trained.model(pixels)), 1)[0].detach().numpy()
    found = json.loads(shown.locator(".network").get_attribute("data-best"))
    np.testing.assert_allclose(found, expected, atol=0.02)  # one pixel in fifty differs by one of 255
    assert shown.locator(".gallery .small").count() == 8  # the first filters, in colour
    assert shown.locator(".gallery figcaption").all_inner_texts() == ["blue", "red"]
    seen = "document.querySelector('.photo').getContext('2d').getImageData(0, 0, 16, 16).data.join()"
    doubtful = least_sure(trained, *(discs_run[1] / colour / "3.png" for colour in ("blue", "red")))
    doubtful.save(tmp_path / "doubtful.png")
    shown.set_input_files("input[type=file]", tmp_path / "doubtful.png")
    shown.wait_for_timeout(300)
    plain = shown.evaluate(seen)
    shown.locator(".maps canvas").first.click(position={"x": 60, "y": 10})
    with_map = shown.evaluate(seen)
    assert with_map != plain
    shown.get_by_role("button", name="Take the map off").click()
    assert shown.evaluate(seen) == plain
    shown.get_by_role("button", name="Which parts").click()
    shown.wait_for_selector("[data-explained=true]")
    assert shown.get_by_text("No part matters by itself").count() == 0
    assert shown.evaluate(seen) not in (plain, with_map)
    assert requests == [photos_file.as_uri()]
    assert "wrong on" in shown.locator("footer").inner_text()


@pytest.mark.slow
def test_a_phone_and_a_file_that_is_no_picture(opened, photos_file, tmp_path):
    shown, _ = opened(photos_file.as_uri(), width=390, language="zh-CN")
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    path = tmp_path / "text.png"
    path.write_text("<b>no picture</b>")
    shown.set_input_files("input[type=file] >> nth=0", path)
    shown.get_by_text("浏览器不认识这个图片文件").wait_for()


@pytest.mark.slow
def test_the_camera_of_the_served_page(playwright, discs_run, browser_runtime):
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
    with Server([networks.network_of(run_at(discs_run[0]))]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            shown = chromium.new_page()
            shown.goto(server.url)
            shown.get_by_role("button", name="Use the camera").click()
            shown.wait_for_selector(".network[data-answer]", timeout=30_000)
            shown.get_by_role("button", name="Stop").click()
            shown.get_by_role("button", name="Use the camera").wait_for()
        finally:
            chromium.close()
            server.shutdown()
            thread.join()


@pytest.mark.slow
def test_a_refused_camera_is_told(opened, photos_file):
    shown, _ = opened(photos_file.as_uri())
    shown.get_by_role("button", name="Use the camera").click()
    shown.get_by_text("Open a picture instead.").wait_for()
