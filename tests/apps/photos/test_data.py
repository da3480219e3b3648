"""Pictures from folders, tables and archives: right answers, or one line that says what is wrong."""

import hashlib
import io
import os
import sys
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from PIL import Image

from apps.photos import data
from apps.photos.augmentation import cut_out, grown, mirrored_and_shifted, recoloured
from apps.photos.config import NET_SHAPE, Augment, PhotosConfig
from apps.photos.corpora import framing
from apps.photos.corpora.copies import groups_of, near_copies
from apps.photos.corpora.corpus import Photos
from apps.photos.corpora.pieces import CELL, pieces
from apps.photos.fitted import FittedPhotos
from apps.photos.model import PhotoFront
from cnn_core.errors import UserError
from cnn_core.fetching.class_folders import class_names
from cnn_core.fetching.manifests import Alternative, FileSpec, Source, load_manifest
from cnn_core.nn.architecture import ConvNetConfig


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "cache"))


def scene(seed: int, size: int = 40) -> np.ndarray:
    """A smooth picture unlike those of other seeds."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 5, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC))


def folder_of(place, classes=("cat", "dog"), count=10, first=0):
    for label, name in enumerate(classes):
        (place / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = scene(first + 100 * label + number)
            Image.fromarray(pixels).save(place / name / f"{number}.png")
    return place


def refused(place, **options) -> str:
    with pytest.raises(UserError) as error:
        data.load(PhotosConfig(data=str(place), **options), progress=False)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_folder_of_classes(tmp_path):
    found = data.load(PhotosConfig(data=str(folder_of(tmp_path / "pets"))), progress=False)
    assert found.labels == ("cat", "dog")
    assert (len(found.train), len(found.test)) == (16, 4)
    assert found.train.inputs.shape[1:] == (3, 32, 32)
    assert found.train.inputs.dtype == torch.uint8
    expected = torch.tensor(found.fitted.mean)
    torch.testing.assert_close(found.train.inputs.float().mean((0, 2, 3)), expected, rtol=1e-4, atol=1e-2)


def test_train_val_and_test_folders_keep_their_parts(tmp_path):
    for number, (part, count) in enumerate((("train", 6), ("val", 2), ("test", 3))):
        folder_of(tmp_path / part, count=count, first=1000 * number)
    found = data.load(PhotosConfig(data=str(tmp_path)), progress=False)
    assert [len(split) for split in (found.train, found.validation, found.test)] == [12, 4, 6]
    assert not found.test.repeated.any()


def test_val_alone_is_for_testing(tmp_path, capsys):
    folder_of(tmp_path / "train", count=6)
    folder_of(tmp_path / "val", count=3, first=1000)
    found = data.load(PhotosConfig(data=str(tmp_path)), progress=False)
    assert found.validation is None
    assert len(found.test) == 6
    assert "val/ is for testing" in capsys.readouterr().err


def test_a_table_of_files(tmp_path):
    folder_of(tmp_path / "a", count=8)
    lines = ["File, Label ,split"]
    lines += [f"a/{name}/{n}.png,{name},{'test' if n > 5 else 'train'}" for name in ("cat", "dog") for n in range(8)]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    found = data.load(PhotosConfig(data=str(tmp_path / "t.csv")), progress=False)
    assert (found.labels, len(found.train), len(found.test)) == (("cat", "dog"), 12, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.png,x\n", "file missing"),
        ("file,label\na.png,\n", "line 2: no file or no label"),
        ("file,label,split\na.png,x,other\n", "split 'other'"),
        ("file,label\n", "lists no pictures"),
        ("file,label\na.png,x\nb.png,x\n", "at least two classes"),
        ("file,label,split\na.png,x,test\nb.png,y,test\n", "to train on; found none"),
        ("file,label\na.png,x\nb.png,y\n", "a.png: cannot be read"),
    ],
)
def test_a_bad_table_is_one_line(text, message, tmp_path):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    assert message in refused(tmp_path / "t.csv")


def test_copies_never_lie_on_both_sides(tmp_path):
    place = folder_of(tmp_path / "pets", count=10)
    for number in range(4):  # stored again: smaller, as JPEG, brighter
        again = Image.fromarray((scene(number, 64) * 0.97 + 4).astype(np.uint8)).resize((50, 50))
        again.save(place / "cat" / f"again-{number}.jpg", quality=70)
    found = data.load(PhotosConfig(data=str(place)), progress=False)
    together = torch.cat([found.train.copies.unique(), found.test.copies.unique()])
    assert len(together) == len(together.unique()) == 20
    rest, held = found.train.hold_out(0.25, 3)
    assert not set(rest.copies.tolist()) & set(held.copies.tolist())


def test_copies_across_published_splits_are_counted(tmp_path, capsys):
    folder_of(tmp_path / "train", count=6)
    folder_of(tmp_path / "test", count=5, first=2000)
    Image.fromarray(scene(3, 60)).save(tmp_path / "test" / "cat" / "copy.jpg", quality=80)
    found = data.load(PhotosConfig(data=str(tmp_path)), progress=False)
    assert found.test.repeated.sum() == 1
    assert len(found.test) == 11
    assert "1 of 11 test pictures have a near-copy" in capsys.readouterr().err


def test_near_copies_against_all_pairs():
    images = np.stack([framing.framed(scene(seed), 32, "crop") for seed in range(60)])
    noisy = np.clip(images[:20].astype(int) + np.random.default_rng(0).integers(-3, 4, images[:20].shape), 0, 255)
    pairs = near_copies(np.concatenate([images, noisy.astype(np.uint8)]))
    assert {tuple(pair) for pair in pairs.tolist()} == {(n, 60 + n) for n in range(20)}
    assert near_copies(images[:0]).shape == (0, 2)


def test_chains_are_one_group():
    assert groups_of(6, np.array([[0, 2], [2, 5], [1, 4]])).tolist() == [0, 1, 0, 3, 1, 0]


def test_bad_files_are_listed_all_at_once_or_skipped(tmp_path, capsys):
    place = folder_of(tmp_path / "pets")
    (place / "cat" / "note.png").write_text("no picture", encoding="utf-8")
    (place / "dog" / "half.png").write_bytes((place / "dog" / "0.png").read_bytes()[:200])
    message = refused(place)
    assert "2 of 22 pictures cannot be read" in message
    assert "note.png" in message
    assert "half.png" in message
    assert "--skip-bad" in message
    for _ in range(2):  # the second time from the cache
        found = data.load(PhotosConfig(data=str(place), skip_bad=True), progress=False)
        assert len(found.train) + len(found.test) == 20
        assert "2 pictures left out" in capsys.readouterr().err


def test_no_advice_where_no_picture_can_be_read(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "texts" / name).mkdir(parents=True)
        (tmp_path / "texts" / name / "x.png").write_text("no picture", encoding="utf-8")
    message = refused(tmp_path / "texts")
    assert "2 of 2 pictures cannot be read" in message
    assert "--skip-bad" not in message


def test_an_empty_class_is_told(tmp_path, capsys):
    place = folder_of(tmp_path / "pets")
    (place / "cow").mkdir()
    assert data.load(PhotosConfig(data=str(place)), progress=False).labels == ("cat", "dog")
    assert "1 folder without pictures left out (first: cow)" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode there")
def test_a_class_whose_name_is_not_utf8_is_one_line(tmp_path):
    place = folder_of(tmp_path / "pets")
    (place / "dog").rename(place / os.fsdecode(b"d\xffg"))
    message = refused(place)
    assert "d\\udcffg is not UTF-8; rename it" in message
    with pytest.raises(UserError, match="rename it"):
        class_names(place, (".png",))


def test_what_makes_no_task_is_one_line(tmp_path):
    assert "at least two classes" in refused(folder_of(tmp_path / "one", classes=("cat",)))
    assert "too few different pictures" in refused(folder_of(tmp_path / "few", count=1))
    (tmp_path / "texts" / "a").mkdir(parents=True)
    (tmp_path / "texts" / "a" / "x.txt").write_text("a", encoding="utf-8")
    assert "it has 1 .txt" in refused(tmp_path / "texts")
    (tmp_path / "loose").mkdir()
    Image.fromarray(scene(0)).save(tmp_path / "loose" / "a.png")
    assert "1 picture in no folder" in refused(tmp_path / "loose")
    assert "no data set, folder or CSV file" in refused(tmp_path / "none")
    folder_of(tmp_path / "split" / "train", count=3)
    folder_of(tmp_path / "split" / "test", classes=("cow",), count=3)
    assert "'cow' has no pictures to train on" in refused(tmp_path / "split")


def test_pictures_of_every_kind(tmp_path):
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 200
    files = {}
    for name, mode in (("rgb.png", "RGB"), ("cmyk.jpg", "CMYK"), ("palette.gif", "P"), ("grey.bmp", "L")):
        Image.fromarray(red).convert(mode).save(tmp_path / name)
        files[name] = framing.read(tmp_path / name, 16, "crop")
    for name in ("rgb.png", "cmyk.jpg", "palette.gif"):
        assert np.abs(files[name].mean((1, 2)) - [200, 0, 0]).max() < 8
    assert np.ptp(files["grey.bmp"].mean((1, 2))) == 0
    deep = np.linspace(0, 65535, 400, dtype=np.uint16).reshape(20, 20)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    found = framing.read(tmp_path / "deep.png", 20, "crop")
    np.testing.assert_allclose(found[1], deep / 257, atol=1)
    clear = np.zeros((20, 20, 4), np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert (framing.read(tmp_path / "clear.png", 16, "crop") == 255).all()
    frames = [Image.fromarray(np.full((20, 20, 3), value, np.uint8)) for value in (10, 240)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert framing.read(tmp_path / "moving.gif", 16, "crop").mean() < 20


def test_orientation_tags_turn_the_picture(tmp_path):
    picture = Image.fromarray(np.vstack([np.full((20, 40, 3), 250, np.uint8), np.zeros((20, 40, 3), np.uint8)]))
    tag = Image.Exif()
    tag[274] = 3  # upside down
    picture.save(tmp_path / "a.jpg", exif=tag)
    found = framing.read(tmp_path / "a.jpg", 16, "crop")
    assert found[:, :6].mean() < 10
    assert found[:, 10:].mean() > 240


def test_frames():
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    assert framing.framed(wide, 20, "crop").min() == 255
    assert framing.framed(wide, 20, "squash").mean() == pytest.approx(85, abs=5)
    assert (framing.framed(wide, 60, "pad")[:, :, 20:40] == 255).all()


@pytest.mark.slow
def test_a_hundred_megapixels(tmp_path):
    Image.new("L", (10_000, 10_000), 90).save(tmp_path / "huge.png")
    with pytest.raises(UserError, match="more than 67 million pixels"):
        framing.read(tmp_path / "huge.png", 32, "crop")
    Image.new("L", (10_000, 10_000), 90).save(tmp_path / "huge.jpg")
    assert framing.read(tmp_path / "huge.jpg", 32, "crop").mean() == 90


def test_more_than_the_memory_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("apps.photos.corpora.files.MEMORY", 1000)
    assert "take a smaller --side" in refused(folder_of(tmp_path / "pets"))


def test_shots(tmp_path):
    found = data.load(PhotosConfig(data=str(folder_of(tmp_path)), shots=3), progress=False)
    assert found.train.targets.bincount().tolist() == [3, 3]


def test_pieces_share_no_pixel_between_the_splits():
    # Every pixel names its cell, in a photograph that no change of colour touches beyond recognition.
    numbers = np.arange(16).reshape(4, 4).repeat(CELL, 0).repeat(CELL, 1)
    photograph = np.zeros((4 * CELL, 4 * CELL, 3), np.uint8)
    photograph[..., 0] = 60 + 8 * (numbers % 4 // 2)
    images, targets, parts = pieces({"a": photograph, "b": photograph}, 16)
    assert images.shape == (600, 3, 16, 16)
    assert np.bincount(targets).tolist() == [300, 300]
    assert np.bincount(parts).tolist() == [480, 120]
    assert max(np.ptp(image[0]) for image in images) == 0  # no piece reaches into a neighbouring cell


def cifar_archive(path, label_bytes):
    generator = np.random.default_rng(0)
    names = {1: ["cifar-10-batches-bin/data_batch_1.bin", "cifar-10-batches-bin/test_batch.bin"],
             2: ["cifar-100-binary/train.bin", "cifar-100-binary/test.bin"]}[label_bytes]  # fmt: skip
    wanted = []
    with tarfile.open(path, "w:gz") as archive:
        for name, count in zip(names, (20, 8), strict=True):
            records = generator.integers(0, 256, (count, label_bytes + 3072)).astype(np.uint8)
            records[:, :label_bytes] = np.arange(count)[:, None] % 4
            wanted.append(records)
            entry = tarfile.TarInfo(name)
            entry.size = records.size
            archive.addfile(entry, io.BytesIO(records.tobytes()))
    return names, wanted


@pytest.mark.parametrize(("name", "label_bytes"), [("cifar-10", 1), ("cifar-100", 2)])
def test_cifar_from_its_address(name, label_bytes, tmp_path, monkeypatch):
    """A small archive of the same layout, from a server of our own."""
    served = tmp_path / "served"
    served.mkdir()
    real = load_manifest(name)
    file = real.alternatives[0].files[0]
    members, (train, test) = cifar_archive(served / file.name, label_bytes)
    handler = partial(type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None}), directory=served)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        md5 = hashlib.md5((served / file.name).read_bytes()).hexdigest()
        url = f"http://127.0.0.1:{server.server_address[1]}/{file.name}"
        spec = FileSpec(file.name, md5=md5, sources=(Source(url=url),))
        options = {**real.options, "train": members[:1], "test": members[1:]}
        fields = {"splits": {"train": 20, "test": 8}, "options": options}
        manifest = type(real)(**{**vars(real), **fields, "alternatives": (Alternative("cifar", (spec,)),)})
        monkeypatch.setattr(data, "load_manifest", lambda _: manifest)
        found = data.load(PhotosConfig(data=name), progress=False)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert found.labels == real.classes
    np.testing.assert_array_equal(found.train.inputs.numpy().reshape(20, -1), train[:, label_bytes:])
    assert found.test.targets.tolist() == test[:, label_bytes - 1].tolist()
    larger = data.load(PhotosConfig(data=name, side=48), progress=False)  # from the cache: the server is gone
    assert larger.train.inputs.shape == (20, 3, 48, 48)


def test_published_digests():
    assert load_manifest("cifar-10").alternatives[0].files[0].digest == ("md5", "c32a1d4ab5d03f1284b67883e8d87530")
    assert load_manifest("cifar-100").alternatives[0].files[0].digest == ("md5", "03b5dce01913d631647c71ecec9e9cb8")
    assert len(set(load_manifest("cifar-100").classes)) == 100


def test_a_damaged_record_is_one_line():
    with pytest.raises(UserError, match="train again"):
        FittedPhotos.from_json({"side": 32, "frame": "crop", "mean": [1, 2], "sd": [1, 1, 1]})
    whole = FittedPhotos(32, "pad", (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    assert FittedPhotos.from_json(whole.to_json()) == whole


def test_options_that_contradict_each_other():
    with pytest.raises(UserError, match="computed once"):
        PhotosConfig(backbone="efficientnet-lite0", augment=Augment(flip=True))
    with pytest.raises(UserError, match="side must be"):
        PhotosConfig(side=4)
    for other in ({"net": ConvNetConfig(input_shape=NET_SHAPE, head="dense")}, {"backbone": "efficientnet-lite0",
                                                                                  "tuned": 1}):  # fmt: skip
        with pytest.raises(UserError, match="any side"):
            PhotosConfig(augment=Augment(grow=0.5), **other)


def test_shifts_reflect_and_mirror():
    torch.manual_seed(0)
    ramp = torch.arange(16).expand(64, 3, 16, 16).clone()
    found = mirrored_and_shifted(ramp, flip=False, crop=0.25)
    steps = found[:, 0].diff(dim=2).abs()
    assert ((steps == 1) | (steps == 0)).all()  # neighbours stay neighbours, also at the reflected edge
    assert len(found[:, 0, 0, 0].unique()) > 3
    mirrored = mirrored_and_shifted(ramp, flip=True, crop=0.0)[:, 0, 0]
    ways = {tuple(row) for row in mirrored.tolist()}
    assert ways == {tuple(range(16)), tuple(range(15, -1, -1))}


def test_colours_and_cutout():
    torch.manual_seed(0)
    pictures = torch.randint(40, 200, (32, 3, 16, 16)).float()
    found = recoloured(pictures, 0.2)
    assert found.min() >= 0
    assert found.max() <= 255
    assert (found.mean((1, 2, 3)) - pictures.mean((1, 2, 3))).abs().max() > 5
    torch.testing.assert_close(recoloured(pictures, 0.0), pictures)
    cut = cut_out(torch.ones(200, 3, 16, 16), 0.5) == 0
    assert cut.float().mean((1, 2, 3)).max() == 0.25
    assert 0.1 < cut.float().mean() < 0.25
    assert (cut[:, 0] == cut[:, 2]).all()


def test_pictures_grow_with_the_training():
    ramp = torch.arange(32.0).expand(2, 3, 32, 32)
    assert [grown(ramp, share).shape[-1] for share in (0.0, 0.49, 0.5, 0.99, 1.0)] == [16, 16, 24, 24, 32]
    small = grown(ramp, 0.0)
    # Between the edges each place is the mean of what it covers, in the same order: a ramp stays a ramp.
    torch.testing.assert_close(small[0, 0, 0, 2:-2], torch.arange(4.5, 28.0, 2.0), rtol=0, atol=1e-4)
    assert grown(torch.zeros(1, 3, 12, 12), 0.0).shape[-1] == 12  # too small to be halved
    front = PhotoFront((0.0,) * 3, (1.0,) * 3, Augment(grow=0.5))
    seen = {}
    for front.progress in (0.0, 0.25, 0.5, 1.0):
        seen[front.progress] = front(ramp.byte()).shape[-1]
    assert seen == {0.0: 16, 0.25: 24, 0.5: 32, 1.0: 32}
    front.progress = 0.0
    assert front.eval()(ramp.byte()).shape[-1] == 32


def test_large_pictures_are_evaluated_few_at_once():
    split = Photos(torch.zeros(300, 3, 256, 256, dtype=torch.uint8), *torch.zeros(3, 300, dtype=torch.int64))
    sizes = [part.stop - part.start for part in split.evaluation_batches(256)]
    assert max(sizes) == 64


def test_pictures_from_files_equal_those_in_memory(tmp_path, monkeypatch):
    folder = folder_of(tmp_path / "pets")
    (folder / "cat" / "bad.png").write_bytes(b"no picture")
    config = PhotosConfig(data=str(folder), skip_bad=True)
    whole = data.load(config, progress=False)
    monkeypatch.setattr("apps.photos.corpora.files.BLOCK", 3)
    monkeypatch.setattr("cnn_core.fetching.mapped.SHARD", 10_000)
    monkeypatch.setenv("CNN_SUITE_MEMORY", "20k")
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "other"))
    for _ in range(2):  # written, and found again
        rows = data.load(config, progress=False)
        assert rows.fitted == whole.fitted
        for one, other in ((whole.train, rows.train), (whole.test, rows.test)):
            assert other.mapped
            assert torch.equal(one.inputs, other.inputs[:])
            assert torch.equal(one.copies, other.copies)
            assert [len(part) for part in one.hold_out(0.3, 0)] == [len(part) for part in other.hold_out(0.3, 0)]
    assert len(list((tmp_path / "other").rglob("images-*.npy"))) > 3
