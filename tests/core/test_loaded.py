"""cnn_core.load: the answers of the command line, from Python objects, for every app that has a ready-made network."""

import io
import json

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import cnn_core
from apps.digits.app import APP as DIGITS
from apps.text.app import APP as TEXT
from cnn_core.cli import run as command
from cnn_core.errors import UserError


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = []
    for digit in "38":
        image = Image.new("L", (90, 90), 255)
        ImageDraw.Draw(image).text((24, 6), digit, fill=0, font=ImageFont.load_default(70))
        image.save(tmp_path / f"{digit}.png")
        paths.append(tmp_path / f"{digit}.png")
    return paths


def test_pictures_in_every_form_and_as_the_command_says(drawn, capsys):
    net = cnn_core.load("@digits")
    assert (net.app, net.labels) == ("digits", tuple("0123456789"))
    assert command(DIGITS, ["predict", "@digits", *map(str, drawn), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["predictions"]
    found = net.predict([str(path) for path in drawn])
    assert [answer.label for answer in found] == [each["answer"] for each in told] == ["3", "8"]
    for answer, each in zip(found, told, strict=True):
        assert answer.probability == pytest.approx(each["top"][0]["probability"], abs=2e-3)
        assert answer.unlikeness == pytest.approx(each["unlikeness"], abs=2e-3)
        assert str(answer) == f"{answer.label} ({answer.probability:.3f})"
    image = Image.open(drawn[0])
    array = np.asarray(image)
    forms = [drawn[0], drawn[0].read_bytes(), image, array, array / 255, np.stack([array] * 3, 2)]
    for form in forms:
        assert net.predict(form).probability == pytest.approx(found[0].probability, abs=1e-5), type(form)
    assert net(drawn[0].parent)[0].label == "3", "a folder"
    shares = net.predict_proba(forms)
    assert shares.shape == (6, 10)
    np.testing.assert_allclose(shares.sum(1), 1)
    assert net.predict_proba(drawn[1]).argmax() == 8
    letter = Image.new("L", (90, 90), 255)
    ImageDraw.Draw(letter).text((12, 6), "W", fill=0, font=ImageFont.load_default(70))
    assert net.predict(letter, none="20%").label == "none of these"
    assert net.predict(letter, none="0").label in net.labels


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nosuch.png", "nosuch.png"),
        (np.zeros((3, 3, 3, 3)), "a picture is an array"),
        (np.full((9, 9), 7.0), "must hold values from 0 to 1"),
        ([], "an empty list has no answers"),
    ],
)
def test_what_cannot_be_read_is_said(given, message):
    with pytest.raises(UserError, match=message):
        cnn_core.load("@digits").predict(given)


def test_texts_of_any_length_together(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = cnn_core.load("@text-sentiment")
    texts = ["a moving and splendid film", "dull", "a dull , lifeless and boring film , far too long"]
    found = net.predict(texts)
    assert [answer.label for answer in found] == ["positive", "negative", "negative"]
    assert command(TEXT, ["predict", "@text-sentiment", *texts, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["predictions"]
    for answer, each in zip(found, told, strict=True):
        assert answer.probability == pytest.approx(each["top"][0]["probability"], abs=2e-3)
    shown = net.explain(texts[0])
    assert "splendid" in str(shown)
    assert "<iframe srcdoc=" in shown._repr_html_()
    assert "<script" not in shown._repr_html_()


def test_sounds_and_boards():
    net = cnn_core.load("@speech-digits")
    tone = np.sin(np.arange(16_000) / 8) / 2
    floats, ints = net.predict([(tone, 16_000), ((tone * 32767).round().astype(np.int16), 16_000)])
    assert floats.probability == pytest.approx(ints.probability, abs=2e-3)
    with pytest.raises(UserError, match="samples a second"):
        net.predict(np.zeros(16_000))
    go = cnn_core.load("@go-9x9")
    assert len(go.predict(b"(;SZ[9];B[ee])", top=5).top) == 5
    assert "cnn-go, 81 classes" in repr(go)


def test_explanations_and_views_are_shown_in_a_notebook(drawn):
    net = cnn_core.load("@digits")
    for shown in (net.explain(np.asarray(Image.open(drawn[0])), methods=["grad-cam"]),
                  net.visualize("filters", layer="conv1", units=(0, 1))):  # fmt: skip
        assert shown.files
        page = shown._repr_html_()
        assert page.startswith('<img src="data:image/png;base64,')
        assert Image.open(io.BytesIO(shown.files[0].read_bytes())).size[0] > 50
    with pytest.raises(UserError, match="unknown; it shows"):
        net.visualize("nosuch")
    table = net._repr_html_()
    assert "<caption>@digits</caption>" in table
    assert "conv1" in table
    assert "0.21%" in table


def test_names_that_nobody_knows(tmp_path):
    with pytest.raises(UserError, match="did you mean @digits"):
        cnn_core.load("@digit")
    with pytest.raises(UserError, match=r"not a run folder \(no config.json\); ready-made networks are @"):
        cnn_core.load(tmp_path)
    (tmp_path / "config.json").write_text('{"app": "chess"}')
    with pytest.raises(UserError, match="no installed package brings the app 'chess'"):
        cnn_core.load(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(UserError, match="it names no app"):
        cnn_core.load(tmp_path)
