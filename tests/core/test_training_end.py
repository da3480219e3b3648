"""Runs are exported at the end of their training, answer the same without PyTorch, and never from an old file."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from apps.text.app import APP
from cnn_core.cli import run as command
from cnn_core.exporting import session, training_end
from cnn_core.files import digest_of

OPTIONS = ["--vectors.width", "8", "--net.filters", "6", "--fit.epochs", "2", "--fit.precision", "fp32"]


@pytest.fixture
def train(tmp_path, monkeypatch, capsys):
    """train(*options) -> (status, standard output, standard error) of a small training into tmp_path / "run"."""
    monkeypatch.delenv(training_end.VARIABLE)
    rows = [f"{label},{label} film {i}" for i in range(60) for label in ("good", "bad")]
    (tmp_path / "x.csv").write_text("label,text\n" + "\n".join(rows) + "\n")

    def call(*options):
        given = options if "--resume" in options else ("--data", str(tmp_path / "x.csv"), *OPTIONS, *options)
        out = () if "--resume" in options else ("--out", str(tmp_path / "run"), "--overwrite")
        status = command(APP, ["train", *given, *out])
        return status, *capsys.readouterr()

    return call


def answers(run, engine, capsys):
    assert command(APP, ["predict", str(run), "good film", "bad", "--engine", engine, "--json"]) == 0
    return [
        [each["label"], each["probability"]]
        for p in json.loads(capsys.readouterr().out)["predictions"]
        for each in p["top"]
    ]


@pytest.mark.slow
def test_a_trained_run_answers_through_its_file_until_its_weights_change(train, tmp_path, capsys):
    run = tmp_path / "run"
    status, said, _ = train("--json")
    assert status == 0
    made = json.loads(said)
    assert made["export"]["onnx"] == str(run / "model.onnx")
    assert made["export"]["cpu_seconds"] > 0
    found = session.exported(APP, run)
    assert found is not None
    metadata = found.on_one_processor.get_modelmeta().custom_metadata_map
    assert metadata["weights_sha256"] == digest_of(run / "last" / "weights.safetensors")
    onnx, torch = answers(run, "onnx", capsys), answers(run, "torch", capsys)
    assert [label for label, _ in onnx] == [label for label, _ in torch]
    np.testing.assert_allclose([share for _, share in onnx], [share for _, share in torch], atol=1e-5)
    program = (
        "import sys; from apps.text.app import APP; from cnn_core.cli import run;"
        f"status = run(APP, ['predict', {str(run)!r}, 'a film']);"
        "assert 'torch' not in sys.modules; sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert command(APP, ["export", str(run)]) == 0  # the run's own file is made anew without --overwrite
    assert session.exported(APP, run) is not None

    trained = tmp_path / "trained"
    shutil.copytree(run, trained)
    record = json.loads((run / "config.json").read_text())
    record["config"]["fit"]["epochs"] = 3
    (run / "config.json").write_text(json.dumps(record))
    assert train("--resume", str(run), "--no-export")[0] == 0
    assert (run / "model.onnx").is_file()
    assert session.exported(APP, run) is None, "the weights are others now"
    assert answers(run, "auto", capsys) == answers(run, "torch", capsys)
    assert train("--resume", str(run))[0] == 0
    assert session.exported(APP, run) is not None, "made anew"
    assert answers(run, "onnx", capsys) != onnx

    file = run / "model.onnx"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert answers(run, "auto", capsys) == answers(run, "torch", capsys)
    assert command(APP, ["predict", str(run), "good film", "--engine", "onnx"]) == 2
    assert f"{file}: damaged, or no ONNX file; export it again" in capsys.readouterr().err

    calibration = json.loads((trained / "calibration.json").read_text())
    (trained / "calibration.json").write_text(json.dumps(calibration | {"temperature": 3.0}))
    assert session.exported(APP, trained) is None, "the temperature is another now"
    (trained / "calibration.json").write_text(json.dumps(calibration))
    assert session.exported(APP, trained) is not None
    place = trained / "last" / "weights.safetensors"
    save_file({name: value * 2 for name, value in load_file(place).items()}, place)
    assert session.exported(APP, trained) is None, "the weights are others, whatever sums.json says"


@pytest.mark.slow
def test_training_ends_as_ever_where_there_is_no_export(train, tmp_path, monkeypatch):
    file = tmp_path / "run" / "model.onnx"
    asked = []
    monkeypatch.setattr("cnn_core.exporting.run.export_onnx", lambda *_, **__: asked.append(1))
    assert train("--no-export")[0] == 0
    monkeypatch.setenv(training_end.VARIABLE, "0")
    status, said, _ = train()
    assert status == 0
    assert "export" not in said
    monkeypatch.delenv(training_end.VARIABLE)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    status, said, notes = train()
    assert status == 0
    assert "export" not in said
    (line,) = [line for line in notes.splitlines() if "quick answers" in line]
    assert line.endswith(f"pip install 'cnn-suite[onnx]', then cnn-text export {tmp_path / 'run'}")
    assert not asked
    assert not file.exists()


@pytest.mark.slow
def test_a_network_that_cannot_be_exported_is_trained_all_the_same(train, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no such operator\nand much more")

    monkeypatch.setattr("cnn_core.exporting.run.export_onnx", broken)
    status, said, notes = train()
    assert status == 0
    assert re.search(r"CPU-seconds +\d", said)
    assert "CPU-seconds of the export" not in said
    assert notes.splitlines()[-1].endswith("could not be exported (no such operator)")
    assert not (tmp_path / "run" / "model.onnx").exists()
