"""cnn-digits from the command line: train, resume, evaluate, predict, visualize, export, and bad input."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from apps.digits.app import APP
from apps.digits.model import build
from cnn_core import runs
from cnn_core.cli import run
from cnn_core.errors import UserError
from cnn_core.exporting.graph import session
from cnn_core.training import engine
from cnn_core.verbs.answers import answers_to
from tests.helpers.commands import answer, bad
from tests.helpers.runs import in_fp32

ROOT = Path(__file__).parents[3]
SMALL = ["--fit.epochs", "6", "--fit.batch-size", "64", "--threads", "1"]


@pytest.fixture(scope="module")
def trained(digits_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert run(APP, ["train", "--data", str(digits_folder), "--out", str(folder), "--json", *SMALL]) == 0
    return folder


def test_evaluate(trained, capsys):
    found = answer(capsys, "evaluate", trained)
    assert found["accuracy"] > 0.85  # other writers than those it was trained on
    assert found["count"] == 297
    report = trained / "evaluation"
    assert {p.name for p in report.iterdir()} >= {"metrics.json", "confusion.png", "calibration.png", "mistakes.png"}
    assert json.loads((report / "metrics.json").read_text())["accuracy"] == found["accuracy"]


def test_predict_files_and_folders(trained, digit_pictures, tmp_path, capsys):
    images, labels = digit_pictures
    for i in range(1500, 1520):
        page = np.full((200, 160), 255, np.uint8)
        page[30:114, 50:134] -= np.kron(images[i], np.ones((3, 3), np.uint8))
        Image.fromarray(page).save(tmp_path / f"{i}.png")
    found = answer(capsys, "predict", trained, tmp_path, "--show", tmp_path / "seen.jpg.png", "--top", 2)["predictions"]
    right = sum(p["answer"] == str(labels[1500 + i]) for i, p in enumerate(found))
    assert right >= 15
    assert all(len(p["top"]) == 2 and p["top"][0]["probability"] >= p["top"][1]["probability"] for p in found)
    both = 255 - np.kron(images[1500] // 4 + images[1501] // 4 + images[1502] // 4, np.ones((3, 3), np.uint8))
    Image.fromarray(both).save(tmp_path / "three.png")  # of no certain class
    rejected = answer(capsys, "predict", trained, tmp_path / "three.png", "--reject", 1)["predictions"][0]
    assert rejected["rejected"]


def test_data_sets_are_listed_once(capsys):
    names = [card["name"] for card in answer(capsys, "prepare", "--list")["data_sets"]]
    assert len(set(names)) == len(names)
    assert {"mnist", "fashion-mnist", "kmnist", "emnist-letters", "qmnist"} <= set(names)


@pytest.mark.slow
def test_predict_standard_input(trained, digit_pictures, tmp_path):
    Image.fromarray(digit_pictures[0][1500]).save(tmp_path / "x.png")
    command = [sys.executable, "-m", "apps.digits", "predict", str(trained), "-", "--json", "--threads", "1"]
    picture = (tmp_path / "x.png").read_bytes()
    done = subprocess.run(command, input=picture, capture_output=True, check=False)
    assert json.loads(done.stdout)["predictions"][0]["file"] == "-"
    done = subprocess.run(command, input=b"no picture", capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr == b"cnn-digits: error: standard input: not a picture (PNG, JPEG, ...)\n"


def test_visualize(trained, capsys):
    assert answer(capsys, "visualize", "weights", trained)["weights_per_filter"] == 36
    maps = answer(capsys, "visualize", "maps", trained, "--input", 3, "--layer", "conv2")
    assert maps["maps"] == 32
    with Image.open(maps["picture"]) as picture:
        assert picture.size[0] > 300


@pytest.mark.slow
def test_export(trained, capsys):
    found = answer(capsys, "export", trained)
    assert found["argmax_agreement"] == 1
    assert found["max_difference"] <= found["tolerance"]


@pytest.mark.slow
def test_shifted_views_train_answer_and_export(trained, digits_folder, tmp_path, capsys):
    run_folder = tmp_path / "shifts"
    args = ["train", "--data", digits_folder, "--out", run_folder, "--test-shifts", "--init", trained]
    answer(capsys, *args, "--fit.epochs", 1, "--fit.learning-rate", 1e-6)
    found = runs.restore(APP, run_folder)
    pictures = found.app.load(found.config).test.inputs[:40]
    plain = build(replace(found.config, test_shifts=False), found.labels).eval()
    plain.load_state_dict(found.model.state_dict())
    padded = torch.nn.functional.pad(pictures, (1, 1, 1, 1))
    views = [padded[:, 1 + y : 29 + y, 1 + x : 29 + x] for y, x in ((-1, 0), (1, 0), (0, -1), (0, 1), (0, 0))]
    with torch.no_grad():
        expected = sum(plain(view).softmax(1) for view in views) / 5
        torch.testing.assert_close(found.model(pictures).exp(), expected)
        assert (plain(pictures).softmax(1) - expected).abs().max() > 0.01
    exported = answer(capsys, "export", run_folder)
    assert exported["max_difference"] <= exported["tolerance"]
    logs, unlikeness = session(exported["onnx"]).run(None, {"input": pictures.numpy()})
    scaled = found.calibrated(expected.log()).softmax(1)
    torch.testing.assert_close(torch.from_numpy(logs).softmax(1), scaled, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(
        torch.from_numpy(unlikeness), answers_to(in_fp32(found), pictures)[1], rtol=1e-3, atol=1e-4
    )
    assert answer(capsys, "visualize", "maps", run_folder, "--input", 3, "--layer", "conv2")["maps"] == 32
    assert answer(capsys, "explain", run_folder, 3)["explained"][0]["answer"] in found.labels


def test_summary(capsys):
    assert answer(capsys, "summary", "--preset", "lecture")["parameters"] == 137660


def test_a_run_that_was_not_replaced_keeps_its_calibration(trained, digits_folder, tmp_path, capsys):
    """--overwrite moves the old run aside whole, and puts it back where the new one comes to nothing."""
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    before = {path.name: path.read_bytes() for path in folder.glob("calibration.*")}
    assert len(before) == 2
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine, "fit", _fails)
        arguments = ["train", "--data", str(digits_folder), "--out", str(folder), "--overwrite", *SMALL]
        assert run(APP, arguments) == 2
    assert "no luck" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.glob("calibration.*")} == before


def _fails(*_args, **_options):
    raise UserError("no luck")


def test_finished_run_resumes_to_itself(trained, capsys):
    before = (trained / "last" / "weights.safetensors").read_bytes()
    assert (
        answer(capsys, "train", "--resume", trained)["steps"] == 6 * 21
    )  # 200 pictures are held out for the temperature
    assert (trained / "last" / "weights.safetensors").read_bytes() == before


def test_bad_input_is_one_line(trained, digits_folder, tmp_path, capsys):
    text, white = tmp_path / "no.png", tmp_path / "white.png"
    text.write_text("no picture")
    Image.new("L", (60, 60), 255).save(white)
    (tmp_path / "empty").mkdir()
    assert str(text) in bad(capsys, "predict", trained, text)
    assert str(white) in bad(capsys, "predict", trained, white)
    assert "no such file" in bad(capsys, "predict", trained, tmp_path / "gone.png")
    assert "holds no pictures" in bad(capsys, "predict", trained, tmp_path / "empty")
    assert "name the pictures" in bad(capsys, "predict", trained)
    assert "--reject" in bad(capsys, "predict", trained, text, "--reject", 2)
    assert "unknown preset" in bad(capsys, "train", "--preset", "huge")
    assert "epochs must be" in bad(capsys, "train", "--fit.epochs", 0)
    assert "Unrecognized" in bad(capsys, "train", "--bogus", 1)
    assert "unknown verb" in bad(capsys, "fly")
    assert "exists already" in bad(capsys, "train", "--data", digits_folder, "--out", trained)
    assert "not a run folder" in bad(capsys, "train", "--out", tmp_path, "--overwrite")
    assert "not a run folder" in bad(capsys, "train", "--init", tmp_path)
    other = ["--init", trained, "--data", digits_folder, "--out", tmp_path / "new", "--net.channels", 7, 8, 9]
    assert "the same layers" in bad(capsys, "train", *other)
    assert not (tmp_path / "new").exists()
    assert "not a run folder" in bad(capsys, "evaluate", tmp_path)
    assert "no such layer" in bad(capsys, "visualize", "weights", trained, "--layer", "conv9")
    assert "test split has samples" in bad(capsys, "visualize", "maps", trained, "--input", 999)
    assert "not available" in bad(capsys, "evaluate", trained, "--device", "warp")
    assert "no data set" in bad(capsys, "train", "--data", "nonesuch", "--out", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_run_of_another_app(trained, tmp_path, capsys):
    record = json.loads((trained / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(record | {"app": "go"}))
    assert "is a run of cnn-go" in bad(capsys, "evaluate", tmp_path)


def test_damaged_checkpoint(trained, tmp_path, capsys):
    (tmp_path / "config.json").write_bytes((trained / "config.json").read_bytes())
    (tmp_path / "last").mkdir()
    for path in (trained / "last").iterdir():
        (tmp_path / "last" / path.name).write_bytes(path.read_bytes()[:-7])
    assert "damaged" in bad(capsys, "evaluate", tmp_path)


def test_many_digits_are_read_one_by_one(trained, digit_pictures, tmp_path, capsys):
    images, labels = digit_pictures
    wanted = "".join(str(label) for label in labels[:4])
    sheet = np.full((140, 520), 255, np.uint8)
    for place in range(4):
        sheet[30:114, 20 + 120 * place : 104 + 120 * place] -= np.kron(images[place], np.ones((3, 3), np.uint8))
    Image.fromarray(sheet).save(tmp_path / "row.png")
    shown = tmp_path / "shown.png"
    found = answer(capsys, "predict", trained, tmp_path / "row.png", "--digits", "many", "--show", shown, "--top", 2)
    (row,) = found["predictions"]
    assert sum(a == b for a, b in zip(row["answer"], wanted, strict=True)) >= 3
    assert [len(digit["top"]) for digit in row["digits"]] == [2, 2, 2, 2]
    for place, digit in enumerate(row["digits"]):
        left, top, right, bottom = digit["box"]
        assert 20 + 120 * place <= left < right <= 104 + 120 * place
        assert 30 <= top < bottom <= 114
    with Image.open(shown) as picture:
        assert picture.size[0] > 300
    blends = 255 - np.kron(np.hstack(images[:4] // 4 + images[4:8] // 4 + images[8:12] // 4), np.ones((3, 3), np.uint8))
    Image.fromarray(np.pad(blends, 30, constant_values=255)).save(tmp_path / "blends.png")  # of no certain class
    assert run(APP, ["predict", str(trained), str(tmp_path / "blends.png"), "--digits", "many", "--reject", "1"]) == 0
    assert "????" in capsys.readouterr().out


@pytest.mark.slow
def test_a_few_hundred_pictures_of_ones_own_are_learned_with_the_default_settings(tmp_path, capsys):
    bunch = load_digits()
    for number, (pixels, digit) in enumerate(zip(bunch.images[:600], bunch.target[:600], strict=True)):
        folder = tmp_path / "pictures" / str(digit)
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.new("L", (40, 40))
        picture.paste(Image.fromarray((15 * pixels).astype(np.uint8)).resize((24, 24)), (8, 8))
        picture.save(folder / f"{number}.png")
    answer(capsys, "train", "--data", tmp_path / "pictures", "--out", tmp_path / "run", "--fit.calibration", "0")
    assert answer(capsys, "evaluate", tmp_path / "run")["accuracy"] > 0.9
