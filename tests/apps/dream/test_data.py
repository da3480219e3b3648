"""The real networks: are their weights what they should be? Fetched once; skipped with the reason if they cannot."""

import pytest
import torch

from apps.dream import data
from apps.dream.model import load_backbone
from cnn_core.errors import UserError
from cnn_core.fetching.sources import cache_folder
from cnn_core.nn.backbones import pretrained
from cnn_core.visual import record

pytestmark = pytest.mark.data


def had(get):
    """What `get` gives; skipped where no source gives the data."""
    try:
        return get()
    except UserError as error:
        if "no source" in str(error):
            pytest.skip(str(error)[:200])
        raise


@pytest.mark.parametrize(
    ("photo", "kinds"), [("chelsea", {"tabby", "tiger cat", "Egyptian cat"}), ("coffee", {"espresso", "cup"})]
)
def test_photographs_are_recognised(photo, kinds):
    net = had(lambda: load_backbone("efficientnet-lite0", progress=False))
    picture = data.square(had(lambda: data.find(photo, progress=False)), net.side)
    with torch.no_grad():
        best = net.model(picture.tensor()[None])[0].topk(3).indices.tolist()
    assert net.labels[best[0]] in kinds
    assert kinds <= {net.labels[i] for i in best}


def test_class_names():
    names = had(lambda: pretrained.imagenet_names(progress=False))
    assert len(set(names)) == len(names) == 1000
    assert [names[i] for i in (0, 281, 291, 517, 999)] == ["tench", "tabby", "lion", "crane (517)", "toilet tissue"]


@pytest.mark.parametrize("name", ["vgg19", "vgg16", "alexnet"])
def test_first_filters_are_smooth_edges_and_colours(name):
    """Neighbours in a trained filter agree, and few filters are grey blobs: noise would give no agreement."""
    net = had(lambda: load_backbone(name, progress=False))
    weight = net.body.get_submodule(net.at(0)).conv.weight  # (O, 3, k, k)
    level = weight - weight.mean((2, 3), keepdim=True)
    beside = (level[..., 1:] * level[..., :-1]).flatten(1).sum(1) / level.square().flatten(1).sum(1)
    shuffled = level.flatten(2)[:, :, torch.randperm(level[0, 0].numel(), generator=torch.Generator().manual_seed(0))]
    shuffled = shuffled.view_as(level)
    chance = (shuffled[..., 1:] * shuffled[..., :-1]).flatten(1).sum(1) / level.square().flatten(1).sum(1)
    assert beside.median() > chance.median() + 0.1
    across = weight.flatten(2)  # (O, 3, k * k): grey edges have equal channels, colour filters opposite ones
    alike = torch.stack([torch.corrcoef(w)[0, 1:].mean() for w in across])
    assert (alike > 0.8).sum() >= len(weight) // 8
    assert (alike < 0.5).sum() >= len(weight) // 16


def alignment(a, b):
    """Linear CKA of features (places, C) and (places, D) (Kornblith et al., 2019)."""
    a, b = a - a.mean(0), b - b.mean(0)
    return float((a.T @ b).norm() ** 2 / ((a.T @ a).norm() * (b.T @ b).norm()))


@pytest.mark.slow
def test_two_sources_of_vgg_see_the_same_and_vgg19_takes_rgb():
    """VGG-19 (Oxford's, turned from BGR) agrees with VGG-16 (torchvision's) on photographs, less so when given BGR."""
    layers = ("conv1_2", "conv2_2", "conv3_3")
    nineteen, sixteen = (had(lambda n=n: load_backbone(n, progress=False)) for n in ("vgg19", "vgg16"))
    photos = [had(lambda n=n: data.find(n, 144, progress=False)).tensor()[None] for n in data.samples()]

    def features(net, pictures):
        found = {layer: [] for layer in layers}
        for picture in pictures:
            for layer, maps in record(net.model, picture, layers).items():
                found[layer].append(maps[0].flatten(1).T)
        return {layer: torch.cat(rows) for layer, rows in found.items()}

    reference, right = features(sixteen, photos), features(nineteen, photos)
    turned = features(nineteen, [photo.flip(1) for photo in photos])
    for layer in layers:
        agreement = alignment(right[layer], reference[layer])
        assert agreement > 0.5
        assert agreement > alignment(turned[layer], reference[layer])


def test_weights_of_torchvision_as_it_prints_them():
    """The first numbers of torchvision's VGG-16, which are on many a page; and the mean of RGB goes before them."""
    net = had(lambda: load_backbone("vgg16", progress=False))
    weight = net.model.conv1_1.conv.weight[0]
    assert weight[0, 0].tolist() == pytest.approx([-0.5537, 0.1427, 0.5290], abs=1e-4)
    assert weight[2, 0].tolist() == pytest.approx([0.3130, -0.1659, -0.4275], abs=1e-4)


def test_a_damaged_copy_is_converted_again():
    net = had(lambda: load_backbone("alexnet", progress=False))
    before = net.model.conv1.conv.weight.clone()
    (kept,) = (cache_folder() / "backbones").glob("alexnet-*.safetensors")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    again = load_backbone("alexnet", progress=False)
    assert torch.equal(again.model.conv1.conv.weight, before)
    assert kept.read_bytes() == whole


def test_sample_photographs_have_their_sizes_and_credits():
    sizes = {name: had(lambda n=name: data.find(n, progress=False)).pixels.shape[:2] for name in data.samples()}
    assert sizes["chelsea"] == (300, 451)
    assert sizes["china"] == (427, 640)
    assert all(credit and ("CC" in credit or "public domain" in credit) for _, credit in data.samples().values())
