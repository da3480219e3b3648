"""cnn_core.load: the answers of the command line, from Python objects, for every app that has a ready-made network."""

import io
import json
import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import cnn_core
from apps.digits.app import APP as DIGITS
from apps.photos.app import APP as PHOTOS
from apps.photos.config import PhotosConfig
from apps.photos.fitted import FittedPhotos
from apps.text.app import APP as TEXT
from cnn_core import runs
from cnn_core.cli import run as command
from cnn_core.errors import UserError
from cnn_core.exporting.run import export_answers
from cnn_core.nn.architecture import ConvNetConfig
from cnn_core.training import checkpoint


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


PICTURE = "np.arange(784, dtype=np.uint8).reshape(28, 28)"
GIVEN = {
    "@digits": PICTURE,
    "@text-sentiment": "'a dull film'",
    "@speech-digits": "(np.sin(np.arange(16_000) / 7), 16_000)",
    "@go-9x9": "b'(;SZ[9];B[ee];W[cc])'",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GIVEN)
def test_answers_need_no_torch_and_are_those_of_torch(name):
    assert_answers_without_torch(name, GIVEN[name])


@pytest.mark.slow
def test_a_run_that_was_exported_answers_without_torch(photos_run):
    assert_answers_without_torch(photos_run, "np.full((20, 20, 3), 90, np.uint8)")
    net = cnn_core.load(photos_run)
    copied = pickle.loads(pickle.dumps(net))
    picture = np.full((20, 20, 3), 90, np.uint8)
    assert copied.predict(picture) == net.predict(picture)
    (photos_run / "model.onnx").unlink()
    assert cnn_core.load(photos_run).engine == "torch"
    with pytest.raises(UserError, match=r"has no model\.onnx"):
        cnn_core.load(photos_run, engine="onnx")


@pytest.fixture
def photos_run(tmp_path):
    """A small network of photos as `train` leaves it, without training."""
    fitted = FittedPhotos(16, "crop", (120.0, 110.0, 100.0), (60.0, 60.0, 60.0))
    net = ConvNetConfig(input_shape=(3, 32, 32), channels=(8,), pools=(2,))
    config = PhotosConfig(side=16, net=net)
    config = replace(config, fit=replace(config.fit, precision="fp32"))
    labels, run = ("cat", "dog"), tmp_path / "run"
    model = runs.build_seeded(PHOTOS, config, labels, 1, fitted)
    runs.write_record(run, runs.make_record(PHOTOS, "scratch", config, labels, 1, fitted))
    checkpoint.save(run / "best", checkpoint.Checkpoint(model.state_dict(), {"app": "photos"}, {}))
    export_answers(runs.restore(PHOTOS, run), run / "model.onnx", None)
    return run


def assert_answers_without_torch(name, given):
    program = (
        "import sys, json, numpy as np, cnn_core\n"
        f"net = cnn_core.load({str(name)!r})\n"
        f"answer, shares = net.predict({given}), net.predict_proba({given})\n"
        "print(repr(net), file=sys.stderr)\n"
        "assert 'torch' not in sys.modules, 'torch'\n"
        "print(json.dumps([answer.label, list(shares), net.engine]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    label, shares, engine = json.loads(done.stdout)
    full = cnn_core.load(name, engine="torch")
    assert (engine, full.engine) == ("onnx", "torch")
    value = eval(given, {"np": np})
    assert full.predict(value).label == label
    np.testing.assert_allclose(full.predict_proba(value), shares, atol=2e-3)


def test_the_model_comes_when_it_is_asked_for():
    net = cnn_core.load("@digits")
    assert net.engine == "onnx"
    assert "conv1" in net.layers
    assert net.run.labels == net.labels
    assert net.model is net.run.model
    name: Any = "tensorflow"
    with pytest.raises(UserError, match="one of auto, onnx, torch"):
        cnn_core.load("@digits", engine=name)
