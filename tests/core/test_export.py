import json
import logging
import sys

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from cnn_core.errors import UserError
from cnn_core.exporting import graph as export

LABELS = ["zéro", "one", "two", "three"]


class Front(nn.Module):
    def forward(self, pixels):
        return (pixels.float() / 255 - 0.13).div(0.31).unsqueeze(1)


class Two(nn.Module):
    """conv2d, norm, pooling, then conv1d over the rows, flatten and a dense layer."""

    def __init__(self):
        super().__init__()
        self.front = Front()
        self.conv1 = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Sequential(nn.Conv1d(4 * 5, 6, 3, padding=1), nn.BatchNorm1d(6), nn.GELU())
        self.pool2 = nn.AvgPool1d(2)
        self.output = nn.Linear(6 * 2, len(LABELS))

    def forward(self, pixels):
        maps = self.pool1(self.conv1(self.front(pixels)))  # (B, 4, 5, 5)
        return self.output(self.pool2(self.conv2(maps.flatten(1, 2))).flatten(1))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    network = Two()
    with torch.no_grad():
        network.train()
        network(pixels(64))  # running statistics other than 0 and 1
    network.conv1[1].eval()  # a frozen norm in a network that trains: both must stay so
    return network


def pixels(count):
    return torch.randint(0, 256, (count, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(count))


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "made" / "model.onnx"
    found = export.export_onnx(model, pixels(1), path, labels=LABELS, check_inputs=pixels(50))
    return path, found


def test_report_of_the_check(exported):
    path, found = exported
    assert found["batch_sizes"] == [1, 7, 50]
    assert found["checked"] == 50
    assert found["argmax_agreement"] == 1
    assert 0 <= found["max_difference"] <= found["tolerance"]
    assert found["bytes"] == path.stat().st_size
    assert found["input"] == {"name": "input", "type": "uint8", "shape": ["batch", 12, 12]}
    assert found["output"] == {"name": "logits", "type": "float32", "shape": ["batch", 4]}
    assert json.loads(json.dumps(found)) == found


def test_file_stands_alone_with_free_batch_axis_and_labels(exported):
    path, found = exported
    proto = onnx.load(path, load_external_data=False)
    onnx.checker.check_model(proto, full_check=True)
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]
    assert proto.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert json.loads({entry.key: entry.value for entry in proto.metadata_props}["labels"]) == LABELS
    assert proto.opset_import[0].version == found["opset"]


def test_file_names_no_folder_of_this_machine(exported):
    content = exported[0].read_bytes()
    assert b"/site-packages/" not in content
    assert b"test_export" not in content


def test_other_runtime_gives_the_same_logits_at_an_untried_batch_size(exported, model):
    runtime = export.session(exported[0])
    inputs = pixels(13)
    reference = Two().eval()
    reference.load_state_dict(model.state_dict())
    got = runtime.run(["logits"], {"input": inputs.numpy()})[0]
    with torch.no_grad():
        np.testing.assert_allclose(got, reference(inputs).numpy(), rtol=1e-4, atol=1e-5)


def test_model_keeps_its_modes(exported, model):
    assert model.training
    assert not model.conv1[1].training
    assert model.conv2[1].training


def test_nothing_is_printed_and_nothing_logged(tmp_path, capfd):
    logged = []
    handler = logging.Handler()
    handler.emit = logged.append
    logging.getLogger("torch").addHandler(handler)
    try:
        found = export.export_onnx(
            nn.Linear(3, 2), torch.ones(2, 3), tmp_path / "m.onnx", input_name="x", output_name="y"
        )
    finally:
        logging.getLogger("torch").removeHandler(handler)
    assert (found["input"]["name"], found["output"]["name"]) == ("x", "y")
    assert capfd.readouterr() == ("", "")
    assert [record.getMessage() for record in logged] == []


@pytest.mark.slow
def test_logits_of_a_pointwise_head(tmp_path):
    found = export.export_onnx(nn.Conv2d(1, 3, 1), torch.rand(4, 1, 5, 6), tmp_path / "model.onnx")
    assert found["output"]["shape"] == ["batch", 3, 5, 6]
    assert found["argmax_agreement"] == 1


def test_difference_beyond_tolerance_is_refused_and_the_old_file_kept(tmp_path, monkeypatch):
    class Swapped(nn.Linear):
        def forward(self, x):
            return super().forward(x) + (0.0 if torch.compiler.is_exporting() else 0.01)

    path = tmp_path / "model.onnx"
    path.write_text("old")
    with pytest.raises(RuntimeError, match=r"differ from PyTorch's by 0\.01"):
        export.export_onnx(Swapped(3, 2), torch.ones(2, 3), path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_nan_logits_are_refused(tmp_path):
    broken = nn.Linear(3, 2)
    nn.init.constant_(broken.weight, float("nan"))
    with pytest.raises(RuntimeError, match="differ"):
        export.export_onnx(broken, torch.ones(2, 3), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_missing_extra_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UserError, match=r"needs the package onnxscript: pip install 'cnn-suite\[onnx\]'"):
        export.export_onnx(nn.Linear(3, 2), torch.ones(2, 3), tmp_path / "model.onnx")


def test_unwritable_place_and_foreign_file_are_user_errors(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match="cannot write"):
        export.export_onnx(nn.Linear(3, 2), torch.ones(2, 3), tmp_path / "file" / "model.onnx")
    with pytest.raises(UserError, match="is not an ONNX model"):
        export.session(tmp_path / "file")
    with pytest.raises(ValueError, match="at least one"):
        export.export_onnx(nn.Linear(3, 2), torch.ones(0, 3), tmp_path / "model.onnx")


class OneLength(nn.Module):
    """A network that the exporter takes for one of a single length."""

    def forward(self, x):
        return nn.functional.max_pool1d(nn.functional.pad(x, (0, 1)), 2).amax(2)


def test_a_free_axis_is_free(tmp_path):
    example = torch.randn(2, 3, 8)
    network = nn.Conv1d(3, 4, 3, padding=1)
    free = nn.Sequential(network, nn.AdaptiveMaxPool1d(1), nn.Flatten())
    found = export.export_onnx(free, example, tmp_path / "free.onnx", free_axes={2: "time"})
    assert found["input"]["shape"] == ["batch", 3, "time"]
    for length in (3, 5, 8, 21):
        x = torch.randn(2, 3, length)
        got = export.session(tmp_path / "free.onnx").run(None, {"input": x.numpy()})[0]
        np.testing.assert_allclose(got, free(x).detach().numpy(), atol=1e-5)
    with pytest.raises(RuntimeError, match=r"does not take inputs \(2, 3, 4\)"):
        export.export_onnx(OneLength(), example, tmp_path / "one.onnx", free_axes={2: "time"})
    assert not (tmp_path / "one.onnx").exists()
