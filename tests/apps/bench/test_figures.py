"""Figures: how they are measured, compared, printed, and read back."""

import json
import statistics
import time

import pytest
import torch

from apps.bench.__main__ import main
from apps.bench.baselines.loop import plain_steps
from apps.bench.figures.digits_speed import to_goal
from apps.bench.figures.figure import (
    Figure,
    Report,
    number,
    outcome,
    over_runs,
    rate,
    read_report,
    text_of,
    with_spread,
)
from apps.bench.figures.measure import figures_of, in_turns, over_seeds
from apps.bench.figures.optima import at_depth
from apps.bench.options import computing, on_processor
from cnn_core.errors import UserError
from cnn_core.verbs.common import Common
from tests.helpers.little import DATA


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_ways_take_turns_and_the_rate_is_per_cpu_second():
    calls = []

    def way(name, seconds):
        def call(turn):
            calls.append((name, turn))
            burn(seconds)
            return 10

        return call

    found = in_turns({"fast": way("fast", 0.01), "slow": way("slow", 0.03)}, 3)
    assert calls[:2] == [("fast", 0), ("slow", 0)]  # the warm-up
    assert calls[2:] == [(name, turn) for turn in range(3) for name in ("fast", "slow")]
    assert statistics.median(found["fast"]) == pytest.approx(1000, rel=0.3)
    figure = rate("work", "items/CPU-s", found["fast"], "slow way", found["slow"], size=10)
    assert figure.ratio == pytest.approx(3, rel=0.3)
    assert figure.low <= figure.ratio <= figure.high
    assert (figure.runs, figure.conditions) == (3, {"size": 10})
    with pytest.raises(UserError, match="--rounds"):
        in_turns({}, 0)


def test_over_seeds(capsys):
    rows = over_seeds(range(2, 4), lambda seed: {"accuracy": seed / 10, "cpu_seconds": 1.0}, variant="a")
    assert [json.loads(line) for line in capsys.readouterr().err.splitlines()] == rows
    assert [row["seed"] for row in rows] == [2, 3]
    accuracy, spent = figures_of("a", rows, {"accuracy": ("accuracy", "%"), "cpu_seconds": ("training", "CPU-s")})
    assert accuracy.value == pytest.approx(25)
    assert accuracy.spread == pytest.approx(statistics.stdev([20, 30]))
    assert (spent.value, spent.spread, spent.of) == (1.0, 0.0, "a")
    with pytest.raises(UserError, match="--seeds"):
        over_seeds(range(0), lambda seed: {})


def test_a_report_survives_the_trip():
    figures = (rate("x", "a/s", [4.0, 6.0], "it", [2.0, 2.0]), over_runs("small", "accuracy", "%", [99.0]))
    report = Report("digits-speed", figures, {"rows": [1]}, ("so.",))
    data = json.loads(json.dumps(outcome(report).data, allow_nan=False))
    assert read_report(data, "here") == report
    for broken in ({}, {**data, "figures": [{"name": "x"}]}, [], {**data, "more": 1}):
        with pytest.raises(UserError, match="measure them again"):
            read_report(broken, "here")


def test_the_table():
    one = rate("texts", "texts/CPU-s", [1600.0, 1800.0], "plain loop", [320.0, 300.0])
    text = text_of(Report("text-speed", (one, over_runs("", "score", "%", [80.0])), notes=("so.",)))
    row = next(line for line in text.splitlines() if line.startswith("texts"))
    assert row.split() == [
        "texts",
        "1,700",
        "±",
        "141",
        "texts/CPU-s",
        "2",
        "plain",
        "loop",
        "310",
        "5.50",
        "5.00",
        "to",
        "6.00",
    ]
    assert "so." in text
    assert f"torch {torch.__version__}" in text
    wide = text_of(
        Report(
            "go-accuracy",
            tuple(over_runs(v, n, "%", [v_ + 1.0, v_]) for v, v_ in (("a", 5), ("b", 7)) for n in ("p", "q")),
        )
    )
    assert [line.split() for line in wide.splitlines()[:1]] == [["of", "runs", "p,", "%", "q,", "%"]]
    assert next(line for line in wide.splitlines() if line.startswith("b")).split() == [
        "b",
        "2",
        "7.50",
        "±",
        "0.71",
        "7.50",
        "±",
        "0.71",
    ]


def test_numbers():
    assert [number(v) for v in (12345.6, 123.4, 12.34, 1.234, 0.1234)] == ["12,346", "123", "12.3", "1.23", "0.123"]
    assert with_spread(Figure("", "", 99.2134, 0.0491)) == "99.213 ± 0.049"
    assert with_spread(Figure("", "", 595.2, 52.0)) == "595 ± 52"
    assert with_spread(Figure("", "", 5.0, 0.0)) == "5.00"


def test_digits_to_the_goal():
    fast = [{"cpu_seconds": 4.0}, {"cpu_seconds": 6.0}]
    reached = to_goal(fast, [{"cpu_seconds": 100.0, "accuracy": 0.98}, {"cpu_seconds": 200.0, "accuracy": 0.99}])
    assert (reached.value, reached.baseline_value, reached.ratio) == (5.0, 200.0, 40.0)
    never = to_goal(fast, [{"cpu_seconds": 100.0, "accuracy": 0.98}])
    assert (never.baseline_value, never.ratio) == (None, None)
    assert "not at 99% after 100" in never.baseline


def test_the_plain_loop_learns():
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 2)
    x = torch.randn(64, 2)
    batches = [(x, (x[:, 0] > 0).long())] * 50
    assert plain_steps(model, torch.optim.Adam(model.parameters(), 0.1), batches) == 64 * 50
    assert (model(x).argmax(1) == batches[0][1]).float().mean() > 0.95


def test_optima_at_depth_leave_the_model_as_it_was():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 4, 3))
    model[0].weight.requires_grad_(False)
    for frozen in (False, True):
        figure = at_depth("deep", model, "1", rounds=1, size=12, high=255.0, frozen=frozen)
        assert figure.conditions["activation_here"] > 0
        assert figure.conditions["activation_here"] == pytest.approx(figure.conditions["activation_usual"], rel=0.05)
        assert [p.requires_grad for p in model.parameters()] == [False, True, True, True]


def test_threads_and_random_numbers_are_put_back():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    with computing(Common(device="cpu", seed=1, threads=3)) as place:
        assert (place.type, torch.get_num_threads()) == ("cpu", 3)
        first = torch.rand(1)
    with on_processor(Common(device="auto", seed=1, threads=1)):
        assert torch.equal(torch.rand(1), first)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.slow
def test_a_speed_program_prints_its_report(tmp_path, capsys):
    games = DATA["go"](tmp_path / "games")
    args = ["go-speed", "--data", str(games), "--games", "4", "--rounds", "2"]
    assert main([*args, "--json"]) == 0
    report = read_report(json.loads(capsys.readouterr().out), "go-speed")
    assert {figure.baseline for figure in report.figures} == {"sgfmill's Board, stones alone"}
    assert all(figure.ratio > 0 and figure.runs == 2 for figure in report.figures)
    assert report.environment["threads"] == 1
    assert main(["go-speed", "--data", str(games), "--size", "13"]) == 2
    assert "too few games of 13x13" in capsys.readouterr().err


@pytest.mark.long
def test_an_accuracy_program_counts_seeds_from_the_first(digits_folder, capsys, monkeypatch):
    from dataclasses import replace

    from apps.bench.figures import digits_accuracy

    app = digits_accuracy.APP
    presets = {name: replace(config, data=str(digits_folder)) for name, config in app.presets.items()}
    monkeypatch.setattr(digits_accuracy, "APP", replace(app, presets=presets))
    found = {}
    for args in (["--seed", "3"], ["--first", "3"]):
        assert main(["digits-accuracy", "--seeds", "2", *args, "--json"]) == 0
        data = json.loads(capsys.readouterr().out)
        found[args[0]] = [(row["seed"], row["accuracy"]) for row in data["details"]["rows"]]
        (accuracy,) = [figure for figure in data["figures"] if figure["name"] == "accuracy"]
        assert accuracy["value"] == pytest.approx(100 * statistics.fmean(a for _, a in found[args[0]]))
        assert accuracy["conditions"]["parameters"] == 43_690
    assert found["--seed"] == found["--first"]
    assert [seed for seed, _ in found["--seed"]] == [3, 4]
    assert main(["digits-accuracy", "--preset", "none-such"]) == 2
    assert "unknown preset 'none-such'; choose from fast" in capsys.readouterr().err


def test_a_card_says_what_was_told_in_recordings(tmp_path):
    from apps.bench.networks.command import _told

    assert _told(tmp_path / "detection.json") == {}
    values = {"threshold": 0.9, "alarms_per_hour": 1.23, "hit_rate": 0.5, "seconds": 5400, "other_words": 900}
    (tmp_path / "detection.json").write_text(json.dumps({**values, "recording": "synthetic"}), "utf-8")
    heard = "synthetic: 1.5 hours, 900 other words"
    expected = {"threshold": 0.9, "alarms_per_hour": 1.2, "hit_rate": 0.5, "heard": heard}
    assert _told(tmp_path / "detection.json") == expected
