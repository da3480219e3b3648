"""What a run remembers of its files: evaluate on other data, data that changed, predict on tables, streams, --csv."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from apps.text.app import APP
from apps.text.data import encode_texts
from apps.text.words.ragged import MOST_WORDS
from cnn_core.cli import run
from cnn_core.files import csv_cell

SMALL = [
    *("--preset", "rand", "--fit.epochs", "6", "--vectors.width", "8", "--net.filters", "6", "--fit.patience", "0"),
    *("--fit.validation", "0", "--fit.learning-rate", ".02", "--threads", "1", "--json"),
]
TEXTS = {
    "1": ["schön wonderful {}", "a superb film {}", "moving {} plot"],
    "0": ["dull {} café", "awful {}", "stale {}"],
}


def table(count, start=0, header="id;comment_text;remark;toxic\n"):
    """Semicolons, Latin-1, a header in words of its own, a remark that is longer than the text."""
    rows = [
        f"{i};{TEXTS[str(i % 2)][i // 2 % 3].format('word' * (i % 3))} {i};"
        f"{'a long remark of no interest at all, number ' + str(i)};{i % 2}"
        for i in range(start, start + count)
    ]
    return (header + "\n".join(rows) + "\n").encode("latin-1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Training and test file, and RUN that was trained on them."""
    place = tmp_path_factory.mktemp("reviews")
    (place / "train.csv").write_bytes(table(80))
    (place / "test.csv").write_bytes(table(20, 100))
    data = ["--data", str(place / "train.csv"), "--texts.test", str(place / "test.csv")]
    columns = ["--texts.text", "comment_text", "--texts.encoding", "latin-1"]
    assert run(APP, ["train", *data, *columns, "--out", str(place / "RUN"), *SMALL]) == 0
    return place


def ask(capsys, *args, status=0):
    """(the JSON object that a verb prints, or None, standard error)."""
    capsys.readouterr()
    assert run(APP, [*map(str, args), "--json", "--threads", "1"]) == status
    out, err = capsys.readouterr()
    return json.loads(out) if out else None, err


# evaluate


@pytest.mark.slow
def test_other_data_are_measured_whole(folder, tmp_path, capsys):
    first, err = ask(capsys, "evaluate", folder / "RUN")
    assert first["count"] == 20
    assert "changed" not in err
    assert not first["data_changed"]
    new = tmp_path / "new.csv"
    new.write_bytes(table(31, 200))
    found, err = ask(capsys, "evaluate", folder / "RUN", "--data", new)
    assert found["count"] == 31
    assert found["data"] == "new.csv"
    assert found["accuracy"] > 0.9
    assert {each["name"]: each["accuracy"] > 0.9 for each in found["baselines"]} == {
        "TF-IDF + logistic regression": True,
        "NB-SVM, words and pairs": True,
    }
    assert "read as latin-1, as the training data were" in err
    _, err = ask(capsys, "evaluate", folder / "RUN", "--data", folder / "test.csv")
    assert "the very texts" not in err


def test_linear_models_are_those_of_the_training_data(folder, tmp_path, capsys):
    """Of data whose labels are turned round, models trained on the run's data get nothing right."""
    turned = tmp_path / "turned.csv"
    turned.write_bytes(re.sub(rb";([01])\n", lambda m: b";%d\n" % (1 - int(m[1])), table(30, 200)))
    found, _ = ask(capsys, "evaluate", folder / "RUN", "--data", turned)
    assert found["accuracy"] < 0.1
    assert all(each["accuracy"] < 0.1 for each in found["baselines"])
    assert len(found["baselines"]) == 2


@pytest.mark.slow
def test_one_class_alone_is_measured(folder, tmp_path, capsys):
    lines = table(30, 300).splitlines(keepends=True)
    (tmp_path / "one.csv").write_bytes(b"".join([lines[0], *lines[1::2]]))
    found, _ = ask(capsys, "evaluate", folder / "RUN", "--data", tmp_path / "one.csv")
    assert found["count"] == 15
    assert len(found["baselines"]) == 2
    (tmp_path / "d" / "1").mkdir(parents=True)
    (tmp_path / "d" / "1" / "a.txt").write_text("a superb film")
    assert ask(capsys, "evaluate", folder / "RUN", "--data", tmp_path / "d")[0]["count"] == 1
    (tmp_path / "bare.csv").write_bytes(b"superb;1\nmoving;1\n")
    assert ask(capsys, "evaluate", folder / "RUN", "--data", tmp_path / "bare.csv")[0]["accuracy"] == 1
    names = b"text;verdict\nsuperb;1\nawful;0\nawful stale;0\nmoving;1\n"
    (tmp_path / "other.csv").write_bytes(names)
    found, err = ask(capsys, "evaluate", folder / "RUN", "--data", tmp_path / "other.csv")
    assert found["count"] == 4
    assert "no column 'comment_text' of texts as in the training data" in err
    assert "labels from column 'verdict'" in err


@pytest.mark.slow
def test_training_data_that_are_gone_or_changed(folder, tmp_path, capsys):
    new = tmp_path / "new.csv"
    new.write_bytes(table(30, 200))
    content = (folder / "train.csv").read_bytes()
    try:
        (folder / "train.csv").write_bytes(content + table(2, 500, header=""))
        found, err = ask(capsys, "evaluate", folder / "RUN")
        assert "has changed since the run was trained on it" in err
        assert found["data_changed"]
        assert found["count"] == 20
        assert found["baselines"] == []
        found, _ = ask(capsys, "evaluate", folder / "RUN", "--data", new)
        assert "has changed" in found["baselines_left_out"]
        assert found["count"] == 30
        (folder / "train.csv").unlink()
        found, _ = ask(capsys, "evaluate", folder / "RUN", "--data", new)
        assert "no data set, file or folder is named" in found["baselines_left_out"]
        assert found["accuracy"] > 0.9
    finally:
        (folder / "train.csv").write_bytes(content)


def test_a_text_without_words_hides_nothing(folder, tmp_path, capsys):
    (tmp_path / "empty.csv").write_bytes(b"comment_text;toxic\n;1\n  ;0\n")
    found, err = ask(capsys, "evaluate", folder / "RUN", "--data", tmp_path / "empty.csv")
    assert found["count"] == found["texts_without_words"] == 2
    assert (found["unknown_words"], found["words_not_in_training"]) == (0, 0)
    assert "2 of 2 texts are empty" in err


# predict


def test_predict_reads_as_training_did(folder, tmp_path, capsys):
    unlabelled = b"".join(line.rpartition(b";")[0] + b"\n" for line in table(7, 400).splitlines())
    (tmp_path / "new.csv").write_bytes(unlabelled)
    found, err = ask(capsys, "predict", folder / "RUN", tmp_path / "new.csv", "--csv", tmp_path / "out.csv")
    answers = found["predictions"]
    assert [each["row"] for each in answers] == list(range(1, 8))
    assert sum("schön" in each["text"] for each in answers) == 1
    assert all("remark" not in each["text"] for each in answers)
    assert [each["answer"] for each in answers] == [str(i % 2) for i in range(400, 407)]
    assert "read as latin-1, as the training data were" in err
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["id", "comment_text", "remark", "answer", "probability"]
    assert [row[0] for row in rows[1:]] == [str(i) for i in range(400, 407)]
    assert [row[3] for row in rows[1:]] == [each["answer"] for each in answers]
    (tmp_path / "other.csv").write_text("id;body\n1;superb\n2;dull\n")
    _, err = ask(capsys, "predict", folder / "RUN", tmp_path / "other.csv", status=2)
    assert "has no column 'comment_text', from which the run learned its texts" in err
    assert "with --text" in err
    found, _ = ask(capsys, "predict", folder / "RUN", tmp_path / "other.csv", "--text", "body", "--encoding", "utf-8")
    assert [each["answer"] for each in found["predictions"]] == ["1", "0"]
    (tmp_path / "bare.tsv").write_text("1\tsuperb\n2\tdull\n")
    found, _ = ask(capsys, "predict", folder / "RUN", tmp_path / "bare.tsv", "--text", 2, "--header", "no")
    assert [each["answer"] for each in found["predictions"]] == ["1", "0"]


def test_hints_of_predict_name_its_own_options(folder, tmp_path, capsys):
    (tmp_path / "x.csv").write_bytes(b"comment_text\ncaf\xe9\n")
    _, err = ask(capsys, "predict", folder / "RUN", tmp_path / "x.csv", "--encoding", "ascii", status=2)
    assert "--encoding" in err
    assert "--texts." not in err
    _, err = ask(capsys, "predict", folder / "RUN", tmp_path / "x.csv", "--text", "body", status=2)
    assert "--text body: no such column" in err


def test_one_answer_a_row(folder, tmp_path, capsys):
    (tmp_path / "x.txt").write_bytes("a superb film\n\nawful\x85next half\nstale\u2028and more\n \nlast\n\n".encode())
    out = tmp_path / "out.csv"
    found, _ = ask(capsys, "predict", folder / "RUN", tmp_path / "x.txt", "--encoding", "utf-8", "--csv", out)
    answers = found["predictions"]
    assert [each["row"] for each in answers] == [1, 2, 3, 4, 5, 6, 7]
    assert [each["answer"] is None for each in answers] == [False, True, False, False, True, False, True]
    assert [each["answer"] for each in answers[2:4]] == ["0", "0"]
    with out.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["text", "answer", "probability"]
    assert [row[1] for row in rows[1:]] == [each["answer"] or "" for each in answers]
    (tmp_path / "y.csv").write_text("comment_text;remark\n=1+1;x\n;-2\n\nsuperb;@a\n")
    found, _ = ask(capsys, "predict", folder / "RUN", tmp_path / "y.csv", "--csv", out)
    assert [each["answer"] is None for each in found["predictions"]] == [False, True, True, False]
    with out.open(encoding="utf-8", newline="") as stream:
        rows = [row[:2] for row in csv.reader(stream)]
    assert rows == [["comment_text", "remark"], ["'=1+1", "x"], ["", "'-2"], ["", ""], ["superb", "'@a"]]
    capsys.readouterr()
    assert run(APP, ["predict", str(folder / "RUN"), str(tmp_path / "y.csv"), "--threads", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 5


def test_cells_that_spreadsheets_would_calculate():
    assert [csv_cell(cell) for cell in ("=1", "+1", "-1", "@a", "a=1", "", "'")] == [
        "'=1",
        "'+1",
        "'-1",
        "'@a",
        "a=1",
        "",
        "'",
    ]


def test_csv_wants_one_file(folder, tmp_path, capsys):
    (tmp_path / "x.txt").write_text("superb\n")
    _, err = ask(capsys, "predict", folder / "RUN", "a text", "--csv", tmp_path / "o.csv", status=2)
    assert "--csv writes the rows of one file" in err
    _, err = ask(capsys, "predict", folder / "RUN", tmp_path / "x.txt", "--csv", tmp_path / "x.txt", status=2)
    assert "is the file that is read" in err
    assert (tmp_path / "x.txt").read_text() == "superb\n"


@pytest.mark.slow
def test_streams(folder):
    def answers(raw, *more):
        command = [sys.executable, "-m", "apps.text", "predict", str(folder / "RUN"), "-", "--json", "--threads", "1"]
        return subprocess.run([*command, *more], input=raw, capture_output=True, check=False)

    done = answers("schön superb\r\n\nawful\u2028here\n".encode(), "--encoding", "utf-8")
    found = [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]
    assert [(each["line"], each["answer"]) for each in found] == [(1, "1"), (2, None), (3, "0")]
    done = answers("schön\n".encode("latin-1"))
    assert json.loads(done.stdout)["unknown"] == 0
    assert b"read as latin-1, as the training data were" in done.stderr
    done = answers("superb\n".encode("utf-16"), "--encoding", "utf-16")
    assert done.returncode == 2
    assert b"a stream is cut into lines at the byte 0a" in done.stderr


def test_fasttexts_labels_are_no_words(folder, tmp_path, capsys):
    (tmp_path / "x.txt").write_text("__label__1 superb\n__label__0 dull\n")
    found, _ = ask(capsys, "predict", folder / "RUN", tmp_path / "x.txt")
    assert [each["text"] for each in found["predictions"]] == ["superb", "dull"]


# Batches by words


def test_batches_are_limited_by_words(folder):
    vocabulary = APP.fitted.from_json(json.loads((folder / "RUN" / "config.json").read_text())["fitted"]).vocabulary
    texts = ["word " * n for n in [3] * 1000 + [40_000] * 7 + [400_000] + [0] * 5]
    split = encode_texts(vocabulary, texts)
    batches = list(split.evaluation_batches(256))
    assert torch.cat(batches).tolist() == split.evaluation_order().tolist()
    sizes = [(len(batch), int(split.inputs[batch, 1].max())) for batch in batches]
    assert all(count * longest <= MOST_WORDS or count == 1 for count, longest in sizes)
    assert max(count for count, _ in sizes) == 256
    assert len(batches) <= 10
    assert list(encode_texts(vocabulary, []).evaluation_batches(256)) == []


SCRIPT = """
import re, sys
from pathlib import Path
from apps.text.__main__ import main
sys.argv = ["cnn-text", "predict", sys.argv[1], sys.argv[2], "--threads", "1", "--json"]
assert main() == 0
print(int(re.search(r"VmHWM:\\\\s*(\\\\d+)", Path("/proc/self/status").read_text())[1]) // 1000, file=sys.stderr)
""".replace("\\\\", "\\")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_short_lines_beside_a_long_one_take_little_memory(folder, tmp_path):
    """100 short lines and one of 1 MB: under 1.5 GB, most of it torch and the one text."""
    (tmp_path / "x.txt").write_text("a superb film\n" * 100 + "word " * 200_000 + "\n")
    command = [sys.executable, "-c", SCRIPT, str(folder / "RUN"), str(tmp_path / "x.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["predictions"]) == 101
    assert int(done.stderr.split()[-1]) < 1500


def test_runs_of_earlier_versions(folder, tmp_path, capsys):
    """Without digest and form, the options of the configuration say how files are read."""
    record = json.loads((folder / "RUN" / "config.json").read_text())
    assert record["fitted"]["form"]["delimiter"] == ";"
    assert len(record["fitted"]["digest"]) == 64
    for name in ("digest", "form"):
        del record["fitted"][name]
    for name in ("header", "delimiter", "quote", "label_separator"):
        del record["config"]["texts"][name]
    (tmp_path / "RUN").mkdir()
    (tmp_path / "RUN" / "config.json").write_text(json.dumps(record))
    (tmp_path / "RUN" / "last").symlink_to(folder / "RUN" / "last")
    found, _ = ask(capsys, "evaluate", tmp_path / "RUN")
    assert found["count"] == 20
    assert not found["data_changed"]
    assert len(found["baselines"]) == 2
    found, _ = ask(capsys, "predict", tmp_path / "RUN", folder / "test.csv")
    assert len(found["predictions"]) == 20
