"""The ready-made networks: cards, sizes, and the figures that the cards promise."""

import os
import re
from importlib import import_module

import numpy as np
import pytest
import torch

from apps.bench.networks.recipes import RECIPES
from cnn_core import runs
from cnn_core.cli import run
from cnn_core.errors import UserError
from cnn_core.exporting.graph import session
from cnn_core.files import digest_of
from cnn_core.networks import plugins, pretrained
from cnn_core.nn.compact import compact, expanded
from cnn_core.training import engine
from cnn_core.training.data import evenly
from tests.helpers.commands import answer

NAMES = [card.name for card in pretrained.cards()]


def folder_size(name):
    return sum(path.stat().st_size for path in (pretrained.folder() / name).iterdir())


def test_every_recipe_has_a_network_and_they_are_small():
    assert sorted(NAMES) == sorted(RECIPES)
    assert all(folder_size(name) < 3_000_000 for name in NAMES)
    assert sum(map(folder_size, NAMES)) < 12_000_000
    for app in ("digits", "go", "speech", "text"):
        assert [card.default for card in pretrained.cards(app)].count(True) == 1


@pytest.mark.parametrize("name", NAMES)
def test_cards_say_what_the_recipes_and_files_say(name):
    card = next(each for each in pretrained.cards() if each.name == name)
    recipe = RECIPES[name]
    assert (card.app, card.preset, card.title, card.not_for) == (
        recipe.app,
        recipe.preset,
        recipe.title,
        recipe.not_for,
    )
    assert card.weights_sha256 == digest_of(pretrained.folder() / name / "weights.safetensors")
    low, high = card.accuracy_interval
    assert low <= card.accuracy <= high
    assert re.fullmatch(r"[0-9a-f]{12}", card.commit)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_networks_reach_their_cards_on_a_part_of_the_test_data(name):
    card = next(each for each in pretrained.cards() if each.name == name)
    app = import_module(f"apps.{card.app}.app").APP
    ready = runs.restore(app, pretrained.run_path(f"@{name}"))
    try:
        test = ready.app.load(ready.config).test
    except UserError as error:
        pytest.skip(str(error))
    inputs, targets = test.take(evenly(len(test), 400))
    forward = ready.app.forward_of(ready.config)
    logits = ready.calibrated(engine.predict_logits(ready.model, inputs, precision="fp32", forward=forward))
    share = float((logits.argmax(1) == targets).float().mean())
    assert share == pytest.approx(card.accuracy, abs=4 * (card.accuracy * (1 - card.accuracy) / 400) ** 0.5 + 0.005)
    file = session(pretrained.folder() / name / "model.onnx")
    given = file.run(["logits"], {file.get_inputs()[0].name: inputs[:50].numpy()})[0]
    agreed = (given.argmax(1) == logits[:50].argmax(1).numpy()).mean()
    assert agreed >= 0.94  # some weights are 8 bits in the file
    np.testing.assert_allclose(given, logits[:50].numpy(), atol=0.25 * float(logits[:50].abs().max()))


def test_names_list_and_cards(capsys):
    digits = import_module("apps.digits.app").APP
    found = answer(capsys, "networks", app=digits)["networks"]
    assert found[0]["name"] == "digits"
    assert found[0]["default"]
    assert run(digits, ["networks", "--name", "@digits-lecture"]) == 0
    assert "25 and 50 filters" in capsys.readouterr().out
    assert answer(capsys, "networks", "@digits-lecture", app=digits)["name"] == "digits-lecture"
    assert run(digits, ["networks", "--name", "go-9x9"]) == 2
    assert run(digits, ["networks", "@digit"]) == 2
    assert "@digit: cnn-digits has no such network (known: @digits, @digits-lecture)" in capsys.readouterr().err
    assert run(digits, ["networks", "@digits", "--name", "digits-lecture"]) == 2
    assert "name the network once" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["digits", "go", "speech", "text", "photos"])
def test_prepare_lists_the_ready_made_networks_too(name, capsys):
    app = plugins.app(name)
    found = answer(capsys, "prepare", "--list", app=app)
    assert found["data_sets"]
    assert [each["name"] for each in found.get("networks", ())] == [card.name for card in pretrained.cards(name)]
    assert run(app, ["prepare", "--list"]) == 0
    shown = capsys.readouterr().out
    assert all(f"@{card.name}" in shown and card.title in shown for card in pretrained.cards(name))


def test_compact_weights_come_back():
    torch.manual_seed(0)
    weights = {"table": torch.randn(50, 30), "filters": torch.randn(64, 64), "bias": torch.randn(8), "n": torch.ones(2)}
    packed = compact(weights, ("table",))
    assert packed["table"].dtype == torch.int8
    assert packed["filters"].dtype == torch.float16
    back = expanded(packed)
    assert back.keys() == weights.keys()
    for name, tolerance in (("table", 0.02), ("filters", 2e-3), ("bias", 0), ("n", 0)):
        assert (back[name] - weights[name]).abs().max() <= tolerance
    with pytest.raises(ValueError, match="float16"):
        compact({"x": torch.full((2000,), 1e6)})


def test_a_card_whose_figures_cannot_be_is_refused(tmp_path, monkeypatch, capsys):
    (tmp_path / "digits").mkdir()
    card = (pretrained.folder() / "digits" / pretrained.CARD).read_text(encoding="utf-8")
    monkeypatch.setattr(pretrained, "folder", lambda: tmp_path)
    for number, figure in enumerate(("accuracy = 7.0", "accuracy = -0.1", "accuracy = nan")):
        place = tmp_path / "digits" / pretrained.CARD
        place.write_text(re.sub(r"(?m)^accuracy = .*$", figure, card), encoding="utf-8")
        os.utime(place, ns=(number, number))
        with pytest.raises(UserError, match=r"digits/card\.toml: not a readable card: accuracy and errors are shares"):
            pretrained.cards()
