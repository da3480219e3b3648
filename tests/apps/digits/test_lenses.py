"""cnn-digits visualize and explain: what is shown is true, and wrong questions get one line."""

import numpy as np
import pytest
import torch
from PIL import Image

from apps.digits.app import APP
from apps.digits.lecture.optima import claims
from apps.digits.lecture.subsampling import BOARD, liberties, subsampled
from apps.digits.render import patch, render
from cnn_core import runs, visual
from cnn_core.cli import run
from cnn_core.verbs import explain
from cnn_core.verbs.attributions import METHODS, Question, _moved, blind_axes, fall, heat
from cnn_core.verbs.views.raw_inputs import maximize_raw
from cnn_core.visual.optimization.config import MaximizeConfig
from tests.helpers.commands import answer, bad

SMALL = ["--fit.epochs", "4", "--threads", "1"]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CNN_SUITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def lecture_run(digits_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "lecture"
    args = ["train", "--preset", "lecture", "--data", str(digits_folder), "--out", str(folder), "--json", *SMALL]
    assert run(APP, args) == 0
    return folder


@pytest.fixture(scope="module")
def restored(lecture_run):
    return runs.restore(APP, lecture_run)


@pytest.fixture(scope="module")
def model(restored):
    return restored.model


def size_of(path):
    with Image.open(path) as picture:
        return picture.size


@pytest.mark.parametrize("what", ["filters", "neurons", "classes"])
def test_units_get_more_than_any_real_picture_gives_them(lecture_run, what, capsys):
    args = ["visualize", what, lecture_run, "--count", 5, "--steps", 60]
    first = answer(capsys, *args)
    lively = [unit for unit in first["units"] if unit["best_real"] > 0]
    assert len(first["units"]) == 5
    assert len(lively) >= 2
    for unit in lively:
        assert unit["activation"] > unit["best_real"] >= unit["median"]
        assert unit["activation"] > unit["start"]
    assert answer(capsys, *args) == first, "the same seed gives the same pictures"
    assert size_of(first["picture"])[0] > 300


def test_wanted_pictures_are_valid_and_measured_as_shown(restored, model):
    found = maximize_raw(
        torch.zeros((28, 28), dtype=torch.uint8),
        restored,
        list(visual.logits([3, 5])),
        MaximizeConfig(steps=30, copies=2, tv=0.01, l2=0.01, fourier=True),
    )
    assert len(found.inputs) == len(found.after) == 4
    assert {(x.shape, x.dtype) for x in found.inputs} == {((28, 28), np.dtype(np.uint8))}
    with torch.no_grad():
        logits = model(torch.from_numpy(np.stack(found.inputs)))
    assert found.after == pytest.approx([*logits[:2, 3].tolist(), *logits[2:, 5].tolist()], rel=1e-4)
    assert not np.array_equal(found.inputs[0], found.inputs[1])


def test_exemplars_are_the_strongest_and_lie_where_they_say(lecture_run, model, capsys):
    found = answer(capsys, "visualize", "exemplars", lecture_run, "--layer", "conv1", "--units", 2, 7, "--exemplars", 3)
    train = APP.load(runs.restore(APP, lecture_run).config).train.inputs
    maps = visual.record(model, train, "conv1")["conv1"].float().flatten(2).amax(2)  # (N, filters)
    for unit in (2, 7):
        mine = [e for e in found["exemplars"] if e["unit"] == unit]
        assert [e["score"] for e in mine] == pytest.approx(maps[:, unit].topk(3).values.tolist(), rel=1e-4)
        (top, bottom), (left, right) = mine[0]["box"]
        assert (bottom - top, right - left) == (3, 3)
        weight, bias = model.conv1.conv.weight[unit, 0].detach(), model.conv1.conv.bias[unit].detach()
        pixels = visual.front_of(model, train[mine[0]["sample"]][None])[0, 0, top:bottom, left:right]
        assert float((weight * pixels).sum() + bias) == pytest.approx(mine[0]["score"], rel=1e-3)


@pytest.mark.long
def test_lecture_sheet_page_and_claims(lecture_run, capsys):
    found = answer(capsys, "visualize", "lecture", lecture_run)
    filters, neurons, digits, penalised = found["measures"].values()
    assert (filters["sees"], neurons["sees"]) == (8, 26)
    assert filters["repetition"] > neurons["repetition"]
    assert penalised["blank"] > digits["blank"] + 0.2
    assert penalised["read_as_their_class"] >= 9
    page = (lecture_run / "visualize" / "lecture.html").read_text()
    assert page.count("data:image/png;base64,") == 13
    assert "http" not in page
    figures = {path.stem for path in (lecture_run / "visualize" / "lecture").glob("*.png")}
    assert figures >= {
        "diagonal",
        "cube",
        "connection",
        "pooling",
        "flatten",
        "subsampling",
        "board",
        "likeness",
        "dream",
    }
    told = {claim["claim"]: claim["holds"] for claim in found["claims"]}
    assert len(told) >= 18
    assert all(holds for claim, holds in told.items() if "matrix" in claim or "map" in claim or "board" in claim)
    ways = next(more["ways"] for more in found["more"].values() if "ways" in more)
    assert ways["prior from data"]["likeness"] > ways["plain"]["likeness"] + 0.3
    assert ways["plain"]["own"] > 0.9  # sure of what is no digit
    lines = claims(found["measures"], 10)
    assert len(lines) == 4
    swapped = dict(zip(found["measures"], [neurons, filters, penalised, digits], strict=True))
    assert all(str(line).startswith("DOES NOT HOLD") for line in claims(swapped, 10)[:3])


def test_one_unit_in_short_form(lecture_run, capsys):
    found = answer(capsys, "visualize", "filters", lecture_run, "--layer", "conv1:7", "--steps", 4)
    assert [each["unit"] for each in found["units"]] == ["7"]


def test_liberties_of_the_board_and_of_every_second_line():
    board = np.array([[0, 1, 2], [1, 1, 2], [0, 2, 0]])
    assert sorted(liberties(board)) == [1, 2, 2]
    assert liberties(np.zeros((3, 3), int)) == []
    stones = np.array([[".XO".index(point) for point in row] for row in BOARD])
    assert min(liberties(stones)) > 0  # a legal position
    assert sorted(liberties(stones)) != sorted(liberties(stones[::2, ::2]))


def test_subsampled_pictures_keep_every_second_pixel():
    pictures = torch.randint(0, 256, (2, 28, 28), dtype=torch.uint8)
    assert torch.equal(subsampled(pictures, 1), pictures)
    flat = torch.full((1, 28, 28), 77, dtype=torch.uint8)
    assert torch.equal(subsampled(flat, 3), flat)
    ramp = (torch.arange(28) * 9).expand(1, 28, 28).to(torch.uint8)
    assert int((subsampled(ramp, 2).int() - ramp.int()).abs().max()) <= 9


@pytest.mark.slow
def test_explain_points_at_what_the_network_uses(lecture_run, capsys):
    found = answer(capsys, "explain", lecture_run, *range(12), "--methods", "integrated-gradients", "occlusion")
    assert len(found["explained"]) == 12
    sure = [e for e in found["explained"] if e["probability"] > 0.5]
    for method in ("integrated-gradients", "occlusion"):
        falls = [e["methods"][method] for e in sure]
        assert np.mean([f["fall"] for f in falls]) > np.mean([f["fall_elsewhere"] for f in falls]) + 0.1
    assert size_of(found["picture"])[1] > 1000


def test_every_method_gives_a_map_of_the_places(model, digit_pictures):
    assert tuple(METHODS) == explain.METHODS + explain.MORE
    features = visual.front_of(model, torch.from_numpy(digit_pictures[0][:1]))
    blank = visual.front_of(model, torch.zeros(1, 28, 28, dtype=torch.uint8))
    rest = visual.behind_front(model)
    assert torch.equal(rest(features), model(torch.from_numpy(digit_pictures[0][:1])))
    question = Question(rest, features, 0, blank, "pool2")
    for method in METHODS:
        found = heat(question, method)
        assert found.shape == (28, 28)
        assert found.any()
    # Completeness, through the front end: integrated gradients sum to the change of the logit.
    change = float((rest(features) - rest(blank))[0, 0].detach())
    assert heat(question, "integrated-gradients").sum() == pytest.approx(change, rel=0.02)
    everything = fall(question, np.ones((28, 28), np.float32), share=1.0)
    p = torch.softmax(torch.cat([rest(features), rest(blank)]), 1)[:, 0].tolist()
    assert everything.drop == pytest.approx(p[0] - p[1], abs=1e-5)
    assert everything.elsewhere == pytest.approx(everything.drop, abs=1e-5)
    assert not everything.found  # all of a picture is everywhere


class Corner(torch.nn.Module):
    """A network that looks at a square of 4 x 4 alone."""

    def forward(self, x):
        seen = x[:, :, 2:6, 2:6].mean((1, 2, 3))
        return torch.stack([4 * seen, -4 * seen], 1)


def test_a_region_is_compared_with_the_same_region_elsewhere():
    """Scattered places would hide a part of the square at nearly every draw; a square elsewhere hides nothing of it."""
    features = torch.ones(1, 1, 28, 28)
    question = Question(Corner(), features, 0, torch.zeros(1, 1, 28, 28), "")
    right, wrong = np.zeros((2, 28, 28), np.float32)
    right[2:6, 2:6] = 1
    wrong[20:24, 20:24] = 1
    share = 16 / 784
    found = fall(question, right, share)
    assert found.found
    assert found.drop > 0.4
    assert found.elsewhere < 0.1
    assert not fall(question, wrong, share).found
    moved = [_moved(right > 0, np.random.default_rng(seed)) for seed in range(30)]
    assert {int(mask.sum()) for mask in moved} == {16}
    assert len({mask.tobytes() for mask in moved}) > 20


def test_a_map_that_cannot_tell_an_axis_is_said():
    assert blind_axes(np.tile(np.arange(5.0), (4, 1))) == [0]
    assert blind_axes(np.arange(20.0).reshape(4, 5)) == []
    assert blind_axes(np.zeros((4, 5))) == []
    assert blind_axes(np.arange(6.0)[:, None]) == []


def test_render_draws_heat_and_parts():
    ink = np.zeros((28, 28), np.uint8)
    ink[5:9, 5:9] = 200
    assert render(ink)[5, 5] == 55
    signed = np.zeros((28, 28), np.float32)
    signed[0, 0], signed[27, 27] = 2, -2
    tinted = render(ink, heat=signed).astype(int)
    assert tinted[0, 0, 0] > tinted[0, 0, 2]
    assert tinted[27, 27, 2] > tinted[27, 27, 0]
    assert (tinted[14, 14] == 255).all()
    assert patch(ink, [(-2, 6), (4, 10)]).shape == (8, 6)
    assert patch(ink, [(-2, 6), (4, 10)])[7, 1] == 55


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["visualize", "filters", "RUN", "--layer", "nope"], "layers are conv1, pool1, conv2, pool2, flatten"),
        (["visualize", "filters", "RUN", "--layer", "dense1"], "has neurons, no filters; name one of conv1"),
        (["visualize", "neurons", "RUN", "--units", "100"], "dense1 has units 0 to 99"),
        (["visualize", "classes", "RUN", "--units", "-1"], "output has units 0 to 9"),
        (
            ["visualize", "classes", "RUN", "--layer", "conv1"],
            "visualize classes: does not read --layer; it reads --units,",
        ),
        (["visualize", "dreams", "RUN"], "visualize dreams: unknown; it shows weights, filters, neurons"),
        (["visualize", "weights", "RUN", "--layer", "flatten"], "name a convolution"),
        (["visualize", "weights", "RUN", "--count", "3"], "visualize weights: does not read --count; it reads --layer"),
        (["visualize", "exemplars", "RUN", "--l1", "0.1"], "visualize exemplars: does not read --l1"),
        (["visualize", "maps", "RUN"], "visualize maps: needs --input"),
        (["visualize", "maps", "RUN", "--input", "0", "--layer", "output"], "no maps"),
        (["visualize", "filters", "RUN", "--layer", "conv1:99"], "conv1 has units 0 to 24"),
        (["visualize", "filters", "RUN", "--layer", "conv1:x"], "behind the colon stands one unit"),
        (["visualize", "filters", "RUN", "--layer", "conv1:1", "--units", "2"], "several go with --units"),
        (["visualize", "filters", "RUN", "--steps", "0"], "--steps must be at least 1"),
        (["visualize", "filters", "RUN", "--count", "0"], "--count and --exemplars"),
        (["explain", "RUN"], "name the pictures to explain"),
        (["explain", "RUN", "5000"], "samples 0 to 296"),
        (["explain", "RUN", "nothing.png"], "no such file"),
        (["explain", "RUN", "0", "--methods", "magic"], "choose from saliency"),
        (["explain", "RUN", "0", "--target", "ten"], "choose from 0, 1, 2"),
        (["explain", "RUN", "0", "--layer", "nope"], "no such layer"),
    ],
)
def test_wrong_questions_get_one_line(lecture_run, capsys, args, message):
    assert message in bad(capsys, *[lecture_run if arg == "RUN" else arg for arg in args])


def test_lecture_needs_its_network(digits_folder, tmp_path, capsys):
    args = ["train", "--data", str(digits_folder), "--out", str(tmp_path / "fast"), "--json", "--threads", "1"]
    assert run(APP, args) == 0
    assert "train --preset lecture" in bad(capsys, "visualize", "lecture", tmp_path / "fast")
