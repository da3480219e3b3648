"""Answers through onnxruntime: those of PyTorch, without importing it; and never from a file that no longer fits."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from apps.digits.app import APP as DIGITS
from apps.go.app import APP as GO
from apps.go.config import GoConfig, GoNetConfig
from apps.go.model import averaged
from apps.go.play.player import Policy
from apps.go.rules.encode import encode
from apps.go.rules.position import Position
from apps.speech.app import APP as SPEECH
from apps.speech.signal.audio import as_wav
from apps.speech.verbs import listen
from apps.speech.verbs.windows import probabilities
from apps.text.app import APP as TEXT
from cnn_core import runs
from cnn_core.cli import run as command
from cnn_core.errors import UserError
from cnn_core.exporting import session
from cnn_core.exporting.run import export_run
from cnn_core.metrics.limits import Calibration
from cnn_core.networks import pretrained
from tests.helpers.runs import in_fp32

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


GAME = "(;GM[1]FF[4]SZ[9]KM[7.5];B[ee];W[cc];B[gc];W[cg])"
COMMANDS = {
    "gtp": ("go", ["gtp"], "boardsize 9\nplay b e5\ngenmove w\nfinal_score\nquit\n"),
    "go predict": ("go", ["predict", "game.sgf", "--symmetries", "8"], ""),
    "go annotate": ("go", ["annotate", "game.sgf"], ""),
    "go match": ("go", ["match", "--opponent", "random", "--games", "1", "--out", "match"], ""),
    "listen": ("speech", ["listen", "a.wav"], ""),
    "listen at 44.1 kHz": ("speech", ["listen", "cd.wav"], ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_games_and_listening_import_no_torch(name, given, tmp_path):
    app, arguments, typed = COMMANDS[name]
    (tmp_path / "game.sgf").write_text(GAME)
    (tmp_path / "cd.wav").write_bytes(as_wav((np.sin(np.arange(66_150) / 9), 44_100)))
    program = (
        f"import sys; from apps.{app}.app import APP; from cnn_core.cli import run;"
        f"status = run(APP, {arguments!r}); assert 'torch' not in sys.modules; sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=typed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if name == "gtp":
        assert re.fullmatch(r"=\n\n=\n\n= [A-J][1-9]\n\n= [BW]\+[0-9.]+\n\n=\n\n", done.stdout)


def test_a_player_is_the_same_through_either_engine():
    place = pretrained.run_path("@go-9x9")
    light, full = session.exported(GO, place), in_fp32(runs.restore(GO, place))
    assert light is not None
    assert_same_player(light, full, (9, 13))


@pytest.mark.slow
@pytest.mark.parametrize("upright", [0, 4])
def test_a_player_of_eight_views_is_the_same_through_either_engine(upright, tmp_path):
    config = GoConfig(net=GoNetConfig(filters=8, blocks=1), features="tactics", passes=True, upright=upright)
    config = replace(config, fit=replace(config.fit, precision="fp32"))
    assert GO.labels is not None
    labels, calibration = GO.labels(config), Calibration(temperature=1.7)
    full = runs.Run(tmp_path, runs.build_seeded(GO, config, labels, 1).eval(), config, labels, {"preset": "x"}, {}, GO)
    full = replace(full, calibration=calibration)
    export_run(full, tmp_path / "model.onnx")
    light = session.ExportedRun(GO, config, labels, None, calibration, tmp_path / "model.onnx")
    assert_same_player(light, full, (2, 5, 9, 19))
    # An independent reference of the mean over the views: PyTorch's.
    position = positions(9)[-1]
    planes = torch.from_numpy(encode(position, 1, 7.5)[None])
    with torch.no_grad():
        logits = averaged(full.model, config)(planes)[0].double().numpy() / calibration.temperature
    logits[:81][~position.legal(1)] = -np.inf
    expected = np.exp(logits - logits.max())
    found = Policy(light).probabilities(position, 1, 8)
    np.testing.assert_allclose(found, expected / expected.sum(), atol=1e-5)


def positions(size):
    """An empty board, and one after some moves."""
    game = Position(size)
    for turn in range(min(size * size // 3, 9)):
        legal = np.flatnonzero(game.legal(1 + turn % 2))
        game.play(1 + turn % 2, int(legal[turn * 7 % len(legal)]))
    return [Position(size), game]


def assert_same_player(light, full, sizes):
    one, other = Policy(light), Policy(full)
    for position in (each for size in sizes for each in positions(size)):
        for symmetries in (1, 8):
            expected = other.probabilities(position, symmetries=symmetries)
            np.testing.assert_allclose(one.probabilities(position, symmetries=symmetries), expected, atol=1e-5)


def test_windows_are_the_same_through_either_engine():
    place = pretrained.run_path("@speech-digits")
    light, full = session.exported(SPEECH, place), in_fp32(runs.restore(SPEECH, place))
    assert light is not None
    noise = np.random.default_rng(0).normal(0, 3000, 50_000)
    samples = (noise * (np.arange(50_000) > 21_000)).astype(np.int16)  # silence first
    for stride, quiet in ((0.03, -50.0), (0.11, -200.0)):
        expected = probabilities(full, samples, stride, quiet)
        assert np.isnan(expected).any() == (quiet == -50)
        np.testing.assert_allclose(probabilities(light, samples, stride, quiet), expected, atol=1e-5)


def test_a_long_recording_is_heard_by_pytorch(given, tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(listen, "LONG", 0.5)
    monkeypatch.setattr(listen, "hear", lambda run, *others: seen.append(type(run)) or [])
    for engine in ("auto", "onnx"):
        assert command(SPEECH, ["listen", "a.wav", "--engine", engine]) == 0
    assert seen == [runs.Run, session.ExportedRun]


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


def test_a_file_of_another_network_is_said_in_one_line(given, tmp_path, capsys):
    """Its metadata may say what they will: a stranger made it."""
    ready = session.exported(DIGITS, pretrained.named(Path("@digits")))
    assert ready is not None
    picture = DIGITS.read(tmp_path / "3.png")[None]
    other = replace(ready, file=pretrained.folder() / "speech-digits" / "model.onnx")
    with pytest.raises(UserError, match=r"speech-digits/model.onnx: does not fit the run; .* \(.*uint8"):
        other.answers_to(picture)
    with pytest.raises(UserError, match="has 10 classes, and the run 2; export it again"):
        replace(ready, labels=("0", "1")).answers_to(picture)
