"""The speech page in a real browser: recordings, and a microphone that Chromium feeds with a WAV file."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from apps.playground import networks, page
from apps.playground.runs import run_at
from apps.playground.server import Server
from apps.speech.signal import audio
from apps.speech.verbs.listen import ListenOptions, hear
from cnn_core.networks import pretrained
from cnn_core.verbs.answers import answers_to
from tests.apps.playground.conftest import CHROMIUM, FLAGS
from tests.helpers.runs import in_fp32

pytestmark = pytest.mark.slow
SPOKEN = ["seven", "three", "nine", "one", "four"]


@pytest.fixture(scope="module")
def speech():
    return networks.network_of(run_at(pretrained.run_path("@speech-digits")))


@pytest.fixture(scope="module")
def trained():
    return in_fp32(run_at(pretrained.run_path("@speech-digits")))


@pytest.fixture(scope="module")
def speech_file(speech, browser_runtime, tmp_path_factory):
    path = tmp_path_factory.mktemp("speech") / "speech.html"
    path.write_text(page.single([speech]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A WAV file of five words with pauses, at 22,050 Hz."""
    pytest.importorskip("espeakng_loader")
    from apps.speech.voices.espeak import Espeak

    engine = Espeak()
    parts = [np.zeros(engine.rate, np.int16)]
    for word in SPOKEN:
        spoken = np.frombuffer(engine.speak(word, "gmw/en-US", 140, 50, 50), np.int16)
        parts += [spoken, np.zeros(engine.rate * 9 // 10, np.int16)]
    path = tmp_path_factory.mktemp("words") / "words.wav"
    soundfile.write(path, np.concatenate(parts), engine.rate)
    return path


@pytest.fixture(scope="module")
def microphone(playwright, words):
    """A browser whose microphone plays the words again and again: a busy machine loses some of the sound."""
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    feed = f"--use-file-for-fake-audio-capture={words}"
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags, feed])
    yield chromium
    chromium.close()


def told(shown):
    return shown.evaluate("[...document.querySelectorAll('.told li')].map((each) => each.dataset.word)")


def test_a_recording_gets_pythons_answer_and_words(opened, speech_file, trained, words):
    shown, requests = opened(speech_file.as_uri())
    shown.set_input_files("input[type=file]", words)
    shown.wait_for_selector("[data-heard]", timeout=60_000)
    samples = audio.to_int16(audio.read_recording(words))
    expected, _ = answers_to(trained, torch.from_numpy(audio.fit_clip(samples)[None]))
    found = json.loads(shown.locator(".network").get_attribute("data-best"))
    np.testing.assert_allclose(found, expected[0], atol=1e-5)
    options = ListenOptions(run=Path("run"))
    heard = hear(trained, samples, options)
    assert told(shown) == [word.word for word in heard]
    starts = shown.evaluate("[...document.querySelectorAll('.told li')].map((each) => Number(each.dataset.start))")
    np.testing.assert_allclose(starts, [word.start for word in heard], atol=0.1)
    assert set(SPOKEN) <= set(told(shown))
    assert shown.locator(".channels").count() == 5  # what it sees, and four layers
    assert requests == [speech_file.as_uri()]


def test_one_short_clip_at_another_rate(opened, speech_file, trained, words, tmp_path):
    samples, rate = soundfile.read(words, dtype="float32")
    path = tmp_path / "one.flac"
    soundfile.write(path, audio.resample(samples, rate, 48_000)[40_000:80_000], 48_000)
    shown, _ = opened(speech_file.as_uri())
    shown.set_input_files("input[type=file]", path)
    shown.wait_for_selector("[data-heard]")
    expected, _ = answers_to(trained, torch.from_numpy(audio.read(path)[None]))
    found = json.loads(shown.locator(".network").get_attribute("data-best"))
    np.testing.assert_allclose(found, expected[0], atol=1e-4)  # the browser decodes FLAC to 16 bits
    assert told(shown) == []


def test_what_is_no_sound_is_told(opened, speech_file, tmp_path):
    shown, _ = opened(speech_file.as_uri())
    path = tmp_path / "text.wav"
    path.write_text("<b>no sound</b>")
    shown.set_input_files("input[type=file]", path)
    shown.get_by_text("This file cannot be read as a recording.").wait_for()


def listened(browser, url):
    context = browser.new_context()
    shown = context.new_page()
    errors = []
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.goto(url)
    shown.wait_for_selector("body[data-ready]", timeout=60_000)
    shown.get_by_role("button", name="Listen").click()
    for word in SPOKEN:
        shown.locator(f".told [data-word='{word}']").first.wait_for(timeout=60_000)
    found = told(shown)
    shown.get_by_role("button", name="Stop").click()
    shown.get_by_role("button", name="Listen").wait_for()
    context.close()
    assert not errors
    return found


def test_the_microphone_of_the_served_page(microphone, speech):
    with Server([speech]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert set(SPOKEN) <= set(listened(microphone, server.url))
        finally:
            server.shutdown()
            thread.join()


def test_the_microphone_of_the_single_file(microphone, speech_file):
    assert set(SPOKEN) <= set(listened(microphone, speech_file.as_uri()))


def test_another_language_stops_the_microphone(microphone, speech_file):
    context = microphone.new_context(locale="en")
    shown = context.new_page()
    shown.add_init_script(
        "const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        "navigator.mediaDevices.getUserMedia = async (asked) => (globalThis.stream = await open(asked));"
    )
    shown.goto(speech_file.as_uri())
    shown.get_by_role("button", name="Listen").click()
    shown.get_by_role("button", name="Stop").wait_for()
    assert shown.evaluate("stream.getTracks()[0].readyState") == "live"
    shown.get_by_role("button", name="中文").click()
    shown.wait_for_function("stream.getTracks()[0].readyState === 'ended'")
    context.close()


def test_a_refused_microphone_is_told(opened, speech_file):
    shown, _ = opened(speech_file.as_uri())
    shown.get_by_role("button", name="Listen").click()
    shown.get_by_text("Open a recording instead.").wait_for()
    assert shown.get_by_role("button", name="Listen").get_attribute("aria-pressed") == "false"


def test_chinese_and_a_phone(opened, speech_file):
    shown, _ = opened(speech_file.as_uri(), width=390, language="zh-CN")
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    assert "zero" in shown.locator("section p").first.inner_text()
    assert "听写" in shown.locator("footer").inner_text()


def test_the_optimum_of_a_word_is_heard_and_answered(opened, speech_file, speech):
    shown, requests = opened(speech_file.as_uri())
    assert len(speech.card["heard"]) == 10
    for label in ("seven", "two"):
        shown.get_by_role("button", name=f"Hear what “{label}” sounds").click()
        shown.locator(".answer", has_text=label).wait_for()
        shares = json.loads(shown.locator(".network").get_attribute("data-best"))
        assert shares[speech.card["labels"].index(label)] > 0.99
    assert requests == [speech_file.as_uri()]
