"""compare: two runs on the same test samples, in every app that trains."""

import csv
import json

import numpy as np
import pytest
from scipy.stats import binomtest

from apps.digits.app import APP as DIGITS
from apps.go.app import APP as GO
from apps.speech.app import APP as SPEECH
from apps.text.app import APP as TEXT
from cnn_core import runs
from cnn_core.drawing.curves import learning_curves
from tests.helpers.commands import answer, bad
from tests.helpers.little import DATA

SMALL = {
    "go": ["--net.filters", "8", "--net.blocks", "1", "--choice.validation", "0.2", "--choice.test", "0.2"],
    "speech": ["--net.width", "0.25"],
    "text": ["--net.filters", "4"],
    "digits": [],
}
APPS = {"digits": DIGITS, "go": GO, "speech": SPEECH, "text": TEXT}


@pytest.fixture
def trained(digits_folder, tmp_path, capsys):
    made = {"digits": digits_folder}

    def train(name, run, *more, data=None):
        if name not in made:
            made[name] = DATA[name](tmp_path / "data")
        data = data or made[name]
        args = (
            "--data",
            data,
            "--out",
            tmp_path / run,
            "--threads",
            "1",
            "--fit.calibration",
            "0",
            "--fit.precision",
            "fp32",
            *SMALL[name],
        )
        answer(capsys, "train", *args, *more, app=APPS[name])
        return tmp_path / run

    return train


@pytest.mark.slow
@pytest.mark.parametrize("name", APPS)
def test_the_difference_is_that_of_the_answers(name, trained, capsys, tmp_path):
    first = trained(name, "first", "--fit.epochs", "1", "--fit.least-steps", "1")
    second = trained(name, "second", "--fit.epochs", "3", "--fit.least-steps", "1", "--seed", "1")
    app, out = APPS[name], tmp_path / "out"
    found = answer(capsys, "compare", first, second, "--out", out, app=app)
    right = []
    for folder in (first, second):
        run = runs.restore(app, folder)
        test = run.app.load(run.config).test
        order = range(len(test))
        single = [run.model(test.take(slice(i, i + 1))[0])[0].argmax().item() for i in order]
        right.append(np.array(single) == test.targets.numpy())
    pair = found["paired"][0]
    assert found["samples"] == len(right[0])
    assert [each["correct"] for each in found["runs"]] == [each.sum() for each in right]
    gained, lost = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())
    assert (pair["only_this_right"], pair["only_first_right"]) == (gained, lost)
    assert pair["difference"] == pytest.approx((gained - lost) / len(right[0]))
    assert pair["low"] <= pair["difference"] <= pair["high"]
    assert pair["p"] == pytest.approx(binomtest(gained, gained + lost).pvalue if gained + lost else 1.0)
    rows = list(csv.DictReader((out / "changed-2.tsv").read_text().splitlines(), delimiter="\t"))
    assert {int(row["sample"]) for row in rows} == set((right[0] != right[1]).nonzero()[0].tolist())
    assert [int(row["sample"]) for row in rows[:60]] == [each["sample"] for each in pair["changed"]]
    assert all(row["truth"] in (row["first"], row["now"]) for row in rows)
    assert (out / "learning.png").stat().st_size > 5000
    assert (out / "changed-2.png").exists() == (app.gallery and gained + lost > 0)
    for each in found["runs"]:
        assert each["parameters"] > 0
        assert each["multiply_adds"] > 0
        assert each["cpu_seconds"] > 0
    assert json.loads((out / "comparison.json").read_text())["paired"] == found["paired"]


@pytest.mark.slow
def test_a_run_and_itself(trained, capsys):
    run = trained("digits", "run", "--fit.epochs", "1")
    found = answer(capsys, "compare", run, run, run, app=DIGITS)
    assert [(each["difference"], each["p"], each["changed"]) for each in found["paired"]] == [(0, 1, [])] * 2
    assert (run / "comparison" / "comparison.json").is_file()
    assert not (run / "comparison" / "changed-2.png").exists()


@pytest.mark.slow
def test_what_cannot_be_compared_is_refused_in_one_line(trained, capsys, tmp_path):
    run = trained("text", "run", "--fit.epochs", "1", "--fit.least-steps", "1")
    other = tmp_path / "other.csv"
    other.write_bytes((tmp_path / "data" / "reviews.csv").read_bytes())
    elsewhere = trained("text", "elsewhere", "--fit.epochs", "1", "--fit.least-steps", "1", data=other)
    split = trained("text", "split", "--fit.epochs", "1", "--fit.least-steps", "1", "--texts.split-seed", "5")
    for args, message in (
        ([run], "name at least two runs"),
        ([run, elsewhere], "was trained on"),
        ([run, split], "has other test samples"),
        ([run, "@text-sentiment"], "has the classes"),
        ([run, tmp_path / "nosuch"], "not a run folder"),
        ([run, "@nosuch"], "no ready-made network"),
        ([run, run, "--count", "-1"], "--count must be at least 0"),
    ):
        assert message in bad(capsys, "compare", *args, app=TEXT)
    assert not (run / "comparison").exists()


def test_curves_of_runs_that_logged_little():
    figure = learning_curves({"a": [{"epoch": 1, "train_loss": 2.0}], "b": []})
    assert [len(axes.lines) for axes in figure.axes] == [1, 0]
    with pytest.raises(ValueError, match="nothing to draw"):
        learning_curves({"a": []})
