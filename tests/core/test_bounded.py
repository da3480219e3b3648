"""Readers take memory and time by what a file is: small files that unpack to, or claim, gigabytes."""

import bz2
import gzip
import io
import json
import lzma
import os
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cnn_core import bounded
from cnn_core.bounded import parse_json, read_bytes, read_json, read_unpacked, unpacked
from cnn_core.errors import UserError
from tests.helpers.memory import check

MIB = 1 << 20
PACKS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


def packed(head: bytes, megabytes: int, tail: bytes = b"") -> bytes:
    """A gzip file of `head`, so many MiB of zeros, and `tail`."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(head)]
    parts += [packer.compress(bytes(MIB)) for _ in range(megabytes)]
    return b"".join([*parts, packer.compress(tail), packer.flush()])


# Unpacking


@given(st.binary(max_size=300), st.sampled_from(list(PACKS)), st.integers(0, 3))
def test_what_was_packed_comes_back(data, kind, padding):
    pack = PACKS[kind]
    assert unpacked(pack(data), "x") == data
    assert unpacked(pack(data) + pack(data) + bytes(4 * padding), "x") == data * 2


@given(st.binary(max_size=300))
def test_what_is_not_packed_stays(data):
    if not bounded.packed_by(data):
        assert unpacked(data, "x") == data


@given(st.binary(max_size=2000), st.sampled_from(list(PACKS)), st.data())
def test_what_is_cut_or_changed_is_right_or_named(data, kind, draw):
    raw = bytearray(PACKS[kind](data))
    if draw.draw(st.booleans()):
        del raw[draw.draw(st.integers(3, len(raw) - 1)) :]
    else:
        raw[draw.draw(st.integers(0, len(raw) - 1))] ^= draw.draw(st.integers(1, 255))
    try:
        found = unpacked(bytes(raw), "file.gz")
    except UserError as error:
        assert str(error).startswith("file.gz: ")
        assert "\n" not in str(error)
    else:
        assert found == data or not bounded.packed_by(bytes(raw[:6])) or kind == "gzip"


def test_large_files_unpack_by_their_size_and_small_ones_by_the_limit(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).bytes(50_000)
    assert unpacked(gzip.compress(noise + bytes(900_000)), "x", least=1000) == noise + bytes(900_000)
    path = tmp_path / "zeros.gz"
    path.write_bytes(gzip.compress(bytes(3 * MIB)))
    with pytest.raises(UserError, match=r"zeros\.gz: unpacks to more than 2 MiB; .* set CNN_SUITE_READ_LIMIT"):
        read_unpacked(path, 2 * MIB)
    monkeypatch.setenv("CNN_SUITE_READ_LIMIT", "3M")
    assert read_unpacked(path, 2 * MIB) == bytes(3 * MIB)
    monkeypatch.setenv("CNN_SUITE_READ_LIMIT", "lots")
    with pytest.raises(UserError, match="CNN_SUITE_READ_LIMIT must be a number of bytes"):
        read_unpacked(path, 2 * MIB)


def test_an_xz_that_asks_for_gigabytes_is_refused(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    path = tmp_path / "x.xz"
    raw = bytearray(lzma.compress(b"text" * 100, filters=filters))
    size_at = raw.index(bytes([0x21, 0x01])) + 2  # dictionary size of the filter
    raw[size_at] = 40  # 4 GiB
    raw[20:24] = struct.pack("<I", zlib.crc32(raw[12:20]))
    path.write_bytes(raw)
    with pytest.raises(UserError, match=r"x\.xz: truncated or damaged xz file \(Memory usage limit"):
        read_unpacked(path)


# JSON


def test_json_is_bounded_in_size_depth_and_number(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a": [1, {"b": "[[[{{{"}]}))
    assert read_json(path) == {"a": [1, {"b": "[[[{{{"}]}
    with pytest.raises(UserError, match=r"x\.json: is larger than 10 bytes"):
        read_json(path, 10)
    for text, message in (
        ("[" * 100_000, "more than 64 lists"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "more than 64 lists"),
        ("[" + "0," * 4_000_001 + "0]", "more than 4000000 values"),
        ("{", "Expecting property name"),
        ("9" * 5000, "Exceeds the limit"),
        ("\ud800".encode("utf-8", "surrogatepass"), "is not UTF-8"),
    ):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(UserError, match=message) as caught:
            read_json(path)
        assert str(caught.value).startswith(str(path))


@given(st.text(alphabet='[]{}":,0\\x', max_size=40))
def test_depth_is_counted_as_json_nests(text):
    try:
        wanted = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 (any of json's)
            parse_json(text)
    else:
        assert parse_json(text) == wanted


def test_links_devices_and_pipes_are_refused_where_files_are_a_strangers(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    assert read_bytes(tmp_path / "file", 9, regular=True) == read_bytes(tmp_path / "link", 9) == b"x"
    for name in ("link", "pipe", "/dev/zero", "/dev/null"):
        with pytest.raises(UserError, match="is not a regular file: refused"):
            read_bytes(tmp_path / name, 9, regular=True)


# Memory and time of every reader, each in a process of its own


def wav(rate: int, samples: bytes, claimed: int | None = None) -> bytes:
    size = len(samples) if claimed is None else claimed
    head = (
        b"RIFF"
        + struct.pack("<I", min(size + 36, 2**32 - 1))
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    )
    return head + b"data" + struct.pack("<I", size) + samples


def flac_claiming(samples: int) -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.zeros(100, np.float32), 16_000, format="FLAC", subtype="PCM_16")
    raw = bytearray(file.getvalue())
    raw[21] = raw[21] & 0xF0 | samples >> 32
    raw[22:26] = struct.pack(">I", samples & 0xFFFFFFFF)
    return bytes(raw)


def silence(minutes: int) -> bytes:
    import soundfile

    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 16_000, 1, format="FLAC", subtype="PCM_16") as out:
        for _ in range(minutes):
            out.write(np.zeros(960_000, np.float32))
    return file.getvalue()


def zip_of(members, compression=zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def tar_bomb(members: int) -> bytes:
    """A tar.gz of empty files."""
    packer, entry = zlib.compressobj(1, wbits=31), tarfile.TarInfo("x.sgf").tobuf()
    return b"".join([packer.compress(entry * 1000) for _ in range(members // 1000)] + [packer.flush()])


def pax_bomb() -> bytes:
    """A tar.gz with a header that claims 2 GiB."""
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.XHDTYPE, 2 << 30
    return packed(entry.tobuf(), 400)


def picture(mode: str, side: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, kind, **({"compress_level": 1} if kind == "PNG" else {}))
    return file.getvalue()


def jpeg(side: int) -> bytes:
    file = io.BytesIO()
    Image.new("CMYK", (side, side)).save(file, "JPEG", progressive=True, subsampling=0)
    return file.getvalue()


def word2vec(words: int, size: int) -> bytes:
    return f"{words} {size}\n".encode() + b"word1 " + bytes(4000)


def fasttext(words: int, bucket: int, size: int) -> bytes:
    head = struct.pack(
        "<14id3i2q", 793712314, 12, size, 5, 5, 5, 5, 1, 1, 2, bucket, 3, 6, 100, 1e-4, words, words, 0, 9, 0
    )
    return head + bytes(600)


SGF = b"(;SZ[9];B[aa])"
LARGE_IDX = b"\0\0\x08\x03" + struct.pack(">3I", (4000 << 20) // 784, 28, 28)
CASES = {
    "idx bomb": ("idx", "images.gz", lambda: packed(LARGE_IDX, 400), "unpacks to more than"),
    "idx of labels": ("idx", "labels.gz", lambda: packed(b"\0\0\x08\x01" + struct.pack(">I", 120 << 20), 120), ""),
    "idx that claims": ("idx", "images", lambda: LARGE_IDX + bytes(100), "truncated"),
    "digit RGBA": ("digit", "x.png", lambda: picture("RGBA", 8100), "no ink"),
    "digit beyond": ("digit", "x.png", lambda: picture("RGBA", 9400), "more than 67 million pixels"),
    "digit 16 bits": ("digit", "x.png", lambda: picture("I;16", 8100), "no ink"),
    "digit floats": ("digit", "x.tif", lambda: packed_tiff("F", 8100), "no ink"),
    "digit palette": ("digit", "x.gif", lambda: picture("P", 8100, "GIF"), "no ink"),
    "digit webp": ("digit", "x.webp", lambda: picture("RGBA", 7300, "WEBP"), "no ink"),
    "photograph in JPEG": ("picture", "x.jpg", lambda: jpeg(8100), ""),
    "photograph in WebP": ("picture", "x.webp", lambda: picture("RGB", 7300, "WEBP"), ""),
    "photograph in TIFF": ("picture", "x.tif", lambda: packed_tiff("CMYK", 8100), ""),
    "photograph": ("picture", "x.png", lambda: picture("RGBA", 8100), ""),
    "photograph 16 bits": ("picture", "x.png", lambda: picture("I;16", 8100), ""),
    "WAV 1 Hz": ("recording", "x.wav", lambda: wav(1, bytes(10**6)), "has 1 samples a second"),
    "WAV 1000 Hz": ("recording", "x.wav", lambda: wav(1000, bytes(9 * 10**6)), "lasts 75 minutes"),
    "WAV that claims": ("recording", "x.wav", lambda: wav(16_000, bytes(1000), 10**9), "truncated"),
    "FLAC that claims": ("recording", "x.flac", lambda: flac_claiming(2**36 - 1), "x.flac: "),
    "FLAC of an hour": ("recording", "x.flac", lambda: silence(60), ""),
    "FLAC of two hours": ("recording", "x.flac", lambda: silence(120), "lasts 120 minutes"),
    "zip of games": ("games", "x.zip", lambda: zip_of([(f"{n}.sgf", bytes(10 << 20)) for n in range(22)]), "unpacks"),
    "game in gzip": ("games", "x.sgf.gz", lambda: packed(SGF, 400), "cannot be unpacked"),
    "many short games": ("games", "x.sgf.gz", lambda: gzip.compress(SGF * 60_000), "{}"),
    "lines": ("games", "x.txt.gz", lambda: gzip.compress(b"\n" * (30 << 20)), "{}"),
    "tar of headers": ("games", "x.tar.gz", lambda: tar_bomb(600_000), "unpacks to more than"),
    "tar header": ("archive", "x.tar.gz", pax_bomb, "unpacks to more than"),
    "zip bomb": ("archive", "x.zip", lambda: zip_of([("x", bytes(300 << 20))]), "unpacks to more than"),
    "zip in bzip2": ("archive", "x.zip", lambda: zip_of([("x", bytes(300 << 20))], zipfile.ZIP_BZIP2), "unpacks"),
    "vectors in gzip": ("vectors", "x.vec.gz", lambda: packed(b"word1 1 2\nx", 400), "a line of more than"),
    "vectors too wide": ("vectors", "x.vec", lambda: b"word1" + b" 1" * 16_000 + b"\n", "are more than 512 MiB"),
    "word2vec that claims": ("vectors", "x.bin", lambda: word2vec(10**9, 16_000), "are more than 512 MiB"),
    "word2vec truncated": ("vectors", "x.bin", lambda: word2vec(10**9, 300), "is truncated"),
    "fastText buckets": ("vectors", "x.bin", lambda: fasttext(10, 2**31 - 1, 300), "do not fit into"),
    "fastText words": ("vectors", "x.bin", lambda: fasttext(2**31 - 1, 0, 10_000), "do not fit into"),
    "manifest": ("manifest", "x.toml", lambda: b"a = [" + b"[" * 9_000_000, "not a readable manifest"),
    "JSON of lists": ("json", "x.json", lambda: b"[" + b"[]," * 3_000_000 + b"0]", "more than 4000000 values"),
}


def packed_tiff(mode: str, side: int) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, "TIFF", compression="tiff_adobe_deflate")
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_small_file_takes_less_than_a_gigabyte_and_ten_seconds(tmp_path, case):
    reader, name, make, message = CASES[case]
    path = tmp_path / name
    path.write_bytes(make())
    assert path.stat().st_size < 10 * 10**6
    check(reader, path, message)
