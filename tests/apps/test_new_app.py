"""An app made from CONTRIBUTING's own code blocks: every verb that its --help offers works."""

import importlib
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from cnn_core.cli import run
from tests.helpers.commands import answer, bad

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```python\n# apps/birds/(\w+\.py)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with apps/birds as CONTRIBUTING says, on the path."""
    folder = tmp_path_factory.mktemp("birds")
    blocks = dict(BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert set(blocks) == {"app.py", "config.py", "data.py", "model.py", "render.py", "__main__.py"}
    (folder / "apps" / "birds").mkdir(parents=True)
    for name, text in blocks.items():
        (folder / "apps" / "birds" / name).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(folder)
        patched.setenv("CNN_SUITE_CACHE", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="module")
def birds(folder):
    return importlib.import_module("apps.birds.app").APP


@pytest.fixture(scope="module")
def run_folder(birds, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "birds"
    assert run(birds, ["train", "--out", str(folder), "--threads", "1", "--json"]) == 0
    return folder


@pytest.mark.slow
def test_train_and_evaluate_reach_a_score(birds, run_folder, capsys):
    assert answer(capsys, "evaluate", run_folder, app=birds)["accuracy"] > 0.95


OFFERED = {
    "prepare": ["prepare"],
    "prepare --list": ["prepare", "--list"],
    "train --resume": ["train", "--resume", "RUN"],
    "train --init": ["train", "--init", "RUN", "--out", "NEW", "--fit.epochs", "1"],
    "predict": ["predict", "RUN", "SONG"],
    "visualize weights": ["visualize", "weights", "RUN"],
    "visualize filters": ["visualize", "filters", "RUN", "--steps", "5", "--count", "2"],
    "visualize classes": ["visualize", "classes", "RUN", "--steps", "5", "--l1", "0.01"],
    "visualize exemplars": ["visualize", "exemplars", "RUN", "--count", "2"],
    "visualize maps": ["visualize", "maps", "RUN", "--input", "SONG"],
    "explain": ["explain", "RUN", "SONG", "3"],
    "export": ["export", "RUN", "--check", "5"],
    "summary": ["summary"],
    "compare": ["compare", "RUN", "RUN"],
    "tune": ["tune", "--minutes", "0.01", "--out", "NEW"],
    "review": ["review", "RUN", "--folds", "2", "--count", "3", "--out", "NEW"],
    "networks": ["networks"],
    "push": ["push", "RUN", "NEW"],
    "pull": ["pull", "BUNDLE", "NEW"],
    "mirror": ["mirror", "NEW", "gnugo-9x9"],  # ships with the suite
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OFFERED)
def test_every_verb_works(name, birds, run_folder, tmp_path, capsys):
    song = np.full((32, 32), 20, np.uint8)
    song[np.arange(32), np.arange(32)] = 255
    np.save(tmp_path / "song.npy", song)
    places = {"RUN": run_folder, "SONG": tmp_path / "song.npy", "NEW": tmp_path / "new", "BUNDLE": tmp_path / "given"}
    if name == "pull":
        answer(capsys, "push", run_folder, places["BUNDLE"], app=birds)
    found = answer(capsys, *[places.get(arg, arg) for arg in OFFERED[name]], app=birds)
    if name == "predict":
        assert found["predictions"][0]["answer"] == "owl"
    if name == "prepare --list":
        assert found == {"data_sets": []}
    if name == "summary":
        assert [layer["name"] for layer in found["layers"]] == ["front", "conv1", "conv2", "global_pool", "output"]
        assert found["layers"][1]["multiply_adds"] == 32 * 32 * 8 * 9
        assert found["multiply_adds"] == sum(layer["multiply_adds"] for layer in found["layers"])
    if picture := found.get("picture"):
        assert Path(picture).read_bytes()[:4] == b"\x89PNG"


def test_bytes_that_are_no_song_are_one_short_line(birds, run_folder, tmp_path, capsys, monkeypatch):
    np.save(tmp_path / "wrong.npy", np.zeros((3, 3)))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO((tmp_path / "wrong.npy").read_bytes())))
    assert "standard input: a song is (32, 32) uint8, not (3, 3)" in bad(capsys, "predict", run_folder, "-", app=birds)


def test_an_app_without_an_example_is_looked_at_with_its_data(birds, capsys):
    found = answer(capsys, "summary", app=replace(birds, example=None))
    assert found["layers"] == answer(capsys, "summary", app=birds)["layers"]


def test_the_offered_verbs_are_the_tested_ones(folder):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    command = [sys.executable, "-W", "error", "-m", "apps.birds", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=folder)
    verbs = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert verbs == {name.split()[0] for name in OFFERED} | {"evaluate"}


def test_an_app_brings_its_own_manifests(birds, tmp_path, capsys):
    (tmp_path / "songs.txt").write_text("tweet", encoding="utf-8")
    (tmp_path / "woods.toml").write_text(
        """
title = "Woods"
description = "Songs of the woods"
licence = "CC0"
citation = "nobody"
homepage = "none"
classes = ["wren", "owl"]
splits = {train = 3, test = 1}
[[alternatives]]
reader = "text"
[[alternatives.files]]
name = "songs.txt"
sha256 = "f29f22ac8f6e9cf2dfd6ab1d0db0bd10d10b0ae0b0d7f1a8d2b4d7c2c2a3a5d1"
sources = [{shipped = true}]
""",
        encoding="utf-8",
    )
    found = answer(capsys, "prepare", "--list", app=replace(birds, manifests=tmp_path, data_sets=("woods",)))
    assert [card["name"] for card in found["data_sets"]] == ["woods"]


def test_a_model_without_a_front_end_is_one_line(birds, tmp_path, capsys):
    faceless = replace(birds, build=lambda config, labels: nn.Sequential(nn.Flatten(), nn.Linear(1024, len(labels))))
    assert "has no child `front`" in bad(capsys, "train", "--out", tmp_path / "run", app=faceless)
    assert not (tmp_path / "run").exists()
