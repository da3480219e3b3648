"""Inner layers as outputs, names of nodes and values, and what the metadata of an exported file say."""

import json
from importlib import import_module

import numpy as np
import onnx
import pytest
import torch

from apps.digits.app import APP
from cnn_core import runs, version
from cnn_core.cli import run
from cnn_core.exporting.graph import session
from cnn_core.exporting.run import export_run
from cnn_core.networks import pretrained
from cnn_core.visual.modules.activations import find_layer
from tests.helpers.commands import answer, bad


def metadata_of(path):
    return {each.key: each.value for each in onnx.load(path).metadata_props}


@pytest.mark.slow
def test_layers_are_outputs_of_their_names(quick_digits_run, digit_pictures, tmp_path, capsys):
    names = ["conv1", "conv3.norm", "global_pool"]
    out = tmp_path / "net.onnx"
    found = answer(capsys, "export", quick_digits_run, "--layers", *names, "conv1", "--out", out)
    assert list(found["layers"]) == names
    assert found["layers"]["conv1"] == ["batch", 16, 12, 12]
    runtime = session(out)
    assert [each.name for each in runtime.get_outputs()] == ["logits", "unlikeness", *names]
    inputs = digit_pictures[0][1500:1507]
    model, kept = runs.restore(APP, quick_digits_run).model, {}
    for name in names:
        find_layer(model, name).register_forward_hook(lambda _m, _i, given, name=name: kept.update({name: given}))
    with torch.no_grad():
        model(torch.from_numpy(inputs))
    for name, given in zip(names, runtime.run(names, {"input": inputs}), strict=True):
        np.testing.assert_allclose(given, kept[name].numpy(), atol=1e-4 * float(kept[name].abs().max()))


@pytest.mark.slow
def test_unknown_layers_and_other_files_are_refused(quick_digits_run, tmp_path, capsys):
    said = bad(capsys, "export", quick_digits_run, "--layers", "conv1", "conv9", "--out", tmp_path / "n.onnx")
    assert "there is no layer 'conv9' in this model; its layers: front, conv1" in said
    said = bad(capsys, "export", quick_digits_run, "--layers", "conv1", "--c", tmp_path / "n.c")
    assert "--layers is about an ONNX file, and --c makes none" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "go-9x9", "speech-digits", "text-sentiment"])
def test_nodes_and_values_are_named_after_modules(name, tmp_path):
    card = next(each for each in pretrained.cards() if each.name == name)
    ready = runs.restore(import_module(f"apps.{card.app}.app").APP, pretrained.run_path(f"@{name}"))
    export_run(ready, tmp_path / "net.onnx")
    graph = onnx.load(tmp_path / "net.onnx").graph
    modules = {module for module, _ in ready.model.named_modules() if module} | {"network"}
    assert {node.name.split("/")[0] for node in graph.node} <= modules
    assert len({node.name for node in graph.node}) == len(graph.node)
    values = {value for node in graph.node for value in node.output}
    children = {child for child, module in ready.model.named_children() if next(module.parameters(), None) is not None}
    assert children - {"output"} <= values
    assert not any("parametrizations" in each for each in [*values, *(tensor.name for tensor in graph.initializer)])
    convolutions = {node.name for node in graph.node if node.op_type == "Conv" and not node.name.startswith("front")}
    layers = {m for m, each in ready.model.named_modules() if isinstance(each, torch.nn.Conv1d | torch.nn.Conv2d)}
    assert convolutions == {f"{layer}/Conv" for layer in layers}
    told = metadata_of(tmp_path / "net.onnx")
    assert told["name"] == f"@{name}"
    assert told["licence"] == card.licence
    assert json.loads(told["labels"]) == list(ready.labels)
    assert json.loads(told["figures"])["accuracy"] == card.accuracy
    assert float(told["temperature"]) == pytest.approx(ready.calibration.temperature, rel=1e-5)


@pytest.mark.slow
def test_metadata_of_a_run_say_what_its_training_measured(quick_digits_run, tmp_path, capsys):
    answer(capsys, "export", quick_digits_run, "--out", tmp_path / "net.onnx")
    told = metadata_of(tmp_path / "net.onnx")
    assert told["name"] == "fast"
    assert told["version"] == f"cnn-suite {version.__version__}"
    assert told["licence"] == "not stated"
    assert told["holds"].startswith("the names of the classes; the network's features of ")
    assert json.loads(told["figures"])["train_accuracy"] > 0.5
    assert not any(str(tmp_path.parent) in value or str(quick_digits_run.parent) in value for value in told.values())


@pytest.mark.slow
def test_a_network_that_was_pulled_keeps_its_licence_and_figures(quick_digits_run, tmp_path, capsys):
    pushed, pulled = tmp_path / "pushed", tmp_path / "pulled"
    assert run(APP, ["push", str(quick_digits_run), str(pushed), "--licence", "CC0-1.0"]) == 0
    assert run(APP, ["pull", str(pushed), str(pulled)]) == 0
    said = bad(capsys, "export", pulled, "--out", tmp_path / "net.onnx")
    assert "no data set and no folder is named" in said
    assert "(to export without the data, add --check 0)" in said
    found = answer(capsys, "export", pulled, "--check", 0, "--out", tmp_path / "net.onnx")
    assert found["checked"] == 2
    told = metadata_of(tmp_path / "net.onnx")
    assert told["licence"] == "CC0-1.0"
    assert json.loads(told["figures"])["count"] == 297
    assert answer(capsys, "export", pulled, "--check", 0, "--c", tmp_path / "net.c")["bytes"] > 100_000
    assert "CC0-1.0" in (tmp_path / "net.c").read_text()
