"""`export --c`: ready-made networks and a run of one's own as C files, on real samples, and what is refused."""

import subprocess
from importlib import import_module

import numpy as np
import pytest
import torch

from apps.digits.app import APP as DIGITS
from apps.text.app import APP as TEXT
from cnn_core import runs
from cnn_core.cli import run
from cnn_core.errors import UserError
from cnn_core.exporting.c import compiled
from cnn_core.exporting.c.functions import FUNCTIONS
from cnn_core.networks import pretrained
from tests.helpers.commands import answer, bad
from tests.helpers.compiled import STRICT, logits_of, needs_gcc


@needs_gcc
@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", ["digits-lecture", "digits", "go-9x9", "speech-digits"])
def test_ready_made_networks_say_the_same_in_c(name, tmp_path, capsys):
    card = next(each for each in pretrained.cards() if each.name == name)
    app = import_module(f"apps.{card.app}.app").APP
    ready = runs.restore(app, pretrained.run_path(f"@{name}"))
    try:
        inputs = ready.app.load(ready.config).test.take(slice(0, 12))[0]
    except UserError as error:
        pytest.skip(str(error))
    found = answer(capsys, "export", f"@{name}", "--c", tmp_path / "n.c", "--check", 5, app=app)
    assert found["max_difference"] <= 1e-5
    text = (tmp_path / "n.c").read_text()
    with torch.inference_mode():
        expected = ready.calibrated(ready.model(inputs)).numpy()
    got = logits_of(text, inputs.numpy(), len(ready.labels), tmp_path)
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())
    assert f"@{name}\n" in text
    assert card.licence in text
    assert str(card.accuracy) in text
    assert found["constant_bytes"] < 1_400_000
    # A block with a shortcut keeps three arrays at once: the speech network's first one is of 1.2 MB in all.
    assert found["memory_bytes"] < (1_200_000 if name == "speech-digits" else 450_000)


@needs_gcc
@pytest.mark.slow
def test_a_run_of_ones_own_reads_numbers_and_prints_probabilities(quick_digits_run, digit_pictures, tmp_path, capsys):
    found = answer(capsys, "export", quick_digits_run, "--c", tmp_path / "n.c")
    assert found["checked"] == 200
    assert found["max_difference"] <= 1e-5
    assert found["bytes"] == (tmp_path / "n.c").stat().st_size
    program = tmp_path / "network"
    compiled.build(["gcc"], tmp_path / "n.c", program, STRICT)
    pictures = digit_pictures[0][1500:1530]
    ready = runs.restore(DIGITS, quick_digits_run)
    with torch.inference_mode():
        expected = ready.probabilities(ready.model(torch.from_numpy(pictures))).numpy()
    np.testing.assert_allclose(compiled.ask(program, pictures), expected, atol=1e-5)
    one = " ".join(map(str, pictures[0].ravel()))
    done = subprocess.run([program], input=one, capture_output=True, text=True, check=True)
    shares, label = done.stdout.rstrip("\n").split("\t")
    assert label == ready.labels[int(np.argmax([float(share) for share in shares.split()]))]
    for wrong in ("", "1 2 3", one[:-1] + "x", "300 " + one, "0.5 " + one, "nan " + one, "1 " + one):
        done = subprocess.run([program], input=wrong, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "give 784 whole numbers from 0 to 255 for each" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["no-such-compiler", "false", "true"])
def test_without_a_compiler_the_file_is_written_and_said_to_be_unchecked(
    command, quick_digits_run, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("CC", command)
    assert run(DIGITS, ["export", str(quick_digits_run), "--c", str(tmp_path / "n.c"), "--threads", "1"]) == 0
    assert "not compared with PyTorch: no C compiler works here" in capsys.readouterr().out
    assert (tmp_path / "n.c").read_text().startswith("/*\n * name: fast\n")


@needs_gcc
@pytest.mark.slow
def test_a_file_that_differs_is_refused_and_the_older_one_kept(quick_digits_run, tmp_path, monkeypatch):
    wrong = FUNCTIONS["dense"].replace("bias[o] : 0.0f", "bias[o] + 0.01f * (float)o : 0.0f")
    assert wrong != FUNCTIONS["dense"]
    monkeypatch.setitem(FUNCTIONS, "dense", wrong)
    (tmp_path / "n.c").write_text("old")
    with pytest.raises(RuntimeError, match="probabilities differ from PyTorch's by"):
        run(DIGITS, ["export", str(quick_digits_run), "--c", str(tmp_path / "n.c"), "--overwrite", "--threads", "1"])
    assert (tmp_path / "n.c").read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["n.c"]


@pytest.mark.slow
def test_what_is_refused(quick_digits_run, tmp_path, capsys):
    (tmp_path / "n.c").write_text("old")
    assert "n.c: exists already; name another with --c" in bad(
        capsys, "export", quick_digits_run, "--c", tmp_path / "n.c"
    )
    said = bad(capsys, "export", quick_digits_run, "--c", tmp_path / "m.c", "--check", -1)
    assert "--check must be at least 0" in said
    assert [each.name for each in tmp_path.iterdir()] == ["n.c"]


@pytest.mark.slow
@pytest.mark.data
def test_a_network_of_words_is_refused(tmp_path, capsys):
    ready = runs.restore(TEXT, pretrained.run_path("@text-sentiment"))
    try:
        ready.app.load(ready.config)
    except UserError as error:
        pytest.skip(str(error))
    said = bad(capsys, "export", "@text-sentiment", "--c", tmp_path / "t.c", "--check", 2, app=TEXT)
    assert "layer front cannot be written as plain C: it looks rows up in a table" in said
    assert not list(tmp_path.iterdir())
