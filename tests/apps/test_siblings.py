"""Every app: the same files, the same verbs, the same answers to the same questions, the same class of errors."""

import importlib
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from apps.bench import __main__ as bench
from apps.bench.lens import PRESET, judged
from cnn_core import config as config_module
from cnn_core import runs, visual
from cnn_core.cli import VERBS as SHARED_VERBS
from cnn_core.cli import run
from cnn_core.verbs import run_argument
from cnn_core.verbs.views.raw_inputs import maximize_raw
from cnn_core.visual.optimization.config import MaximizeConfig
from tests.helpers.commands import answer, bad
from tests.helpers.little import DATA

ROOT = Path(__file__).parents[2]
APPS = [
    name
    for name in ("digits", "go", "photos", "speech", "text", "dream")
    if (ROOT / "apps" / name / "app.py").is_file()
]
LEARNING = [name for name in APPS if name != "dream"]  # dream looks into networks that others have trained
LENS = list(PRESET)  # the domains that cnn-bench compares, in its order
FILES = {"__init__.py", "__main__.py", "app.py", "config.py", "data.py", "model.py", "render.py", "README.md"}
VERBS = {"prepare", "train", "evaluate", "predict", "visualize", "explain", "export", "summary", "compare"}


def app_of(name):
    return importlib.import_module(f"apps.{name}.app").APP


MOMENT = {
    "digits": ["--fit.epochs", "2"],
    "go": [
        "--fit.epochs",
        "1",
        "--net.filters",
        "8",
        "--net.blocks",
        "1",
        "--choice.validation",
        "0.2",
        "--choice.test",
        "0.2",
    ],
    "photos": ["--fit.epochs", "2", "--side", "16", "--net.channels", "8", "16", "--net.pools", "2"],
    "speech": ["--fit.epochs", "2", "--no-unknown"],
    "text": ["--fit.epochs", "2"],
}


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CNN_SUITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def data(digits_folder, tmp_path_factory):
    """app -> where its little data lie."""
    made = {"digits": digits_folder}

    def of(name):
        if name not in made:
            made[name] = DATA[name](tmp_path_factory.mktemp(name) / "data")
        return made[name]

    return of


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """app -> a run folder, trained for a moment."""
    made = {}

    def of(name):
        if name not in made:
            folder = tmp_path_factory.mktemp("runs") / name
            args = ["train", "--data", str(data(name)), "--out", str(folder), "--threads", "1", *MOMENT[name], "--json"]
            assert run(app_of(name), args) == 0
            made[name] = folder
        return made[name]

    return of


@pytest.mark.parametrize("name", APPS)
def test_same_files_and_no_init_above(name):
    there = {path.name for path in (ROOT / "apps" / name).iterdir()}
    assert there >= FILES
    assert not (ROOT / "apps" / "__init__.py").exists()


@pytest.mark.parametrize("name", LEARNING)
def test_same_verbs(name, capsys):
    assert run(app_of(name), ["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines if line.startswith("  ")} >= VERBS


@pytest.mark.parametrize("name", APPS)
def test_help_needs_no_torch(name):
    heavy = ("torch", "numba", "matplotlib", "gensim", "torchaudio")
    code = (
        f"import sys; from apps.{name}.app import APP; from cnn_core.cli import run; run(APP, ['--help']); "
        f"sys.exit(' '.join({set(heavy)} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", LEARNING)
def test_configurations_survive_the_trip(name):
    app = app_of(name)
    for preset in app.presets.values():
        assert config_module.from_json(app.config, json.loads(json.dumps(config_module.to_json(preset)))) == preset
    assert app.default_preset in app.presets


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNING)
def test_train_resume_evaluate(name, trained, data, tmp_path, capsys):
    found = answer(capsys, "evaluate", trained(name), app=app_of(name))
    assert 0 <= found["accuracy"] <= 1
    assert found["count"] > 0
    assert (trained(name) / "evaluation" / "metrics.json").is_file()
    again = answer(capsys, "train", "--resume", trained(name), app=app_of(name))
    assert Path(again["run"]) == trained(name)


@pytest.mark.parametrize("name", LEARNING)
def test_nothing_is_lost_when_training_cannot_begin(name, trained, data, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(trained(name), folder)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for wrong in (["--data", "no-such-data"], ["--data", data(name), "--init", tmp_path / "no-such-run"]):
        bad(capsys, "train", "--out", folder, "--overwrite", *wrong, app=app_of(name))
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (tmp_path / "link").symlink_to(folder)
    assert "symbolic link" in bad(capsys, "train", "--out", tmp_path / "link", "--overwrite", app=app_of(name))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "run"]


def test_a_folder_that_is_no_run_is_left_alone(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    for more in ([], ["--overwrite"]):
        message = bad(capsys, "train", "--out", tmp_path, *more, app=app_of("digits"))
        assert "not a run folder" in message
        assert "--resume" not in message
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_with_nothing_but_what_a_crash_left_is_new(data, tmp_path, capsys):
    (tmp_path / "run" / "last.new").mkdir(parents=True)
    (tmp_path / "run" / ".config.json.0a1b2c3d.tmp").write_text("{", encoding="utf-8")
    args = ["--data", data("digits"), "--threads", 1, "--fit.epochs", 1, "--out", tmp_path / "run"]
    assert answer(capsys, "train", *args, app=app_of("digits"))["run"] == str(tmp_path / "run")


@pytest.mark.slow
def test_a_run_that_goes_wrong_leaves_the_one_that_it_was_to_replace(trained, data, tmp_path, capsys):
    shutil.copytree(trained("digits"), tmp_path / "run")
    args = ["--data", data("digits"), "--threads", 1, "--fit.learning-rate", 1e30, "--fit.precision", "fp32"]
    args += ["--out", tmp_path / "run", "--overwrite"]
    assert run(app_of("digits"), ["train", *map(str, args)]) == 2
    assert "loss is" in capsys.readouterr().err.splitlines()[-1]
    assert answer(capsys, "evaluate", tmp_path / "run", app=app_of("digits"))["accuracy"] > 0.2
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNING)
def test_train_from_the_weights_of_a_run(name, trained, data, tmp_path, capsys):
    args = ["--data", data(name), "--threads", 1, *MOMENT[name], "--fit.learning-rate", 1e-9, "--out", tmp_path / "new"]
    answer(capsys, "train", "--init", trained(name), *args, app=app_of(name))
    old, new = (runs.restore(app_of(name), folder).model for folder in (trained(name), tmp_path / "new"))
    for (path, before), (other, after) in zip(old.named_parameters(), new.named_parameters(), strict=True):
        assert path == other
        torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


@pytest.mark.long
def test_go_gives_up_the_ties_of_a_run(trained, data, tmp_path, capsys):
    args = ["--data", data("go"), "--threads", 1, *MOMENT["go"], "--fit.learning-rate", 1e-9, "--out", tmp_path / "new"]
    answer(capsys, "train", "--init", trained("go"), "--net.no-tied", *args, app=app_of("go"))
    old, new = (runs.restore(app_of("go"), folder).model for folder in (trained("go"), tmp_path / "new"))
    assert sum(p.numel() for p in new.parameters()) > 4 * sum(p.numel() for p in old.parameters())
    torch.testing.assert_close(new.conv1.conv.weight, old.conv1.conv.weight, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("what", ["weights", "filters", "classes", "exemplars"])
def test_visualize(name, what, trained, capsys):
    more = ["--steps", 3] if what in ("filters", "classes") else []
    more += [] if what == "weights" else ["--count", 2]
    found = answer(capsys, "visualize", what, trained(name), *more, app=app_of(name))
    picture = Path(found["picture"])
    assert picture.read_bytes()[:4] == b"\x89PNG"
    if what in ("filters", "classes"):
        for unit in found["units"]:
            assert np.isfinite([unit["activation"], unit["start"], unit["best_real"]]).all()


@pytest.mark.parametrize("name", LEARNING)
def test_explain_a_test_sample(name, trained, capsys):
    found = answer(capsys, "explain", trained(name), "0", app=app_of(name))
    assert found["explained"][0]["answer"]


@pytest.mark.parametrize("name", LEARNING)
def test_predict(name, trained, data, tmp_path, capsys):
    picture = tmp_path / "picture.png"
    Image.fromarray(np.pad(np.full((16, 4), 255, np.uint8), 6)).save(picture)
    inputs = {"digits": picture, "text": "a splendid film"}
    given = inputs.get(name) or next(p for p in sorted(data(name).rglob("*")) if p.suffix in (".sgf", ".wav", ".png"))
    assert answer(capsys, "predict", trained(name), given, app=app_of(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNING)
def test_export(name, trained, tmp_path, capsys):
    found = answer(capsys, "export", trained(name), "--check", 5, "--out", tmp_path / "net.onnx", app=app_of(name))
    assert found["argmax_agreement"] == 1
    assert (tmp_path / "net.onnx").stat().st_size > 1000
    properties = {each.key: each.value for each in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert properties["app"] == name
    assert json.loads(properties["labels"])
    assert "init" not in properties


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["dance"], "unknown verb"),
        (["train", "--preset", "none-such"], "unknown preset"),
        (["train", "--data", "no/such/folder", "--out", "OUT"], "no/such/folder"),
        (["train", "--fit.epochs", "0"], "epochs must be"),
        (["evaluate", "no/such/run"], "no/such/run"),
        (["predict", "RUN", "no-such-file.xyz"], "no-such-file.xyz"),
        (["explain", "RUN", "999999"], "999999"),
        (["visualize", "nothing", "RUN"], "visualize nothing"),
        (["visualize", "filters", "RUN", "--layer", "nope"], "layers are"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else None,
)
def test_wrong_use_is_one_line(name, args, message, trained, tmp_path, capsys):
    places = {"RUN": str(trained(name)) if "RUN" in args else "", "OUT": str(tmp_path / "out")}
    assert message in bad(capsys, *[places.get(arg, arg) for arg in args], app=app_of(name))
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_one_lens_for_all(trained, tmp_path, capsys):
    folders = [part for name in LENS for part in (f"--{name}", str(trained(name)))]
    assert (
        bench.main(["lens", *folders, "--no-judge", "--steps", "3", "--sample", "3", "--out", str(tmp_path), "--json"])
        == 0
    )
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(found["domains"]) == LENS
    assert list(found["pictures"]) == LENS
    for path in found["pictures"].values():
        with Image.open(path) as picture:
            assert picture.width > 1600  # twice the width at which a page shows it
    page = Path(found["page"]).read_text(encoding="utf-8")
    assert page.count('<img src="data:image/png;base64,') == 5 * len(LENS)
    assert "http:" not in page  # nothing is loaded from elsewhere
    assert "https:" not in page
    for domain in found["domains"].values():
        assert all(np.isfinite(unit["best_real"]) for unit in domain["data"]["filters"]["units"])


def test_another_network_judges_what_the_classes_want(trained):
    run_of = runs.restore(app_of("digits"), trained("digits"), torch.device("cpu"))
    units = [0, 3, 6, 9]
    like = torch.zeros((28, 28), dtype=torch.uint8)
    optima = maximize_raw(like, run_of, list(visual.logits(units)), MaximizeConfig(steps=60))
    found = judged(run_of, units, optima.inputs)
    assert found["agree"] == len(found["classes"])  # a network agrees with itself
    assert min(found["probabilities"]) > 0.5


PAGES = [
    "README.md",
    "Makefile",
    "docs/benchmarks.md",
    "docs/roofline.md",
    *(f"apps/{name}/README.md" for name in APPS),
]
SHOWN = re.compile(r"`(cnn-[a-z]+ [^`\n]+)`|^(?:\t(?:.*/)?|    |> |\$ )(cnn-[a-z]+ .*?)(?:\s+#.*)?$", re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_commands_that_we_show_are_understood(page, monkeypatch):
    """Every command of the page parses; placeholders such as RUN are names like any other.

    Two words alone may name a verb in running text; those of cnn-bench are whole commands.
    """
    lines = [inline or line for inline, line in SHOWN.findall((ROOT / page).read_text(encoding="utf-8"))]
    lines = [line for line in lines if len(line.split()) > 2 or line.startswith("cnn-bench ")]
    lines = [line for line in lines if not {"VERB", "NAME", "...", "|"} & set(line.split())]
    assert lines
    monkeypatch.setattr(run_argument, "_is_run", lambda path: path.name == "RUN" or path.parts[0] == "runs")
    monkeypatch.setattr(run_argument, "_is_meant_as_run", lambda word, literal: False)  # photo.png need not exist
    for line in lines:
        name, verb, *args = shlex.split(line)
        if name == "cnn-bench":
            bench.BENCH.verbs[verb].module().parse(None, f"{name} {verb}", args)
        else:
            app = app_of(name.removeprefix("cnn-"))
            verbs = {**SHARED_VERBS, **app.verbs}
            verbs[verb].module().parse(app, f"{name} {verb}", args)


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize(
    ("option", "value"), [("learning-rate", "1e9"), ("batch-size", "1000000"), ("learning-rate", "nan")]
)
def test_numbers_that_go_wrong_are_one_line_or_a_run(name, option, value, data, tmp_path, capsys):
    folder = tmp_path / "run"
    args = ["--data", data(name), "--out", folder, *MOMENT[name], f"--fit.{option}", value, "--threads", "1"]
    status = run(app_of(name), ["train", *map(str, args)])
    out, err = capsys.readouterr()
    assert status in (0, 2), err
    if status:
        assert "learning_rate" in err.splitlines()[-1]
        assert value in ("1e9", "nan")
    else:
        found = answer(capsys, "evaluate", folder, app=app_of(name))
        assert 0 <= found.get("accuracy", found.get("top_k", {}).get("1")) <= 1
    assert out or status
