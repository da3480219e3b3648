"""The lecture's page: gradients without a training library, the shipped networks, the climb in JavaScript."""

import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from apps.digits.model import MEAN, SD
from apps.playground.__main__ import main
from apps.playground.lecture import gradient, made, sisters
from apps.playground.lecture.network import network
from cnn_core.errors import UserError
from cnn_core.nn.network import ConvNet

LABELS = tuple("0123456789")


@pytest.mark.parametrize("sister", sisters.SISTERS, ids=lambda each: each.name)
@pytest.mark.parametrize("kernel", [3, 5])  # with 3 the second pooling leaves a row over
def test_the_gradient_is_autograds(sister, kernel, monkeypatch):
    plain = sisters.config_of
    monkeypatch.setattr(sisters, "config_of", lambda one: _small(plain(one), kernel))
    model = sisters.network_of(sister, LABELS, seed=3).eval()
    graph = gradient.with_gradient(model, 1 / (255 * SD), -MEAN / SD, sisters.SIZE, sisters.order_of(sister))
    generator = torch.Generator().manual_seed(1)
    pixels = (torch.rand(2, 28, 28, generator=generator) * 255).requires_grad_()
    maps = {}
    model.get_submodule("conv2").register_forward_hook(lambda _model, _given, out: maps.update(out=out))
    logits = model(pixels)
    want = torch.randn(logits.shape, generator=generator)
    dream = torch.randn(maps["out"].shape, generator=generator)
    (expected,) = torch.autograd.grad((want * logits).sum() + (dream * maps["out"]).sum(), pixels)
    given = {"pixels": pixels.detach()[:, None], "want": want, "dream": dream}
    session = onnxruntime.InferenceSession(graph)
    found = session.run(["logits", "maps", "gradient"], {name: value.numpy() for name, value in given.items()})
    np.testing.assert_allclose(found[0], logits.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(found[1], maps["out"].detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(found[2][:, 0], expected.numpy(), atol=1e-6)
    assert np.abs(found[2]).max() > 1e-3


def _small(config, kernel):
    return replace(config, net=replace(config.net, channels=(4, 6), kernels=(kernel,), hidden=(7,)))


@pytest.mark.parametrize("changed", [{"activation": "gelu"}, {"norm": "batch"}, {"strides": (2, 1)}, {"pool": "blur"}])
def test_layers_without_a_written_gradient_are_refused(changed):
    net = replace(sisters.config_of(sisters.SISTERS[0]).net, kernels=(3,), **changed)
    with pytest.raises(ValueError, match="written for"):
        gradient.with_gradient(ConvNet(net).eval(), 1.0, 0.0, sisters.SIZE)


def test_shipped_files_are_small_and_what_the_card_says(mnist_test):
    card, parts = made.read()
    assert {each["name"] for each in card["networks"]} == {"lecture", "max", "average", "none", "shuffled"}
    assert max(map(len, parts.values())) < 300_000
    sheet = card["dream"]
    with Image.open(made.folder() / made.SHEET) as picture:
        assert picture.width % sheet["columns"] == 0
        assert picture.height % sheet["rows"] == 0
    images, targets = mnist_test
    for each in card["networks"]:
        logits, maps = made.logits_of(parts[f"{each['name']}.onnx"], images)
        assert maps == each["maps"]
        error = float((logits.argmax(1) != targets).mean())
        # A fifth of the test digits: within what its own size allows around the whole one's share.
        assert error == pytest.approx(
            1 - each["accuracy"], abs=3 * (0.25 * 4 * each["low"] * 0.01 / 2000) ** 0.5 + 0.008
        )


@pytest.fixture(scope="module")
def mnist_test():
    from apps.digits.app import APP
    from apps.digits.config import PRESETS

    try:
        test = APP.load(PRESETS["lecture"]).test
    except UserError as error:
        pytest.skip(f"MNIST cannot be had: {error}")
    images, targets = test.take(slice(0, 10_000, 5))
    return images.numpy(), targets.numpy()


def test_the_browsers_climb_is_adam(javascript):
    generator = np.random.default_rng(0)
    start = generator.uniform(0, 255, 20).astype(np.float32)
    gradients = generator.normal(size=(30, 20)).astype(np.float32) / 255
    code = (
        "(() => { const x = Float32Array.from(data.start); const state = m.climber(x.length);"
        " for (const g of data.gradients) m.ascend(x, Float32Array.from(g), state, data.price);"
        " return [Array.from(x), m.RATE]; })()"
    )
    found, rate = javascript(
        "lecture/climb.js", code, {"start": start.tolist(), "gradients": gradients.tolist(), "price": 0.3}
    )
    x = torch.tensor(start, requires_grad=True)
    adam = torch.optim.Adam([x], lr=rate)
    for each in gradients:
        x.grad = -(255 * torch.from_numpy(each) - 0.3 * (x.detach() > 0))
        adam.step()
        with torch.no_grad():
            x.clamp_(0, 255)
    np.testing.assert_allclose(found, x.detach().numpy(), atol=0.05)


def test_the_browser_moves_pictures_as_numpy_does(javascript):
    picture = np.arange(1, 26, dtype=np.float32).reshape(5, 5)
    found = javascript(
        "lecture/climb.js", "Array.from(m.shifts(Float32Array.from(data), 5, 2))", picture.ravel().tolist()
    )
    padded = np.pad(picture, 2)
    moved = [padded[2 - dy : 7 - dy, 2 - dx : 7 - dx] for dy in range(-2, 3) for dx in range(-2, 3)]
    np.testing.assert_array_equal(np.reshape(found, (25, 5, 5)), moved)


def test_wrong_options_are_told_in_one_line(capsys):
    for args, said in (
        (["lecture"], "--page"),
        (["lecture", "--page", "x.png"], ".html"),
        (["lecture", "--out", "x"], "--train"),
    ):
        assert main(args) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_missing_files_name_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(made, "folder", lambda: tmp_path)
    with pytest.raises(UserError, match="cnn-playground lecture --train"):
        network()
    (tmp_path / made.CARD).write_text(json.dumps({"networks": [{"name": "max"}]}))
    with pytest.raises(UserError, match="cnn-playground lecture --train"):
        network()
