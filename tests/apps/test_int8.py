"""`export --int8` of every app on its test data: sizes, what it costs, and what is refused."""

import json
import shutil
import subprocess
import sys
from importlib import import_module

import onnx
import pytest

from apps.digits.app import APP as DIGITS
from cnn_core import runs
from cnn_core.errors import UserError
from cnn_core.networks import pretrained
from tests.helpers.commands import answer, bad

SIZES = {
    "digits": 840_000,
    "digits-lecture": 260_000,
    "go-9x9": 360_000,
    "speech-digits": 230_000,
    "text-sentiment": 1_250_000,
}


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    "name", [name if name.startswith("digits") else pytest.param(name, marks=pytest.mark.long) for name in SIZES]
)
def test_8_bits_cost_next_to_nothing(name, tmp_path, capsys):
    card = next(each for each in pretrained.cards() if each.name == name)
    app = import_module(f"apps.{card.app}.app").APP
    try:
        ready = runs.restore(app, pretrained.run_path(f"@{name}"))
        ready.app.load(ready.config)
    except UserError as error:
        pytest.skip(str(error))
    out = tmp_path / "net.onnx"
    found = answer(capsys, "export", f"@{name}", "--out", out, "--check", 20, "--int8", app=app)
    small = found["int8"]
    assert small["samples"] == card.test_count
    assert small["before"] == pytest.approx(card.accuracy, abs=0.002)
    assert abs(small["after"] - small["before"]) < 0.003
    assert small["low"] <= small["difference"] <= small["high"]
    assert small["bytes"] < SIZES[name]
    assert small["bytes"] < 0.31 * found["bytes"]
    told = {each.key: each.value for each in onnx.load(small["onnx"]).metadata_props}
    assert told["weights"] == "int8"
    assert json.loads(told["int8"])["after"] == small["after"]
    if name == "speech-digits":
        bare = tmp_path / "bare.onnx"
        bare_found = answer(
            capsys, "export", f"@{name}", "--out", bare, "--check", 20, "--int8", "--no-unlikeness", app=app
        )["int8"]
        assert bare_found["bytes"] < 130_000
        assert bare_found["after"] == small["after"]
        assert [output.name for output in onnx.load(bare_found["onnx"]).graph.output] == ["logits"]
        assert "unlikeness" in [output.name for output in onnx.load(bare).graph.output]
    if card.app == "text":
        script = tmp_path / "net.predict.py"
        for file in (out, small["onnx"]):
            command = [sys.executable, script, file, "a wonderful film", "a dull film"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["positive", "negative"]


@pytest.mark.slow
def test_what_is_refused(tmp_path, capsys):
    assert "add --int8" in bad(capsys, "export", "@digits", "--no-unlikeness", "--out", tmp_path / "x.onnx", app=DIGITS)
    shutil.copytree(pretrained.folder() / "digits-lecture", tmp_path / "run")
    said = bad(capsys, "export", tmp_path / "run", "--int8", "--page", tmp_path / "p.html")
    assert "--int8 is about an ONNX file, and --page makes none" in said
    assert "and --c makes none" in bad(capsys, "export", tmp_path / "run", "--int8", "--c", tmp_path / "p.c")
    said = bad(capsys, "export", tmp_path / "run", "--int8", "--check", 0)
    assert "--int8 measures on test data, which --check 0 does without" in said
    (tmp_path / "net-int8.onnx").write_text("old")
    said = bad(capsys, "export", tmp_path / "run", "--out", tmp_path / "net.onnx", "--int8", app=DIGITS)
    assert "net-int8.onnx: exists already" in said
    assert sorted(each.name for each in tmp_path.iterdir()) == ["net-int8.onnx", "run"]
