"""The programs of examples/: each does what its first lines say."""

import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def loaded(name):
    specification = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_hundred_lines_are_a_hundred_and_have_the_size_of_the_preset():
    from apps.digits.app import APP
    from cnn_core import count_parameters

    assert len((EXAMPLES / "mnist_in_100_lines.py").read_text(encoding="utf-8").splitlines()) <= 100
    preset = APP.build(APP.presets["fast"], tuple("0123456789"))
    assert count_parameters(loaded("mnist_in_100_lines").Net()) == count_parameters(preset)


@pytest.mark.long
@pytest.mark.data
def test_the_hundred_lines_reach_what_they_say(capsys):
    from cnn_core.errors import UserError

    module = loaded("mnist_in_100_lines")
    try:
        found = module.main([0, 1])
    except UserError as error:
        pytest.skip(str(error))
    said = float(re.search(r"([\d.]+) ± [\d.]+ %", module.__doc__)[1]) / 100
    assert np.mean(found) > said - 0.0025
    assert "seed 1: 99." in capsys.readouterr().out


@pytest.mark.long
def test_the_lenses_look_into_the_networks_of_others(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torchvision", reason="the example needs torchvision, which the suite does not")
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    written = loaded("lenses").main(["photo.png"])
    assert "resnet18-lenses.png" in written
    with Image.open("resnet18-lenses.png") as picture:
        assert picture.width > 400
        assert len(np.unique(np.asarray(picture.convert("L")))) > 100
    if importlib.util.find_spec("timm") is None:
        assert "timm is not installed: left out (pip install timm)" in capsys.readouterr().err
    else:
        assert "convnext_atto-lenses.png" in written


def test_the_birds_are_those_of_the_guide():
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"```python\n# apps/birds/([\w.]+)\n(.*?)```", guide, re.DOTALL))
    assert len(files) == 6
    for name, text in files.items():
        here = (EXAMPLES / "birds" / "cnn_birds" / name).read_text(encoding="utf-8")
        assert without_order(here) == without_order(text.replace("apps.birds", "cnn_birds"))


def without_order(text):
    """Lines but for empty ones, imports sorted: those of another package stand elsewhere."""
    lines = [line for line in text.splitlines() if line.strip()]
    return sorted(line for line in lines if "import " in line), [line for line in lines if "import " not in line]


@pytest.mark.long
def test_the_birds_as_a_package_of_their_own(tmp_path):
    """Built, unpacked, found by its entry point: its command, and cnn_core.load."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*command, str(EXAMPLES / "birds")], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("cnn_birds-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "installed"), str(ROOT)])}
    code = """
import sys, numpy, cnn_core
from importlib.metadata import entry_points
(script,) = entry_points(group="console_scripts", name="cnn-birds")
sys.argv = ["cnn-birds", "train", "--out", "RUN", "--fit.epochs", "3"]
assert script.load()() == 0
net = cnn_core.load("RUN")
song = numpy.full((32, 32), 20, numpy.uint8)
song[numpy.arange(32), numpy.arange(32)] = 255
numpy.save("song.npy", song)
assert net.app == "birds" and net.predict("song.npy").label == "owl", net.predict("song.npy")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("again", [False, True], ids=["first", "resumed"])
def test_the_slurm_script_starts_one_training_on_all_machines(again, tmp_path):
    (tmp_path / "bin").mkdir()
    for name, text in (("srun", 'printf "%s\\n" "$@"'), ("scontrol", "printf 'node7\\nnode8\\n'")):
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    if again:
        (tmp_path / "runs" / "cnn-go").mkdir(parents=True)
        (tmp_path / "runs" / "cnn-go" / "config.json").write_text("{}")
    slurm = {"SUBMIT_DIR": str(tmp_path), "JOB_NAME": "cnn-go", "JOB_NODELIST": "node[7-8]", "NNODES": "2"}
    environment = {f"SLURM_{name}": value for name, value in {**slurm, "JOB_ID": "41"}.items()}
    environment |= {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", EXAMPLES / "train.slurm", "--preset", "small"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.split()
    assert words[:3] == ["torchrun", "--nnodes", "2"]
    assert words[words.index("--rdzv-endpoint") + 1] == "node7:29500"
    run = str(tmp_path / "runs" / "cnn-go")
    asked = ["--resume", run] if again else ["--preset", "small", "--out", run]
    assert words[words.index("-m") :] == ["-m", "apps.go", "train", *asked]
