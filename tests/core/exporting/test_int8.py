"""8-bit weights: what rounding may do, which weights stay, tables looked up row by row, and what the copy costs."""

import json

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from cnn_core.exporting.cost import cost
from cnn_core.exporting.graph import export_onnx, session
from cnn_core.exporting.int8 import learned, rows_of, write_int8
from cnn_core.training.data import Split

FLOATS = st.floats(-1e3, 1e3, width=32)


@given(arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=4, max_side=5), elements=FLOATS))
def test_no_weight_moves_by_more_than_half_a_step(values):
    whole, scale = rows_of(values)
    assert whole.dtype == np.int8
    assert scale.shape == (len(values), *[1] * (values.ndim - 1))
    most = np.abs(values).reshape(len(values), -1).max(1)
    moved = np.abs(whole * scale - values).reshape(len(values), -1).max(1)
    assert (moved <= np.maximum(most / 127, 1e-37) * 0.5001).all()


@given(arrays.arrays(np.float32, (3, 7), elements=st.integers(-127, 127)))
def test_small_whole_numbers_stay_as_they_are(values):
    whole, scale = rows_of(values)
    np.testing.assert_array_equal(whole * scale, values)


class Words(nn.Module):
    """A table of words looked up twice, a second table in half precision, a front end of its own making."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(500, 24))
        self.register_buffer("rare", torch.randn(40, 24).half())
        self.register_buffer("waves", torch.randn(24, 24), persistent=False)
        self.register_buffer("places", torch.eye(24), persistent=False)
        self.output = nn.Linear(24, 3)

    def forward(self, words):
        x = nn.functional.embedding(words, self.table) + nn.functional.embedding(words.flip(1), self.table)
        x = x + nn.functional.embedding(words.clamp(max=39), self.rare).float()
        return self.output((x.mean(1) @ self.waves.T).tanh() @ self.places)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    torch.manual_seed(0)
    folder, network = tmp_path_factory.mktemp("int8"), Words().eval()
    words = torch.randint(0, 500, (300, 12), dtype=torch.int32)
    export_onnx(network, words[:2], folder / "float.onnx", labels=["a", "b", "c"], check_inputs=words[:20])
    changed = write_int8(folder / "float.onnx", folder / "small.onnx", learned(network), metadata={"more": "1"})
    return network, words, folder, changed


def test_what_is_learned_is_in_8_bits_and_what_is_computed_stays(files):
    _, _, folder, changed = files
    model = onnx.load(folder / "small.onnx")
    kinds = {each.name: onnx.TensorProto.DataType.Name(each.data_type) for each in model.graph.initializer}
    assert changed == 500 * 24 + 40 * 24 + 3 * 24 + 24 * 24  # the places, which are whole numbers, too
    assert sorted(name for name, kind in kinds.items() if kind == "INT8") == [
        f"{name}.int8" for name in ("output.weight", "places", "rare", "table")
    ]
    waves = [each for each in model.graph.initializer if kinds[each.name] == "FLOAT" and tuple(each.dims) == (24, 24)]
    assert len(waves) == 1
    assert (folder / "small.onnx").stat().st_size < 0.45 * (folder / "float.onnx").stat().st_size
    told = {each.key: each.value for each in model.metadata_props}
    assert told["more"] == "1"
    assert json.loads(told["labels"]) == ["a", "b", "c"]


def test_tables_are_looked_up_before_they_become_floats(files):
    graph = onnx.load(files[2] / "small.onnx").graph
    looked_up = [node.input[0] for node in graph.node if node.op_type == "Gather"]
    assert sorted(looked_up) == sorted(2 * ["table.int8", "table.scale"] + ["rare.int8", "rare.scale"])
    assert all(node.op_type != "DequantizeLinear" for node in graph.node)


def test_answers_are_those_of_a_network_with_the_rounded_weights(files):
    network, words, folder, _ = files
    rounded = Words()
    rounded.load_state_dict(network.state_dict())
    rounded.waves.copy_(network.waves)
    with torch.no_grad():
        for value in (rounded.table, rounded.rare, rounded.output.weight):
            whole, scale = rows_of(value.numpy())
            value.copy_(torch.from_numpy(whole * scale))
        expected = rounded.eval()(words).numpy()
    found = session(folder / "small.onnx").run(["logits"], {"input": words.numpy()})[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with torch.no_grad():
        assert np.abs(found - network(words).numpy()).max() > 1e-4, "8 bits are not 32"


def test_the_cost_is_counted_sample_by_sample(files):
    network, words, folder, _ = files
    with torch.no_grad():
        targets = network(words).argmax(1)
    wrong = targets.clone()
    wrong[:30] = (wrong[:30] + 1) % 3
    found = cost(folder / "float.onnx", folder / "small.onnx", Split(words, wrong))
    answers = session(folder / "small.onnx").run(["logits"], {"input": words.numpy()})[0].argmax(1)
    assert found.samples == 300
    assert found.before == 0.9
    assert found.after == (answers == wrong.numpy()).mean()
    assert found.changed == (answers != targets.numpy()).sum()
    assert found.before_interval[0] < 0.9 < found.before_interval[1]
    assert found.difference.low <= found.after - found.before <= found.difference.high
    assert json.loads(json.dumps(found.to_json()))["samples"] == 300


def test_the_cost_of_several_labels_counts_each(files):
    _, words, folder, _ = files
    logits = session(folder / "float.onnx").run(["logits"], {"input": words.numpy()})[0]
    thresholds = np.array([0.5, 0.4, 0.6])
    told = 1 / (1 + np.exp(-logits)) >= thresholds
    found = cost(folder / "float.onnx", folder / "small.onnx", Split(words, torch.from_numpy(told)), thresholds)
    assert found.before == 1
    assert found.after == pytest.approx(1 - found.changed / told.size)


class Backwards(Split):
    """Samples that evaluation takes from the last to the first."""

    def evaluation_order(self):
        return torch.arange(len(self.targets)).flip(0)


def test_answers_come_back_in_the_order_of_the_samples(files):
    network, words, folder, _ = files
    with torch.no_grad():
        targets = network(words).argmax(1)
    assert cost(folder / "float.onnx", folder / "float.onnx", Backwards(words, targets)).before == 1
