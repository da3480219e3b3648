"""cnn-dream from the command line, on small networks of random weights and drawn pictures, so without a network."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from apps.digits.app import APP as DIGITS
from apps.dream import data, foreign, model
from apps.dream.app import APP
from cnn_core import config as config_module
from cnn_core.cli import run
from cnn_core.errors import UserError
from cnn_core.nn.backbones import efficientnet, plain, pretrained
from tests.helpers import commands

ROOT = Path(__file__).parents[3]


def answer(capsys, *args):
    return commands.answer(capsys, *args, app=APP)


def bad(capsys, *args):
    return commands.bad(capsys, *args, app=APP)


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Thin networks of the same layers, random weights; an own cache, so that nothing comes from another run."""
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(plain, "VGG_WIDTHS", (4, 4, 6, 6, 6))

    def made(name, progress=True):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = pretrained.NETWORKS[name][1]()
            for module in net.modules():
                if isinstance(module, nn.Conv2d) and module.groups == 1:
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        return net.eval()

    monkeypatch.setattr(pretrained, "pretrained", made)
    monkeypatch.setattr(pretrained, "imagenet_names", lambda progress=True: tuple(f"thing {i}" for i in range(1000)))


@pytest.fixture
def photo(tmp_path):
    """A picture of 72 x 48 with edges, colours and noise."""
    x = np.random.default_rng(0).integers(0, 60, (48, 72, 3)).astype(np.uint8)
    x[10:30, 20:50, 0] = 250
    x[:, ::8] = 180
    path = tmp_path / "photo.png"
    Image.fromarray(x).save(path)
    return path


@pytest.fixture
def painting(tmp_path):
    x = np.zeros((64, 64, 3), np.uint8)
    x[::6], x[:, ::9, 2] = (255, 200, 0), 255
    path = tmp_path / "painting.png"
    Image.fromarray(x).save(path)
    return path


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def size_of(path):
    """(width, height, frames)."""
    with Image.open(path) as image:
        return (*image.size, getattr(image, "n_frames", 1))


def test_dream_changes_the_picture_and_is_kept(photo, tmp_path, capsys):
    args = ["dream", photo, "--layers", "conv3_1", "--octaves", 2, "--steps", 3]
    found = answer(capsys, *args, "--out", tmp_path / "a.png")
    assert found["size"] == [72, 48]
    first = pixels(tmp_path / "a.png")
    assert first.shape == (48, 72, 3)
    assert 2 < np.abs(first - pixels(photo)).mean() < 80
    answer(capsys, *args, "--out", tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert len(list((tmp_path / "cache" / "visual").glob("dream-*"))) == 1
    answer(capsys, *args, "--seed", 1, "--out", tmp_path / "c.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()


def test_dream_of_filters_raises_them(photo, tmp_path, capsys):
    answer(capsys, "dream", photo, "--layers", "conv2_1", "--units", 1, "--out", tmp_path / "a.png")
    net = model.load_backbone("vgg19")
    before, after = (net.model[:5](data.find(str(p)).tensor()[None])[0, 1].sum() for p in (photo, tmp_path / "a.png"))
    assert after > 1.2 * before


@pytest.mark.slow
def test_dream_of_a_class_from_noise_with_an_animation(tmp_path, capsys):
    found = answer(
        capsys, "dream", "--target", "thing 7", "--size", 40, "--octaves", 2, "--steps", 4,
        "--gif", tmp_path / "way.gif", "--out", tmp_path / "a.jpg",
    )  # fmt: skip
    assert found["backbone"] == "efficientnet-lite0"
    assert found["dreamt"] == "class-thing-7"
    assert size_of(tmp_path / "way.gif")[2] >= 3
    assert size_of(tmp_path / "a.jpg")[:2] == (40, 40)


def test_guided_dream_and_tiles(photo, painting, tmp_path, capsys):
    common = ["--layers", "conv2_1", "--octaves", 1, "--steps", 2, "--tile", 32]
    answer(capsys, "dream", photo, *common, "--out", tmp_path / "alone.png")
    answer(capsys, "dream", photo, *common, "--guide", painting, "--out", tmp_path / "led.png")
    assert np.abs(pixels(tmp_path / "alone.png") - pixels(tmp_path / "led.png")).mean() > 0.5


def test_filters_in_short_form_and_enlarging(photo, tmp_path, capsys):
    common = ["--octaves", 1, "--steps", 2, "--size", 100]
    found = answer(
        capsys, "dream", photo, *common, "--layers", "conv2_1:2 - 0.5*conv2_1:3", "--out", tmp_path / "a.png"
    )
    assert found["dreamt"] == "conv2_1-2-0.5-conv2_1-3"
    assert size_of(tmp_path / "a.png")[:2] == (100, 67)  # a picture of 72 x 48
    args = ["dream", photo, "--layers", "conv2_1:2"]
    assert "leave out --units and --guide" in bad(capsys, *args, "--units", 3)
    assert "whole numbers" in bad(capsys, "dream", photo, "--layers", "conv2_1:x")
    assert "no such layer" in bad(capsys, "dream", photo, "--layers", "conv9_9:1")
    assert "too large" in bad(capsys, *args, "--size", 90_000)


def test_style_lowers_the_loss_at_both_sizes(photo, painting, tmp_path, capsys):
    args = ["style", photo, painting, "--coarse", 6, "--steps", 5, "--precision", "fp32"]
    found = answer(capsys, *args, "--every", 3, "--out", tmp_path / "a.png")
    assert all(last < 0.8 * first for first, last in found["losses"].values())
    assert set(found["losses"]) == {"coarse", "fine"}
    assert pixels(tmp_path / "a.png").shape == (48, 72, 3)
    steps = {p.name: size_of(p)[:2] for p in tmp_path.glob("a-step*.png")}
    assert steps == {"a-step0003.png": (36, 24), "a-step0006.png": (36, 24), "a-step0009.png": (72, 48)}
    answer(capsys, *args, "--out", tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_style_keeps_colours_and_blends(photo, painting, tmp_path, capsys):
    args = ["style", photo, painting, photo, "--blend", 3, 1, "--coarse", 0, "--steps", 4, "--optimizer", "adam"]
    args += ["--content-layers", "conv2_1=2", "--style-layers", "conv1_1", "conv2_1=0.5", "--start", "noise"]
    answer(capsys, *args, "--colours", "luminance", "--out", tmp_path / "a.png", "--gif", tmp_path / "a.gif")
    kept, mine = pixels(tmp_path / "a.png"), pixels(photo)
    inside = ((kept > 0) & (kept < 255)).all(2)  # where nothing was cut, the differences of channels are the photo's
    assert inside.sum() > 100
    assert np.abs((kept[..., 0] - kept[..., 2]) - (mine[..., 0] - mine[..., 2]))[inside].max() <= 2
    assert size_of(tmp_path / "a.gif")[2] == 3


@pytest.mark.slow
def test_filters_want_more_than_noise(tmp_path, capsys):
    args = ["visualize", "filters", "--layer", "conv2_1", "--size", 32, "--steps", 20, "--robust", "none"]
    found = answer(capsys, *args, "--units", 0, 2, "--out", tmp_path / "a.png")
    assert [unit["unit"] for unit in found["units"]] == [0, 2]
    assert all(unit["activation"] > 1.5 * max(unit["start"], 1e-6) for unit in found["units"])
    found = answer(capsys, *args, "--count", 2, "--copies", 3, "--pixels", "--tv", 0.1, "--out", tmp_path / "b.png")
    assert [unit["unit"] for unit in found["units"]] == [0, 0, 0, 2, 2, 2]


def test_weights_and_exemplars(photo, painting, tmp_path, capsys):
    found = answer(capsys, "visualize", "weights", "--out", tmp_path / "w.png")
    assert (found["layer"], found["filters"]) == ("conv1_1.conv", 4)
    (tmp_path / "album").mkdir()
    for path in (photo, painting):
        (tmp_path / "album" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "album" / "broken.png").write_text("no picture")
    args = ["--layer", "conv2_1", "--count", 2, "--photos", tmp_path / "album", "--out", tmp_path / "e.png"]
    found = answer(capsys, "visualize", "exemplars", *args)
    assert found["looked_through"] == 2
    assert {e["picture"] for e in found["exemplars"]} == {"photo", "painting"}
    best, second = (e["score"] for e in found["exemplars"][:2])
    assert best >= second


@pytest.mark.slow
def test_explain_lists_answers_and_methods(photo, tmp_path, capsys):
    found = answer(
        capsys, "explain", photo, "--methods", "saliency", "grad-cam", "guided-backprop", "--top", 3,
        "--size", 64, "--target", "thing 5", "--out", tmp_path / "x.png",
    )  # fmt: skip
    (one,) = found["explained"]
    assert len(one["top"]) == 3
    assert (one["target"], one["layer"]) == ("thing 5", "head")
    assert set(one["methods"]) == {"saliency", "grad-cam", "guided-backprop"}
    assert found["left_out"] == []
    assert (tmp_path / "x.png").stat().st_size > 5000


def test_prepare_lists_networks_and_photographs(capsys):
    found = answer(capsys, "prepare", "--list")
    assert [n["name"] for n in found["networks"]] == ["vgg19", "vgg16", "alexnet", "efficientnet-lite0"]
    assert {p["name"] for p in found["photographs"]} == set(data.samples())
    assert answer(capsys, "prepare", "alexnet")["prepared"][0]["name"] == "alexnet"
    assert "no network and no photograph" in bad(capsys, "prepare", "vgg99")


@pytest.fixture(scope="module")
def digits_run(digits_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    args = ["--data", str(digits_folder), "--out", str(folder), "--fit.epochs", "1", "--threads", "1", "--json"]
    assert run(DIGITS, ["train", *args]) == 0
    return folder


def test_a_run_of_the_suite_is_a_backbone(digits_run, photo, painting, tmp_path, capsys):
    common = ["--backbone", digits_run]
    answer(
        capsys, "dream", photo, *common, "--layers", "conv2", "--octaves", 1, "--steps", 3, "--out", tmp_path / "d.png"
    )
    dreamt = pixels(tmp_path / "d.png")
    assert (dreamt[..., 0] == dreamt[..., 2]).all()  # it sees one channel
    answer(capsys, "style", photo, painting, *common, "--coarse", 2, "--steps", 2, "--out", tmp_path / "s.png")
    found = answer(capsys, "explain", photo, *common, "--methods", "saliency", "--out", tmp_path / "x.png")
    assert found["explained"][0]["top"][0]["label"] in "0123456789"
    assert "--target eleven: no class" in bad(capsys, "dream", photo, *common, "--target", "eleven")


class Foreign(nn.Module):
    """A user's own network: in-place ReLUs, a normalisation of its own, seven classes."""

    def __init__(self):
        super().__init__()
        self.pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25), "input_size": (3, 64, 64)}
        self.first = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.second = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(inplace=True))
        self.head = nn.Linear(8, 7)

    def forward(self, x):
        return self.head(self.second(self.first(x)).mean((2, 3)))


@pytest.fixture
def libraries(monkeypatch):
    """What the suite calls of torchvision and timm."""

    def made(name, **options):
        if name != "foreign":
            raise RuntimeError(f"Unknown model ({name})")
        return Foreign()

    torchvision = type(sys)("torchvision.models")
    torchvision.get_model = made
    timm = type(sys)("timm")
    timm.create_model = made
    monkeypatch.setitem(sys.modules, "torchvision", type(sys)("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", torchvision)
    monkeypatch.setitem(sys.modules, "timm", timm)


@pytest.mark.slow
@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_networks_of_other_libraries(libraries, library, photo, tmp_path, capsys):
    name = f"{library}:foreign"
    found = answer(
        capsys, "dream", photo, "--backbone", name, "--layers", "second", "--octaves", 1, "--out", tmp_path / "d.png"
    )
    assert found["backbone"] == name
    found = answer(capsys, "explain", photo, "--backbone", name, "--methods", "occlusion", "--out", tmp_path / "x.png")
    assert {t["label"] for t in found["explained"][0]["top"]} <= set("0123456")
    assert "choose from first, second, head" in bad(capsys, "dream", photo, "--backbone", name, "--layers", "conv9")
    assert "Unknown model" in bad(capsys, "dream", photo, "--backbone", f"{library}:other")


def test_timm_settings_reach_the_front_end(libraries):
    backbone = foreign.load("timm:foreign", "", False)
    assert backbone.side == 64
    assert torch.allclose(backbone.model.front(torch.full((1, 3, 2, 2), 255.0)), torch.full((1, 3, 2, 2), 2.0))


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_files_of_weights(libraries, ending, photo, tmp_path, capsys):
    from safetensors.torch import save_file

    state = {key: torch.full_like(value, 0.25) for key, value in Foreign().state_dict().items()}
    path = tmp_path / f"w{ending}"
    save_file(state, path) if ending == ".safetensors" else torch.save(state, path)
    found = foreign.load("torchvision:foreign", str(path), False)
    assert all((p == 0.25).all() for p in found.model.net.parameters())
    wrong = tmp_path / f"wrong{ending}"
    del state["head.bias"]
    save_file(state, wrong) if ending == ".safetensors" else torch.save(state, wrong)
    args = ["dream", photo, "--backbone", "torchvision:foreign", "--weights"]
    assert "does not fit the network" in bad(capsys, *args, wrong)
    wrong.write_bytes(b"nothing of the kind")
    assert "refused" in bad(capsys, *args, wrong)
    assert "no such file" in bad(capsys, *args, tmp_path / "gone.pth")


def test_weights_that_are_a_program_are_refused(libraries, photo, tmp_path, capsys):
    path = tmp_path / "evil.pth"
    torch.save(Foreign(), path)
    assert "refused" in bad(capsys, "dream", photo, "--backbone", "timm:foreign", "--weights", path)


def test_bad_input_is_one_line(photo, painting, tmp_path, capsys, monkeypatch):
    (tmp_path / "empty").mkdir()
    text, tiny = tmp_path / "text.jpg", tmp_path / "tiny.png"
    text.write_text("no picture")
    Image.new("RGB", (6, 6)).save(tiny)
    layers = bad(capsys, "dream", photo, "--layers", "conv9_9")
    assert "no such layer; choose from conv1_1, conv1_2, pool1" in layers
    assert "as in conv1_1.conv" in layers
    assert "has units 0 to 3" in bad(capsys, "dream", photo, "--layers", "conv1_1", "--units", 4)
    assert "has units 0 to 5" in bad(capsys, "visualize", "filters", "--layer", "conv5_1", "--units", -1)
    assert re.search("conv|pool", bad(capsys, "dream", tiny, "--layers", "conv5_1"))
    assert "no such file, and no sample photograph (chelsea, coffee" in bad(capsys, "dream", tmp_path / "gone.png")
    assert "text.jpg: not a picture" in bad(capsys, "dream", text)
    assert "is a folder" in bad(capsys, "style", tmp_path, painting)
    assert "at least one style" in bad(capsys, "style", photo)
    assert "1 weights for 2 styles" in bad(capsys, "style", photo, painting, photo, "--blend", 1)
    assert "behind = stands a weight" in bad(capsys, "style", photo, painting, "--style-layers", "conv1_1=x")
    assert "--coarse and --steps" in bad(capsys, "style", photo, painting, "--coarse", 0, "--steps", 0)
    assert "has no classes" in bad(capsys, "dream", photo, "--backbone", "vgg19", "--target", "cat")
    assert "has no classes" in bad(capsys, "explain", photo, "--backbone", "vgg16")
    assert "did you mean thing 1" in bad(capsys, "explain", photo, "--target", "thingy 1")
    assert "leave out --layers" in bad(capsys, "dream", "--target", "thing 1", "--layers", "block3")
    assert "no such network; choose from vgg19" in bad(capsys, "dream", photo, "--backbone", "vgg99")
    assert "not a run folder" in bad(capsys, "dream", photo, "--backbone", tmp_path)
    assert "needs the package timm: pip install timm" in bad(capsys, "dream", photo, "--backbone", "timm:resnet18")
    assert "visualize weights: does not read --steps" in bad(capsys, "visualize", "weights", "--steps", 3)
    assert "visualize filters: does not read --exemplars" in bad(capsys, "visualize", "filters", "--exemplars", 2)
    assert "brings its own weights" in bad(capsys, "dream", photo, "--weights", "x.pth")
    assert "pictures are written as .png" in bad(capsys, "dream", photo, "--out", tmp_path / "x.tiff")
    assert "--methods magic" in bad(capsys, "explain", photo, "--methods", "magic")
    assert "name the pictures" in bad(capsys, "explain")
    assert "gives 1000 numbers, no feature maps" in bad(
        capsys, "visualize", "filters", "--backbone", "efficientnet-lite0", "--layer", "output"
    )
    assert "holds no pictures" in bad(capsys, "visualize", "exemplars", "--photos", tmp_path / "empty")
    assert "--octaves must be at least 1" in bad(capsys, "dream", photo, "--octaves", 0)
    monkeypatch.setattr("apps.dream.verbs.style.MOST", 1000)
    assert "3456 pixels" not in bad(capsys, "style", photo, painting)
    assert "name a smaller --size" in bad(capsys, "style", photo, painting)
    assert not list(tmp_path.glob("*-*.png"))


def test_weights_that_give_no_numbers_end_in_one_line(photo, tmp_path, capsys, monkeypatch):
    whole = pretrained.pretrained

    def broken(name, progress=True):
        net = whole(name)
        with torch.no_grad():
            net.conv2_1.conv.weight.fill_(float("nan"))
        return net

    monkeypatch.setattr(pretrained, "pretrained", broken)
    out = ["--out", tmp_path / "x.png"]
    assert "not a number" in bad(capsys, "dream", photo, "--layers", "conv3_1", *out)
    assert "not a number" in bad(capsys, "style", photo, photo, *out)
    assert "not a number" in bad(capsys, "visualize", "filters", "--layer", "conv3_1", "--size", 32, *out)
    assert not (tmp_path / "x.png").exists()


def test_a_layer_whose_output_is_no_tensor(photo, capsys, monkeypatch, libraries):
    class Pair(Foreign):
        def __init__(self):
            super().__init__()
            self.both = nn.Module()
            self.both.forward = lambda x: (x, x)

        def forward(self, x):
            return self.head(self.second(self.both(self.first(x))[0]).mean((2, 3)))

    sys.modules["timm"].create_model = lambda name, **options: Pair()
    assert "gives no tensor but a tuple" in bad(capsys, "dream", photo, "--backbone", "timm:pair", "--layers", "both")


def test_same_padding_is_tensorflows():
    """Against the definition: output i covers input i * s - before, with before = total // 2."""
    generator = torch.Generator().manual_seed(0)
    for size, k, s in [(7, 3, 2), (8, 3, 2), (9, 5, 2), (10, 5, 1), (6, 1, 1)]:
        conv = efficientnet.SameConv(1, 1, k, s, bias=False)
        x = torch.randn(1, 1, size, size, generator=generator)
        out = -(-size // s)
        before = max((out - 1) * s + k - size, 0) // 2
        expected = torch.zeros(out, out)
        for i in range(out):
            for j in range(out):
                for a in range(k):
                    for b in range(k):
                        row, column = i * s - before + a, j * s - before + b
                        if 0 <= row < size and 0 <= column < size:
                            expected[i, j] += x[0, 0, row, column] * conv.weight[0, 0, a, b].detach()
        assert torch.allclose(conv(x)[0, 0], expected, atol=1e-5)


def test_codebook_weights_are_looked_up_and_turned_to_rgb(tmp_path):
    net = plain.vgg19()
    stored, expected = {}, {}
    generator = torch.Generator().manual_seed(0)
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            block, layer = name.removeprefix("conv").removesuffix(".conv").split("_")
            key = f"block{block}_conv{layer}"
            stored[f"{key}_W_table"] = torch.randn(256, generator=generator)
            stored[f"{key}_W_q"] = torch.randint(0, 256, module.weight.shape, generator=generator, dtype=torch.uint8)
            stored[f"{key}_b"] = torch.randn(len(module.weight), generator=generator)
            expected[name] = stored[f"{key}_W_table"].numpy()[stored[f"{key}_W_q"].numpy()]
    torch.save(stored, tmp_path / "book.bin")
    state = pretrained.from_codebook(tmp_path / "book.bin", net)
    net.load_state_dict(state)
    for name, values in expected.items():
        mine = state[f"{name}.weight"].numpy()
        assert np.array_equal(mine[:, ::-1] if name == "conv1_1.conv" else mine, values)


def test_a_file_of_other_tensors_is_refused(tmp_path):
    torch.save({"a": torch.zeros(3)}, tmp_path / "a.pth")
    with pytest.raises(UserError, match="not those of the network"):
        pretrained.from_same_order(tmp_path / "a.pth", efficientnet.efficientnet_lite0())
    torch.save(nn.Linear(2, 2), tmp_path / "b.pth")
    with pytest.raises(UserError, match="weights and nothing else"):
        pretrained.from_codebook(tmp_path / "b.pth", plain.vgg19())


def test_a_photo_is_turned_and_shrunk(tmp_path):
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.new("RGB", (200, 100), (10, 200, 30)).save(tmp_path / "phone.jpg", exif=tags)
    found = data.find(str(tmp_path / "phone.jpg"), 50)
    assert found.pixels.shape == (50, 25, 3)
    assert found.tensor().shape == (3, 50, 25)
    assert torch.allclose(found.tensor(1), torch.tensor(0.299 * 10 + 0.587 * 200 + 0.114 * 30), atol=3)


def test_transparency_is_mentioned(tmp_path, capsys):
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(tmp_path / "glass.png")
    assert (data.find(str(tmp_path / "glass.png")).pixels == 255).all()
    assert "laid on white" in capsys.readouterr().err


@pytest.mark.slow
def test_from_a_shell(tmp_path):
    command = [sys.executable, "-m", "apps.dream", "dream", str(tmp_path / "gone.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("cnn-dream: error: ")
    assert done.stderr.count("\n") == 1


def test_presets_survive_json():
    for preset in APP.presets.values():
        assert config_module.from_json(type(preset), json.loads(json.dumps(config_module.to_json(preset)))) == preset
