"""Files of word vectors: every form, only the wanted rows, little memory; and clear words about broken ones."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.text.words import vector_files, vectors
from cnn_core.errors import UserError
from cnn_core.fetching.sources import Fetched, load_manifest

models = pytest.importorskip("gensim.models")  # which has no wheel for Python 3.14
fasttext = pytest.importorskip("gensim.models.fasttext")

WORDS = ["the", "film", "great", "dull", "été", "电影", "'s"]
TABLE = np.random.default_rng(0).normal(size=(len(WORDS), 5)).astype(np.float32)
WANTED = ["<pad>", "great", "nowhere", "电影", "the"]


@pytest.fixture(scope="module")
def keyed():
    found = models.KeyedVectors(5)
    found.add_vectors(WORDS, TABLE)
    return found


def test_a_word_with_capitals_is_looked_up_in_lower_case_where_it_is_lacking(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("apple 1 2\nParis 3 4\n")
    found, there = vectors.look_up(str(path), ["Apple", "apple", "Paris", "PEAR"])
    assert there.tolist() == [True, True, True, False]
    assert found[:3].tolist() == [[1, 2], [1, 2], [3, 4]]


@pytest.fixture(scope="module", params=["glove.txt", "w2v.vec", "w2v.bin", "glove.txt.gz", "w2v.bin.gz", "w2v.vec.gz"])
def file(request, keyed, tmp_path_factory):
    """As gensim writes them, an independent writer."""
    path = tmp_path_factory.mktemp("vectors") / request.param
    plain = path.with_name("plain.bin" if ".bin" in path.name else "plain.txt")
    keyed.save_word2vec_format(str(plain), binary=".bin" in path.name, write_header="w2v" in path.name)
    path.write_bytes(gzip.compress(plain.read_bytes()) if path.suffix == ".gz" else plain.read_bytes())
    return path


def test_only_the_wanted_rows(file):
    found, there = vector_files.look_up(file, WANTED)
    assert there.tolist() == [False, True, False, True, True]
    np.testing.assert_allclose(found[there], TABLE[[2, 5, 0]], rtol=1e-5)
    assert not found[~there].any()
    assert vector_files.width(file) == 5
    assert vector_files.words(file, 3) == WORDS[:3]


@pytest.mark.parametrize("suffix", [".txt", ".vocab"])
def test_a_table_with_a_list_of_words_beside(tmp_path, suffix):
    np.save(tmp_path / "v.npy", TABLE)
    counted = suffix == ".vocab"  # as word2vec writes it: the word and its count
    content = "".join(f"{word} 7\n" if counted else f"{word}\n" for word in WORDS)
    (tmp_path / f"v{suffix}").write_text(content, encoding="utf-8-sig")
    found, there = vectors.look_up(str(tmp_path / "v.npy"), WANTED)
    assert there.tolist() == [False, True, False, True, True]
    np.testing.assert_array_equal(found[there], TABLE[[2, 5, 0]])
    assert vectors.width(str(tmp_path / "v.npy"), 0) == 5
    assert vectors.frequent_words(str(tmp_path / "v.npy"), 3) == WORDS[:3]


def test_tables_that_are_refused(tmp_path):
    path = tmp_path / "v.npy"
    np.save(path, TABLE)
    with pytest.raises(UserError, match=r"needs a list of its words beside it, a word a line: v.vocab or v.txt"):
        vectors.width(str(path), 0)
    (tmp_path / "v.txt").write_text("the\nfilm\n")
    with pytest.raises(UserError, match=r"has 7 rows, and v.txt has 2 words"):
        vectors.width(str(path), 0)
    np.save(path, np.arange(2))
    with pytest.raises(UserError, match="must be a table"):
        vectors.width(str(path), 0)
    np.save(path, np.array(["a", None]), allow_pickle=True)
    with pytest.raises(UserError, match="cannot be read"):
        vectors.width(str(path), 0)
    np.save(path, np.array([[1.0, np.inf], [1.0, 2.0]]))
    with pytest.raises(UserError, match="not finite"):
        vectors.look_up(str(path), ["the", "film"])


CAPITALS = ["Paris", "paris", "I", "ÉTÉ", "THE", "The", "film"]


@pytest.mark.parametrize("name", ["v.txt", "v.vec", "v.bin", "v.npy", "table"])
def test_words_with_capitals_are_found(tmp_path, name, monkeypatch):
    """A word in lower case counts before its forms with capitals, of which the first counts."""
    table = np.random.default_rng(1).normal(size=(len(CAPITALS), 5)).astype(np.float32)
    path = tmp_path / name
    if name in ("v.npy", "table"):
        np.save(tmp_path / "v.npy", table)
        (tmp_path / "v.txt").write_text("\n".join(CAPITALS) + "\n")
        monkeypatch.setattr(vectors, "_manifest_table", lambda _: (table, CAPITALS) if name == "table" else None)
    else:
        keyed = models.KeyedVectors(5)
        keyed.add_vectors(CAPITALS, table)
        keyed.save_word2vec_format(str(path), binary=name == "v.bin", write_header=name != "v.txt")
    found, there = vectors.look_up(str(path), ["paris", "i", "été", "the", "film", "FILM"])
    assert there.tolist() == [True] * 6
    assert (found[5] == found[4]).all(), "what is lacking with capitals is found in lower case"
    np.testing.assert_allclose(found[:5], table[[1, 2, 3, 4, 6]], rtol=1e-5)


def test_fasttexts_capitals(tmp_path):
    trained = models.FastText([["Paris", "is", "good"]] * 20, vector_size=6, min_count=1, workers=1, epochs=2, seed=0)
    fasttext.save_facebook_model(trained, str(tmp_path / "m.bin"))
    found, _ = vector_files.look_up(tmp_path / "m.bin", ["paris"])
    np.testing.assert_allclose(found[0], trained.wv["Paris"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte-order-mark"])
@pytest.mark.parametrize("first", [". . .", "the", "at name@domain.com"])
@pytest.mark.parametrize("head", ["", "3 2\n"])
def test_marks_and_blanks_in_the_first_word(tmp_path, mark, first, head):
    path = tmp_path / "v.txt"
    path.write_text(f"{mark}{head}{first} 1 2\nfilm 3 4\nnew york 5 6\n", encoding="utf-8")
    assert vector_files.width(path) == 2
    found, there = vector_files.look_up(path, ["the", "film", "new"])
    assert there.tolist() == [first == "the", True, False]
    assert found[1].tolist() == [3, 4]


def test_fasttexts_own_file(tmp_path):
    texts = [["a", "good", "film"], ["a", "dull", "film"]] * 20
    trained = models.FastText(texts, vector_size=6, min_count=1, workers=1, epochs=2, seed=0)
    fasttext.save_facebook_model(trained, str(tmp_path / "m.bin"))
    found, there = vector_files.look_up(tmp_path / "m.bin", ["film", "filmic"])
    np.testing.assert_allclose(found[0], trained.wv["film"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[1], trained.wv["filmic"], rtol=1e-4, atol=1e-6)  # from its parts
    assert there.tolist() == [True, True]
    assert vectors.width(str(tmp_path / "m.bin"), 0) == 6


BAD = {
    "empty.txt": (b"", "holds no word vectors"),
    "width.txt": (b"a 1 2 3\nb 1 2\n", "line 2 has 2 numbers, and 3 are expected"),
    "words.txt": (b"a b c\n", "line 1 is not a word with its vector"),
    "one.txt": (b"alone\n", "line 1 is not a word with its vector"),
    "head.bin": (b"no numbers here\n", "not a binary file"),
    "short.bin": (b"3 4\nthe " + bytes(16), "is truncated"),
    "cut.txt.gz": (gzip.compress(b"a 1 2 3\n" * 500)[:-20], "damaged gzip"),
    "nan.txt": (b"the 1 nan\nfilm 1 2\n", "not finite"),
}


@pytest.mark.parametrize("name", BAD)
def test_broken_files_are_one_line(tmp_path, name):
    raw, message = BAD[name]
    path = tmp_path / name
    path.write_bytes(raw)
    with pytest.raises(UserError, match=message) as caught:
        vector_files.look_up(path, ["b", "the", "a"])
    assert str(path) in str(caught.value)


@settings(max_examples=100)
@given(st.sampled_from(["x.txt", "x.bin", "x.txt.gz", "x.vec"]), st.binary(max_size=80), st.booleans())
def test_any_bytes_are_vectors_or_a_user_error(tmp_path_factory, name, raw, head):
    path = tmp_path_factory.mktemp("fuzz") / name
    path.write_bytes((b"2 3\n" if head else b"") + raw)
    try:
        found, there = vector_files.look_up(path, ["a", "the"])
        assert found.shape[0] == len(there) == 2
    except UserError as error:
        assert str(path) in str(error)


def test_sources(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no such file"):
        vectors.look_up(str(tmp_path / "gone.txt"), ["a"])
    (tmp_path / "v.txt").write_text("the 1 2\n")
    with pytest.raises(UserError, match="has no vector for any of the 1 words"):
        vectors.look_up(str(tmp_path / "v.txt"), ["a"])
    manifest = load_manifest("mr")
    monkeypatch.setattr(vectors, "fetch", lambda _: Fetched(manifest.alternatives[0], {}))
    with pytest.raises(UserError, match="mr: is not a data set of word vectors"):
        vectors.width("mr", 3)
    assert vectors.width("", 3) == 0
    assert vectors.width("word2vec", 3) == 3


def test_word2vec_of_the_users_own_texts():
    texts = [["good", "fine", "film"], ["bad", "dull", "mess"]] * 60
    found, there = vectors.train_word2vec(texts, ["<pad>", "good", "fine", "bad"], 8, seed=0, epochs=20)
    assert there.tolist() == [False, True, True, True]
    unit = found[1:] / np.linalg.norm(found[1:], axis=1, keepdims=True)
    assert unit[0] @ unit[1] > unit[0] @ unit[2]
    again, _ = vectors.train_word2vec(texts, ["<pad>", "good", "fine", "bad"], 8, seed=0, epochs=20)
    np.testing.assert_array_equal(found, again)
    with pytest.raises(UserError, match="texts with words"):
        vectors.train_word2vec([[]], ["a"], 8, seed=0)


SCRIPT = r"""
import re, sys, time
from pathlib import Path
from apps.text.words import vector_files
words = [f"word{i}" for i in range(0, 400_000, 20)]
start = time.process_time()
found, there = vector_files.look_up(Path(sys.argv[1]), words)
peak = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())  # ru_maxrss has that of the parent, too
print(time.process_time() - start, int(peak[1]) / 1000, int(there.sum()))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_a_large_file_takes_little_memory_and_time(tmp_path):
    """400,000 words, 20,000 of them wanted: under 300 MB and 5 s."""
    row = " ".join(f"{x:.5f}" for x in np.random.default_rng(0).normal(size=50))
    with (tmp_path / "glove.txt").open("w") as out:
        out.writelines(f"word{i} {row}\n" for i in range(400_000))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "glove.txt")], capture_output=True, text=True, check=True
    )
    seconds, megabytes, count = map(float, done.stdout.split())
    assert count == 20_000
    assert megabytes < 300
    assert seconds < 5
