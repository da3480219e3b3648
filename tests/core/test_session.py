"""Answers through onnxruntime: those of PyTorch, without importing it; and never from a file that no longer fits."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from apps.digits.app import APP as DIGITS
from apps.speech.app import APP as SPEECH
from apps.speech.signal.audio import as_wav
from apps.text.app import APP as TEXT
from cnn_core.cli import run as command
from cnn_core.exporting import session

APPS = {"digits": DIGITS, "speech": SPEECH, "text": TEXT}


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Arguments of predict, by app."""
    monkeypatch.chdir(tmp_path)
    image = Image.new("L", (160, 90), 255)
    for left, digit in ((14, "3"), (90, "8")):
        ImageDraw.Draw(image).text((left, 6), digit, fill=0, font=ImageFont.load_default(70))
    image.save("row.png")
    image.crop((0, 0, 80, 90)).save("3.png")
    for name, pitch in (("a.wav", 7), ("b.wav", 3)):
        tone = np.sin(np.arange(16_000) / pitch) * np.hanning(16_000)
        (tmp_path / name).write_bytes(as_wav((tone, 16_000)))
    (tmp_path / "texts.txt").write_text("a splendid film\n\ndull\nso so , really\n")
    return {"digits": ["3.png"], "many": ["row.png", "--digits", "many"], "speech": ["a.wav", "b.wav"],
            "text": ["a dull film", "", "zzz", "texts.txt"]}  # fmt: skip


@pytest.mark.parametrize("name", ["digits", "many", "speech", "text"])
def test_both_engines_say_the_same(name, given, capsys):
    app = APPS[name if name in APPS else "digits"]
    found = []
    for engine in ("onnx", "torch"):
        assert command(app, ["predict", *given[name], "--engine", engine, "--top", "2", "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["predictions"])
    if name == "many":
        found = [each[0]["digits"] for each in found]
    for first, second in zip(*found, strict=True):
        assert first["answer"] == second["answer"]
        assert first.get("unlikeness", 0) == pytest.approx(second.get("unlikeness", 0), abs=2e-3)
        for a, b in zip(first["top"], second["top"], strict=True):
            assert a["label"] == b["label"]
            assert a["probability"] == pytest.approx(b["probability"], abs=2e-3)


@pytest.mark.parametrize("name", ["digits", "many", "speech", "text"])
def test_torch_is_not_imported(name, given):
    app = name if name in APPS else "digits"
    program = (
        f"import sys; from apps.{app}.app import APP; from cnn_core.cli import run;"
        f"status = run(APP, {['predict', *given[name]]!r}); assert 'torch' not in sys.modules; sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_file_answers_only_for_the_weights_it_was_made_from(given, tmp_path, capsys):
    run, args = tmp_path / "run", ["--vectors.width", "8", "--net.filters", "6", "--fit.epochs", "2"]
    rows = [f"{label},{label} film {i}" for i in range(60) for label in ("good", "bad")]
    (tmp_path / "x.csv").write_text("label,text\n" + "\n".join(rows) + "\n")
    train = ["train", "--data", str(tmp_path / "x.csv"), *args, "--out", str(run)]
    assert command(TEXT, train) == 0
    assert command(TEXT, ["predict", str(run), "good film", "--engine", "onnx"]) == 2
    assert "--engine onnx: " in (said := capsys.readouterr().err)
    assert f"write it with `cnn-text export {run}`" in said
    assert session.exported(TEXT, run) is None
    assert command(TEXT, ["export", str(run)]) == 0
    found = session.exported(TEXT, run)
    assert found is not None
    assert found.labels == ("bad", "good")
    assert session.exported(TEXT, run, "torch") is None
    assert session.exported(TEXT, run, "auto", "cuda") is None
    assert session.exported(DIGITS, run) is None
    kept = (run / "model.onnx").read_bytes()
    assert command(TEXT, [*train, "--seed", "5", "--overwrite"]) == 0
    (run / "model.onnx").write_bytes(kept)
    capsys.readouterr()
    assert session.exported(TEXT, run) is None, "made from other weights"
    assert command(TEXT, ["predict", str(run), "good film", "--engine", "onnx"]) == 2
    assert "was not made from the weights that the run has now" in capsys.readouterr().err
    assert command(TEXT, ["predict", str(run), "good film"]) == 0
