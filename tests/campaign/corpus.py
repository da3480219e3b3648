"""A small file of each kind that the suite reads, made on the spot: kind -> [(suffix, bytes), ...]."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from functools import cache

import numpy as np
from PIL import Image

SGF = b"(;GM[1]FF[4]CA[UTF-8]SZ[9]KM[7.5]RU[Chinese]RE[B+3.5]DT[2020-01-01];B[ee];W[cc];B[gc](;W[cg];B[])(;W[gg]))"
TABLE = "text,label\n" + "".join(f'"a film, number {n}, {("good", "bad")[n % 2]}",{n % 2}\n' for n in range(12))

REFUSED = (b"%!PS", b"\0\0\1\0", b"\x93NUMPY", b"text;label\ncaf\xe9")
"""First bytes of files that are not to be read: PostScript, icons, vectors without words, Latin-1 unannounced."""

Files = list[tuple[str, bytes]]


def pictures() -> Files:
    """A seven in each format on the allow-list, and two that are not."""
    pixels = np.zeros((24, 20, 3), np.uint8)
    pixels[3:6, 4:15] = pixels[5:21, 11:14] = (250, 240, 230)
    image = Image.fromarray(pixels)
    found: Files = []
    for suffix, kind, mode in [
        (".png", "PNG", "RGB"),
        (".png", "PNG", "RGBA"),
        (".png", "PNG", "I;16"),
        (".jpg", "JPEG", "RGB"),
        (".jpg", "JPEG", "CMYK"),
        (".gif", "GIF", "P"),
        (".bmp", "BMP", "RGB"),
        (".tif", "TIFF", "RGB"),
        (".webp", "WEBP", "RGB"),
        (".ppm", "PPM", "RGB"),
        (".ico", "ICO", "RGBA"),
    ]:
        out = io.BytesIO()
        (image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode)).save(out, kind)
        found.append((suffix, out.getvalue()))
    return [*found, (".png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")]


def recordings() -> Files:
    """One of each format."""
    import soundfile

    samples, found = np.sin(np.arange(3000) / 9).astype(np.float32) / 2, []
    for suffix, kind, subtype in [
        (".wav", "WAV", "PCM_16"),
        (".wav", "WAV", "FLOAT"),
        (".wav", "WAV", "ULAW"),
        (".wav", "WAVEX", "PCM_24"),
        (".flac", "FLAC", "PCM_16"),
        (".aiff", "AIFF", "PCM_16"),
        (".ogg", "OGG", "VORBIS"),
        (".au", "AU", "PCM_16"),
        (".wav", "WAV", "GSM610"),
    ]:
        out = io.BytesIO()
        soundfile.write(out, samples, 8000, format=kind, subtype=subtype)
        found.append((suffix, out.getvalue()))
    return found


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    """A tar file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def games() -> Files:
    """Records, one by one and packed."""
    members = {f"{n}.sgf": SGF for n in range(3)}
    old = b"(;GaMe[1]SiZe[9]KoMi[5.5];Black[ee];White[cc])".replace(b"GaMe", b"GM").replace(b"SiZe", b"SZ")
    return [
        (".sgf", SGF),
        (".sgf", old),
        (".sgf", "(;SZ[9]CA[GB18030]PB[柯洁];B[ee];W[cc])".encode("gb18030")),
        (".sgf", b"(;SZ[19]HA[2]AB[dd][pp]AW[aa:cc];W[qd];B[tt])"),
        (".txt", SGF + b"\n" + SGF + b"\n"),
        (".sgf.gz", gzip.compress(SGF)),
        (".zip", zipped(members)),
        (".tar.gz", tarred(members)),
    ]


def archives() -> Files:
    """Of every packing."""
    members = {"a.txt": b"one " * 50, "b/c.txt": bytes(300)}
    hows = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    return [(".zip", zipped(members, how)) for how in hows] + [
        (f".{mode.replace(':', '.').replace('w', 'tar', 1)}", tarred(members, mode))
        for mode in ("w", "w:gz", "w:bz2", "w:xz")
    ]


def tables() -> Files:
    """Labelled texts in every format."""
    import openpyxl
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [(f"a film, number {n}", ("good", "bad")[n % 2]) for n in range(12)]
    lines = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows)
    parquet, excel, book = io.BytesIO(), io.BytesIO(), openpyxl.Workbook()
    pq.write_table(pa.table({"text": [text for text, _ in rows], "label": [label for _, label in rows]}), parquet)
    sheet = book.active
    assert sheet is not None
    for row in [("text", "label"), *rows]:
        sheet.append(row)
    book.save(excel)
    return [
        (".csv", TABLE.encode()),
        (".tsv", TABLE.replace('","', "\t").replace(",", "\t").encode("utf-16")),
        (".csv", "text;label\n".encode("cp1252") + b"caf\xe9;good\nsch\xf6n;bad\n" * 6),
        (".jsonl", lines.encode()),
        (".json", json.dumps([{"text": text, "label": label} for text, label in rows]).encode()),
        (".txt", "".join(f"__label__{label} {text}\n" for text, label in rows).encode()),
        (".csv.gz", gzip.compress(TABLE.encode())),
        (".zip", zipped({"reviews.csv": TABLE.encode()})),
        (".parquet", parquet.getvalue()),
        (".xlsx", excel.getvalue()),
    ]


@cache
def vectors() -> Files:
    """Word vectors as word2vec, GloVe and fastText write them."""
    from gensim.models import fasttext

    text = b"3 4\none 1 2 3 4\ntwo 1 2 3 4\nsix 1 2 3 4\n"
    binary = b"3 4\n" + b"".join(
        word + b" " + struct.pack("<4f", 1, 2, 3, 4) + b"\n" for word in (b"one", b"two", b"six")
    )
    texts = [["one", "two", "three"], ["two", "three", "four"]] * 3
    model = fasttext.FastText(texts, vector_size=4, min_count=1, bucket=20, epochs=1, workers=1)
    out = io.BytesIO()
    fasttext.save_facebook_model(model, out)  # type: ignore[arg-type]
    array = io.BytesIO()
    np.save(array, np.eye(4, dtype=np.float32))
    return [(".vec", text), (".txt", text[4:]), (".bin", binary), (".bin", out.getvalue()), (".npy", array.getvalue())]


def images_idx() -> Files:
    """MNIST's format."""
    raw = b"\0\0\x08\x03" + struct.pack(">3I", 2, 28, 28) + bytes(range(256)) * 6 + bytes(32)
    return [(".idx", raw), (".gz", gzip.compress(raw)), (".idx", b"\0\0\x08\x01" + struct.pack(">I", 3) + b"\1\2\3")]


def pickles() -> Files:
    """Arrays as old data sets pickle them."""
    value = {"data": np.arange(12, dtype=np.uint8).reshape(3, 4), "labels": [1, 2, 3], b"names": ("a", "b")}
    return [(".pkl", pickle.dumps(value, protocol)) for protocol in range(2, 6)]


def manifests() -> Files:
    """Those of the suite itself."""
    from cnn_core.fetching.manifests import manifest_folder

    names = ("mnist", "emnist", "photos", "backbones", "glove-50d")
    return [(".toml", (manifest_folder() / f"{name}.toml").read_bytes()) for name in names]


def json_files() -> Files:
    """Any value."""
    value = {"a": [1, 2.5, None, True, "x", {"b": []}], "c": "é" * 10, "d": [[[[1]]]]}
    return [(".json", json.dumps(value).encode())]


GTP = b"\n".join(
    b"""1 boardsize 9
komi 6.5
play b e5
genmove w
undo
play_sequence b c3 w d4
gogui-play_sequence b C3 w D4
2 showboard
final_score
known_command play
time_settings 30 5 3
time_left b 10 2
fixed_handicap 2
clear_board
place_free_handicap 3
list_commands
analyze b 10
lz-analyze w 5
loadsgf nothing.sgf 3
set_free_handicap a1 b2
reg_genmove b
quit
""".splitlines()
)


def gtp() -> Files:
    """A talk with the engine."""
    return [(".gtp", GTP)]
