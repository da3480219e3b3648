"""Run folders that a stranger made: links, devices, JSON without end, networks without measure; one line each."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.digits.app import APP
from apps.text.app import APP as TEXT
from cnn_core import runs
from cnn_core.errors import UserError
from cnn_core.training import checkpoint
from cnn_core.training.monitoring.log import read_log

ROOT = Path(__file__).parents[3]
CONFIG = APP.presets["fast"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run folder whose network was never trained."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    labels = tuple("0123456789")
    record = runs.make_record(APP, "fast", CONFIG, labels, 0)
    model = runs.build_seeded(APP, CONFIG, labels, 0)
    state = checkpoint.LoopState({"x": torch.zeros(2)}, checkpoint.Counters())
    checkpoint.save(folder / "last", checkpoint.Checkpoint(model.state_dict(), record, {}, state))
    runs.write_record(folder, record)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made, tmp_path / "run")
    return tmp_path / "run"


def refused(folder: Path, message: str, app=APP) -> str:
    with pytest.raises(UserError, match=message) as caught:
        runs.restore(app, folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    return str(caught.value)


def changed(folder: Path, **values) -> dict:
    record = json.loads((folder / "config.json").read_text()) | values
    (folder / "config.json").write_text(json.dumps(record))
    return record


def test_the_run_itself_is_read(folder):
    assert runs.restore(APP, folder).labels == tuple("0123456789")


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "log.jsonl", "..", ""])
def test_sums_name_only_files_of_a_checkpoint(folder, name):
    (folder / "last" / "sums.json").write_text(json.dumps({name: "0" * 64}))
    refused(folder, r"sums\.json: names .* which is not a file of a checkpoint: refused")


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "state.safetensors", "config.json", "metrics.json", "sums.json"]
)
@pytest.mark.parametrize("kind", ["link", "device", "pipe"])
def test_links_devices_and_pipes_are_refused(folder, tmp_path, name, kind):
    path = folder / "last" / name
    path.rename(tmp_path / "outside")
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "outside" if kind == "link" else "/dev/zero")
    with pytest.raises(UserError, match="is not a regular file|no checkpoint|no state"):
        checkpoint.load(folder / "last", with_state=True)


def test_the_record_of_a_run_is_a_regular_file_too(folder, tmp_path):
    (folder / "config.json").rename(tmp_path / "outside")
    (folder / "config.json").symlink_to(tmp_path / "outside")
    refused(folder, r"config\.json: is not a regular file: refused")
    (folder / "log.jsonl").symlink_to("/dev/zero")
    with pytest.raises(UserError, match=r"log\.jsonl: is not a regular file"):
        read_log(folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"labels": 5}, "labels is not a list of strings"),
        ({"labels": list(range(10))}, "labels must be a list of strings"),
        ({"labels": []}, "labels must be a list of strings"),
        ({"labels": {"0": 1}}, "labels is not a list of strings"),
        ({"seed": "zero"}, "seed is not a whole number"),
        ({"seed": True}, "seed is not a whole number"),
        ({"config": [1]}, "config is not a JSON object"),
        ({"preset": None}, "preset is not a string"),
        ({"app": ["digits"]}, "names no app"),
        ({"labels": ["x"] * 20}, "do not fit the network"),
    ],
)
def test_values_are_checked(folder, values, message):
    changed(folder, **values)
    refused(folder, message)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        ({"channels": [60_000, 60_000, 60_000]}, "far larger than its weights"),
        ({"hidden": [10**9]}, "far larger than its weights"),
        ({"hidden": [10**30]}, "no network can be made|far larger"),
        ({"channels": [16] * 20_000}, "does not fit the type"),
        ({"channels": "x" * 100_000}, "does not fit the type"),
        ({"kernels": [10**12]}, "kernel|window|fit"),
        ({"channels": [-5]}, "channels must be positive"),
        ({"input_shape": [3, 64, 64]}, "input-shape"),
    ],
)
def test_a_network_without_measure_is_not_built(folder, net, message):
    record = json.loads((folder / "config.json").read_text())
    record["config"]["net"] |= net
    changed(folder, config=record["config"])
    refused(folder, message)


def test_a_deep_or_long_record_is_refused(folder):
    (folder / "config.json").write_text("[" * 200_000)
    refused(folder, r"config\.json: damaged, .*more than 64 lists")
    with (folder / "config.json").open("wb") as file:
        file.truncate(65 << 20)
    refused(folder, r"config\.json: is larger than 64 MiB")


@pytest.mark.parametrize(
    "fitted",
    [
        [],
        "words",
        {"words": ["<pad>", "<unk>"]},
        {"words": 7},
        {"data": "x", "labels": [], "words": "<pad> <unk>", "tokenizer": "kim", "unseen": "many", "longest": 0},
    ],
)
def test_a_vocabulary_that_is_none_is_named(fitted):
    with pytest.raises(UserError, match="damaged"):
        runs.fitted_of(TEXT, {"fitted": fitted})


PLACES = ["app", "config", "labels", "seed", "preset", "threads", "config.net", "config.net.channels", "config.fit"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PLACES), VALUES)
def test_any_value_anywhere_is_right_or_one_line(made, tmp_path, place, value):
    folder = tmp_path / "run"
    if not folder.exists():
        shutil.copytree(made, folder)
    record = json.loads((made / "config.json").read_text())
    inner, names = record, place.split(".")
    for name in names[:-1]:
        inner = inner[name]
    inner[names[-1]] = value
    (folder / "config.json").write_text(json.dumps(record))
    try:
        runs.restore(APP, folder)
    except UserError as error:
        assert "\n" not in str(error)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_byte_of_the_weights_may_be_changed(made, tmp_path, data):
    folder = tmp_path / "run"
    if not folder.exists():
        shutil.copytree(made, folder)
    raw = bytearray((made / "last" / "weights.safetensors").read_bytes())
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, 3000)) :]
    else:
        raw[data.draw(st.integers(0, 2000))] ^= data.draw(st.integers(1, 255))
    (folder / "last" / "weights.safetensors").write_bytes(raw)
    sums = json.loads((made / "last" / "sums.json").read_text())
    sums["weights.safetensors"] = hashlib.sha256(raw).hexdigest()
    (folder / "last" / "sums.json").write_text(json.dumps(sums))
    try:
        runs.restore(APP, folder)
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.slow
def test_resuming_is_bounded_too(folder, digits_folder):
    record = json.loads((folder / "config.json").read_text())
    record["config"] |= {"data": str(digits_folder)}
    record["config"]["net"] |= {"channels": [60_000, 60_000, 60_000]}
    changed(folder, config=record["config"])
    command = [sys.executable, "-m", "apps.digits", "train", "--resume", str(folder), "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert "far larger than its weights: refused" in done.stderr
