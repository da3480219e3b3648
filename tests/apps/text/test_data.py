"""Texts: any file, any encoding, columns, splits, tokens, vocabulary."""

import io
import json
import string
import tarfile
import warnings
from collections import Counter
from dataclasses import replace
from functools import cache
from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.text.config import PRESETS, TextConfig, TextData
from apps.text.corpus import read_texts
from apps.text.data import load
from apps.text.reading import data_sets
from apps.text.reading.form import Form
from apps.text.reading.plain import read_plain
from apps.text.reading.tokenizers import SPACE, characters, english, kim, normal_form, tokenizer
from apps.text.words.numbered import Numbering
from apps.text.words.one_text import read
from apps.text.words.ragged import TextSplit, pad, rows_of
from apps.text.words.vocabulary import FittedText, make_vocabulary
from cnn_core.errors import UserError
from cnn_core.fetching.sources import Fetched, load_manifest

ROWS = [("good", "a fine film"), ("bad", "dull, and long"), ("good", 'it is "great" fun'), ("bad", "awful; a mess")]
ANY = Form()


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def numbered(rows):
    return Numbering().rows(rows)


def as_csv(rows, mark=",", header=None):
    quoted = [
        [f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in ([header] if header else []) + rows
    ]
    return "\n".join(mark.join(row) for row in quoted) + "\n"


# Forms of files


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
@pytest.mark.parametrize(
    "header", [None, ["label", "text"], ["Sentiment", "Review"]], ids=["none", "usual", "capitals"]
)
def test_csv(tmp_path, mark, header):
    rows = [list(row) for row in ROWS]
    path = write(tmp_path / ("x.tsv" if mark == "\t" else "x.csv"), as_csv(rows, mark, header))
    found = read_texts(path, ANY)
    assert list(zip(found.labels, found.texts, strict=True)) == ROWS


def test_columns_by_name_and_number(tmp_path):
    rows = [[str(i), label, f"topic{i % 2}", text] for i, (label, text) in enumerate(ROWS)]
    path = write(tmp_path / "x.csv", as_csv(rows, header=["id", "mood", "theme", "words"]))
    found = read_texts(path, Form(text="words", label="mood"))
    assert found.labels == [label for label, _ in ROWS]
    assert found.notes == ()  # nothing was guessed
    found = read_texts(path, Form(label="theme"))
    assert found.texts == [text for _, text in ROWS]
    assert "texts from column 'words'" in found.notes[0]
    bare = write(tmp_path / "y.csv", as_csv(rows))
    assert read_texts(bare, Form(text="4", label="2")).texts == [text for _, text in ROWS]
    with pytest.raises(UserError, match="no such column"):
        read_texts(path, Form(label="colour"))
    with pytest.raises(UserError, match="cannot be the same column"):
        read_texts(path, Form(text="mood", label="mood"))


def test_json_parquet_and_lines(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    objects = [{"label": label, "text": text} for label, text in ROWS]
    lines = write(tmp_path / "x.jsonl", "\n".join(map(json.dumps, objects)))
    whole = write(tmp_path / "x.json", json.dumps(objects))
    parquet.write_table(pyarrow.Table.from_pylist(objects), tmp_path / "x.parquet")
    plain = write(tmp_path / "x.txt", "".join(f"{label} {text}\n" for label, text in ROWS))
    fasttext = write(tmp_path / "y.txt", "".join(f"__label__{label} {text}\n" for label, text in ROWS))
    for path in (lines, whole, tmp_path / "x.parquet", plain, fasttext):
        found = read_texts(path, ANY)
        assert list(zip(found.labels, found.texts, strict=True)) == ROWS, path
    assert read_plain(lines, ANY).texts == [text for _, text in ROWS]
    assert read_plain(plain, ANY).texts[0] == "good a fine film"
    found = read_plain(plain, ANY, labels=sorted({label for label, _ in ROWS}))
    assert found.texts == [text for _, text in ROWS]
    assert "begin with classes" in found.notes[0]
    once = write(tmp_path / "once.txt", "good morning to all\n\ngood night\n")  # no labels: all are the same word
    assert read_plain(once, ANY, labels=["bad", "good"]).texts == ["good morning to all", "", "good night"]


def test_folders_of_classes(tmp_path):
    for number, (label, text) in enumerate(ROWS):
        (tmp_path / "d" / label).mkdir(parents=True, exist_ok=True)
        write(tmp_path / "d" / label / f"{number}.txt", text)
    found = read_texts(tmp_path / "d", ANY)
    assert sorted(zip(found.labels, found.texts, strict=True)) == sorted(ROWS)
    (tmp_path / "e").mkdir()
    for label in ("good", "bad"):
        write(tmp_path / "e" / f"sentences.{label}", "".join(f"{t}\n" for m, t in ROWS if m == label))
    found = read_texts(tmp_path / "e", ANY)
    assert sorted(zip(found.labels, found.texts, strict=True)) == sorted(ROWS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_encodings(tmp_path, encoding):
    path = write(tmp_path / "x.csv", "label,text\ngood,très bien\nbad,déjà vu\ngood,une fête\nbad,gâché\n", encoding)
    named = encoding if encoding in ("latin-1", "cp1252") else ""
    assert read_texts(path, Form(encoding=named)).texts == ["très bien", "déjà vu", "une fête", "gâché"]
    if named:
        with pytest.raises(
            UserError, match=r"x\.csv: byte 0xe8 in line 2 is not valid utf-8; give the right --texts.encoding"
        ):
            read_texts(path, ANY)


BAD = {
    "empty": ("x.csv", b"", "is empty"),
    "blank": ("x.csv", b"\n \n", "is empty"),
    "header-only": ("x.csv", b"label,text\n", "no rows"),
    "one-column": ("x.csv", b"text\nfine\nbad\n", "one column only"),
    "ragged": ("x.csv", b"label,text\na,b\na,b,c\n", "line 3 has 3 columns, and the first has 2"),
    "labels-missing": ("x.csv", b"label,text\na,b\n,c\n", "1 of 2 rows have no label (first: row 2)"),
    "no-labels": ("x.csv", b"name,line\na,one thing\nb,another thing\nc,a third\n", "no column looks like labels"),
    "undecodable": ("x.csv", b"label,text\na,caf\xe9\n", "byte 0xe9 in line 2 is not valid utf-8"),
    "jsonl": ("x.jsonl", b'{"label": "a", "text": "b"}\n{"label"\n', "line 2 is not valid JSON"),
    "jsonl-list": ("x.jsonl", b"[1]\n", "not a JSON object"),
    "jsonl-keys": ("x.jsonl", b'{"label": "a", "text": "b"}\n{"text": "c"}\n', "differ in the field 'label'"),
    "json": ("x.json", b"{}", "must hold a list"),
    "parquet": ("x.parquet", b"PAR1 no", "not a readable parquet"),
    "line": ("x.txt", b"good fine\nbad\n", "line 2 is one word"),
    "unlabelled": ("x.txt", "\n".join(f"w{i} text" for i in range(60)).encode(), "60 different words"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_one_line(tmp_path, case):
    name, raw, message = BAD[case]
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(UserError) as caught:
        read_texts(tmp_path / name, ANY)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@settings(max_examples=150)
@given(st.sampled_from(["x.csv", "x.tsv", "x.jsonl", "x.json", "x.txt", "x.parquet"]), st.data())
def test_any_bytes_are_texts_or_a_user_error(tmp_path_factory, name, data):
    alphabet = st.sampled_from([*'ab,;\t\n"{}[]: \r\0', "é", "1", '{"label":"a","text":"b"}', "label,text\n"])
    raw = data.draw(
        st.one_of(st.binary(max_size=60), st.lists(alphabet, max_size=30).map(lambda p: "".join(p).encode()))
    )
    path = tmp_path_factory.mktemp("fuzz") / name
    path.write_bytes(raw)
    try:
        found = read_texts(path, ANY)
        assert len(found.texts) == len(found.labels) > 0
        assert all(found.labels)
    except UserError as error:
        assert str(path) in str(error)


def test_a_very_long_line(tmp_path):
    path = write(
        tmp_path / "x.csv", "label,text\n" + "".join(f"{c},{'word ' * 200_000}{i}\n" for i, c in enumerate("abab"))
    )
    assert len(read_texts(path, ANY).texts[0]) > 10**6


# Tokens and vocabulary


def test_tokenizers():
    assert tokenizer("english")("It's BAD, isn't it?") == ["it", "'", "s", "bad", ",", "isn", "'", "t", "it", "?"]
    assert kim("It's BAD, isn't it? (50%)") == ["it", "'s", "bad", ",", "is", "n't", "it", "?", "(", "50", ")"]
    assert characters(" A  b\n") == ["a", SPACE, "b"]
    with pytest.raises(UserError, match="no tokenizer"):
        tokenizer("french")


PIECES = st.sampled_from([*"'\".,()!?;:", "<br />", "<BR />", "<", " ", "\t", "a", "B", "É", "İ", "ß", "\u3000", "1"])


@given(st.lists(PIECES | st.characters(codec="utf-8"), max_size=30).map("".join))
def test_english_is_torchtexts_basic_english(text):
    assert english(text) == _torchtext()(text)


@cache
def _torchtext():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old package on a new Python
        return import_module("torchtext.data.utils").get_tokenizer("basic_english")


@given(st.text(string.printable + "äÉß", max_size=60))
def test_case_is_kept_on_request(text):
    """In lower case the tokens are those of the tokenizer that folds; and the exported script cuts alike."""
    import apps.text.predict_onnx as script

    for name in ("english", "kim", "characters"):
        kept, folded = tokenizer(f"{name}:case")(text), tokenizer(name)(text)
        if name != "kim":  # whose contractions are those of lower case, as published: "IT'S" is one word
            assert [token.lower() for token in kept] == folded
        assert script.TOKENIZERS[name](text, str) == kept
        assert script.TOKENIZERS[name](text, str.lower) == folded
    assert tokenizer("kim:case")("Apple's apple") == ["Apple", "'s", "apple"]


def test_words_that_differ_in_case_are_two(tmp_path):
    path = tmp_path / "x.csv"
    rows = [("firm", "Apple grew"), ("fruit", "an apple grew")] * 20
    path.write_text("label,text\n" + "".join(f"{label},{text} {i}\n" for i, (label, text) in enumerate(rows)))
    config = replace(PRESETS["rand"], data=str(path))
    words = load(replace(config, texts=replace(config.texts, case="keep"))).fitted.vocabulary
    assert {"Apple", "apple"} <= set(words.words)
    assert words.tokenizer == "english:case"
    assert words.encode(words.tokenize("Apple apple")).tolist() == [words.numbers["Apple"], words.numbers["apple"]]
    assert "Apple" not in load(config).fitted.vocabulary.words
    with pytest.raises(UserError, match="whose pieces are in lower case"):
        TextData(tokenizer="wordpiece", case="keep")


def test_chinese_words():
    pytest.importorskip("jieba")
    assert tokenizer("jieba")("我来到北京清华大学") == ["我", "来到", "北京", "清华大学"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["english", "kim", "characters"])
@given(text=st.text(max_size=60))
def test_tokens_hold_no_white_space(name, text):
    for token in tokenizer(name)(text):
        assert token
        assert not any(map(str.isspace, token))


@given(
    st.lists(
        st.lists(st.text(string.ascii_letters + "é<>", min_size=1, max_size=4), max_size=6), min_size=1, max_size=8
    )
)
def test_vocabulary_orders_by_count_and_comes_back(rows):
    found = make_vocabulary(numbered(rows).counts(), "kim", unseen=["zzzz", "zzzz", "a"])
    counts = Counter(token for row in rows for token in row)
    own = found.words[2 : len(found) - found.unseen]
    assert own == tuple(sorted(counts, key=lambda word: (-counts[word], word)))
    fitted = FittedText("x", ("a", "b"), found, 0)
    again = FittedText.from_json(json.loads(json.dumps(fitted.to_json()))).vocabulary
    assert again == found
    for row in rows:
        assert found.decode(found.encode(row)) == row
    places, flat = found.places(numbered([["elsewhere"], *rows]))
    assert [flat[start : start + length].tolist() for start, length in places][1:] == [
        found.encode(row).tolist() for row in rows
    ]
    assert found.encode(["no such word", "<pad>"]).tolist() == [1, 1]


@given(st.lists(st.lists(st.text(max_size=3), max_size=5), max_size=6), st.integers(0, 6))
def test_numbered_texts_are_the_lists_that_they_were_made_of(rows, cut):
    numbering = Numbering()
    parts = [numbering.rows(rows[:cut]), numbering.rows(rows[cut:])]
    assert [list(part) for part in parts] == [rows[:cut], rows[cut:]]
    assert parts[1][::2] == rows[cut:][::2]
    assert parts[1].lengths.tolist() == [len(row) for row in rows[cut:]]
    for part, own in zip(parts, (rows[:cut], rows[cut:]), strict=True):
        assert part.counts() == Counter(token for row in own for token in row)
    with pytest.raises(IndexError):
        parts[0][len(parts[0])]


def test_vocabulary_limits():
    rows = [["a", "a", "b", "b", "c"]]
    assert make_vocabulary(numbered(rows).counts(), "kim", most=1).words[2:] == ("a",)
    assert make_vocabulary(numbered(rows).counts(), "kim", least_count=2).words[2:] == ("a", "b")


@pytest.mark.parametrize("change", [{"words": "a b"}, {"words": 3}, {"words": "<pad> <unk> a a"}, {"unseen": "x"}])
def test_a_damaged_vocabulary_is_a_user_error(change):
    damaged = FittedText("x", ("a", "b"), make_vocabulary({"a": 1}, "kim"), 0).to_json() | change
    with pytest.raises(UserError, match="vocabulary"):
        FittedText.from_json(damaged)


# Splits


@given(st.text(st.sampled_from("aAßſ ﬁİ\t\u00a0éÉ"), max_size=8))
def test_the_normal_form_forgets_case_and_white_space(text):
    for other in (text.replace(" ", " \n"), f" {text}\t", normal_form(text)):
        assert normal_form(other) == normal_form(text)
    assert normal_form("Straße  ﬁn") == normal_form(" strasse FIN")


def test_splits_are_the_same_for_every_tokenizer_and_equal_texts_stay_together(tmp_path):
    generator = np.random.default_rng(0)
    rows = [[f"{('good', 'bad')[i % 2]}", f"{generator.choice(['It', 'it'])} is{' ' * int(generator.integers(1, 3))}"
             f"film no. {generator.integers(60)}!"] for i in range(200)]  # fmt: skip
    path = write(tmp_path / "x.csv", as_csv(rows, header=["label", "text"]))
    for options in (TextData(), TextData(folds=4, fold=1)):
        sets = [
            load(TextConfig(data=str(path), texts=replace(options, tokenizer=name, longest=longest)))
            for name, longest in (("english", 0), ("kim", 0), ("characters", 3))
        ]
        for data in sets:
            assert data.test.texts == sets[0].test.texts
            assert data.train.texts == sets[0].train.texts
            sides = [{normal_form(text) for text in part.texts} for part in (data.train, data.test)]
            assert sides[0].isdisjoint(sides[1])
        rest, held = sets[0].train.hold_out(0.2, 0)
        assert {*map(normal_form, rest.texts)}.isdisjoint(map(normal_form, held.texts))
        assert len(rest) + len(held) == len(sets[0].train)


# Ragged rows


@given(st.lists(st.lists(st.integers(1, 9), max_size=7), min_size=1, max_size=20), st.integers(1, 6), st.integers(0, 3))
def test_ragged_rows(rows, batch, epoch):
    places, tokens = rows_of([np.array(row, np.int32) for row in rows])
    split = TextSplit(places, torch.arange(len(rows)), tokens, tuple(map(str, rows)))
    x, _ = split.take(slice(0, len(rows)))
    assert x.dtype == torch.int32
    assert x.shape == (len(rows), max(1, *map(len, rows), 1))
    for i, row in enumerate(rows):
        assert x[i].tolist() == row + [0] * (x.shape[1] - len(row))
        assert split.row(i).tolist() == row
    order = split.order(1, epoch, batch)
    assert sorted(order.tolist()) == list(range(len(rows)))
    assert torch.equal(order, split.order(1, epoch, batch))
    part = split.subset(order[:2])
    assert part.texts == tuple(str(rows[i]) for i in order[:2])
    assert part.take(torch.tensor([0]))[0][0].tolist() == (rows[order[0]] or [0])


def test_batches_are_of_like_length():
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 60, (1000,), generator=generator).tolist()
    places, tokens = rows_of([np.ones(n, np.int32) for n in lengths])
    split = TextSplit(places, torch.zeros(1000, dtype=torch.int64), tokens)
    order = split.order(0, 0, 50)
    padded = sum(50 * split.inputs[order[i : i + 50], 1].max().item() for i in range(0, 1000, 50))
    assert padded / sum(lengths) < 1.06
    assert not torch.equal(order[:50].sort().values, split.order(0, 1, 50)[:50].sort().values)


def test_batches_of_a_part_are_of_like_length_too():
    lengths = torch.randint(1, 60, (1030,), generator=torch.Generator().manual_seed(0)).tolist()
    places, tokens = rows_of([np.ones(n, np.int32) for n in lengths])
    split = TextSplit(places, torch.zeros(1030, dtype=torch.int64), tokens)
    orders = [split.order(0, epoch, 20, 410) for epoch in range(6)]
    for order in orders:
        long = [split.inputs[order[i : i + 20], 1] for i in range(0, 400, 20)]
        padded = sum(20 * part.max().item() for part in long)
        assert padded / sum(part.sum().item() for part in long) < 1.12
    joined = torch.cat(orders)
    assert joined[:410].unique().numel() == joined[410:820].unique().numel() == 410
    assert joined[:820].unique().numel() == 820, "no text comes again before all were seen"
    assert joined.unique().numel() == 1030
    assert torch.equal(orders[4], split.order(0, 4, 20, 410))


def test_pad_of_nothing():
    assert pad(torch.empty(0, dtype=torch.int32), torch.tensor([0]), torch.tensor([0])).tolist() == [[0]]


# load


def table(path, count=60):
    rows = [[("good", "bad")[i % 2], f"{('fine', 'awful')[i % 2]} film number {i // 2}"] for i in range(count)]
    return write(path, as_csv(rows, header=["label", "text"]))


def test_load_a_table(tmp_path, capsys):
    data = load(TextConfig(data=str(table(tmp_path / "x.csv"))))
    assert data.labels == ("bad", "good")
    assert (len(data.train), len(data.test)) == (54, 6)
    assert "6 of 60 texts for testing (about 10% of each class, seed 0)" in capsys.readouterr().err
    x, y = data.test.take(slice(0, 1))
    words = data.fitted.vocabulary
    assert words.decode(x[0].tolist())[0] == ("awful", "fine")[int(y[0])]
    assert torch.equal(torch.from_numpy(read(data.test.texts[0].encode(), data.fitted)), data.test.row(0))


def test_numeric_labels_keep_their_order(tmp_path):
    rows = [[str(i % 12), f"text {i}"] for i in range(120)]
    data = load(TextConfig(data=str(write(tmp_path / "x.csv", as_csv(rows, header=["label", "text"])))))
    assert data.labels == tuple(map(str, range(12)))


def test_test_file_validation_and_folds(tmp_path):
    (tmp_path / "d").mkdir()
    for name, count in (("train", 60), ("test", 20), ("dev", 10)):
        table(tmp_path / "d" / f"{name}.csv", count)
    data = load(TextConfig(data=str(tmp_path / "d")))
    assert (len(data.train), len(data.test), len(data.validation)) == (60, 20, 10)
    options = TextData(test=str(tmp_path / "d" / "test.csv"))
    data = load(TextConfig(data=str(tmp_path / "d" / "train.csv"), texts=options))
    assert (len(data.train), len(data.test)) == (60, 20)
    seen = []
    for fold in range(3):
        data = load(TextConfig(data=str(tmp_path / "d" / "train.csv"), texts=TextData(folds=3, fold=fold)))
        assert len(data.train) + len(data.test) == 60
        seen += data.test.texts
    assert sorted(seen) == sorted(set(seen))
    assert len(seen) == 60


def test_the_words_and_classes_of_a_run_hold(tmp_path):
    fitted = load(TextConfig(data=str(table(tmp_path / "x.csv")))).fitted
    other = write(tmp_path / "y.csv", "label,text\ngood,fine unheard film\ngood,awful\nbad,fine\nbad,film\n")
    data = load(TextConfig(data=str(other)), fitted=fitted)
    assert len(data.train) == 0
    assert len(data.test) == 4  # as a whole: it is not what the run was trained on
    assert data.labels == ("bad", "good")
    assert data.test.row(0).tolist()[1] == 1
    strange = write(tmp_path / "z.csv", "label,text\ngood,fine\nugly,film\ngood,a\nugly,b\n")
    with pytest.raises(UserError, match="the network has no class 'ugly'"):
        load(TextConfig(data=str(strange)), fitted=fitted)


def test_bad_data_sets_are_one_line(tmp_path):
    one = write(tmp_path / "one.csv", "label,text\n" + "a,x\n" * 5)
    for data, message in ((one, "one class only"), (tmp_path / "gone.csv", "no data set, file or folder")):
        with pytest.raises(UserError, match=message):
            load(TextConfig(data=str(data)))
    rare = TextData(least_count=99)
    with pytest.raises(UserError, match="no word occurs 99 times in the training texts"):
        load(TextConfig(data=str(table(tmp_path / "x.csv")), texts=rare))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="at least two classes"):
        load(TextConfig(data=str(tmp_path / "empty")))


def test_word_vectors_are_no_texts(monkeypatch):
    manifest = load_manifest("glove-50d")
    monkeypatch.setattr(data_sets, "fetch", lambda _: Fetched(manifest.alternatives[0], {}))
    with pytest.raises(UserError, match="glove-50d: is not a data set of texts"):
        load(TextConfig(data="glove-50d"))


def tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


def small(name, monkeypatch, tmp_path, files, splits):
    """The manifest `name` as it is, but for small files and their numbers of texts."""
    manifest = load_manifest(name)
    for file, content in files.items():
        if isinstance(content, dict):
            tar(tmp_path / file, content)
        else:
            (tmp_path / file).write_bytes(content)
    found = Fetched(
        manifest.alternatives[0], {spec.name: tmp_path / spec.name for spec in manifest.alternatives[0].files}
    )
    monkeypatch.setattr(data_sets, "fetch", lambda _: found)
    monkeypatch.setattr(data_sets, "load_manifest", lambda _: replace(manifest, splits=splits))
    return data_sets.read_named(name)


def pairs(texts):
    return list(zip(texts.labels, texts.texts, strict=True))


def test_movie_snippets(monkeypatch, tmp_path):
    lines = "1\t2.3\tGood\n2\t-0.4\tSo so\n3\t-0.5\tBad\n4\t0.5\tFine"
    files = {"hutto_ICWSM_2014.tar.gz": {"hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt": lines}}
    parts, classes = small("movie-snippets", monkeypatch, tmp_path, files, {"all": 3})
    assert classes == ("negative", "positive")
    assert pairs(parts["all"]) == [("positive", "Good"), ("negative", "Bad"), ("positive", "Fine")]
    with pytest.raises(UserError, match="hold 3 texts in all, expected 4"):
        small("movie-snippets", monkeypatch, tmp_path, files, {"all": 4})


def test_mr_is_latin_1(monkeypatch, tmp_path):
    files = {"rt-polarity.neg": b"d\xe9j\xe0 vu \nagain\n", "rt-polarity.pos": b"fine \n"}
    parts, _ = small("mr", monkeypatch, tmp_path, files, {"all": 3})
    assert pairs(parts["all"]) == [("negative", "déjà vu "), ("negative", "again"), ("positive", "fine ")]


def test_sst_and_trec(monkeypatch, tmp_path):
    files = {f"stsa.fine.{part}": b"4 great fun\n0 a mess\n" for part in ("train", "dev", "test")}
    parts, classes = small("sst-5", monkeypatch, tmp_path, files, {"train": 2, "validation": 2, "test": 2})
    assert pairs(parts["validation"]) == [("very positive", "great fun"), ("very negative", "a mess")]
    assert len(classes) == 5
    files = {"train_5500.label": b"HUM:ind Who was Pel\xe9 ?\n", "TREC_10.label": b"NUM:dist How far is it ?\n"}
    parts, _ = small("trec", monkeypatch, tmp_path, files, {"train": 1, "test": 1})
    assert pairs(parts["train"]) == [("human", "Who was Pelé ?")]
    assert pairs(parts["test"]) == [("number", "How far is it ?")]


def test_ag_news_and_imdb(monkeypatch, tmp_path):
    row = b'"3","Stocks rise","Prices, they say, ""rose"""\n'
    parts, _ = small("ag-news", monkeypatch, tmp_path, {"train.csv": row, "test.csv": row}, {"train": 1, "test": 1})
    assert pairs(parts["test"]) == [("business", 'Stocks rise Prices, they say, "rose"')]
    members = {
        "aclImdb/train/pos/0_9.txt": "Lovely.",
        "aclImdb/train/unsup/0_0.txt": "?",
        "aclImdb/test/neg/1_1.txt": "Bad.",
    }
    parts, _ = small("imdb", monkeypatch, tmp_path, {"aclImdb_v1.tar.gz": members}, {"train": 1, "test": 1})
    assert pairs(parts["train"]) == [("positive", "Lovely.")]
    assert pairs(parts["test"]) == [("negative", "Bad.")]
