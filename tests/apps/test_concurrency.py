"""Several processes at one run, one cache, one engine: all answer, alike, and memory stays where it was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps.go.play.player import Style
from tests.helpers.go import new_engine, talk

ROOT = Path(__file__).parents[2]


def start(app: str, *args: object, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", f"apps.{app}", *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answers(processes: list[subprocess.Popen]) -> list[dict]:
    found = []
    for process in processes:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        found.append(json.loads(out))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnx", pytest.param("torch", marks=pytest.mark.long)])
def test_eight_predictions_at_once(tmp_path, engine):
    picture = tmp_path / "one.png"
    Image.fromarray(np.pad(np.full((18, 4), 255, np.uint8), 6)).save(picture)
    args = ("predict", "@digits", picture, "--engine", engine, "--threads", 1, "--json")
    found = answers([start("digits", *args) for _ in range(8)])
    assert all(each == found[0] for each in found)
    assert found[0]["predictions"][0]["answer"] == "1"


@pytest.mark.long
def test_two_prepare_one_data_set_into_an_empty_cache(tmp_path):
    args = ("prepare", "--data", "gnugo-9x9", "--json")
    found = answers([start("go", *args, CNN_SUITE_CACHE=str(tmp_path / "cache")) for _ in range(2)])
    assert found[0] == found[1]
    left = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert not [name for name in left if name.endswith((".part", ".tmp"))]


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_three_hundred_games_in_flat_memory():
    engine = new_engine(style=Style(symmetries=1))
    game = ["clear_board", *("genmove b" if turn % 2 == 0 else "genmove w" for turn in range(20)), "final_score"]
    before = 0
    for number in range(300):
        assert all(good for good, _ in talk(*game, engine=engine))
        if number == 50:
            before = _memory()
    assert _memory() - before < 8 << 20
