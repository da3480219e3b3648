import gzip
import hashlib
import io
import pickle
import struct
import time
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from apps.digits import data as module
from apps.digits import folders
from apps.digits.data import load_data, read
from apps.digits.frame import find
from apps.digits.idx import READERS, parse_idx, read_idx
from cnn_core.drawing import pictures
from cnn_core.errors import UserError
from cnn_core.fetching.manifests import Alternative, FileSpec, Manifest
from cnn_core.fetching.sources import Fetched, load_manifest

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture(autouse=True)
def cache(request, tmp_path, monkeypatch):
    if "data" not in request.keywords:
        monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "cache"))
        for name in ("CNN_SUITE_DATA", "CNN_SUITE_MIRROR"):
            monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


def idx(values: np.ndarray) -> bytes:
    """An IDX file as its definition says, written independently of the reader."""
    code = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}[values.dtype.str[1:]]
    head = bytes([0, 0, code, values.ndim]) + b"".join(struct.pack(">I", size) for size in values.shape)
    return head + values.astype(values.dtype.newbyteorder(">")).tobytes()


def toy(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, 28, 28), np.uint8), (np.arange(count) % 10).astype(np.uint8)


def idx_folder(folder, names=NAMES, pack=lambda data: data, train=20, test=10):
    folder.mkdir(parents=True)
    arrays = (*toy(train, 1), *toy(test, 2))
    for name, values in zip(names, arrays, strict=True):
        (folder / name).write_bytes(pack(idx(values)))
    return arrays


def digit(text: str, size=160, ink=0, paper=255, page=(200, 220), at=(50, 20)) -> Image.Image:
    image = Image.new("L", page, paper)
    ImageDraw.Draw(image).text(at, text, fill=ink, font=ImageFont.load_default(size))
    return image


def apart(found: np.ndarray, wanted: np.ndarray) -> float:
    """Mean difference in grey levels; the centre of mass may have been rounded to the next pixel."""
    moves = [np.roll(found, move, axis=(0, 1)) for move in np.ndindex(3, 3)]
    return min(abs(np.roll(moved, (-1, -1), axis=(0, 1)).astype(int) - wanted).mean() for moved in moves)


def centre(values: np.ndarray) -> np.ndarray:
    return np.array([(np.indices(values.shape)[axis] * values).sum() / values.sum() for axis in (0, 1)])


def box(values: np.ndarray) -> int:
    rows, columns = np.nonzero(values.any(1))[0], np.nonzero(values.any(0))[0]
    return max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1


# IDX files


@given(
    hnp.arrays(
        st.sampled_from(["u1", "i1", "<i2", "<i4", "<f4", "<f8", ">i4"]), hnp.array_shapes(max_dims=4, max_side=4)
    )
)
def test_idx_comes_back(values):
    for raw in (idx(values), gzip.compress(idx(values))):
        found = parse_idx(raw, "x")
        np.testing.assert_array_equal(found, values)
        assert found.dtype == values.dtype.newbyteorder("=")


GOOD = idx(np.zeros((3, 28, 28), np.uint8))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not an IDX file"),
        (b"\x89PNG\r\n", "not an IDX file"),
        (b"\0\0\x07" + GOOD[3:], "not an IDX file"),
        (GOOD[:10], "truncated"),
        (GOOD[:-1], "truncated"),
        (GOOD + b"\0", "trailing bytes"),
        (gzip.compress(GOOD)[:-9], "truncated or damaged gzip"),
        (gzip.compress(GOOD[:-1]), "truncated"),
        (b"\x1f\x8bxx", "truncated or damaged gzip"),
    ],
    ids=[str(i) for i in range(9)],
)
def test_a_bad_idx_file_is_named(tmp_path, raw, message):
    (tmp_path / "images").write_bytes(raw)
    with pytest.raises(UserError, match=message) as caught:
        read_idx(tmp_path / "images")
    assert str(tmp_path / "images") in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=100)
@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_an_idx_file_or_a_user_error(raw, zeros):
    try:
        parse_idx((b"\0\0" if zeros else b"") + raw, "x")
    except UserError as error:
        assert str(error).startswith("x: ")


def test_a_missing_idx_file_is_named(tmp_path):
    with pytest.raises(UserError, match=str(tmp_path / "x")):
        read_idx(tmp_path / "x")


# Folders of IDX files


@pytest.mark.parametrize(
    "names",
    [
        NAMES,
        [name + ".gz" for name in NAMES],
        [name.replace("-idx", ".idx") for name in NAMES],
        ["emnist-letters-" + name.replace("t10k", "test") for name in NAMES],
    ],
)
def test_a_folder_of_idx_files(tmp_path, names):
    arrays = idx_folder(tmp_path / "mine", names, gzip.compress if names[0].endswith("gz") else bytes)
    data = load_data(tmp_path / "mine")
    assert data.name == "mine"
    assert data.labels == tuple("0123456789")
    for found, wanted in zip(
        (data.train.inputs, data.train.targets, data.test.inputs, data.test.targets), arrays, strict=True
    ):
        np.testing.assert_array_equal(found.numpy(), wanted)
    assert data.train.inputs.dtype == torch.uint8
    assert data.train.targets.dtype == torch.int64


def test_labels_of_several_numbers_each_use_the_first(tmp_path):
    _, labels, *_ = idx_folder(tmp_path / "q")
    wide = np.stack([labels.astype(np.int32), np.full(20, 99, np.int32)], axis=1)
    (tmp_path / "q" / NAMES[1]).unlink()
    (tmp_path / "q" / "qmnist-train-labels-idx2-int").write_bytes(idx(wide))
    np.testing.assert_array_equal(load_data(tmp_path / "q").train.targets.numpy(), labels)


def test_wrong_folders_of_idx_files_are_named(tmp_path):
    folder = tmp_path / "d"
    idx_folder(folder)
    labels = folder / NAMES[1]
    labels.write_bytes(idx(np.zeros(19, np.uint8)))
    with pytest.raises(UserError, match=r"train-labels-idx1-ubyte: 19 labels for the 20 pictures"):
        load_data(folder)
    labels.write_bytes(idx(np.zeros(20, np.float32)))
    with pytest.raises(UserError, match="labels must be one whole number each"):
        load_data(folder)
    labels.write_bytes(idx(np.full(20, -1, np.int32)))
    with pytest.raises(UserError, match="labels must lie in 0 to 255"):
        load_data(folder)
    labels.unlink()
    with pytest.raises(UserError, match="lacks the IDX file of train-labels"):
        load_data(folder)
    (folder / NAMES[0]).write_bytes(idx(np.zeros((20, 8, 8), np.uint8)))
    labels.write_bytes(idx(np.zeros(20, np.uint8)))
    with pytest.raises(UserError, match=r"train-images.*28 x 28"):
        load_data(folder)


def test_names_that_are_neither_data_set_nor_folder(tmp_path):
    with pytest.raises(UserError, match=r"'nmist'.*fashion-mnist"):
        load_data("nmist")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="neither IDX files"):
        load_data(tmp_path / "empty")


# Named data sets


def _pickled(arrays) -> bytes:
    (train, train_labels, test, test_labels), cut = arrays, 15

    def pair(images, labels):
        return images.reshape(len(images), 784).astype(np.float32) / np.float32(256), labels.astype(np.int64)

    parts = (pair(train[:cut], train_labels[:cut]), pair(train[cut:], train_labels[cut:]), pair(test, test_labels))
    return gzip.compress(pickle.dumps(parts, 2))


def _toy_manifest(monkeypatch, folder, arrays, digests=None):
    raw = _pickled(arrays)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "toy.pkl.gz").write_bytes(raw)
    spec = FileSpec("toy.pkl.gz", sha256=hashlib.sha256(raw).hexdigest())
    roles = ("train-images", "train-labels", "test-images", "test-labels")
    good = {role: hashlib.sha256(part.tobytes()).hexdigest() for role, part in zip(roles, arrays, strict=True)}
    made = Manifest(
        "toy", "toy", "Toy", "", "-", "-", "-", tuple("0123456789"), {"train": 20, "test": 10},
        (Alternative("mnist-pickle", (spec,)),), good | (digests or {}),
    )  # fmt: skip
    monkeypatch.setattr(module, "available", lambda: ["toy"])
    monkeypatch.setattr(module, "load_manifest", lambda name: made)


def test_a_pickle_is_decoded_checked_and_then_kept(tmp_path, monkeypatch, cache):
    arrays = (*toy(20, 1), *toy(10, 2))
    _toy_manifest(monkeypatch, cache / "toy", arrays)
    first = load_data("toy")
    np.testing.assert_array_equal(first.train.inputs.numpy(), arrays[0])
    np.testing.assert_array_equal(first.test.targets.numpy(), arrays[3])
    monkeypatch.setattr(module, "fetch", lambda *_: pytest.fail("fetched again"))
    second = load_data("toy")
    assert torch.equal(first.train.inputs, second.train.inputs)
    assert torch.equal(first.test.targets, second.test.targets)
    monkeypatch.undo()


@pytest.mark.parametrize("cut", [10, 5000, 1])
def test_a_damaged_decoded_copy_is_decoded_again(monkeypatch, cache, cut):
    arrays = (*toy(20, 1), *toy(10, 2))
    _toy_manifest(monkeypatch, cache / "toy", arrays)
    load_data("toy")
    (kept,) = (cache / "toy").glob("*.safetensors")
    kept.write_bytes(kept.read_bytes()[:-cut])
    np.testing.assert_array_equal(load_data("toy").train.inputs.numpy(), arrays[0])
    np.testing.assert_array_equal(load_data("toy").train.inputs.numpy(), arrays[0])


def test_wrong_decoded_arrays_are_refused(monkeypatch, cache):
    _toy_manifest(monkeypatch, cache / "toy", (*toy(20, 1), *toy(10, 2)), {"test-labels": "0" * 64})
    with pytest.raises(UserError, match=r"toy\.pkl\.gz: decoded test-labels have the sha256"):
        load_data("toy")
    _toy_manifest(monkeypatch, cache / "toy", (*toy(19, 1), *toy(10, 2)))
    with pytest.raises(UserError, match="19 train pictures and 19 labels, expected 20"):
        load_data("toy")
    assert not list((cache / "toy").glob("*.safetensors"))


def test_a_pickle_of_something_else_is_named(tmp_path):
    path = tmp_path / "x.pkl.gz"
    spec = FileSpec("x.pkl.gz", sha256="0")
    for content in (pickle.dumps([1, 2]), pickle.dumps("abc"), b"", pickle.dumps(np.arange(3))[:-5]):
        path.write_bytes(gzip.compress(content))
        with pytest.raises(UserError, match=r"x\.pkl\.gz"):
            READERS["mnist-pickle"](Fetched(Alternative("r", (spec,)), {"x.pkl.gz": path}), {})


def test_emnist_is_turned_upright_and_its_letters_count_from_0(tmp_path):
    upright, labels = toy(6, 1)
    options = load_manifest("emnist-letters").options
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as archive:
        for part in ("train", "test"):
            head = f"gzip/emnist-letters-{part}"
            archive.writestr(f"{head}-images-idx3-ubyte.gz", gzip.compress(idx(upright.swapaxes(1, 2))))
            archive.writestr(f"{head}-labels-idx1-ubyte.gz", gzip.compress(idx(labels + np.uint8(1))))
    alternative = load_manifest("emnist-letters").alternatives[0]
    found = READERS[alternative.reader](Fetched(alternative, {"gzip.zip": tmp_path / "gzip.zip"}), options)
    np.testing.assert_array_equal(found["train-images"], upright)
    np.testing.assert_array_equal(found["test-labels"], labels)


# Folders of pictures


def picture_folder(folder, counts, size=120):
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = digit(name[-1], size + 3 * number, ink=10 * number)
            image.save(folder / name / f"{number}.{'png' if number % 2 else 'bmp'}")
    return folder


def test_train_and_test_folders_are_kept(tmp_path):
    picture_folder(tmp_path / "d" / "train", {"2": 2, "10": 3, "1": 4})
    picture_folder(tmp_path / "d" / "test", {"1": 1, "10": 2}, 90)
    (tmp_path / "d" / "train" / "2" / "notes.txt").write_text("no picture")
    data = load_data(tmp_path / "d")
    assert data.labels == ("1", "2", "10")
    assert data.train.targets.tolist() == [0] * 4 + [1] * 2 + [2] * 3
    assert data.test.targets.tolist() == [0, 2, 2]
    expected = read(tmp_path / "d" / "train" / "2" / "0.bmp")
    np.testing.assert_array_equal(data.train.inputs[4].numpy(), expected)


@pytest.mark.slow
def test_without_a_test_folder_equal_pictures_stay_on_one_side_and_it_is_said(tmp_path, capsys):
    folder = picture_folder(tmp_path / "d", {"3": 10, "7": 10})
    for number in range(0, 10, 2):  # the same pixels in another format
        Image.open(folder / "3" / f"{number}.bmp").save(folder / "3" / f"copy{number}.png")
    data = load_data(folder, seed=1, progress=False)
    train = {image.numpy().tobytes() for image in data.train.inputs}
    test = {image.numpy().tobytes() for image in data.test.inputs}
    assert not train & test
    assert len(data.train) + len(data.test) == 25
    assert data.test.targets.bincount().tolist() == [3, 2]
    assert "no test/ folder: 5 of 25 pictures set aside" in capsys.readouterr().err
    again = load_data(folder, seed=1, progress=False)
    assert torch.equal(data.test.inputs, again.test.inputs)
    others = [load_data(folder, seed=seed, progress=False).test.inputs for seed in range(2, 6)]
    assert any(not torch.equal(data.test.inputs, other) for other in others)


def test_pictures_are_read_once_and_again_when_one_has_changed(tmp_path, monkeypatch, capsys):
    folder = picture_folder(tmp_path / "d", {"3": 10, "7": 10})
    Image.open(folder / "3" / "0.bmp").convert("RGB").resize((60, 60)).save(folder / "3" / "red.png")
    read_paths = []
    monkeypatch.setattr(folders, "find", lambda path: read_paths.append(path) or find(path))
    first = load_data(folder, progress=False)
    said = capsys.readouterr().err
    assert len(read_paths) == 21
    again = load_data(folder, progress=False)
    assert len(read_paths) == 21
    assert capsys.readouterr().err == said
    assert torch.equal(first.train.inputs, again.train.inputs)
    path = min((folder / "7").iterdir())
    picture = Image.open(path).transpose(Image.Transpose.ROTATE_90)
    picture.save(path)
    changed = load_data(folder, progress=False)
    assert len(read_paths) == 42
    assert not torch.equal(
        torch.cat([first.train.inputs, first.test.inputs]).sum(0),
        torch.cat([changed.train.inputs, changed.test.inputs]).sum(0),
    )


def test_pictures_that_are_too_many_are_mapped(tmp_path, monkeypatch, capsys):
    folder = picture_folder(tmp_path / "d", {"3": 10, "7": 10})
    inside = load_data(folder, progress=False)
    monkeypatch.setenv("CNN_SUITE_MEMORY", "5K")
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "another"))
    for _ in range(2):  # written, then found
        mapped = load_data(folder, progress=False)
        assert mapped.train.mapped
        for split in ("train", "test"):
            a, b = getattr(inside, split), getattr(mapped, split)
            everything = torch.arange(len(a))
            assert torch.equal(a.take(everything)[0], b.take(everything)[0])
            assert torch.equal(a.targets, b.targets)
    assert "kept in files and mapped" in capsys.readouterr().err


@pytest.mark.parametrize("inside", ["", "train"])
def test_a_class_with_one_picture_keeps_it_for_training(tmp_path, inside):
    picture_folder(tmp_path / "d" / inside, {"1": 1, "2": 6})
    data = load_data(tmp_path / "d", progress=False)
    assert data.train.targets.bincount().tolist() == [1, 5]
    assert data.test.targets.tolist() == [1]


def test_pictures_that_lie_in_train_and_test_are_said(tmp_path, capsys):
    picture_folder(tmp_path / "d" / "train", {"1": 2, "2": 2})
    picture_folder(tmp_path / "d" / "test", {"1": 1, "2": 1})
    load_data(tmp_path / "d", progress=False)
    assert "2 pictures in both train/ and test/" in capsys.readouterr().err


def test_folders_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(UserError, match="at least two classes"):
        load_data(picture_folder(tmp_path / "a", {"1": 2}))
    with pytest.raises(UserError, match="too few different pictures"):
        load_data(picture_folder(tmp_path / "b", {"1": 1, "2": 1}), progress=False)
    picture_folder(tmp_path / "c" / "train", {"1": 1, "2": 1})
    picture_folder(tmp_path / "c" / "test", {"1": 1, "3": 1})
    with pytest.raises(UserError, match=r"test.3: this class is not in"):
        load_data(tmp_path / "c", progress=False)
    folder = picture_folder(tmp_path / "e", {"1": 2, "2": 2})
    (folder / "1" / "1.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"1\.png: not a picture"):
        load_data(folder, progress=False)


# One picture


def save(image: Image.Image, path, **options):
    image.save(path, **options)
    return path


REFERENCE = ("0", "1", "2", "3", "4", "7", "8")


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    return {text: read(save(digit(text), folder / f"{text}.png")).astype(int) for text in REFERENCE}


def variants(text: str, folder):
    """The same digit as photos, scans and drawings."""
    generator = np.random.default_rng(int(text))
    plain = digit(text)
    grey = np.asarray(plain, np.float32) / 255  # paper 1, ink 0
    rows, columns = np.mgrid[-1:1:220j, -1:1:200j]
    light = 200 + 40 * rows - 45 * columns - 20 * rows**2
    photo = np.clip(light * (0.3 + 0.7 * grey) + generator.normal(0, 5, grey.shape), 0, 255)
    shadow = (230 - 80 / (1 + np.exp(-30 * (rows + columns)))) * (0.25 + 0.75 * grey)
    yield "inverted", save(Image.fromarray(255 - np.asarray(plain)), folder / "a.png")
    yield "photo", save(Image.fromarray(photo.astype(np.uint8)), folder / "b.jpg", quality=80)
    yield "shadow", save(Image.fromarray(shadow.astype(np.uint8)), folder / "c.png")
    exif = Image.Exif()
    exif[0x112] = 6  # shown after a quarter turn clockwise
    yield "turned", save(plain.rotate(90, expand=True), folder / "d.jpg", exif=exif, quality=95)
    page = Image.new("L", (1200, 1000), 240)
    page.paste(Image.fromarray((240 - 200 * (1 - grey)).astype(np.uint8)), (900, 100))
    yield "far off centre", save(page, folder / "e.png")
    yield "large", save(plain.resize((1000, 1100), Image.Resampling.BICUBIC), folder / "f.png")
    yield "16 bits", save(Image.fromarray(np.asarray(plain).astype(np.uint16) * 257), folder / "g.png")
    clear = Image.new("RGBA", plain.size, (255, 255, 255, 0))
    clear.paste((0, 0, 0, 255), mask=Image.fromarray(255 - np.asarray(plain)))
    yield "transparent, dark ink", save(clear, folder / "h.png")
    clear = Image.new("RGBA", plain.size, (0, 0, 0, 0))
    clear.paste((255, 255, 200, 255), mask=Image.fromarray(255 - np.asarray(plain)))
    yield "transparent, bright ink", save(clear, folder / "i.webp", lossless=True)
    yield "palette", save(plain.convert("P"), folder / "j.gif")
    yield "colour", save(Image.merge("RGB", [plain, plain, Image.new("L", plain.size, 255)]), folder / "k.bmp")
    yield "cmyk", save(plain.convert("RGB").convert("CMYK"), folder / "l.jpg", quality=95)
    table = np.full((260, 240), 60, np.float32)
    table[10:250, 15:] = 225
    table[20:240, 20:220] -= 165 * (1 - grey)
    yield (
        "table's edge",
        save(Image.fromarray((table + generator.normal(0, 3, table.shape)).astype(np.uint8)), folder / "m.png"),
    )
    dusty = np.asarray(plain).copy()
    dusty[5:8, 5:8] = dusty[200:203, 190:193] = 60
    yield "specks", save(Image.fromarray(dusty), folder / "n.png")


@pytest.mark.slow
@pytest.mark.parametrize("text", ["2", "4", "8"])
def test_photos_scans_and_drawings_of_a_digit_look_the_same(tmp_path, references, text):
    for name, path in variants(text, tmp_path):
        distances = {other: apart(read(path), picture) for other, picture in references.items()}
        assert distances[text] < 12, f"{name}: {distances[text]:.1f} grey levels"
        assert min(distances, key=distances.__getitem__) == text, name


@pytest.mark.parametrize("text", [*REFERENCE, "5", "6", "9"])
@pytest.mark.parametrize("size", [24, 60, 300, 900])
def test_the_form_is_mnists(tmp_path, text, size):
    image = digit(text, size, page=(2 * size, 2 * size), at=(size // 3, size // 4))
    found = read(save(image, tmp_path / "x.png"))
    assert found.shape == (28, 28)
    assert found.dtype == np.uint8
    assert found.max() >= 250
    assert box(found) == 20
    assert abs(centre(found) - 14).max() <= 0.75
    assert (found == 0).mean() > 0.5


def test_a_hair_thin_drawing_gets_a_stroke_that_can_be_seen(tmp_path):
    image = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(image).line([(100, 60), (300, 60), (160, 340)], fill=0, width=2)
    found = read(save(image, tmp_path / "x.png"))
    assert 40 < (found > 127).sum() < 120


def test_a_thick_digit_that_fills_the_picture_is_not_hollowed(tmp_path):
    image = digit("8", 190, page=(130, 170), at=(10, -25)).filter(ImageFilter.MinFilter(15))
    assert np.mean(np.asarray(image) < 128) > 0.4
    found = read(save(image, tmp_path / "x.png"))
    assert (found > 127).sum() > 120


def test_what_is_in_mnists_form_already_is_kept(tmp_path):
    made = read(save(digit("5"), tmp_path / "a.png"))
    for name, pixels in (("plain", made), ("inverted", 255 - made)):
        np.testing.assert_array_equal(read(save(Image.fromarray(pixels), tmp_path / f"{name}.png")), made)
    np.testing.assert_array_equal(read(save(Image.fromarray(made).convert("RGBA"), tmp_path / "rgba.png")), made)
    shifted = np.roll(made, (0, 4), axis=(0, 1))
    found = read(save(Image.fromarray(shifted), tmp_path / "s.png"))
    assert abs(centre(found) - 14).max() <= 0.75


def blank():
    generator = np.random.default_rng(0)
    yield "white", Image.new("L", (300, 200), 255)
    yield "black", Image.new("RGB", (28, 28))
    yield "one pixel", Image.new("L", (1, 1), 9)
    yield "clear", Image.new("RGBA", (90, 90))
    yield "scanner noise", Image.fromarray(np.clip(generator.normal(235, 8, (500, 400)), 0, 255).astype(np.uint8))
    yield "shaded", Image.fromarray(np.tile(np.linspace(90, 230, 400), (300, 1)).astype(np.uint8))
    yield "noise", Image.fromarray(generator.integers(0, 255, (200, 200)).astype(np.uint8))


@pytest.mark.parametrize(("name", "image"), list(blank()), ids=[name for name, _ in blank()])
def test_an_empty_picture_has_no_ink(tmp_path, name, image):
    with pytest.raises(UserError, match=r"x\.png: no ink found"):
        read(save(image, tmp_path / "x.png"))


def test_what_is_no_picture_is_named(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    whole = io.BytesIO()
    digit("3").save(whole, "PNG")
    for content, message in (
        (b"", "not a picture"),
        (b"hello", "not a picture"),
        (whole.getvalue()[:200], "cannot be read|damaged"),
        (whole.getvalue()[:60] + b"\xff" * 400, "cannot be read|damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=message) as caught:
            read(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="No such file"):
        read(tmp_path / "missing.png")
    with pytest.raises(UserError, match="directory"):
        read(tmp_path)
    path.write_bytes(whole.getvalue())
    with monkeypatch.context() as patched:  # Pillow's limit
        patched.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        with pytest.raises(UserError, match="million pixels"):
            read(path)
    monkeypatch.setattr(pictures, "DECODED", 4 * 30_000)  # the suite's
    with pytest.raises(UserError, match="million pixels"):
        read(path)


# The real MNIST


@pytest.fixture(scope="module")
def mnist():
    try:
        return load_data("mnist", progress=False)
    except UserError as error:
        pytest.skip(str(error))


@pytest.mark.data
def test_mnist_is_the_official_one(mnist):
    digests = {
        "train-images": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "train-labels": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "test-images": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "test-labels": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    }
    for split, part in (("train", mnist.train), ("test", mnist.test)):
        assert hashlib.sha256(part.inputs.numpy().tobytes()).hexdigest() == digests[f"{split}-images"]
        labels = part.targets.numpy().astype(np.uint8)
        assert hashlib.sha256(labels.tobytes()).hexdigest() == digests[f"{split}-labels"]


@pytest.mark.data
def test_a_second_load_is_quick(mnist):
    start = time.process_time()
    load_data("mnist")
    assert time.process_time() - start < 0.5


@pytest.mark.slow
@pytest.mark.data
def test_mnist_digits_on_a_page_come_back(mnist, tmp_path):
    """Enlarged onto a noisy page, off centre and dark on bright, then read again: nearly the same picture."""
    generator = np.random.default_rng(0)
    train = mnist.train.inputs[:10_000].reshape(10_000, -1).float()
    train /= train.norm(dim=1, keepdim=True)

    def nearest(images: np.ndarray) -> np.ndarray:
        flat = torch.from_numpy(images).reshape(len(images), -1).float()
        return mnist.train.targets[(flat @ train.T).argmax(dim=1)].numpy()

    chosen = generator.permutation(10_000)[:50]
    digits, labels = mnist.test.inputs[chosen].numpy(), mnist.test.targets[chosen].numpy()
    found = []
    for pixels in digits:
        page = np.full((500, 400), 230.0)
        side = int(generator.integers(110, 240))
        large = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC), np.float64)
        top, left = generator.integers(10, 490 - side), generator.integers(10, 390 - side)
        page[top : top + side, left : left + side] -= 190 / 255 * large
        page = np.clip(page + generator.normal(0, 8, page.shape), 0, 255).astype(np.uint8)
        found.append(read(save(Image.fromarray(page), tmp_path / "x.jpg", quality=85)))
    pictures = np.stack(found)
    assert abs(pictures.astype(int) - digits).mean() < 11  # of 255; half a pixel's shift makes more
    assert (nearest(pictures) == labels).mean() >= (nearest(digits) == labels).mean() - 0.04


@pytest.mark.data
def test_mnist_digits_are_kept_as_they_are(mnist, tmp_path):
    for pixels in mnist.test.inputs[:30].numpy():
        np.testing.assert_array_equal(read(save(Image.fromarray(pixels), tmp_path / "x.png")), pixels)


def test_large_idx_files_are_mapped_where_they_lie(tmp_path, monkeypatch):
    folder = tmp_path / "own"
    idx_folder(folder)
    whole = load_data(folder)
    monkeypatch.setenv("CNN_SUITE_MEMORY", "8k")
    rows = load_data(folder)
    assert (rows.train.mapped, rows.test.mapped) == (True, False)
    assert torch.equal(whole.train.inputs, rows.train.inputs[:])
    assert torch.equal(whole.train.targets, rows.train.targets)
    (folder / NAMES[0]).write_bytes((folder / NAMES[0]).read_bytes()[:-1])
    with pytest.raises(UserError, match="truncated"):
        load_data(folder)
