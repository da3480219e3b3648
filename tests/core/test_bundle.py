"""Networks that are handed on: what a bundle holds, what its card says, and what is refused of strangers' ones."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.digits.app import APP as DIGITS
from apps.go.app import APP as GO
from apps.text.app import APP as TEXT
from cnn_core import runs
from cnn_core.cli import run
from cnn_core.exporting.session import exported
from cnn_core.networks import bundle, card
from cnn_core.training import checkpoint
from tests.helpers.commands import answer, bad
from tests.helpers.hub import TOKEN, serving
from tests.helpers.little import sentences

TITLE = "<script>alert(1)</script> *x* [a](b)\x1b[2J"


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    """The lecture's network as a bundle."""
    folder = tmp_path_factory.mktemp("pushed") / "lecture"
    from apps.digits.app import APP

    assert run(APP, ["push", "@digits-lecture", str(folder), "--threads", "1"]) == 0
    return folder


@pytest.fixture
def stranger(pushed, tmp_path):
    """A copy of it to damage."""
    return Path(shutil.copytree(pushed, tmp_path / "stranger"))


def head_of(folder):
    start, head, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert start == ""
    return yaml.safe_load(head)


def reseal(folder, **changes):
    """Make run.json fit the files again, and change what it says."""
    bundle.seal(folder, "digits", {})
    value = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(value | changes), encoding="utf-8")


def named(entry):
    """A list of files that says the same of each."""
    return {name: entry for name in (*bundle.CHECKPOINT, bundle.CARD)}  # noqa: C420 (RUF024 forbids the other way)


def test_there_and_back(pushed, tmp_path, capsys):
    assert {path.name for path in pushed.iterdir()} == {bundle.MANIFEST, bundle.CARD, *bundle.CHECKPOINT} | {
        "calibration.json",
        "calibration.safetensors",
        "model.onnx",
    }
    head = head_of(pushed)
    assert head["pipeline_tag"] == "image-classification"
    assert head["model-index"][0]["results"][0]["metrics"][0]["value"] == pytest.approx(0.9942, abs=0.002)
    found = answer(capsys, "pull", pushed, tmp_path / "run")
    assert found["run"] == str(tmp_path / "run")
    before, after = (checkpoint.load(folder).weights for folder in (pushed, tmp_path / "run" / "last"))
    assert before.keys() == after.keys()
    assert all(before[name].equal(after[name]) for name in before)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    kept = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert "exists already" in bad(capsys, "pull", pushed, tmp_path / "run")
    assert "is a network of cnn-digits" in bad(capsys, "pull", pushed, tmp_path / "go", app=GO)
    digit = np.zeros((1, 28, 28), np.uint8)
    digit[:, 6:22, 13:15] = 255
    light = exported(DIGITS, tmp_path / "run", engine="onnx")
    assert light is not None
    with torch.inference_mode():
        told = runs.restore(DIGITS, tmp_path / "run")
        expected = told.probabilities(told.model(torch.from_numpy(digit))).numpy()
    np.testing.assert_allclose(light.answers_to(digit)[0], expected, atol=1e-3)
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == kept
    answer(capsys, "pull", pushed, tmp_path / "run", "--overwrite")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
def test_a_run_of_ones_own_says_its_figures_and_no_place_of_this_machine(tmp_path, capsys):
    data = sentences(tmp_path / "private")
    args = ["--data", data, "--out", tmp_path / "run", "--fit.epochs", 2, "--net.filters", 8]
    answer(capsys, "train", *args, app=TEXT)
    answer(capsys, "export", tmp_path / "run", "--check", 5, app=TEXT)
    wrong = bad(capsys, "push", tmp_path / "run", data, "--no-measure", app=TEXT)
    assert "left alone" in wrong
    found = answer(capsys, "push", tmp_path / "run", tmp_path / "b", "--title", TITLE, "--licence", "MIT", app=TEXT)
    assert found["figures"]["accuracy_interval"][0] <= found["figures"]["accuracy"]
    everything = b"".join(path.read_bytes() for path in (tmp_path / "b").iterdir())
    assert str(tmp_path).encode() not in everything
    text = (tmp_path / "b" / "README.md").read_text(encoding="utf-8")
    assert "<script" not in text.split("---\n", 2)[2]
    assert "\x1b" not in text
    assert head_of(tmp_path / "b")["license"] == "mit"
    assert head_of(tmp_path / "b")["model-index"][0]["name"] == TITLE
    assert "--net.filters 8" in text
    assert (tmp_path / "b" / "model.onnx").is_file()
    answer(capsys, "pull", tmp_path / "b", tmp_path / "pulled", app=TEXT)
    asked = [answer(capsys, "predict", tmp_path / name, "a splendid film", app=TEXT) for name in ("run", "pulled", "b")]
    assert asked[0]["predictions"] == asked[1]["predictions"] == asked[2]["predictions"]
    data.unlink()
    assert "--no-measure" in bad(capsys, "push", tmp_path / "run", tmp_path / "c", app=TEXT)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("name", [*bundle.CHECKPOINT, bundle.CARD, "calibration.safetensors"])
@pytest.mark.parametrize("longer", [False, True])
def test_damage_is_found(name, longer, stranger, tmp_path, capsys):
    content = bytearray((stranger / name).read_bytes())
    content[len(content) // 2] ^= 1
    (stranger / name).write_bytes(content + b" " * longer)
    assert name in bad(capsys, "pull", stranger, tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["stranger"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../escaped", "leads out of the folder"),
        ("/tmp/escaped", "leads out of the folder"),
        ("a\\b", "leads out of the folder"),
        ("..", "leads out of the folder"),
        ("weights.pt", "no file of a bundle"),
        ("state.safetensors", "no file of a bundle"),
        ("run.json", "no file of a bundle"),
        ("x\x1b[2J", "no file of a bundle"),
    ],
)
def test_other_names_are_refused(name, said, stranger, tmp_path, capsys):
    value = json.loads((stranger / "run.json").read_text(encoding="utf-8"))
    value["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    (stranger / "run.json").write_text(json.dumps(value), encoding="utf-8")
    message = bad(capsys, "pull", stranger, tmp_path / "run")
    assert said in message
    assert "\x1b" not in message
    assert [path.name for path in tmp_path.iterdir()] == ["stranger"]


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "zip"},
        {"app": 3},
        {"files": []},
        {"files": {}},
        {"files": named({"bytes": True, "sha256": "0" * 64})},
        {"files": named({"bytes": -1, "sha256": "0" * 64})},
        {"files": named({"bytes": 1, "sha256": "x"})},
        {"files": named({"bytes": 10**15, "sha256": "0" * 64})},
        {"files": named(None)},
    ],
)
def test_other_lists_are_refused(changes, stranger, tmp_path, capsys):
    reseal(stranger, **changes)
    assert "run.json" in bad(capsys, "pull", stranger, tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["stranger"]


def test_links_and_foreign_networks_are_refused(stranger, tmp_path, capsys):
    (stranger / "metrics.json").rename(tmp_path / "metrics.json")
    (stranger / "metrics.json").symlink_to(tmp_path / "metrics.json")
    assert "not a regular file" in bad(capsys, "pull", stranger, tmp_path / "run")
    (stranger / "metrics.json").unlink()
    (tmp_path / "metrics.json").rename(stranger / "metrics.json")
    (stranger / "weights.safetensors").write_bytes(b"\x80\x04\x95pickle")
    reseal(stranger)
    message = bad(capsys, "pull", stranger, tmp_path / "run")
    assert str(stranger) in message
    assert ".tmp" not in message
    assert [path.name for path in tmp_path.iterdir()] == ["stranger"]
    assert "no network to pull" in bad(capsys, "pull", tmp_path, tmp_path / "run")


def test_what_push_did_not_make_is_left_alone(pushed, tmp_path, capsys):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").touch()
    for more in ([], ["--overwrite"]):
        assert "left alone" in bad(capsys, "push", "@digits-lecture", tmp_path / "notes", *more)
    shutil.copytree(pushed, tmp_path / "again")
    assert "--overwrite" in bad(capsys, "push", "@digits-lecture", tmp_path / "again")
    (tmp_path / "again" / "model.onnx").write_bytes(b"old")
    answer(capsys, "push", "@digits-lecture", tmp_path / "again", "--overwrite")
    assert (tmp_path / "again" / "model.onnx").read_bytes() != b"old"
    (tmp_path / "link").symlink_to(tmp_path / "again")
    assert "symbolic link" in bad(capsys, "push", "@digits-lecture", tmp_path / "link", "--overwrite")
    assert {path.name for path in tmp_path.iterdir()} == {"notes", "again", "link"}


def facts(**changes):
    usual = {
        "app": "digits", "title": "t", "preset": "fast", "data": "d", "data_licence": "l", "licence": "MIT",
        "labels": ("a",), "command": "cnn-digits train", "version": "1", "parameters": 1, "holds": ("x",),
        "figures": {}, "temperature": 1.0, "calibration_samples": 0,
    }  # fmt: skip
    return card.Facts(**(usual | changes))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_texts_of_strangers_stay_texts_in_a_card(text):
    whole = card.markdown(facts(title=text, data=text, licence=text, labels=(text,), citation=text, not_for=text))
    start, head, body = whole.split("---\n", 2)
    assert start == ""
    values = yaml.safe_load(head)
    assert values.get("license_name", values["license"]) in (text, text.lower())
    assert "<" not in body
    assert body.count("\n# ") == 1
    assert all(ord(c) >= 32 or c == "\n" for c in whole)


def test_the_command_names_what_is_not_the_preset():
    usual = {"data": "mnist", "net": {"pool": "max", "channels": [1, 2]}, "deep": {"on": True}, "plain": False}
    config = {"data": "my data", "net": {"pool": "max", "channels": [3, 4]}, "deep": {"on": False}, "plain": True}
    assert card.command_line("digits", "fast", 7, config, usual) == (
        "cnn-digits train --preset fast --seed 7 --data 'my data' --net.channels 3 4 --deep.no-on --plain"
    )


# The Hugging Face Hub


@pytest.fixture
def hub(monkeypatch):
    pytest.importorskip("huggingface_hub")
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        yield server


@pytest.mark.slow
def test_over_the_hub(hub, tmp_path, capsys):
    found = answer(capsys, "push", "@digits-lecture", "hf:me/lecture", "--private")
    assert found["target"].endswith("/me/lecture")
    assert hub.private == {"me/lecture": True}
    assert {"README.md", "run.json", "weights.safetensors"} <= hub.repositories["me/lecture"].keys()
    answer(capsys, "pull", "hf:me/lecture", tmp_path / "run")
    assert (tmp_path / "run" / "last" / "weights.safetensors").is_file()
    weights = hub.repositories["me/lecture"]["weights.safetensors"]
    for wrong, said in ((weights + b"x", "larger"), (weights[:-1], "damaged"), (weights[:-1] + b"x", "damaged")):
        hub.repositories["me/lecture"]["weights.safetensors"] = wrong
        assert said in bad(capsys, "pull", "hf:me/lecture", tmp_path / "other")
    assert "hf auth login" in bad(capsys, "pull", "hf:me/nothing", tmp_path / "other")
    assert "no run.json" in bad(capsys, "pull", "hf:me/lecture@v0", tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
def test_a_hub_that_refuses_or_is_away(hub, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "hf auth login" in bad(capsys, "push", "@digits-lecture", "hf:me/lecture")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "could not be fetched" in bad(capsys, "pull", "hf:me/lecture", tmp_path / "run")
    assert "could not be uploaded" in bad(capsys, "push", "@digits-lecture", "hf:me/lecture")
    for address in ("hf:me", "hf:me/../x", "hf:/x", "hf:me/x/y", "hf:me/x@", "hf:"):
        assert "OWNER/NAME" in bad(capsys, "pull", address, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_the_package_is_named_where_it_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "pip install 'cnn-suite[hub]'" in bad(capsys, "pull", "hf:me/lecture", tmp_path / "run")
