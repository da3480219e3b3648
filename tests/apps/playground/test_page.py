"""The page: what it holds, what it may load, and the verb that writes it."""

import base64
import dataclasses
import hashlib
import json
import re
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch

from apps.digits.app import APP
from apps.playground import made, networks, notices, page, runtime
from apps.playground.domains import speech
from apps.playground.runs import run_at
from apps.speech.app import APP as SPEECH
from apps.speech.config import PRESETS
from cnn_core import runs
from cnn_core.cli import run
from cnn_core.errors import UserError
from cnn_core.networks import pretrained
from cnn_core.training import checkpoint
from cnn_core.verbs.answers import answers_to
from tests.helpers.runs import in_fp32

FOLDER = pretrained.folder()


def data_of(text: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_graph_gives_every_layer_and_its_filters(network, digits_run):
    session = onnxruntime.InferenceSession(network.graph)
    names = [output.name for output in session.get_outputs()]
    assert names[0] == "logits"
    assert {"conv1", "pool1", "conv2", "conv1:weight", "conv1:bias", "conv2:weight"} <= set(names)
    trained = run_at(digits_run)
    x = trained.app.example(trained.config, trained.labels)
    given = dict(zip(names, session.run(None, {session.get_inputs()[0].name: x.numpy()}), strict=True))
    maps = torch.nn.functional.conv2d(
        trained.model.front(x), torch.from_numpy(given["conv1:weight"]), torch.from_numpy(given["conv1:bias"])
    ).relu()
    np.testing.assert_allclose(given["conv1"], maps.numpy(), atol=1e-5)
    np.testing.assert_allclose(given["logits"], trained.calibrated(trained.model(x)).detach().numpy(), atol=1e-3)
    np.testing.assert_allclose(given["unlikeness"], answers_to(in_fp32(trained), x)[1], atol=1e-4)


def test_card_tells_the_error_rate_and_holds_no_data_of_an_owner(network, digits_run):
    card = network.card
    assert card["test"]["count"] == 297
    assert 0 < card["test"]["low"] <= card["test"]["error"] <= card["test"]["high"] < 0.2
    assert card["data"] == "data of its owner"
    assert card["holds"] == "nothing"
    assert network.parts.keys() == {"optima.conv1", "optima.conv2"}
    made = networks.network_of(run_at(digits_run), examples=True)
    asked = made.card
    assert asked["holds"] == "patches of training pictures"
    assert asked["filters"]["conv2"]["kinds"] == ["optima", "patches"]
    shape = asked["filters"]["conv2"]["shape"]
    assert len(made.parts["patches.conv2"]) == len(made.parts["optima.conv2"]) == np.prod(shape)
    assert shape[0] == 16
    (top, bottom), (left, right) = asked["filters"]["conv2"]["field"]
    assert shape[1:] == [bottom - top, right - left]


def test_the_single_file_loads_nothing_and_escapes_labels(network, browser_runtime):
    card = {**network.card, "labels": ["</script><script>alert(1)</script>", "<!--", *network.card["labels"][2:]]}
    text = page.single([dataclasses.replace(network, card=card)])
    assert text.count("<script") == 2  # the data and the loader
    assert data_of(text)["networks"][0]["labels"] == card["labels"]
    assert not re.search(
        r"""(?:src|href)\s*=|@import|url\(""", re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    )
    assert "connect-src 'none'" in text
    assert all("gzip" in file for file in data_of(text)["files"].values())
    loader = text.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(loader.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}' blob: 'wasm-unsafe-eval';" in text


def test_the_served_page_is_small(network, browser_runtime):
    text = page.served([network])
    assert len(text) < 300_000
    assert data_of(text)["files"]["wasm"] == {"url": "/wasm"}
    assert data_of(text)["modules"].keys() == data_of(page.single([network]))["modules"].keys()


def test_modules_come_after_those_that_they_import():
    ordered = list(page.modules())
    for name, source in page.modules().items():
        for other in page.imports(name, source):
            assert ordered.index(other) < ordered.index(name)
    assert {path.relative_to(page.WEB).as_posix() for path in page.WEB.rglob("*.js")} == {*ordered, "loader.js"}


def test_notices_name_the_runtime_and_the_data():
    text = notices.notices([{"data": "mnist"}, {"data": "data of its owner"}]).decode()
    assert "MNIST" in text
    assert "Microsoft" in text


def test_export_writes_a_page(digits_run, tmp_path, browser_runtime, capsys):
    out = tmp_path / "page.html"
    assert run(APP, ["export", str(digits_run), "--page", str(out)]) == 0
    assert "opens by a double click" in capsys.readouterr().out
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run(APP, ["export", str(digits_run), "--page", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert data_of(out.read_text(encoding="utf-8"))["networks"][0]["holds"] == "nothing"
    assert run(APP, ["export", "--examples", str(digits_run), "--page", str(out), "--overwrite"]) == 0
    assert data_of(out.read_text(encoding="utf-8"))["networks"][0]["holds"] == "patches of training pictures"


def test_an_app_without_a_page_is_refused(digits_run):
    trained = run_at(digits_run)
    other = dataclasses.replace(trained, app=dataclasses.replace(trained.app, name="birds"))
    with pytest.raises(UserError, match="cnn-birds has no page"):
        networks.network_of(other)


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(UserError, match="not a run folder"):
        run_at(tmp_path)
    (tmp_path / "config.json").write_text('{"app": "os"}')
    with pytest.raises(UserError, match="a run of cnn-os"):
        run_at(tmp_path)


def test_a_wrong_package_of_the_runtime_is_refused(tmp_path, monkeypatch):
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text("#!/bin/sh\necho wrong > onnxruntime-web-1.30.0.tgz\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/bin:/usr/bin")
    with pytest.raises(UserError, match="wrong sha256"):
        runtime.fetch(tmp_path / "runtime")
    assert not (tmp_path / "runtime").exists()
    npm.write_text("#!/bin/sh\necho 'npm error: no network' >&2; exit 1\n")
    with pytest.raises(UserError, match="no network"):
        runtime.fetch(tmp_path / "runtime")


@pytest.mark.parametrize("card", pretrained.cards(), ids=lambda card: card.name)
def test_every_ready_made_network_has_a_page_made_of_its_weights(card):
    assert card.app in networks.DOMAINS
    found = made.shipped(card)
    assert found is not None, "after a network was made anew: python -m apps.playground.networks"
    told, graph, parts = found
    session = onnxruntime.InferenceSession(graph)
    names = {output.name for output in session.get_outputs()}
    assert {"logits", "unlikeness", *told["layers"], *(f"{layer}:weight" for layer in told.get("windows", ()))} <= names
    plain = onnxruntime.InferenceSession(FOLDER / card.name / "model.onnx")
    assert session.get_inputs()[0].shape == plain.get_inputs()[0].shape
    wanted = {f"{kind}.{layer}" for layer, one in told.get("filters", {}).items() for kind in one["kinds"]}
    assert parts.keys() == {"digits": wanted, "speech": {"optima"}, "text": {"words"}}.get(card.app, set())


@pytest.mark.slow
def test_ready_made_networks_and_runs_once_shown_are_served_without_torch(network, digits_run, browser_runtime):
    program = (
        "import sys\nfrom pathlib import Path\nfrom apps.playground import networks, serve, server\n"
        "from apps.playground.lecture.network import network\nfrom cnn_core.networks import pretrained\n"
        "folders = [pretrained.run_path(f'@{card.name}') for card in pretrained.cards()] + [Path(sys.argv[1])]\n"
        "with server.Server([*map(networks.network_at, folders), network()]) as running: print(len(running.files))\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program, digits_run], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30
    assert networks.network_at(digits_run) == network


def test_parts_may_be_left_out_of_ready_made_networks(monkeypatch):
    monkeypatch.setattr(networks.made, "cached", lambda key, make: ({"holds": "nothing"}, b"", {}))
    found = networks.network_at(pretrained.run_path("@digits"), examples=False)
    assert not found.parts
    assert networks.network_at(pretrained.run_path("@digits")).card["holds"] == "patches of training pictures"


@pytest.mark.slow
def test_cards_of_go_and_speech_tell_how_good_they_are_and_hold_no_data():
    go, spoken = (
        networks.network_of(run_at(pretrained.run_path(f"@{name}"))).card for name in ("go-9x9", "speech-digits")
    )
    assert go["holds"] == spoken["holds"] == "nothing"
    assert (go["size"], go["planes"], go["views"], go["data"]) == (9, 7, 8, "selfplay-9x9")
    assert 1 - go["test"]["error"] < go["top_five"] < 1
    assert spoken["data"].startswith("synthetic voices")
    assert (spoken["bands"], spoken["frames"]) == (40, 101)


@pytest.mark.parametrize(
    "preset",
    [
        "frequency",
        *(pytest.param(n, marks=pytest.mark.long) for n in ("one-fpool3", "plane", "trad-fpool3", "broadcast")),
    ],
)
def test_every_kind_of_speech_network_shows_its_layers(preset, tmp_path, monkeypatch):
    labels = ("yes", "no")
    model = runs.build_seeded(SPEECH, PRESETS[preset], labels, 0)
    runs.write_record(tmp_path / "run", runs.make_record(SPEECH, preset, PRESETS[preset], labels, 0))
    checkpoint.save(tmp_path / "run" / "last", checkpoint.Checkpoint(model.state_dict(), {"app": "speech"}))
    monkeypatch.setattr(speech, "STEPS", 2)
    graph, card, parts = speech.page(run_at(tmp_path / "run"), False)
    assert card["heard"] == [0, 1]
    assert len(parts["optima"]) == 2 * 16_000 * 2
    session = onnxruntime.InferenceSession(graph)
    names = {output.name for output in session.get_outputs()}
    assert {"logits", "front", "conv1", *card["layers"]} <= names
    (front,) = session.run(["front"], {session.get_inputs()[0].name: np.zeros((1, 16_000), np.int16)})
    assert front.shape == (1, 1, card["bands"], card["frames"])
