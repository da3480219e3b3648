"""The comparative studies: what is trained, what is compared, what is kept."""

import csv
import importlib
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import ttest_1samp

from apps.bench.__main__ import main
from apps.bench.figures.figure import Figure, Report
from apps.bench.figures.speed import PROGRAMS, measured
from apps.bench.report import minutes, write
from apps.bench.studies import pooling, sharing
from apps.bench.studies.changed import dilated
from apps.bench.studies.domains import DOMAINS, words_counted
from apps.bench.studies.rivals import dense_parameters, fully_connected, normalised, shuffled
from apps.bench.studies.significance import correct, half_width, holm, welch
from apps.bench.studies.size import WIDTHS
from apps.bench.studies.study import (
    Group,
    Study,
    Variant,
    app_named,
    at_equal,
    compare,
    measure,
    run_study,
)
from apps.digits.app import APP
from apps.digits.config import DigitsConfig
from apps.go.config import Choice
from cnn_core.nn.architecture import ConvNetConfig
from cnn_core.nn.summary import count_parameters
from cnn_core.training.recipe import FitConfig
from cnn_core.verbs.common import Common
from cnn_core.verbs.measures.summary import example_of
from tests.helpers.little import DATA


def small(folder, pool="max") -> DigitsConfig:
    net = ConvNetConfig(channels=(8, 8), pool=pool, head="avg", hidden=(), norm="batch")
    return DigitsConfig(data=str(folder), net=net, fit=FitConfig(epochs=4, batch_size=64, learning_rate=0.02))


@pytest.mark.slow
def test_a_study_is_resumed_and_written(digits_folder, tmp_path, monkeypatch):
    variants = tuple(Variant(pool, "digits", small(digits_folder, pool)) for pool in ("none", "max"))
    study = Study("try", "Which?", (Group("digits", variants),), lambda rows: [f"{len(rows)} group"])
    torch.set_num_threads(1)
    first = run_study(study, 2, tmp_path, progress=False)
    assert {p.name for p in tmp_path.iterdir()} == {"runs.jsonl", "results.json", "results.csv", "plot-1.png"}
    assert json.loads((tmp_path / "results.json").read_text())["says"] == ["1 group"]
    rows = list(csv.DictReader((tmp_path / "results.csv").read_text().splitlines()))
    assert [row["variant"] for row in rows] == ["none", "max"]
    assert float(rows[1]["accuracy"]) == first["groups"]["digits"][1]["accuracy"]
    with (tmp_path / "runs.jsonl").open("a") as file:
        file.write('{"key": "cut o')

    def never(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr("apps.bench.studies.study.measure", never)
    again = run_study(study, 2, tmp_path, progress=False)
    assert again["groups"] == first["groups"]
    with pytest.raises(AssertionError, match="trained again"):
        run_study(study, 3, tmp_path, progress=False)


@pytest.mark.slow
def test_a_variant_is_what_the_app_trains(digits_folder):
    found = measure(Variant("one", "digits", small(digits_folder)), 0)
    assert found["accuracy"] > 0.2
    assert found["parameters"] == count_parameters(APP.build(small(digits_folder), tuple("0123456789")))
    places = 26 * 26 * 9 * 8 + 11 * 11 * 8 * 9 * 8  # multiply-adds of the two convolutions
    assert found["multiply_adds"] == pytest.approx(places, rel=0.05)
    assert (found["train_samples"], found["test_samples"]) == (1500, 297)


def test_comparison_against_the_reference():
    runs = {"a": [{"accuracy": x} for x in (0.5, 0.52, 0.51)], "b": [{"accuracy": x} for x in (0.7, 0.71, 0.69)]}
    rows = compare(runs)
    assert rows[0]["p"] is None
    assert rows[1]["difference"] == pytest.approx(0.19)

    assert rows[1]["p"] < 1e-3
    assert welch([1, 2, 3], [1, 2, 3]) == pytest.approx(1)
    assert welch([1], [2, 3]) is None
    some = [0.71, 0.74, 0.7]
    assert welch(some, [0.6] * 3) == pytest.approx(float(ttest_1samp(some, 0.6).pvalue))  # one side is always the same
    generator = np.random.default_rng(0)
    p = [welch(list(generator.normal(size=5)), list(generator.normal(size=5) * 3)) for _ in range(500)]
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=0.04)  # equal means: p is uniform


def test_a_rival_has_the_parameters_that_are_counted(digit_pictures):
    config = DigitsConfig(net=ConvNetConfig(channels=(4,), head="avg", hidden=(), norm="batch"))
    labels = tuple("0123456789")
    assert normalised(APP.build(config, labels))
    rival = fully_connected(APP.build, (1, 1, 28, 28), (20, 7), norm=True)(config, labels)
    assert count_parameters(rival) == dense_parameters((1, 1, 28, 28), (20, 7), 10, norm=True)
    assert normalised(rival)
    assert rival(torch.from_numpy(digit_pictures[0][:3])).shape == (3, 10)


@pytest.mark.parametrize("name", DOMAINS)
def test_every_domain_has_every_width(name):
    for times in WIDTHS:
        width = max(2, round(DOMAINS[name].width * times))
        assert DOMAINS[name].net("none", width).net


def test_words_are_counted_as_a_plain_loop_does():
    generator = np.random.default_rng(0)
    texts = [generator.integers(0, 9, n) for n in (5, 0, 7, 1)]
    lengths = torch.tensor([len(text) for text in texts])
    order = [2, 0, 3, 1]  # rows lie in the tokens in another order
    starts = torch.zeros(4, dtype=torch.int64)
    for row, before in zip(order, np.cumsum([0, *(len(texts[k]) for k in order)]), strict=False):
        starts[row] = int(before)
    tokens = torch.from_numpy(np.concatenate([texts[k] for k in order]))
    split = SimpleNamespace(inputs=torch.stack((starts, lengths), 1), tokens=tokens)
    found = words_counted(split, 9).toarray()
    assert found.tolist() == [[list(text).count(word) for word in range(9)] for text in texts]


def test_what_shuffling_takes_is_said():
    names = ["CNN", *(f"fully connected, {n} x parameters" for n in (1, 4, 16))]
    for what in ("bands", "bands and frames"):
        names += [f"CNN, {what} shuffled", f"fully connected, 4 x, {what} shuffled"]
    accuracy = [0.9, 0.6, 0.7, 0.91, 0.88, 0.7, 0.5, 0.7]
    rows = [{"variant": name, "accuracy": value} for name, value in zip(names, accuracy, strict=True)]
    (line,) = sharing.says({"speech": rows})
    assert "the CNN has +20.00 points, with bands shuffled +18.00: it stays (filters still move along time" in line
    assert "with bands and frames shuffled -20.00: it vanishes. A fully connected network reaches" in line
    assert "16 times the parameters" in line


def test_a_row_in_two_tables_was_trained_once():
    rows = [{"variant": "none", "cpu_seconds": 60.0}, {"variant": "max", "cpu_seconds": 30.0}]
    result = {"groups": {"text: equal parameters": rows, "text: equal compute": rows[:1]}}
    assert minutes(result, 3) == pytest.approx(4.5)
    result = {"groups": {"digits": rows}}
    assert minutes(result, 3, whole=True) == pytest.approx(4.5 / DOMAINS["digits"].share)
    assert minutes({**result, "cut": False}, 3, whole=True) == pytest.approx(4.5)


def test_rivals_see_the_same_features(digit_pictures):
    config = DigitsConfig(net=ConvNetConfig(channels=(4,), head="avg", hidden=()))
    labels = tuple("0123456789")
    pictures = torch.from_numpy(digit_pictures[0][:3])
    model = APP.build(config, labels)
    shape = (1, 1, 28, 28)
    mixed = shuffled(APP.build, shape, (2, 3))(config, labels)
    features, moved = model.front(pictures), mixed.front(pictures)
    assert not torch.equal(features, moved)
    assert torch.equal(features.flatten(1).sort().values, moved.flatten(1).sort().values)
    assert torch.equal(moved, mixed.front(pictures)), "one fixed permutation"
    rows = shuffled(APP.build, shape, (2,))(config, labels).front(pictures)
    assert torch.equal(features.sum(3).sort(2).values, rows.sum(3).sort(2).values)
    dense = fully_connected(APP.build, shape, (20, 7))(config, labels)
    assert dense(pictures).shape == (3, 10)
    assert count_parameters(dense) == dense_parameters(shape, (20, 7), 10)
    assert at_equal(10_000, lambda n: dense_parameters(shape, (n,), 10), 1, 4096) == 13


@pytest.mark.slow
def test_report_is_written_from_the_results(digits_folder, tmp_path, capsys):
    study = Study(
        "pooling", "Which?", (Group("digits", (Variant("max", "digits", small(digits_folder)),)),), lambda _: ["so."]
    )
    run_study(study, 1, tmp_path / "b" / "pooling-quick", progress=False)
    out = tmp_path / "docs" / "benchmarks.md"
    assert main(["report", "--results", str(tmp_path / "b"), "--out", str(out)]) == 0
    text = out.read_text()
    assert "- so." in text
    assert "cnn-bench pooling --apps digits --mode quick --seeds 1" in text
    assert "| max " in text
    assert (out.parent / "benchmarks" / "pooling-quick-1.png").is_file()
    capsys.readouterr()
    assert main(["report", "--results", str(tmp_path / "nothing")]) == 2
    assert "run a study first" in capsys.readouterr().err


def test_speed_gathers_the_benches(tmp_path, capsys, monkeypatch):
    def report(name, common):
        ratio = float(2 + PROGRAMS.index(name))
        compared = Figure(f"{name}: training", "texts/CPU-s", 10 * ratio, 0.5, 5, "", "plain loop", 10.0, ratio)
        return Report(name, (compared, Figure(f"{name}: style", "CPU-s", 40.0)))

    monkeypatch.setattr("apps.bench.figures.speed.measured", report)
    assert main(["speed", "--out", str(tmp_path / "b" / "speed"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["table"]["rows"]
    assert len(rows) == 2 * len(PROGRAMS)
    assert ["text-speed: training", "70.0 texts/CPU-s", "plain loop", "10.0", "7.0 x"] in rows
    assert ["text-speed: style", "40.0 CPU-s", "-", "-", "-"] in rows
    monkeypatch.setattr("apps.bench.figures.speed.measured", lambda *_: pytest.fail("measured again"))
    assert main(["speed", "--out", str(tmp_path / "b" / "speed")]) == 0
    assert main(["report", "--results", str(tmp_path / "b"), "--out", str(tmp_path / "benchmarks.md")]) == 0
    assert "| text-speed: training " in (tmp_path / "benchmarks.md").read_text()
    (tmp_path / "b" / "speed" / "go-speed.json").write_text('{"positions_per_cpu_second": {}}')
    assert main(["speed", "--out", str(tmp_path / "b" / "speed")]) == 2
    assert "go-speed.json: no figures of this version" in capsys.readouterr().err


def test_speed_runs_a_bench_in_a_process_of_its_own(monkeypatch):
    report = {"benchmark": "go-speed", "figures": [vars(Figure("x", "a/s", 1.0))], "notes": [], "environment": {}}
    commands = []

    def run(command, **_):
        commands.append(command)
        return SimpleNamespace(returncode=0, stdout=json.dumps(report) + "\n", stderr="")

    monkeypatch.setattr("subprocess.run", run)
    found = measured("go-speed", Common(seed=4, threads=1))
    assert commands[0][1:] == ["-m", "apps.bench", "go-speed", "--json", "--seed", "4", "--threads", "1"]
    assert (found.command, found.figures[0].name) == ("cnn-bench go-speed", "x")


def test_a_bench_that_fails_is_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.executable", "false")
    assert main(["speed", "--only", "go-speed", "--out", str(tmp_path)]) == 2
    assert "go-speed failed" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("pooling", marks=pytest.mark.long), "sharing", "size", "classic"])
def test_studies_run_on_a_folder(name, digits_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("apps.bench.studies.size.SHARES", (1.0, 0.3, 0.1))
    args = [name, "--apps", "digits", "--data", str(digits_folder), "--seeds", "1", "--json"]
    assert main(args) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["says"]
    for rows in found["groups"].values():
        assert all(0 < row["accuracy"] <= 1 for row in rows)
    assert (tmp_path / "benchmarks" / f"{name}-quick" / "results.json").is_file()


def test_words_are_shuffled_within_each_text(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "cache"))
    domain = DOMAINS["text"]
    config = replace(domain.net("max", 4), data=str(DATA["text"](tmp_path / "data")))
    data = importlib.import_module("apps.text.data").load(config)
    mixed = domain.shuffle(data)
    for before, after in ((data.train, mixed.train), (data.test, mixed.test)):
        rows = [(before.row(i).tolist(), after.row(i).tolist()) for i in range(len(before))]
        assert all(sorted(a) == sorted(b) for a, b in rows)
        assert sum(a != b for a, b in rows) > 0.9 * len(rows)


DOMAINS_GO = DOMAINS["go"].net
SMALL = {
    "go": ["pooling", "sharing", "planes"],
    "photos": ["sharing", "classic"],
    "speech": ["pooling", "sharing", "axes"],
    "text": ["pooling", "sharing", "size", "classic", "axes", "embeddings"],
}


@pytest.mark.long
@pytest.mark.parametrize(("app", "name"), [(app, name) for app, names in SMALL.items() for name in names])
def test_studies_run_in_every_domain(app, name, tmp_path_factory, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path_factory.getbasetemp() / "bench-cache"))
    monkeypatch.setattr("apps.bench.studies.size.SHARES", (1.0, 0.3, 0.1))
    monkeypatch.setattr("apps.bench.studies.axes.PRESETS", ("time", "frequency"))
    ways = {"random, learned": {"mode": "rand", "source": "", "width": 8, "unseen": 0}}
    ways["word2vec of the corpus, fixed"] = {"mode": "static", "source": "word2vec", "width": 8, "unseen": 0}
    monkeypatch.setattr("apps.bench.studies.embeddings.WAYS", ways)
    narrow = replace(DOMAINS[app], width=6, share=1.0)
    if app == "go":  # of two dozen games, more than the usual share must be set aside
        choice = Choice(validation=0.2, test=0.2)
        narrow = replace(narrow, net=lambda pool, width: replace(DOMAINS_GO(pool, width), choice=choice))
    monkeypatch.setitem(DOMAINS, app, narrow)
    data = DATA[app](tmp_path / "data")
    args = [name, "--apps", app, "--data", str(data), "--seeds", "1", "--out", str(tmp_path / "out"), "--json"]
    assert main(args) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["says"]
    assert all(0 <= row["accuracy"] <= 1 for rows in found["groups"].values() for row in rows)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["planes", "--apps", "text"], "planes is about go"),
        (["pooling", "--apps", "chess"], "--apps chess: unknown"),
        (["pooling", "--data", "x"], "name the one app"),
        (["nothing"], "unknown benchmark"),
        (["speed", "--only", "light"], "--only light: unknown"),
        (["pooling", "--seeds", "-1"], "--seeds must be"),
    ],
)
def test_wrong_options_get_one_line(args, message, capsys):
    assert main(args) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_p_values_are_corrected_for_their_number():
    """Holm's own example (1979) and properties: never below the single ones, in their order, at most 1."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
    rows = {"a": [{"p": None}, {"p": 0.02}], "b": [{"p": None}, {"p": 0.03}, {"p": 0.5}]}
    correct(rows)
    assert [row.get("p_alone") for entries in rows.values() for row in entries] == [None, 0.02, None, 0.03, 0.5]
    assert rows["a"][1]["p"] == pytest.approx(0.06)
    assert half_width([1.0, 2.0, 3.0]) == pytest.approx(4.302653 / 3**0.5, rel=1e-5)  # a table of Student's t
    assert half_width([1.0]) is None


def test_a_report_keeps_what_was_not_run_again(tmp_path):
    result = {"study": "size", "question": "How much?", "says": ["so."], "groups": {}, "seeds": 1, "command": "x",
              "environment": {"cpu": "a processor"}, "device": "cuda"}  # fmt: skip
    out = tmp_path / "benchmarks.md"
    out.write_text(
        "# Comparative benchmarks\n\nold head\n\n## axes\n\nkept\n\n## size\n\nold\n\n## Machine\n\n- cpu: old\n"
    )
    write([(tmp_path / "size-full", result)], out)
    text = out.read_text()
    assert "## axes\n\nkept\n" in text
    assert "old head" not in text
    assert "\nold\n" not in text
    assert "- so." in text
    assert "cpu a processor, device cuda" in text
    assert "- cpu: old" in text
    write([(tmp_path / "size-full", result)], out)
    assert out.read_text() == text


@pytest.mark.parametrize("app", ["digits", "photos", "go", "speech", "text"])
def test_every_arm_of_the_pooling_study_answers(app):
    domain = DOMAINS[app]
    narrow = replace(domain, width=max(domain.width // 4, 3))
    for group in pooling.study([narrow], "quick").groups:
        for variant in group.variants:
            own, labels, inputs = example_of(app_named(variant.app), variant.config)
            model = (variant.build or own.build)(variant.config, labels)
            assert torch.isfinite(model(inputs[:2])).all(), (group.name, variant.name)


def test_a_dilated_network_is_the_plain_one_on_spaced_taps():
    build = dilated(app_named("speech"), (2, 1))
    config = DOMAINS["speech"].net("none", 10)
    torch.manual_seed(0)
    model = build(config, ("a", "b"))
    conv = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)][-2]
    x = torch.randn(1, conv.in_channels, 7, 9)
    expected = torch.nn.functional.conv2d(x, conv.weight, conv.bias, padding=2, dilation=2)
    torch.testing.assert_close(conv(x), expected)
