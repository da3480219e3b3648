import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnn_core.errors import UserError
from cnn_core.visual.exemplars import find_exemplars
from cnn_core.visual.modules.activations import record
from cnn_core.visual.modules.receptive import receptive_fields


def by_formula(windows, place):
    """Start and stop on one axis, from (kernel, stride, padding, dilation) of the layers in order."""
    start, stop = place, place + 1
    for kernel, stride, padding, dilation in reversed(windows):
        start = start * stride - padding
        stop = (stop - 1) * stride - padding + dilation * (kernel - 1) + 1
    return start, stop


@pytest.mark.parametrize(
    "windows",
    [
        [(3, 1, 0, 1), (3, 1, 0, 1)],
        [(3, 1, 1, 1), (5, 2, 2, 1), (3, 1, 2, 2)],
        [(7, 2, 3, 1), (3, 2, 1, 1), (1, 1, 0, 1)],
    ],
)
@pytest.mark.parametrize("dims", [1, 2])
def test_fields_equal_the_formula(windows, dims):
    conv = {1: nn.Conv1d, 2: nn.Conv2d}[dims]
    layers = []
    for i, window in enumerate(windows):
        layers += [conv(2 if i == 0 else 4, 4, *window), nn.ReLU()]
    model = nn.Sequential(*layers)
    for p in model.parameters():
        p.data.neg_()  # whatever the weights
    size = (33, 29)[:dims]
    example = torch.rand(1, 2, *size)
    last = str(len(layers) - 1)
    shape = record(model, example, last)[last].shape[2:]
    places = [tuple(0 for _ in shape), tuple(n // 2 for n in shape), tuple(n - 1 for n in shape)]
    fields = receptive_fields(model, last, example, places)
    for p, place in enumerate(places):
        assert fields.boxes[p, 0].tolist() == [0, 2]
        for axis, index in enumerate(place):
            start, stop = by_formula(windows, index)
            assert fields.boxes[p, axis + 1].tolist() == [max(0, start), min(size[axis], stop)]
            assert fields.unclipped[p, axis + 1].tolist() == [start, stop]


def test_pooling_counts_with_its_whole_window(digits):
    example = torch.rand(1, 1, 12, 12)
    fields = receptive_fields(digits, "conv2", example, [(0, 0), (1, 2)])
    windows = [(3, 1, 0, 1), (2, 2, 0, 1), (3, 1, 0, 1)]
    assert fields.boxes[1, 1:].tolist() == [list(by_formula(windows, 1)), list(by_formula(windows, 2))]
    assert fields.boxes[0, 1:].tolist() == [[0, 8], [0, 8]]


def test_branches_global_pooling_and_dense_layers(make, digits):
    example = torch.rand(1, 3, 12, 12)
    model = make["branches"](3)
    # Through the longer branch: 3 x 3 on 3 x 3 at stride 2 with padding.
    fields = receptive_fields(model, "relu", example, [(2, 2)])
    assert fields.boxes[0].tolist() == [[0, 3], [2, 7], [2, 7]]
    assert receptive_fields(model, "output", example, [()]).boxes[0].tolist() == [[0, 3], [0, 12], [0, 12]]
    digit = torch.rand(1, 1, 12, 12)
    assert receptive_fields(digits, "dense1", digit, [()]).boxes[0, 1].tolist() == [0, 12]
    pooled = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten())
    assert receptive_fields(pooled, "1", digit, [(0, 0)]).boxes[0, 1].tolist() == [0, 12]
    with pytest.raises(UserError, match="no place"):
        receptive_fields(digits, "conv2", digit, [(3, 0)])
    words = nn.Sequential(Numbers(), nn.Embedding(9, 4))
    with pytest.raises(UserError, match="no differentiable path"):
        receptive_fields(words, "1", torch.zeros(1, 5), [(0,)])


class Numbers(nn.Module):
    def forward(self, x):
        return x.long()


def test_the_best_inputs_and_places_against_a_plain_search(digits):
    inputs = torch.rand(40, 1, 12, 12)
    maps = record(digits, inputs, "conv2")["conv2"].flatten(2)
    found = find_exemplars(digits, inputs, "conv2", count=5)
    streamed = find_exemplars(digits, (inputs[i : i + 7] for i in range(0, 40, 7)), "conv2", count=5)
    assert torch.equal(found.indices, streamed.indices)
    torch.testing.assert_close(found.scores, streamed.scores)
    for unit in range(8):
        strongest, where = maps[:, unit].max(1)
        best = strongest.topk(5)
        torch.testing.assert_close(found.scores[unit], best.values)
        for rank in range(5):
            n = int(found.indices[unit, rank])
            y, x = divmod(int(where[n]), 3)
            assert found.places[unit, rank].tolist() == [y, x]
            assert torch.equal(found.inputs[n], inputs[n])
    assert set(found.inputs) == set(found.indices.flatten().tolist())


def test_the_patch_alone_gives_the_activation(digits):
    inputs = torch.rand(30, 1, 12, 12)
    found = find_exemplars(digits, inputs, "conv2", units=[2, 5], count=3)
    assert found.units == (2, 5)
    for unit in (2, 5):
        for rank in range(3):
            patch = found.patch(unit, rank)
            assert patch.shape == (1, 8, 8)
            seen = record(digits, patch[None], "conv2")["conv2"]
            assert seen.shape[2:] == (1, 1)
            torch.testing.assert_close(seen[0, unit, 0, 0], found.scores[(2, 5).index(unit), rank])


def test_patches_at_the_border_are_padded():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))
    with torch.no_grad():
        model[0].weight.fill_(1)
    inputs = torch.zeros(1, 1, 6, 6)
    inputs[0, 0, 0, 0] = 5
    found = find_exemplars(model, inputs, "0", count=1)
    y, x = found.places[0, 0].tolist()
    patch = found.patch(0, 0, fill=-1)
    padded = F.pad(inputs[0], (1, 1, 1, 1), value=-1)
    assert torch.equal(patch, padded[:, y : y + 3, x : x + 3])


def test_dense_layers_signals_and_few_inputs(digits, make):
    inputs = torch.rand(4, 1, 12, 12)
    found = find_exemplars(digits, inputs, "output", count=9)
    assert found.scores.shape == (5, 4)
    assert torch.equal(found.patch(1, 0), inputs[int(found.indices[1, 0])])
    signal = find_exemplars(make["signal"](), torch.rand(6, 2, 32), "act2", count=2)
    assert signal.patch(3, 0).shape == (2, 10)
    with pytest.raises(UserError, match="filters 0 to 7; there is no filter 8"):
        find_exemplars(digits, inputs, "conv2", units=[8])
    with pytest.raises(UserError, match="at least one input"):
        find_exemplars(digits, [], "conv2")
