"""cnn-text from the command line: train, resume, evaluate, predict, explain, visualize, export, folds, bad input."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from apps.text.app import APP
from apps.text.render import patch, render
from apps.text.words.vocabulary import FittedText, Vocabulary
from cnn_core.cli import run
from cnn_core.exporting.graph import session
from cnn_core.files import digest_of
from cnn_core.runs import restore

ROOT = Path(__file__).parents[3]
GOOD = ["wonderful", "moving", "funny", "charming", "rich", "superb", "delightful", "warm", "clever", "bright"]
POOR = ["dull", "awful", "boring", "tedious", "lame", "stale", "clumsy", "weak", "bland", "messy"]
PLAIN = ["the", "a", "film", "movie", "story", "plot", "cast", "scene", "it", "is", "was", "with", "and", "of", "in"]
SMALL = [
    *("--fit.epochs", "8", "--vectors.width", "16", "--net.filters", "12", "--fit.patience", "0"),
    *("--fit.validation", "0", "--fit.optimizer", "adamw", "--fit.learning-rate", ".01", "--fit.schedule", "linear"),
    *("--threads", "1"),
]


def sentences(count: int, seed: int) -> list[tuple[str, str]]:
    """Reviews of two kinds: plain words around one that tells."""
    generator = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        words = list(generator.choice(PLAIN, generator.integers(3, 12)))
        words.insert(generator.integers(len(words)), str(generator.choice(GOOD if i % 2 else POOR)))
        rows.append(("good" if i % 2 else "poor", " ".join(words)))
    return rows


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "reviews.csv"
    path.write_text("label,text\n" + "".join(f"{label},{text}\n" for label, text in sentences(600, 0)))
    return path


@pytest.fixture(scope="module")
def trained(reviews, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert run(APP, ["train", "--preset", "rand", "--data", str(reviews), "--out", str(folder), "--json", *SMALL]) == 0
    return folder


def answer(capsys, *args):
    """The JSON object that a verb prints."""
    capsys.readouterr()
    assert run(APP, [*map(str, args), "--json", "--threads", "1"]) == 0
    return json.loads(capsys.readouterr().out)


def said(capsys, *args):
    """What a verb prints for people."""
    capsys.readouterr()
    assert run(APP, [*map(str, args), "--threads", "1"]) == 0
    return capsys.readouterr().out


@pytest.mark.slow
def test_evaluate(trained, capsys):
    found = answer(capsys, "evaluate", trained)
    assert found["accuracy"] > 0.9
    assert found["count"] == 60
    assert [each["name"] for each in found["baselines"]] == ["TF-IDF + logistic regression", "NB-SVM, words and pairs"]
    assert all(each["accuracy"] > 0.9 for each in found["baselines"])
    assert found["unknown_words"] == 0
    lines = Path(found["mistakes"]).read_text().splitlines()
    assert len(lines) == 1 + found["count"] - found["correct"]
    text = said(capsys, "evaluate", trained)
    assert "NB-SVM" in text
    assert "macro F1" in text


def test_evaluate_other_texts(trained, tmp_path, capsys):
    other = tmp_path / "other.csv"
    other.write_text("text,label\n" + "".join(f"{t} zzz,{c}\n" for c, t in sentences(40, 9)))
    found = answer(capsys, "evaluate", trained, "--data", other)
    assert found["count"] == 40
    assert found["accuracy"] > 0.9
    assert 0 < found["unknown_words"] < 0.3


def test_predict_texts_and_files(trained, tmp_path, capsys):
    found = answer(capsys, "predict", trained, "a wonderful superb film", "the cast was dull and lame", "")[
        "predictions"
    ]
    assert [each["answer"] for each in found[:2]] == ["good", "poor"]
    assert found[2]["tokens"] == 0
    assert found[2]["unknown"] == 1
    (tmp_path / "lines.txt").write_text("clever and warm\n\nstale\n")
    (tmp_path / "table.csv").write_text("id,text\n1,clever and warm\n2,stale\n")
    for name, expected in (("lines.txt", ["good", None, "poor"]), ("table.csv", ["good", "poor"])):
        found = answer(capsys, "predict", trained, tmp_path / name, "--top", 1)["predictions"]
        assert [each["answer"] for each in found] == expected
        assert [each["row"] for each in found] == list(range(1, len(expected) + 1))
    found = answer(capsys, "predict", trained, "wonderful", "xyzzy plugh", "--reject-unknown", 0.5)["predictions"]
    assert [each["rejected"] for each in found] == [False, True]
    assert answer(capsys, "predict", trained, "wonderful", "--reject", 1)["predictions"][0]["answer"] == "rejected"
    assert "unknown words" in said(capsys, "predict", trained, "a wonderful film")


def stream(trained, tmp_path, monkeypatch, capsys, raw, *args):
    """Status, standard output and standard error of predict with `raw` on standard input."""
    (tmp_path / "input").write_bytes(raw)
    capsys.readouterr()
    with (tmp_path / "input").open() as opened:
        monkeypatch.setattr(sys, "stdin", opened)
        status = run(APP, ["predict", str(trained), "-", "--threads", "1", *args])
    return status, *capsys.readouterr()


def test_predict_a_stream(trained, tmp_path, monkeypatch, capsys):
    raw = b"a wonderful film\n" + b"word " * 250_000 + b"\n\na tedious plot, stale and awful"
    status, out, _ = stream(trained, tmp_path, monkeypatch, capsys, raw, "--json")
    assert status == 0
    found = [json.loads(line) for line in out.splitlines()]
    assert [each["line"] for each in found] == [1, 2, 3, 4]
    assert found[0]["answer"] == "good"
    assert found[1]["tokens"] == 250_000
    assert found[3]["answer"] == "poor"
    status, out, err = stream(trained, tmp_path, monkeypatch, capsys, b"fine\n\xff\xfe\ndull\n")
    assert status == 2
    assert len(out.splitlines()) == 3
    assert "error\t\tline 2" in out
    assert "1 of 3 lines" in err


@pytest.mark.slow
def test_a_stream_is_answered_line_by_line(trained):
    command = [sys.executable, "-m", "apps.text", "predict", str(trained), "-", "--threads", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as asked:
        for text, label in ((b"superb\n", b"good"), (b"bland\n", b"poor")):
            asked.stdin.write(text)
            asked.stdin.flush()
            assert asked.stdout.readline().startswith(label)  # before the next is asked
        asked.stdin.close()
        assert asked.wait(30) == 0


def test_explain(trained, capsys):
    found = answer(capsys, "explain", trained, "the cast was dull and the plot funny", 0)
    first, second = found["explained"]
    scores = dict(zip(first["words"], first["scores"], strict=True))
    own, other = ("dull", "funny") if first["answer"] == "poor" else ("funny", "dull")
    assert max(scores, key=scores.get) == own
    assert scores[other] < 0
    assert first["agreement"] > 0.9
    assert sum(first["scores"]) + first["rest"] == pytest.approx(first["score"], abs=1e-4)
    assert own in first["grams"][first["answer"]][0]["text"]
    assert second["truth"] in ("good", "poor")
    assert "<span" in Path(found["page"]).read_text()
    assert "\x1b[48;2;" in said(capsys, "explain", trained, "a dull plot", "--colour", "always")
    plain = said(capsys, "explain", trained, "a dull plot", "--target", "good")
    assert "\x1b" not in plain
    assert "---dull---" in plain


def test_visualize_ngrams_neighbours_map(trained, capsys):
    found = answer(capsys, "visualize", "ngrams", trained, "--count", 3)["filters"]
    assert len(found) == 9
    for each in found:
        telling = GOOD if each["class"] == "good" else POOR
        assert set(each["ngrams"][0]["text"].split()) & {*telling}, each
    found = answer(capsys, "visualize", "neighbours", trained, "--input", "wonderful,dull", "--exemplars", 4)["words"]
    assert len({n["word"] for n in found[0]["after"]} & {*GOOD}) >= 3
    assert len({n["word"] for n in found[1]["after"]} & {*POOR}) >= 3
    assert found[0]["before"] != found[0]["after"]
    found = answer(capsys, "visualize", "map", trained)
    places = {each["word"]: each for each in found["words"]}
    assert all(places[word]["class"] == "good" for word in GOOD)
    with Image.open(found["picture"]) as picture:
        assert picture.size[0] > 300


@pytest.mark.slow
def test_export_with_a_script_that_needs_no_torch(trained, tmp_path, capsys):
    found = answer(capsys, "export", trained, "--out", tmp_path / "net.onnx")
    assert found["argmax_agreement"] == 1
    assert found["input"]["shape"] == ["batch", "words"]
    texts = ["a Wonderful, superb film!", "dull", "", 'unheard of; it\'s "lame"']
    command = [sys.executable, "-W", "error", found["script"], found["onnx"], *texts]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    expected = answer(capsys, "predict", trained, *texts)["predictions"]
    for line, each in zip(lines, expected, strict=True):
        assert line[0] == (each["answer"] or "")
        if not each["top"]:  # nothing was said
            continue
        assert float(line[1]) == pytest.approx(each["top"][0]["probability"], abs=2e-4)
    assert "torch" not in Path(found["script"]).read_text().replace("torchtext", "")


def test_folds(reviews, capsys, tmp_path, monkeypatch):
    asked = ["folds", "--preset", "rand", "--data", reviews, "--k", 3, "--most", 2, "--out", tmp_path, *SMALL[:-2]]
    found = answer(capsys, *asked)
    assert [row["fold"] for row in found["rows"]] == [0, 1]
    (first, _) = sorted(tmp_path.iterdir())
    monkeypatch.setattr("apps.text.verbs.folds.one_fold", lambda *_: pytest.fail("trained again"))
    assert answer(capsys, *asked) == found
    first.write_text("{}")
    assert "remove it, and the fold is trained again" in bad(capsys, *asked)
    assert found["mean"]["network"]["mean"] > 0.85
    assert found["mean"]["NB-SVM, words and pairs"]["mean"] > 0.85


def test_a_finished_run_resumes_to_itself(trained, capsys):
    before = digest_of(trained / "last" / "weights.safetensors")
    assert answer(capsys, "train", "--resume", trained)["steps"] == 8 * 11  # all texts: so few are calibrated by folds
    assert digest_of(trained / "last" / "weights.safetensors") == before


def test_the_words_of_a_run_are_kept(trained, reviews, capsys):
    """Texts that change after training change neither words nor classes."""
    record = json.loads((trained / "config.json").read_text())
    assert record["fitted"]["words"].split()[:2] == ["<pad>", "<unk>"]
    assert record["labels"] == ["good", "poor"]
    before = answer(capsys, "predict", trained, "a wonderful plot")["predictions"]
    content = reviews.read_text()
    try:
        reviews.write_text(content + "poor,new words here entirely\n" * 3)
        assert answer(capsys, "predict", trained, "a wonderful plot")["predictions"] == before
        assert answer(capsys, "evaluate", trained)["accuracy"] > 0.9
    finally:
        reviews.write_text(content)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["deep", "k-max", "none", "characters"])
def test_other_networks_train_and_explain(reviews, tmp_path, kind, capsys):
    more = {
        "deep": ["--net.kind", "deep", "--net.blocks", "2"],
        "k-max": ["--net.pool", "k-max"],
        "none": ["--net.pool", "none", "--net.length", "12"],
        "characters": ["--texts.tokenizer", "characters", "--texts.longest", "80"],
    }[kind]
    out = tmp_path / "run"
    args = ["train", "--preset", "rand", "--data", str(reviews), "--out", str(out), "--json", *SMALL, *more]
    assert run(APP, args) == 0
    assert answer(capsys, "evaluate", out)["accuracy"] > (0.8 if kind != "characters" else 0.6)
    found = answer(capsys, "explain", out, "a dull plot")["explained"][0]
    assert found["exact"] == (kind == "characters")
    assert len(found["scores"]) == (11 if kind == "characters" else 3)
    if kind == "deep":  # what the exporter has to trace differs most
        assert answer(capsys, "export", out)["argmax_agreement"] == 1
        trained, file = restore(APP, out), session(out / "model.onnx")
        for length in (1, 2, 3, 7, 40):
            words = torch.randint(1, 20, (3, length), dtype=torch.int32)
            expected = trained.calibrated(trained.model(words)).detach().numpy()
            np.testing.assert_allclose(file.run(None, {"input": words.numpy()})[0], expected, atol=1e-4)


def test_render():
    words = Vocabulary(("<pad>", "<unk>", "a", "wonderful", "film"), "kim")
    fitted = FittedText("x", ("a", "b"), words, 0)
    row = np.array([2, 3, 4, 0], np.int32)
    plain = render(row, fitted=fitted)
    assert plain.dtype == np.uint8
    assert plain.ndim == 3
    hot = render(row, np.array([0.0, 2.0, -2.0, 5.0]), fitted=fitted).astype(int)  # the pad's heat does not count
    red = (hot[..., 0] > hot[..., 2] + 60).sum()
    blue = (hot[..., 2] > hot[..., 0] + 60).sum()
    assert red > 500
    assert blue > 300
    assert (plain.astype(int)[..., 0] == plain[..., 2]).all()
    assert render(np.zeros(3, np.int32), fitted=fitted).shape == render(np.array([2]), fitted=fitted).shape
    assert render(np.arange(2, 200), fitted=None).shape[0] > 200  # several lines
    np.testing.assert_array_equal(patch(row, [(1, 9)], fitted=fitted), render(row[1:], fitted=fitted))


def bad(capsys, *args):
    """Standard error of a command that must end with status 2, one line and nothing on standard output."""
    capsys.readouterr()
    assert run(APP, [*map(str, args)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith("cnn-text: error: ")]
    assert len(lines) == 1
    return err


def test_bad_input_is_one_line(trained, tmp_path, capsys):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "one.csv").write_text("label,text\n" + "a,b\n" * 9)
    (tmp_path / "v.txt").write_text("the 1 2 3\nfilm 1 2\n")
    assert "is empty" in bad(capsys, "train", "--data", tmp_path / "empty.csv")
    assert "one class only" in bad(capsys, "train", "--data", tmp_path / "one.csv")
    assert "name the texts" in bad(capsys, "predict", trained)
    assert "no such file" in bad(capsys, "predict", trained, tmp_path / "gone.txt")
    assert "--top" in bad(capsys, "predict", trained, "x", "--top", 0)
    assert "--reject" in bad(capsys, "predict", trained, "x", "--reject", 2)
    assert "standard input alone" in bad(capsys, "predict", trained, "-", "x")
    assert "no such class" in bad(capsys, "explain", trained, "x", "--target", "ugly")
    assert "without words" in bad(capsys, "explain", trained, " ")
    assert "test split has texts" in bad(capsys, "explain", trained, 999)
    assert "is not a word of the training texts" in bad(capsys, "visualize", "neighbours", trained, "--input", "xyzzy")
    assert "layers with windows" in bad(capsys, "visualize", "ngrams", trained, "--layer", "conv9")
    assert "needs vectors.source" in bad(capsys, "train", "--vectors.mode", "static", "--vectors.source", "")
    assert "no data set, file or folder" in bad(capsys, "train", "--data", "nonesuch")
    assert "--k must" in bad(capsys, "folds", "--k", 1)
    assert "exists already" in bad(capsys, "export", trained, "--out", trained / "config.json")


def test_vectors_of_the_wrong_width(reviews, tmp_path, capsys):
    (tmp_path / "v.txt").write_text("the 1 2 3\nfilm 1 2\n")
    args = ["train", "--data", reviews, "--out", tmp_path / "r", "--vectors.mode", "static"]
    assert "line 2 has 2 numbers" in bad(capsys, *args, "--vectors.source", tmp_path / "v.txt")
    assert not (tmp_path / "r").exists()


def test_a_vocabulary_of_another_model(trained, tmp_path, capsys):
    record = json.loads((trained / "config.json").read_text())
    (tmp_path / "last").mkdir()
    for path in (trained / "last").iterdir():
        (tmp_path / "last" / path.name).write_bytes(path.read_bytes())
    record["fitted"]["words"] += " another word"
    (tmp_path / "config.json").write_text(json.dumps(record))
    assert "the weights do not fit" in bad(capsys, "evaluate", tmp_path)
    del record["fitted"]
    (tmp_path / "config.json").write_text(json.dumps(record))
    assert "has no vocabulary" in bad(capsys, "predict", tmp_path, "x")


@pytest.mark.data
def test_the_default_data(capsys):
    found = answer(capsys, "prepare")
    assert (found["train"] + found["test"], found["labels"]) == (10_072, ["negative", "positive"])


def test_evaluate_is_told_how_to_read_other_data(trained, tmp_path, capsys):
    """A table in another encoding, of other columns, without a header, cut by bars."""
    rows = ["5|dull and lame|poor|x", "6|warm and wonderful|good|y", "7|stale, tired\u00e9|poor|z"] * 4
    path = tmp_path / "other.csv"
    path.write_bytes("\n".join(rows).encode("latin-1"))
    form = ["--texts.text", "2", "--texts.label", "3", "--texts.header", "no", "--texts.delimiter", "|"]
    found = answer(capsys, "evaluate", trained, "--data", path, *form, "--texts.encoding", "latin-1")
    assert found["count"] == 12
    assert found["accuracy"] > 0.9
    assert "latin-1" in bad(capsys, "evaluate", trained, "--data", path, *form)
    assert "name other data with --data" in bad(capsys, "evaluate", trained, *form)


def test_a_folder_of_texts_and_an_empty_argument(trained, tmp_path, capsys):
    (tmp_path / "one.txt").write_text("warm and wonderful")
    (tmp_path / "two.txt").write_text("dull and lame")
    shown = said(capsys, "predict", trained, tmp_path)
    assert "one.txt" in shown
    assert "two.txt" in shown
    found = answer(capsys, "predict", trained, "", "warm")["predictions"]
    assert [each["answer"] for each in found] == [None, "good"]


def test_passes_that_are_named_are_made(reviews, tmp_path, capsys):
    """Few texts get as many passes as make 300 steps; who names the passes gets these."""
    small = ["--vectors.width", "4", "--net.filters", "2", "--fit.calibration", "0"]
    assert run(APP, ["train", "--data", str(reviews), *small, "--out", str(tmp_path / "a"), "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["steps"] >= 300
    assert "passes instead of 5, for 300 steps at least" in told.err
    args = ["train", "--data", str(reviews), *small, "--fit.epochs", "2", "--out", str(tmp_path / "b"), "--json"]
    assert run(APP, args) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["metrics"]["epoch"] == 2
    assert "passes instead" not in told.err


def test_a_rare_class_is_found_with_balance(tmp_path, capsys):
    """Of 99 to 1 texts, the rare ones have a word that speaks for them half of the time only."""
    random = np.random.default_rng(0)
    rows = [("common", "late" if random.random() < 0.02 else "soon") for _ in range(1980)] + [("rare", "late")] * 20
    lines = [f"{label},{' '.join(random.choice(PLAIN, 6))} {word} {i}" for i, (label, word) in enumerate(rows)]
    (tmp_path / "x.csv").write_text("label,text\n" + "\n".join(lines) + "\n")
    recall = {}
    for name, more in (("plain", []), ("balanced", ["--fit.balance"])):
        out = str(tmp_path / name)
        args = ["train", "--data", str(tmp_path / "x.csv"), "--texts.test-share", "0.3", "--vectors.width", "8"]
        args += ["--net.filters", "4", "--fit.epochs", "4", *more, "--out", out]
        assert run(APP, args) == 0
        capsys.readouterr()
        assert run(APP, ["evaluate", out, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        recall[name] = found["per_class"][1]["recall"]
        assert 0 < found["macro_f1"] <= 1
    assert recall["plain"] < 0.5
    assert recall["balanced"] > 0.8


def test_a_run_killed_before_its_first_checkpoint_begins_anew(reviews, tmp_path, capsys):
    """All that it left is what it was to be."""
    whole, left, other = tmp_path / "whole", tmp_path / "left", tmp_path / "other"
    args = ["--data", str(reviews), "--vectors.width", "4", "--net.filters", "2", "--fit.epochs", "2"]
    assert run(APP, ["train", *args, "--out", str(whole)]) == 0
    left.mkdir()
    (left / "config.json").write_bytes((whole / "config.json").read_bytes())
    assert run(APP, ["train", "--resume", str(left)]) == 0
    weights = [folder / "last" / "weights.safetensors" for folder in (whole, left)]
    assert digest_of(weights[0]) == digest_of(weights[1])
    assert run(APP, ["train", *args, "--init", str(whole), "--out", str(other)]) == 0
    shutil.rmtree(other / "last")
    capsys.readouterr()
    assert run(APP, ["train", "--resume", str(other)]) == 2
    assert f"train again: --init {whole}" in capsys.readouterr().err
    assert not (other / "last").exists()
