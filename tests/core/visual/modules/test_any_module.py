"""Every lens on random weights of the networks that people use, against hooks and autograd written out here."""

import pytest
import torch
from torch import nn

from cnn_core import visual

models = pytest.importorskip("torchvision.models", reason="torchvision, whose networks are looked into, is not there")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Using a non-full backward hook"),
]

LAST, TOKENS = (0, 3, 1, 2), "tokens"
NETWORKS = {
    "ResNet-50": ("resnet50", 64, {"layer2": None, "layer4.2": None, "layer1.0.relu#0": None}),
    "EfficientNet-B0": ("efficientnet_b0", 64, {"features.3": None, "features.8": None}),
    "ConvNeXt-T": (
        "convnext_tiny", 64,
        {"features.3": None, "features.5.2.block.0": None, "features.5.2.block.2": LAST, "features.5.2.block.3": LAST,
         "features.5.2": None},
    ),
    "Swin-T": (
        "swin_t", 64,
        {"features.0": LAST, "features.3.1.attn": LAST, "features.3.1.mlp.0": LAST, "norm": LAST,
         "permute": None},
    ),
    "ViT-B/16": (
        "vit_b_16", 64,
        {"conv_proj": None, "encoder.layers.encoder_layer_1": TOKENS, "encoder.layers.encoder_layer_2.ln_1": TOKENS},
    ),
    "Inception v3": ("inception_v3", 96, {"Mixed_5b": None, "Mixed_7c": None}),
}  # fmt: skip
CASES = [(name, layer) for name, (_, _, layers) in NETWORKS.items() for layer in layers]


def small(name):
    """The network, with fewer blocks where these are alike, and a last layer that is not zero."""
    torch.manual_seed(0)
    build, side, _ = NETWORKS[name]
    options = {"init_weights": False} if build == "inception_v3" else {}
    if build == "vit_b_16":
        model = models.VisionTransformer(side, 16, 4, 4, 96, 192, num_classes=10)
        nn.init.normal_(model.heads.head.weight)
    else:
        model = getattr(models, build)(weights=None, num_classes=10, **options)
    for module in model.modules():  # scales of random networks shrink or grow without bound otherwise
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return model.train(), torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def arranged(h, axes, side=4):
    if axes is None:
        return h
    return h[:, 1:].transpose(1, 2).unflatten(2, (side, side)) if axes == TOKENS else h.permute(axes)


def by_hand(model, x, layer, axes, target):
    """Maps (B, C, H, W), their gradients and the input's gradient, by a hook and autograd."""
    kept = []
    name, _, number = layer.partition("#")
    handle = model.get_submodule(name).register_forward_hook(
        lambda _m, _i, output: kept.append(output.clone()) or kept[-1]
    )
    x = x.clone().requires_grad_()
    score = model.eval()(x)[:, target].sum()
    handle.remove()
    h = kept[int(number) if number else -1]
    gradient, at_input = torch.autograd.grad(score, [h, x])
    return arranged(h, axes).detach(), arranged(gradient, axes), at_input


@pytest.mark.parametrize(("name", "layer"), CASES)
def test_every_lens(name, layer, state):
    model, x = small(name)
    kept = state(model)
    maps, gradient, at_input = by_hand(model, x, layer, NETWORKS[name][2][layer], 3)
    model.train()
    unit = int(maps.sum((0, 2, 3)).argmax())
    scale = {"rtol": 1e-3, "atol": 1e-5 * float(maps.abs().max())}

    cam = visual.grad_cam(model, x, layer, 3, resized=False)
    expected = (gradient.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()
    torch.testing.assert_close(cam, expected, rtol=1e-3, atol=1e-4 * float(expected.max()))
    expected = (gradient.relu() * maps).sum(1, keepdim=True).relu()
    torch.testing.assert_close(
        visual.layer_cam(model, x, layer, 3, resized=False), expected, rtol=1e-3, atol=1e-4 * float(expected.max())
    )
    torch.testing.assert_close(
        visual.saliency(model, x, 3, signed=True), at_input, rtol=1e-3, atol=1e-3 * float(at_input.abs().max())
    )
    torch.testing.assert_close(visual.values(model, f"{layer}:{unit}", x), maps[:, unit].sum((1, 2)), **scale)
    best = visual.find_exemplars(model, x, layer, count=2)
    torch.testing.assert_close(best.scores.T.sort(0).values, maps.amax((2, 3)).sort(0).values, **scale)
    assert best.places.shape == (maps.shape[1], 2, 2)
    box = visual.receptive_fields(model, layer, x[:1], [(0, 0)]).boxes[0]
    assert box[0].tolist() == [0, 3]
    assert int(box[1:, 0].max()) < int(box[1:, 1].min()) <= x.shape[-1]
    found = visual.optimize(
        model, f"{layer}:{unit}", visual.Pixels(tuple(x.shape[1:])), steps=2, rule="plain", rate=0.01
    )
    assert found.after[0] > found.before[0]
    dream = visual.deep_dream(model, f"{layer}:{unit}", x[0], octaves=1, steps=1, jitter=0, rate=1e-3)
    assert float(visual.values(model, f"{layer}:{unit}", dream[None])) > float(
        visual.values(model, f"{layer}:{unit}", x[:1])
    )
    guided = visual.guided_backprop(model, x, 3)
    assert guided.shape == x.shape
    assert visual.integrated_gradients(model, x[:1], 3, steps=2).values.shape == x[:1].shape
    kept.check()


@pytest.mark.parametrize(
    ("build", "layer", "expected"),
    [
        ("resnet50", "layer4", 427),
        pytest.param("resnet101", "layer4", 971, marks=pytest.mark.long),
        pytest.param("inception_v3", "Mixed_7c", 1311, marks=pytest.mark.long),
        ("vgg16", "features", 212),
    ],
)
def test_fields_of_torchvisions_networks_are_the_published_ones(build, layer, expected):
    options = {"init_weights": False} if build in ("inception_v3", "vgg16") else {}
    model = getattr(models, build)(weights=None, **options)
    example = torch.zeros(1, 3, expected + 90, expected + 90)
    middle = middle_of(model, layer, example)
    box = visual.receptive_fields(model, layer, example, [middle]).unclipped[0, 1:]
    assert (box[:, 1] - box[:, 0]).tolist() == [expected, expected]


def middle_of(model, layer, example):
    shape = visual.record(model, example, layer)[layer].shape
    return tuple(n // 2 for n in shape[2:])
