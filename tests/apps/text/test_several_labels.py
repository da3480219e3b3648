"""Texts with several labels: read in every form, trained, measured beside linear models, told, explained, exported."""

import json

import numpy as np
import pytest
import torch

from apps.text.app import APP
from apps.text.config import PRESETS
from apps.text.corpus import read_texts
from apps.text.data import load, rarest
from apps.text.reading.form import Form
from cnn_core.cli import run as run_app
from cnn_core.errors import UserError

SEVERAL = Form(labels="several")
WORDS = {"sport": ["ball", "goal", "team"], "food": ["bread", "soup", "cheese"], "music": ["song", "drum", "choir"]}
PLAIN = ["the", "a", "of", "with", "and", "it", "day", "house", "long", "very"]


def command(*args: str) -> int:
    return run_app(APP, list(args))


def samples(count: int, seed: int) -> list[tuple[list[str], str]]:
    """A text has one word of each of its labels, which are 0 to 3; music is rare."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        labels = [name for name, share in (("sport", 0.5), ("food", 0.4), ("music", 0.15)) if random.random() < share]
        words = [*random.choice(PLAIN, random.integers(4, 9)), *(random.choice(WORDS[name]) for name in labels)]
        random.shuffle(words)
        found.append((labels, " ".join(words)))
    return found


def written(path, rows):
    """The rows in the form that the name says."""
    match path.stem:
        case "fasttext":
            lines = [" ".join([*(f"__label__{label}" for label in labels), text]) for labels, text in rows if labels]
        case "list":
            lines = [json.dumps({"text": text, "label": labels}) for labels, text in rows]
        case "cells":
            lines = ["text,label", *(f'{text},"{",".join(labels)}"' for labels, text in rows)]
        case _:
            lines = ["id,comment,sport,food,music"]
            lines += [
                f"{i},{text},{','.join(str(int(name in labels)) for name in WORDS)}"
                for i, (labels, text) in enumerate(rows)
            ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("name", ["fasttext.txt", "list.jsonl", "cells.csv", "columns.csv"])
def test_every_form_gives_the_same_labels(tmp_path, name):
    rows = samples(40, 0)
    path = written(tmp_path / name, rows)
    form = Form(labels="several", label="sport,food,music", text="comment") if name == "columns.csv" else SEVERAL
    found = read_texts(path, form)
    rows = [row for row in rows if row[0] or name != "fasttext.txt"]
    assert [json.loads(label) for label in found.labels] == [sorted(labels) for labels, _ in rows]
    assert found.texts == [text for _, text in rows]
    none = sum(not labels for labels, _ in rows)
    assert any(f"{none} of 40 texts have no label" in line for line in found.notes) == bool(none)


def test_targets_and_splits(tmp_path):
    path = written(tmp_path / "cells.csv", samples(400, 1))
    config = PRESETS["rand"]
    config = type(config)(data=str(path), texts=type(config.texts)(labels="several"), fit=config.fit)
    data = load(config)
    assert data.labels == ("food", "music", "sport")
    assert data.train.targets.dtype == torch.uint8
    shares = [split.targets.float().mean(0) for split in (data.train, data.test)]
    assert (shares[0] - shares[1]).abs().max() < 0.08
    rest, held = data.train.hold_out(0.2, 0)
    assert (rest.targets.float().mean(0) - held.targets.float().mean(0)).abs().max() < 0.08
    assert data.label_of(torch.tensor([1, 0, 1])) == "food, sport"
    assert rarest(['["a", "b"]', '["a"]', "[]"]) == ["b", "a", ""]


def test_the_whole_way(tmp_path, capsys):
    path, run = written(tmp_path / "cells.csv", samples(900, 2)), tmp_path / "run"
    small = ["--vectors.width", "16", "--net.filters", "12", "--fit.epochs", "12", "--fit.learning-rate", "0.01"]
    assert command("train", "--data", str(path), "--texts.labels", "several", *small, "--out", str(run)) == 0
    capsys.readouterr()
    assert command("evaluate", str(run), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["micro_f1"] > 0.95
    assert found["micro_interval"][0] <= found["micro_f1"] <= found["micro_interval"][1]
    assert len(found["baselines"]) == 2
    assert all(each["micro_f1"] > 0.9 for each in found["baselines"].values())
    assert command("evaluate", str(run)) == 0
    assert "micro F1" in capsys.readouterr().out

    texts = ["the ball of the choir", "a long day with soup", "it and the house"]
    assert command("predict", str(run), *texts, "--json") == 0
    answers = json.loads(capsys.readouterr().out)["predictions"]
    assert [each["labels"] for each in answers] == [["music", "sport"], ["food"], []]
    assert [each["answer"] for each in answers] == ["music, sport", "food", "no label"]
    assert command("explain", str(run), texts[0], texts[2], "--json") == 0
    told = json.loads(capsys.readouterr().out)["explained"]
    assert [each["target"] for each in told[:2]] == ["music", "sport"]
    assert told[2]["answer"] == "no label"
    for each, word in zip(told, ("choir", "ball"), strict=False):
        assert each["words"][int(np.argmax(each["scores"]))] == word
        assert sum(each["scores"]) + each["rest"] == pytest.approx(each["score"], abs=1e-4)

    other = written(tmp_path / "list.jsonl", samples(120, 3))
    assert command("evaluate", str(run), "--data", str(other), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["count"], found["micro_f1"] > 0.95) == (120, True)
    onnxruntime = pytest.importorskip("onnxruntime")
    out = tmp_path / "model.onnx"
    assert command("export", str(run), "--out", str(out)) == 0
    words = json.loads(out.with_suffix(".vocabulary.json").read_text())
    assert len(words["thresholds"]) == 3
    row = np.array([[words["words"].index(word) for word in texts[0].split()]], np.int32)
    logits = onnxruntime.InferenceSession(str(out)).run(None, {"input": row})[0][0]
    expected = {each["label"]: each["probability"] for each in answers[0]["top"]}
    assert dict(zip(words["labels"], 1 / (1 + np.exp(-logits)), strict=True)) == pytest.approx(expected, abs=1e-4)
    for args, message in (
        (["folds", "--data", str(path), "--texts.labels", "several"], "one class a text"),
        (["export", str(run), "--linear", str(tmp_path / "l")], "this run tells several labels"),
        (["export", str(run), "--page", str(tmp_path / "p.html")], "this run tells several labels"),
        (["visualize", "map", str(run)], "this run tells several labels"),
        (["train", "--texts.labels", "several", "--out", str(tmp_path / "x")], "has one class a text"),
    ):
        assert command(*args) == 2, args
        assert message in capsys.readouterr().err


def test_bad_columns_are_one_line(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("text,a,b\nfine,1,0\nodd,2,1\n")
    with pytest.raises(UserError, match=r"row 2 of the columns a,b has '2', and they must hold 0 or 1"):
        read_texts(path, Form(labels="several", label="a,b"))
    with pytest.raises(UserError, match="c: no such column"):
        read_texts(path, Form(labels="several", label="a,c"))
    (tmp_path / "d" / "a").mkdir(parents=True)
    with pytest.raises(UserError, match="a folder of classes has one label a text"):
        read_texts(tmp_path / "d", SEVERAL)
