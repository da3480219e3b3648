"""Files cut short or changed in a few bytes: every reader gives a right answer or one line, and never a traceback."""

import io
import struct
import tarfile
import warnings
import zipfile

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.go.records.games import _contents, parse_all
from apps.speech.signal.audio import read_recording
from apps.text.words import vector_files
from cnn_core.errors import UserError
from cnn_core.fetching.archives import extract_all, open_member, read_members
from cnn_core.fetching.manifests import available, load_manifest, manifest_folder

SGF = b"(;GM[1]FF[4]SZ[9];B[ee];W[cc];B[gc])"


def sound(**options) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(3000) / 9).astype(np.float32) / 2, 8000, **options)
    return file.getvalue()


def zipped(compression) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for number in range(3):
            archive.writestr(f"{number}.sgf", SGF * 3)
    return file.getvalue()


def tarred(mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for name in ("0.sgf", "ä" * 120 + ".sgf"):
            entry = tarfile.TarInfo(name)
            entry.size = len(SGF)
            archive.addfile(entry, io.BytesIO(SGF))
    return file.getvalue()


def mutated(raw: bytes, data: st.DataObject, reach: int = 400) -> bytes:
    """Cut somewhere, or up to four bytes among the first `reach` changed."""
    changed = bytearray(raw)
    if data.draw(st.booleans()):
        del changed[data.draw(st.integers(0, len(changed) - 1)) :]
        return bytes(changed)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, min(len(changed), reach) - 1))] = data.draw(st.integers(0, 255))
    return bytes(changed)


def one_line(call) -> None:
    try:
        call()
    except UserError as error:
        assert "\n" not in str(error)


@settings(max_examples=150)
@given(
    st.sampled_from(
        [
            {"format": "WAV", "subtype": "PCM_16"},
            {"format": "WAV", "subtype": "FLOAT"},
            {"format": "FLAC", "subtype": "PCM_16"},
            {"format": "AIFF", "subtype": "PCM_16"},
            {"format": "OGG", "subtype": "VORBIS"},
            {"format": "AU", "subtype": "PCM_16"},
        ]
    ),
    st.data(),
)
def test_recordings(form, data):
    raw = mutated(sound(**form), data, 120)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # sums of huge floats
        one_line(lambda: read_recording(raw))


ARCHIVES = {
    "stored": zipped(zipfile.ZIP_STORED),
    "deflated": zipped(zipfile.ZIP_DEFLATED),
    "bzip2": zipped(zipfile.ZIP_BZIP2),
    "lzma": zipped(zipfile.ZIP_LZMA),
    "tar": tarred("w"),
    "tar.gz": tarred("w:gz"),
    "tar.xz": tarred("w:xz"),
    "tar.bz2": tarred("w:bz2"),
}


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(ARCHIVES)), st.data())
def test_archives_and_games_in_them(tmp_path, kind, data):
    path = tmp_path / f"x.{'zip' if 'tar' not in kind else kind}"
    path.write_bytes(mutated(ARCHIVES[kind], data, 10_000))

    def member():
        with open_member(path, "0.sgf") as stream:
            stream.read()

    one_line(member)
    one_line(lambda: list(read_members(path, 1 << 20)))
    one_line(lambda: extract_all(path, tmp_path / "out"))
    one_line(lambda: parse_all(_contents(path), progress=False))


@pytest.fixture(scope="module")
def fasttext_model(tmp_path_factory):
    gensim = pytest.importorskip("gensim.models.fasttext")
    path = tmp_path_factory.mktemp("vectors") / "model.bin"
    texts = [["one", "two", "three"], ["two", "three", "four"]] * 3
    model = gensim.FastText(texts, vector_size=4, min_count=1, bucket=20, epochs=1, workers=1)
    gensim.save_facebook_model(model, str(path))
    return path.read_bytes()


def word2vec() -> bytes:
    return b"3 4\n" + b"".join(
        word + b" " + struct.pack("<4f", 1, 2, 3, 4) + b"\n" for word in (b"one", b"two", b"six")
    )


TEXT = b"3 4\none 1 2 3 4\ntwo 1 2 3 4\nsix 1 2 3 4\n"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["fasttext", "word2vec", "text"]), st.data())
def test_word_vectors(fasttext_model, tmp_path, kind, data):
    raw = {"fasttext": fasttext_model, "word2vec": word2vec(), "text": TEXT}[kind]
    path = tmp_path / ("x.vec" if kind == "text" else "x.bin")
    path.write_bytes(mutated(raw, data))
    one_line(lambda: vector_files.look_up(path, ["one", "two"]))
    one_line(lambda: vector_files.words(path, 10))


def test_word_vectors_as_they_are(fasttext_model, tmp_path):
    path = tmp_path / "x.bin"
    for raw, size in ((fasttext_model, 4), (word2vec(), 4)):
        path.write_bytes(raw)
        vectors, found = vector_files.look_up(path, ["one", "two"])
        assert vectors.shape == (2, size)
        assert found.all()


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["mnist", "emnist", "photos", "backbones"]), st.data())
def test_manifests(tmp_path, name, data):
    raw = (manifest_folder() / f"{name}.toml").read_bytes()
    (tmp_path / "x.toml").write_bytes(mutated(raw, data, len(raw)))
    one_line(lambda: load_manifest("x", tmp_path))
    one_line(lambda: available(tmp_path))
    for variant in ("letters", "scikit-image"):
        one_line(lambda variant=variant: load_manifest(f"x-{variant}", tmp_path))


KEYS = ["classes", "splits", "alternatives", "variants", "options", "arrays", "title", "licence", "variant", "other"]
VALUES = st.sampled_from(["5", '"x"', "[1]", "[[]]", "{a = 1}", "[{a = 1}]", "true", "1.5", "{a = {b = []}}"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(KEYS), VALUES)
def test_manifests_with_values_of_other_kinds(tmp_path, key, value):
    head = "title='t'\ndescription=''\nlicence='l'\ncitation='c'\nhomepage='h'\nclasses=['a']\nsplits={}\n"
    head = "\n".join(line for line in head.splitlines() if not line.startswith(f"{key}="))
    tail = (
        ""
        if key == "alternatives"
        else '[[alternatives]]\nreader = "r"\n[[alternatives.files]]\nname="x"\nsha256="00"\n'
    )
    (tmp_path / "x.toml").write_text(f"{head}\n{key} = {value}\n{tail}")
    one_line(lambda: load_manifest("x", tmp_path))
    one_line(lambda: available(tmp_path))
