"""Files as people have them: headers, delimiters, quotation marks, line ends, packed files, several labels."""

import datetime
import gzip
import io
import json
import types
import zipfile

import pytest

from apps.text.config import TextConfig, TextData
from apps.text.corpus import read_texts
from apps.text.data import load
from apps.text.reading import tables
from apps.text.reading.files import lines_of
from apps.text.reading.form import Form
from apps.text.reading.plain import read_plain
from cnn_core.errors import UserError

PAIRS = [("pos" if i % 2 else "neg", f"some text number {i} of these") for i in range(16)]


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def rows(*columns):
    return "".join(",".join(row) + "\n" for row in zip(*columns, strict=True))


LABELS, TEXTS = [label for label, _ in PAIRS], [text for _, text in PAIRS]


# Header


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("v1,v2", (LABELS, TEXTS)),
        ("texte,étiquette", (TEXTS, LABELS)),
        ("id,comment_text,toxic", ([f"{i:05}" for i in range(16)], TEXTS, [str(i % 2) for i in range(16)])),
        (",utterance,intent_name", ([str(i) for i in range(16)], TEXTS, LABELS)),
        ("v1,v2,,,", (LABELS, TEXTS, [""] * 16, [""] * 16, [""] * 16)),
    ],
)
def test_headers_in_words_of_their_own(tmp_path, header, columns):
    path = write(tmp_path / "x.csv", header + "\n" + rows(*columns))
    found = read_texts(path)
    assert found.texts == TEXTS
    assert len(set(found.labels)) == 2
    assert "the first row names the columns (if not: --texts.header no)" in found.notes[0]
    assert len(read_texts(path, Form(header="no")).texts) == 17
    bare = write(tmp_path / "y.csv", rows(*columns))
    found = read_texts(bare)
    assert found.texts == TEXTS
    assert "no header" in found.notes[0]
    assert read_texts(bare, Form(header="yes")).texts == TEXTS[1:]


def test_a_first_text_is_no_header(tmp_path):
    """A label that comes once, on a text that is no name; labels that are usual names of columns."""
    rare = write(tmp_path / "x.csv", rows(["rare", *LABELS], ["this one is long enough for a text", *TEXTS]))
    found = read_texts(rare)
    assert len(found) == 17
    assert "the first row is a text (if not: --texts.header yes)" in found.notes[0]
    kinds = write(tmp_path / "y.csv", rows(["question", "comment"] * 8, TEXTS))
    assert read_texts(kinds).labels == ["question", "comment"] * 8


def test_a_header_that_comes_again_is_left_out(tmp_path):
    once = "label,text\n" + rows(LABELS, TEXTS)
    found = read_texts(write(tmp_path / "x.csv", once * 2))
    assert found.texts == TEXTS * 2
    assert "the header comes again in 1 rows" in found.notes[0]
    assert len(read_plain(tmp_path / "x.csv", Form()).texts) == 33  # each row has its answer


# Delimiter and quotation marks


def test_delimiters(tmp_path):
    tabbed = "".join(f"{label}\t{text}\n" for label, text in PAIRS)
    path = write(tmp_path / "SMSSpamCollection.txt", tabbed)
    assert read_texts(path, Form(delimiter="tab")).texts == TEXTS
    odd = write(tmp_path / "x.csv", tabbed.replace("\t", "~"))
    assert read_texts(odd, Form(delimiter="~")).texts == TEXTS
    commas = write(
        tmp_path / "y.csv", "".join(f"{label};{text}{', and' * (i % 3 + 1)}\n" for i, (label, text) in enumerate(PAIRS))
    )
    assert read_texts(commas).labels == LABELS
    for bad in ("::", '"', "\n"):
        with pytest.raises(UserError, match="must be one character, or tab"):
            TextData(delimiter=bad)


GLUE = ['"good start of a quote', "fine line", "bad line", "second line", 'it ends here"', "after"] * 4


@pytest.mark.parametrize("first", [0, 1], ids=["label-first", "text-first"])
@pytest.mark.parametrize("header", ["label\tsentence\n", ""])
def test_quotation_marks_that_do_not_quote(tmp_path, first, header):
    cells = [(text, str(i % 2)) if first else (str(i % 2), text) for i, text in enumerate(GLUE)]
    header = "sentence\tlabel\n" if header and first else header
    path = write(tmp_path / "x.tsv", header + "".join("\t".join(row) + "\n" for row in cells))
    found = read_texts(path)
    assert found.texts == GLUE
    assert "quotation marks are part of the texts (--texts.quote double" in found.notes[0]
    assert found.form.quote == "none"
    assert len(read_texts(path, Form(quote="none"))) == 24


def test_quotation_marks_that_quote(tmp_path):
    """Line ends, delimiters and doubled marks inside of cells."""
    texts = ['a "quoted" word', "two\nlines, and more", "a,b,c", "tab\there", "CR\rinside", "plain"] * 3
    for name, mark in (("x.csv", ","), ("x.tsv", "\t")):
        lines = ["label" + mark + "text"]
        lines += [f'{i % 2}{mark}"{text.replace(chr(34), chr(34) * 2)}"' for i, text in enumerate(texts)]
        found = read_texts(write(tmp_path / name, "\r\n".join(lines) + "\r\n"))
        assert found.texts == texts
        assert found.form.quote == "double"


def test_a_mark_that_is_never_closed_is_refused(tmp_path):
    path = write(tmp_path / "x.csv", "label,text\n" + 'a,fine\nb,"bad, and worse\na,more\nb,x,y\n' * 3)
    with pytest.raises(UserError, match="--texts.quote none") as caught:
        read_texts(path)
    assert str(caught.value).startswith(str(path))


# Line ends

CHARACTERS = "\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_end_at_lf_or_crlf(tmp_path, end):
    assert lines_of(f"a{CHARACTERS}b{end}{end}c\rd{end}") == [f"a{CHARACTERS}b", "", "c\rd"]
    assert lines_of("old\rMacintosh\r") == ["old", "Macintosh"]
    inside = [f"{text}{CHARACTERS}and more" for text in TEXTS]
    objects = [
        json.dumps({"text": text, "label": label}, ensure_ascii=False)
        for text, label in zip(inside, LABELS, strict=True)
    ]
    forms = {
        "x.jsonl": end.join(objects) + end,
        "x.csv": "label,text" + end + end.join(f"{a},{b}" for a, b in zip(LABELS, inside, strict=True)) + end,
        "x.txt": end.join(f"__label__{a} {b}" for a, b in zip(LABELS, inside, strict=True)) + end,
    }
    for name, content in forms.items():
        found = read_texts(write(tmp_path / name, content))
        assert found.texts == inside, name
    for label in ("pos", "neg"):
        (tmp_path / "d").mkdir(exist_ok=True)
        write(tmp_path / "d" / f"{label}.txt", end.join(inside) + end)
    assert read_texts(tmp_path / "d").texts == inside * 2
    latin = write(tmp_path / "y.txt", f"pos caf\xe9 \x85 here{end}neg bad{end}", "latin-1")
    assert read_texts(latin, Form(encoding="latin-1")).texts == ["caf\xe9 \x85 here", "bad"]
    assert read_plain(write(tmp_path / "z.txt", end.join([*inside, "", "last"])), Form()).texts == [*inside, "", "last"]


# Several labels


@pytest.mark.parametrize(
    ("name", "content", "example"),
    [
        ("x.txt", "__label__pos a film\n__label__neg __label__film a bad one\n", "line 2 has several labels"),
        ("x.txt", "__label__pos a film\n__label__neg bad __label__film\n", "line 2 has several labels"),
        ("x.jsonl", '{"text": "a", "label": ["p"]}\n{"text": "b", "label": ["n", "f"]}\n', r'row 2 .*\["n", "f"\]'),
        ("x.csv", "text,labels\nx,a\ny,b\nz,\"a,b\"\n", r"row 3 .* \(a,b\).*--texts.label-separator none"),
        ("x.csv", "text,labels\nx,a|c\ny,b|c\nz,b\n", r"row 1 has several labels \(a\|c\)"),
        ("x.csv", "text,labels\nx,toxic\ny,toxic insult\nz,insult\n", r"row 2 has several labels \(toxic insult\)"),
        ("x.csv", "text,labels\nx,\"['a', 'b']\"\ny,['a']\nz,['b']\n", "row 1 has several labels"),
    ],
)  # fmt: skip
def test_several_labels_are_refused(tmp_path, name, content, example):
    with pytest.raises(UserError, match=example) as caught:
        read_texts(write(tmp_path / name, content))
    assert str(caught.value).startswith(str(tmp_path / name))


def test_names_with_separators(tmp_path):
    path = write(tmp_path / "x.csv", 'text,label\nx,"very good, really"\ny,"bad, sadly"\nz,very bad\n')
    assert read_texts(path).labels == ["very good, really", "bad, sadly", "very bad"]
    path = write(tmp_path / "y.csv", "text,label\nx,a\ny,b\nz,\"a,b\"\n")  # fmt: skip
    assert read_texts(path, Form(label_separator="none")).labels == ["a", "b", "a,b"]
    path = write(tmp_path / "z.jsonl", '{"text": "a", "label": ["pos"]}\n{"text": "b", "label": ["neg"]}\n')
    assert read_texts(path).labels == ["pos", "neg"]


def test_columns_that_could_be_labels_too_are_said(tmp_path):
    flags = [str(i % 2) for i in range(16)], [str(i // 2 % 2) for i in range(16)]
    found = read_texts(write(tmp_path / "x.csv", "comment_text,toxic,insult\n" + rows(TEXTS, *flags)))
    assert "labels from column 'toxic' (as well could be column 'insult')" in found.notes[0]


# fastText, empty texts, packed files, Excel


def test_hundreds_of_classes_in_fasttexts_form(tmp_path):
    content = "".join(f"__label__c{i % 200:03} word{i} and text {i}\n" for i in range(1000))
    found = read_texts(write(tmp_path / "x.txt", content))
    assert len(set(found.labels)) == 200
    with pytest.raises(UserError, match="line 1001 does not begin with __label__"):
        read_texts(write(tmp_path / "x.txt", content + "c001 no mark\n"))


@pytest.mark.parametrize("name", ["x.csv", "x.txt", "y.txt", "x.jsonl"])
def test_empty_texts_are_counted(tmp_path, name):
    pairs = [*PAIRS, ("pos", ""), ("neg", " ")]
    content = {
        "x.csv": "label,text\n" + rows(*zip(*pairs, strict=True)),
        "x.txt": "".join(f"__label__{a} {b}\n" for a, b in pairs),
        "y.txt": "".join(f"{a} {b}\n" for a, b in pairs),
        "x.jsonl": "".join(json.dumps({"label": a, "text": b}) + "\n" for a, b in pairs),
    }[name]
    found = read_texts(write(tmp_path / name, content))
    assert len(found) == 18
    assert "2 of 18 texts are empty (first: row 17)" in found.notes[-1]


def packed(path, inside, content):
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(content))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"folder/{inside}", content)
            archive.writestr(f"__MACOSX/._{inside}", b"x")
    return path


@pytest.mark.parametrize("packing", [".gz", ".zip"])
@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl", "x.json", "x.txt", "x.parquet"])
def test_packed_files(tmp_path, name, packing):
    objects = [{"label": a, "text": b} for a, b in PAIRS]
    if name == "x.parquet":
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        stream = io.BytesIO()
        parquet.write_table(pyarrow.Table.from_pylist(objects), stream)
        content = stream.getvalue()
    else:
        content = {
            "x.csv": "label,text\n" + rows(LABELS, TEXTS),
            "x.tsv": "label\ttext\n" + rows(LABELS, TEXTS).replace(",", "\t"),
            "x.jsonl": "\n".join(map(json.dumps, objects)),
            "x.json": json.dumps(objects),
            "x.txt": "".join(f"{a} {b}\n" for a, b in PAIRS),
        }[name].encode()
    found = read_texts(packed(tmp_path / (name + packing), name, content))
    assert (found.labels, found.texts) == (LABELS, TEXTS)


def test_packed_files_that_are_refused(tmp_path):
    good = gzip.compress(b"label,text\n" + rows(LABELS, TEXTS).encode())
    for name, raw, message in (
        ("x.csv.gz", good[:-20], "damaged gzip"),
        ("x.zip", b"PK\x03\x04 no zip", "damaged zip"),
        ("x.csv.bz2", b"BZh9", "kind bzip2 are not read"),
        ("x.7z", b"7z", "7-Zip"),
        ("x.tar.gz", good, "kind tar"),
        ("x.xls", b"\xd0\xcf", "old Excel"),
    ):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(UserError, match=message) as caught:
            read_texts(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name))
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "y")
    with pytest.raises(UserError, match=r"holds 2 files \(a.csv, b.csv\)"):
        read_texts(tmp_path / "two.zip")


def test_packed_splits_and_classes(tmp_path):
    content = ("label,text\n" + rows(LABELS, TEXTS)).encode()
    for part in ("train", "test"):
        packed(tmp_path / f"{part}.csv.gz", "", content)
    data = load(TextConfig(data=str(tmp_path)))
    assert (len(data.train), len(data.test)) == (16, 16)
    (tmp_path / "d").mkdir()
    for label in ("pos", "neg"):
        packed(tmp_path / "d" / f"{label}.txt.gz", "", "\n".join(TEXTS).encode())
    assert set(read_texts(tmp_path / "d").labels) == {"pos", "neg"}


def test_excel(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [["stars", "review"], [], *([i % 2 + 1, text] for i, text in enumerate(TEXTS))]:
        sheet.append(row)
    book.save(tmp_path / "x.xlsx")
    found = read_texts(tmp_path / "x.xlsx")
    assert found.texts == TEXTS
    assert set(found.labels) == {"1", "2"}


def test_excels_cells(tmp_path, monkeypatch):
    """What openpyxl gives for a sheet: values of any type, None for empty cells, rows of any length."""
    cells = [
        ("stars", "review", None),
        (None, None),
        *((float(i % 2 + 1), text) for i, text in enumerate(TEXTS)),
        (None,),
    ]
    sheets = [
        types.SimpleNamespace(
            title=title, iter_rows=lambda values_only, cells=cells: iter(cells), reset_dimensions=lambda: None
        )
        for title, cells in (("cover", []), ("data", cells), ("more", cells))
    ]
    module = types.SimpleNamespace(load_workbook=lambda *_, **__: types.SimpleNamespace(worksheets=sheets))
    monkeypatch.setattr(tables, "require", lambda name, _: module)
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w") as archive:
        archive.writestr("x", "")
    found = read_texts(tmp_path / "x.xlsx")
    assert found.texts == TEXTS
    assert set(found.labels) == {"1", "2"}
    assert "sheet 'data' of 'data', 'more' (another: --texts.sheet)" in found.notes[0]
    assert len(read_plain(tmp_path / "x.xlsx", Form()).texts) == 17  # the blank row is one


def workbook(path, **sheets):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_the_sheet_that_holds_the_table(tmp_path):
    table = [("stars", "review"), *((i % 2 + 1, text) for i, text in enumerate(TEXTS))]
    path = workbook(tmp_path / "x.xlsx", About=[("Reviews of this year",), ("made by us",)], Data=table, Old=table[:9])
    found = read_texts(path)
    assert found.texts == TEXTS
    assert "sheet 'Data' of 'About', 'Data', 'Old'" in found.notes[0]
    assert read_texts(path, Form(sheet="Old")).texts == TEXTS[:8]
    moved = workbook(tmp_path / "y.xlsx", Old=table[:9], Data=table)
    again = read_texts(moved, trained=found.form)  # as in the training data, and so without a word
    assert (again.texts, again.notes) == (TEXTS, ())
    with pytest.raises(UserError, match=r"--texts.sheet Nosuch: no such sheet with cells; there are 'About', 'Data'"):
        read_texts(path, Form(sheet="Nosuch"))


def test_tables_are_bounded_by_what_they_are(tmp_path, monkeypatch):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    same = pyarrow.array(["the same long text " * 50] * 400_000).dictionary_encode()
    parquet.write_table(pyarrow.table({"text": same, "label": same}), tmp_path / "x.parquet")
    assert (tmp_path / "x.parquet").stat().st_size < 100_000
    with pytest.raises(UserError, match=r"x\.parquet: unpacks to more than 128 MiB"):
        read_texts(tmp_path / "x.parquet")
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(200 << 20))
    with pytest.raises(UserError, match=r"x\.xlsx: unpacks to more than 128 MiB"):
        read_texts(tmp_path / "x.xlsx")
    path = workbook(tmp_path / "y.xlsx", Data=[("stars", "review"), *(("1", "fine"),) * 40])
    monkeypatch.setattr(tables, "MOST_CELLS", 100)
    with pytest.raises(UserError, match="more than 100 cells; save it as .csv"):
        read_texts(path)


def test_values_of_parquet_that_are_no_text(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    day = datetime.date(2026, 1, 2)
    columns = {"label": [b"good", b"bad"] * 8, "text": [text.encode() for text in TEXTS], "day": [day] * 16}
    parquet.write_table(pyarrow.table(columns), tmp_path / "x.parquet")
    found = read_texts(tmp_path / "x.parquet")
    assert (found.texts, found.labels) == (TEXTS, ["good", "bad"] * 8)
    assert tables.read_table(tmp_path / "x.parquet", Form()).rows[0][2] == "2026-01-02"
    parquet.write_table(pyarrow.table({**columns, "text": [b"\xff\xfe"] * 16}), tmp_path / "y.parquet")
    with pytest.raises(UserError, match=r"y\.parquet: is not a readable parquet file \('utf-8' codec"):
        read_texts(tmp_path / "y.parquet")


def test_a_header_where_the_training_had_none(tmp_path):
    bare = Form(text="2", label="1", header="no")
    rows = "".join(f"{i % 2 + 1},{text}\n" for i, text in enumerate(TEXTS))
    headed = write(tmp_path / "x.csv", "stars,review\n" + rows)
    found = read_texts(headed, trained=bare)
    assert found.texts == TEXTS
    assert "the first row names the columns (if not: --texts.header no)" in found.notes[0]
    plain = read_plain(headed, Form(prefix=""), bare)
    assert plain.texts == TEXTS
    assert "names the columns" in plain.notes[0]
    single = read_plain(write(tmp_path / "y.csv", "text\n" + "".join(f"{t}\n" for t in TEXTS)), Form(prefix=""), bare)
    assert single.texts == TEXTS
    assert "names the columns" in single.notes[0]
    assert read_plain(write(tmp_path / "z.csv", rows), Form(prefix=""), bare).texts == TEXTS


def test_excel_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    (tmp_path / "x.xlsx").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"pip install 'cnn-suite\[excel\]'"):
        read_texts(tmp_path / "x.xlsx")


# What stands out


def test_oddities_are_said(tmp_path):
    more = [
        ("nan", "one more"),
        ("Pos", "another"),
        ("pos", "the same text"),
        ("neg", "The  same text"),
        ("neg", "twice"),
        ("neg", "twice"),
    ]
    pairs = [*PAIRS, *more]
    found = read_texts(write(tmp_path / "x.csv", "label,text\n" + rows(*zip(*pairs, strict=True))))
    said = "\n".join(found.notes)
    assert "1 of 22 labels are 'nan'" in said
    assert "the classes 'pos' (9), 'Pos' (1) differ in case alone" in said
    assert "2 of 22 texts occur with different labels ('the same text': neg, pos)" in said
    assert read_texts(write(tmp_path / "y.csv", "label,text\n" + rows(LABELS, TEXTS))).notes == ()


@pytest.mark.parametrize("name", ["english", "kim"])
@pytest.mark.parametrize(
    "letters", ["这是一部很好的电影我们都喜欢", "นี่คือภาพยนตร์ที่ดีมากเราชอบมัน", "これはとても良い映画です"]
)
def test_scripts_without_blanks(tmp_path, name, letters, capsys):
    pairs = [(label, letters[i % 5 :] + letters[: i % 7]) for i, label in enumerate(LABELS * 3)]
    path = write(tmp_path / "x.csv", "label,text\n" + rows(*zip(*pairs, strict=True)))
    with pytest.raises(UserError, match="--texts.tokenizer characters, or jieba"):
        load(TextConfig(data=str(path), texts=TextData(tokenizer=name)))
    assert len(load(TextConfig(data=str(path), texts=TextData(tokenizer="characters"))).train) > 0
    cut = [(label, " ".join(text[j : j + 2] for j in range(0, len(text), 2))) for label, text in pairs]
    path = write(tmp_path / "y.csv", "label,text\n" + rows(*zip(*cut, strict=True)))
    if name == "english":  # words that stand apart already
        assert len(load(TextConfig(data=str(path), texts=TextData(tokenizer=name))).train) > 0


def test_a_tokenizer_that_finds_nothing(tmp_path, capsys):
    russian = [(label, f"хороший фильм {'да ' * i}") for i, label in enumerate(LABELS)]
    path = write(tmp_path / "x.csv", "label,text\n" + rows(*zip(*russian, strict=True)))
    with pytest.raises(UserError, match="--texts.tokenizer english or characters"):
        load(TextConfig(data=str(path), texts=TextData(tokenizer="kim")))
    path = write(
        tmp_path / "y.csv", "label,text\n" + rows(LABELS * 2, [*TEXTS, *(f"{t} more" for t in TEXTS[1:]), "хороший"])
    )
    load(TextConfig(data=str(path), texts=TextData(tokenizer="kim", test_share=0.1, split_seed=3)))
    assert "finds no words in 1 training texts" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_packed_texts_unpack_to_no_more_than_their_bound(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("apps.text.reading.files.limit_of_packed", lambda size: 1000)
    table = b"text,label\n" + b"some words,a\nother words,b\n" * 100
    path = tmp_path / f"x.csv.{kind}"
    if kind == "gz":
        path.write_bytes(gzip.compress(table))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.csv", table)
    with pytest.raises(UserError, match="unpacks to more than 1000 bytes"):
        read_texts(path)
