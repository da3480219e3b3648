"""cnn-photos from a command line: small networks on discs, with and without a backbone."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from PIL import Image

from apps.photos import baselines, data, features, model
from apps.photos.app import APP
from apps.photos.config import PRESETS, PhotosConfig
from cnn_core.drawing import report
from cnn_core.nn.architecture import ConvNetConfig
from cnn_core.nn.backbones.efficientnet import efficientnet_lite0
from tests.helpers.commands import answer, bad
from tests.helpers.little import discs

SMALL = [
    "--side",
    "16",
    "--net.channels",
    "8",
    "16",
    "--net.pools",
    "2",
    "--fit.epochs",
    "12",
    "--fit.precision",
    "fp32",
]


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CNN_SUITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return discs(tmp_path_factory.mktemp("discs") / "data")


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory, own_cache):
    from cnn_core.cli import run

    out = tmp_path_factory.mktemp("runs") / "run"
    assert run(APP, ["train", "--data", str(folder), "--out", str(out), "--threads", "1", "--json", *SMALL]) == 0
    return out


def test_colours_are_learned(trained, capsys):
    found = answer(capsys, "evaluate", trained, app=APP)
    assert found["accuracy"] >= 0.9
    assert found["baseline"]["name"] == "logistic regression on pixels"
    assert found["near_copies_in_training"] == 0


def test_answers_with_probabilities_and_none_of_these(trained, folder, tmp_path, capsys):
    other = tmp_path / "green.png"
    Image.fromarray(np.full((60, 60, 3), (0, 255, 0), np.uint8)).save(other)
    given = ["predict", trained, folder / "red" / "0.png", other]
    found = answer(capsys, *given, app=APP)["predictions"]
    assert found[0]["answer"] == "red"
    assert sum(each["probability"] for each in found[0]["top"]) == pytest.approx(1, abs=1e-6)
    strict = answer(capsys, *given, "--none", "99%", app=APP)["predictions"]
    assert strict[1]["answer"] == "none of these"
    never = answer(capsys, *given, "--none", 0, app=APP)["predictions"]
    assert never[1]["answer"] in ("blue", "red")


@pytest.mark.parametrize("name", ["note.png", "half.png"])
def test_a_bad_picture_is_one_line(name, trained, folder, tmp_path, capsys):
    whole = (folder / "red" / "0.png").read_bytes()
    (tmp_path / name).write_bytes(b"no picture" if name == "note.png" else whole[:100])
    assert name in bad(capsys, "predict", trained, tmp_path / name, app=APP)


def test_bad_pictures_of_other_data_are_left_out_where_asked(trained, tmp_path, capsys):
    place = discs(tmp_path / "others")
    (place / "red" / "note.png").write_text("no picture", encoding="utf-8")
    assert "--skip-bad" in bad(capsys, "evaluate", trained, "--data", place, app=APP)
    skipped = answer(capsys, "evaluate", trained, "--data", place, "--skip-bad", "--out", tmp_path / "e", app=APP)
    assert skipped["accuracy"] >= 0.5
    assert "--data" in bad(capsys, "evaluate", trained, "--skip-bad", app=APP)


def test_pictures_that_grow_are_learned_and_the_run_goes_on(folder, tmp_path, capsys, own_cache):
    given = ["--data", folder, "--out", tmp_path / "run", "--threads", 1, "--augment.grow", 0.5, *SMALL]
    assert answer(capsys, "train", *given, app=APP)["metrics"]["train_accuracy"] >= 0.9
    assert "any side" in bad(capsys, "train", *given, "--net.head", "dense", "--overwrite", app=APP)


@pytest.mark.parametrize("kind", ["one class", "one picture", "texts", "nothing"])
def test_data_that_make_no_task_leave_no_run(kind, tmp_path, capsys, own_cache):
    place, out = tmp_path / "data", tmp_path / "out"
    (place / "a").mkdir(parents=True)
    if kind in ("one class", "one picture"):
        for number in range(1 if kind == "one picture" else 5):
            pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(place / "a" / f"{number}.png")
    if kind == "texts":
        (place / "a" / "x.txt").write_text("a", encoding="utf-8")
    assert str(place) in bad(capsys, "train", "--data", place, "--out", out, app=APP)
    assert not out.exists()


@pytest.mark.parametrize("where", ["visualize", "lens"])
def test_first_filters_are_drawn_in_colour(where, trained, tmp_path, capsys):
    if where == "visualize":
        answer(capsys, "visualize", "weights", trained, "--out", tmp_path / "w.png", app=APP)
    else:
        from apps.bench import lens
        from cnn_core import runs

        report.save(lens.weights(runs.restore(APP, trained, torch.device("cpu"))), tmp_path / "w.png")
    with Image.open(tmp_path / "w.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    spread = pixels.max(2) - pixels.min(2)
    # In red and blue alone, as single planes are drawn, green would never be the strongest colour.
    assert ((pixels[..., 1] > pixels[..., 0] + 30) & (pixels[..., 1] > pixels[..., 2] + 30)).any()
    assert spread.max() > 100


@pytest.mark.slow
def test_optima_are_pictures_better_than_their_start(trained, capsys):
    args = ["filters", trained, "--layer", "conv1", "--steps", 40, "--count", 4]
    for more in ([], ["--fourier"]):
        for unit in answer(capsys, "visualize", *args, *more, app=APP)["units"]:
            assert unit["activation"] >= unit["start"]


BODY = efficientnet_lite0().eval()  # random weights


@pytest.fixture
def random_backbone(monkeypatch, own_cache, tmp_path):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(model, "pretrained", lambda name: BODY)
    monkeypatch.setattr(features, "_known", {})


def frozen_config(folder, head="avg"):
    net = ConvNetConfig(input_shape=(3, 32, 32), head=head, hidden=())
    return PhotosConfig(data=str(folder), side=40, seen=64, backbone="efficientnet-lite0", net=net)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["avg", "max", "dense"])
def test_features_are_what_the_whole_network_makes(head, folder, random_backbone):
    config = frozen_config(folder, head)
    found = data.load(config, progress=False)
    net = APP.build(config, found.labels)
    APP.initialize(net, config)
    net.eval()
    pictures = found.train.inputs[:5]
    with torch.no_grad():
        fast, slow = features.forward(config)(net, pictures), net(pictures)
    torch.testing.assert_close(fast, slow, rtol=5e-3, atol=5e-3)  # features are kept as float16
    # Against the backbone itself: the same pictures, enlarged and normalised by hand.
    enlarged = torch.nn.functional.interpolate(pictures.float(), (64, 64), mode="bilinear")
    with torch.no_grad():
        maps = torch.nn.Sequential(OrderedDict(list(BODY.named_children())[:-3]))(enlarged)
    expected = {"avg": maps.mean((2, 3)), "max": maps.amax((2, 3)), "dense": maps.flatten(1)}[head]
    torch.testing.assert_close(torch.from_numpy(baselines.inputs_of(config, found.train)[:5]).float(), expected,
                               rtol=2e-3, atol=2e-3)  # fmt: skip


@pytest.mark.slow
def test_a_frozen_backbone_stays_as_it_was(folder, random_backbone, tmp_path, capsys):
    before = {name: value.clone() for name, value in BODY.state_dict().items()}
    args = ["--preset", "frozen", "--data", folder, "--side", 40, "--seen", 64, "--fit.epochs", 4]
    answer(capsys, "train", *args, "--fit.calibration", 0, "--out", tmp_path / "run", app=APP)
    from cnn_core import runs

    saved = runs.restore(APP, tmp_path / "run").model.state_dict()
    for name in before:
        if not name.startswith("output."):
            torch.testing.assert_close(saved[name], before[name], rtol=0, atol=0)
    evaluated = answer(capsys, "evaluate", tmp_path / "run", app=APP)
    assert evaluated["baseline"]["name"] == "logistic regression on features of efficientnet-lite0"


@pytest.mark.slow
def test_the_last_blocks_learn_on(folder, random_backbone, tmp_path, capsys):
    from cnn_core import runs

    before = {name: value.clone() for name, value in BODY.state_dict().items()}
    args = ["--preset", "tuned", "--data", folder, "--side", 40, "--seen", 64, "--tuned", 2, "--fit.precision", "fp32"]
    args += ["--fit.epochs", 2, "--fit.calibration", 0]
    answer(capsys, "train", *args, "--out", tmp_path / "run", app=APP)
    saved = runs.restore(APP, tmp_path / "run").model.state_dict()
    same = [name for name in before if name in saved and not name.startswith("output.")]
    changed = {name.partition(".")[0] for name in same if not torch.equal(saved[name], before[name])}
    assert changed == {"block15", "block16", "head"}
    assert all(torch.equal(saved[name], before[name]) for name in same if "running" in name)
    # A frozen run of the same layers may be the start.
    frozen = ["--preset", "frozen", "--data", folder, "--side", 40, "--seen", 64, "--fit.calibration", 0]
    answer(capsys, "train", *frozen, "--fit.epochs", 1, "--out", tmp_path / "frozen", app=APP)
    answer(capsys, "train", *args, "--init", tmp_path / "frozen", "--out", tmp_path / "next", app=APP)


def test_only_a_backbone_is_tuned(folder, capsys):
    assert "no backbone" in bad(capsys, "train", "--data", folder, "--tuned", 2, app=APP)
    assert "--augment" in bad(capsys, "train", "--preset", "frozen", "--augment.flip", app=APP)
    assert "tuned" in bad(capsys, "train", "--preset", "tuned", "--tuned", 17, app=APP)


def test_features_come_from_the_cache_the_second_time(folder, random_backbone, monkeypatch):
    config = frozen_config(folder)
    data.load(config, progress=False)
    monkeypatch.setattr(features, "_known", {})
    monkeypatch.setattr(features, "computed", lambda *_: pytest.fail("computed again"))
    data.load(config, progress=False)


def test_presets_say_what_they_are():
    assert PRESETS["scratch"].backbone == "none"
    assert PRESETS["frozen"].backbone == "efficientnet-lite0"
    assert bool(PRESETS["scratch"].augment)
    assert not PRESETS["frozen"].augment
