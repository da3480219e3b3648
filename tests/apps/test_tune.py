"""tune: halves successively, goes on where it was killed, chooses without the test data, and leaves a run."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.digits.app import APP
from cnn_core import runs
from cnn_core.cli import run as command
from cnn_core.verbs.measures.tuning.halving import ETA, RUNGS, WIDTH, Trial, best, bracket, drawn, shortened
from cnn_core.verbs.measures.tuning.ranges import USUAL, Even, Log, OneOf, Times, free, value_of
from tests.apps.test_siblings import LEARNING, MOMENT, app_of
from tests.helpers.commands import answer, bad
from tests.helpers.little import DATA

ROOT = Path(__file__).parents[2]
PRESET = APP.presets["fast"]


@given(st.integers(0, 10**6), st.floats(1e-4, 10))
def test_ranges_are_kept(seed, usual):
    source = random.Random(seed)
    assert usual / 4 * 0.99 <= Times(0.25, 4).draw(usual, source) <= usual * 4 * 1.01
    assert 0.001 <= Log(0.001, 0.3).draw(None, source) <= 0.3
    assert -1 <= Even(-1, 2).draw(None, source) <= 2
    assert OneOf("abc").draw(None, source) in "abc"


def test_settings_are_the_seed_s_and_the_first_are_the_preset_s():
    assert drawn(USUAL, PRESET, 0, 0) == {}
    assert drawn(USUAL, PRESET, 0, 1) == drawn(USUAL, PRESET, 0, 1) != drawn(USUAL, PRESET, 1, 1)
    assert len({str(drawn(USUAL, PRESET, 0, n)) for n in range(50)}) == 50


def test_what_is_given_is_not_searched():
    from cnn_core.config import changed

    assert set(free(USUAL, PRESET, PRESET)) == set(USUAL)
    assert "fit.weight_decay" not in free(USUAL, changed(PRESET, {"fit.weight_decay": 0.5}), PRESET)


@given(st.integers(0, 1000), st.floats(0.05, 1), st.integers(1, 3))
def test_a_bracket_trains_nine_then_three_then_one_and_keeps_the_better(seed, top, slots):
    """Scores that grow with the share in an order of their own: the best of a rung goes on."""
    source, made, width = random.Random(seed), [], WIDTH * slots
    quality = {n: source.random() for n in range(width)}

    def train(rung, share):
        made.extend((settings["n"], share) for settings in rung)
        return [Trial(settings, share, quality[settings["n"]], 0, 0, 1) for settings in rung]

    assert bracket(0, top, lambda n: {"n": n}, train, slots) == width
    shares = [share for _, share in made]
    assert shares == [
        top / ETA ** (RUNGS - 1 - rung) for rung in range(RUNGS) for _ in range(slots * ETA ** (RUNGS - 1 - rung))
    ]
    order = sorted(quality, key=lambda n: -quality[n])
    assert [n for n, _ in made[width:]] == [*order[: 3 * slots], *order[:slots]]


def test_a_bracket_ends_where_the_time_does():
    asked = []

    def train(rung, share):
        asked.append(len(rung))
        return [Trial(settings, share, 0, 0, 0, 1) for settings in rung[:2]]

    assert bracket(18, 1.0, lambda n: {"n": n}, train) == 18 + WIDTH
    assert asked == [WIDTH]


def test_the_best_is_one_of_those_with_most_training():
    trials = [Trial({"n": n}, share, score, 0, 0, 1) for n, (share, score) in enumerate([(0.1, 9), (1, 2), (1, 3)])]
    assert best(trials).settings == {"n": 2}


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("share", [1 / 9, 1 / 3, 1.0])
@pytest.mark.parametrize("samples", [40, 60_000])
def test_a_share_of_the_training_sees_that_share_of_the_samples(name, share, samples):
    from cnn_core.training.recipe import for_samples

    for config in app_of(name).presets.values():
        part = config.fit.epoch_samples or samples
        whole = for_samples(config.fit, part).epochs * part
        fit = shortened(config, share, samples).fit
        seen = fit.epochs * (fit.epoch_samples or samples)
        assert seen <= max(1.6 * share * whole, 2 * config.fit.batch_size, 1.5 * part)
        assert seen >= min(0.6 * share * whole, samples)
        assert not fit.calibration


def test_every_preset_declares_ranges_whose_values_fit():
    from cnn_core.config import changed

    for name in LEARNING:
        app = app_of(name)
        assert app.ranges.keys() == app.presets.keys()
        for preset, config in app.presets.items():
            for setting, each in app.ranges[preset].items():
                for seed in range(8):
                    changed(config, {setting: each.draw(value_of(config, setting), random.Random(seed))})


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name if name == "digits" else pytest.param(name, marks=pytest.mark.long) for name in LEARNING]
)
def test_every_app_finds_settings_and_leaves_a_run(name, digits_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "cache"))
    data = digits_folder if name == "digits" else DATA[name](tmp_path / "data")
    app, out = app_of(name), tmp_path / "search"
    args = ["--data", data, "--minutes", "0.12", "--out", out, *MOMENT[name]]
    found = answer(capsys, "tune", *args, app=app)
    assert found["trials"] >= 1
    assert 0 <= found["validation"]["accuracy"] <= 1
    assert found["command"].startswith(f"cnn-{name} train --preset {app.default_preset} --data")
    with (out / "trials.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == found["trials"]
    measured = answer(capsys, "evaluate", out / "winner", app=app)
    accuracy = measured.get("accuracy", measured.get("top_k", {}).get("1"))
    assert accuracy == pytest.approx(found["test"]["accuracy"], abs=1e-6)


@pytest.mark.long
def test_a_search_that_was_killed_goes_on_with_what_it_has(digits_folder, tmp_path, capsys):
    out = tmp_path / "search"
    args = ["tune", "--data", str(digits_folder), "--minutes", "0.3", "--out", str(out), "--threads", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "apps.digits", *args], env=environment, stderr=subprocess.PIPE, text=True
    )
    while len(list((out / "trials").glob("*.json"))) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = {path.name: path.read_bytes() for path in (out / "trials").glob("*.json")}
    found = answer(capsys, *args)
    after = {path.name: path.read_bytes() for path in (out / "trials").glob("*.json")}
    assert before.items() <= after.items()
    assert found["trials"] == len(after) > len(before)
    assert found["validation"]["accuracy"] > 0.9
    assert runs.restore(APP, out / "winner").labels == tuple("0123456789")
    message = bad(capsys, *args, "--fit.weight-decay", "0.5")
    assert "holds a search with other settings" in message


def test_bad_use_is_one_line(digits_folder, tmp_path, capsys):
    data = ["--data", digits_folder]
    assert "--minutes must be above 0" in bad(capsys, "tune", *data, "--minutes", "nan")
    assert "--held-out must lie" in bad(capsys, "tune", *data, "--held-out", "1")
    assert "unknown preset" in bad(capsys, "tune", "--preset", "no")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    assert "is no search" in bad(capsys, "tune", *data, "--out", tmp_path / "mine")
    (tmp_path / "old" / "trials").mkdir(parents=True)
    given = ["--fit.learning-rate", "0.1", "--fit.weight-decay", "0.2", "--fit.label-smoothing", "0.3"]
    given += ["--net.head-dropout", "0.1", "--fit.batch-size", "100"]
    assert "nothing is left to search" in bad(capsys, "tune", *data, *given)
    assert command(APP, ["tune", "--data", "no/such", "--out", str(tmp_path / "new")]) == 2
    assert not (tmp_path / "new").exists()
