"""Reading pictures of every kind, and what is said about those that cannot be read."""

import io
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cnn_core.drawing import pictures
from cnn_core.errors import UserError
from cnn_core.fetching import decoded


@pytest.fixture
def pixels():
    """(20, 30, 3) uint8: red to the right, green downwards, so that turns are seen."""
    x = np.zeros((20, 30, 3), np.uint8)
    x[..., 0] = np.linspace(0, 255, 30)
    x[..., 1] = np.linspace(0, 255, 20)[:, None]
    return x


def stored(image, **options):
    stream = io.BytesIO()
    image.save(stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_colour_comes_back_as_it_was(pixels, kind):
    assert np.array_equal(pictures.colour(pictures.opened(stored(Image.fromarray(pixels), format=kind))), pixels)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(3, lambda x: x[::-1, ::-1]), (6, lambda x: np.rot90(x, -1)), (8, np.rot90), (2, lambda x: x[:, ::-1])],
    ids=["half", "right", "left", "mirror"],
)
def test_the_orientation_tag_is_respected(pixels, orientation, turn):
    tags = Image.Exif()
    tags[0x0112] = orientation
    found = pictures.colour(pictures.opened(stored(Image.fromarray(pixels), format="PNG", exif=tags)))
    assert np.array_equal(found, turn(pixels))


def test_transparency_turns_white(pixels):
    alpha = np.full((20, 30, 1), 255, np.uint8)
    alpha[:10] = 0
    found = pictures.colour(pictures.opened(stored(Image.fromarray(np.concatenate([pixels, alpha], 2)), format="PNG")))
    assert (found[:10] == 255).all()
    assert np.array_equal(found[10:], pixels[10:])


def test_a_palette_with_a_transparent_colour():
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.putpixel((0, 0), 0)
    found = pictures.colour(pictures.opened(stored(image, format="PNG", transparency=0)))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[1, 1].tolist() == [200, 100, 50]


def test_grey_sixteen_bit_floats_and_cmyk():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    found = pictures.colour(pictures.opened(stored(Image.fromarray(ramp), format="PNG")))
    assert np.array_equal(found[..., 0], np.arange(256).reshape(16, 16))
    assert np.array_equal(found[..., 0], found[..., 2])
    unit = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    assert np.array_equal(pictures.colour(Image.fromarray(unit))[..., 1], np.arange(256).reshape(16, 16))
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(pictures.colour(pictures.opened(stored(Image.fromarray(grey), format="PNG")))[..., 0], grey)
    cyan = pictures.colour(pictures.opened(stored(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), format="TIFF")))
    assert cyan[0, 0].tolist() == [0, 255, 255]


def test_an_animation_gives_its_first_picture_and_says_so(capsys):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = stored(frames[0], format="GIF", save_all=True, append_images=frames[1:])
    assert pictures.colour(pictures.opened(data))[0, 0].tolist() == [255, 0, 0]
    assert "only the first" in capsys.readouterr().err


def test_files_that_are_no_pictures(tmp_path, pixels, monkeypatch):
    text, cut = tmp_path / "text.png", tmp_path / "cut.jpg"
    text.write_text("no picture")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    cut.write_bytes(stored(Image.fromarray(noise), format="JPEG")[:1500])
    with pytest.raises(UserError, match=r"text\.png: not a picture"):
        pictures.opened(text)
    with pytest.raises(UserError, match=r"cut\.jpg: cannot be read \(truncated"):
        pictures.opened(cut)
    with pytest.raises(UserError, match=r"gone\.png: cannot be read \(No such file"):
        pictures.opened(tmp_path / "gone.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match="million pixels; make a smaller copy"):
        pictures.opened(stored(Image.fromarray(pixels), format="PNG"))


def test_shrinking_keeps_proportions_and_never_enlarges(pixels):
    assert pictures.shrunk(pixels, 15).shape == (10, 15, 3)
    assert pictures.shrunk(pixels, 60) is pixels
    assert pictures.shrunk(pixels, 0) is pixels
    assert pictures.shrunk(np.zeros((1, 300, 3), np.uint8), 30).shape == (1, 30, 3)


def test_a_jpeg_comes_no_smaller_than_asked():
    data = stored(Image.new("RGB", (800, 600)), format="JPEG")
    assert pictures.opened(data, side=100).size == (200, 150)
    assert pictures.opened(data, side=400).size == (800, 600)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
def test_saved_pictures_are_read_again(tmp_path, pixels, ending):
    path = pictures.save(pixels, tmp_path / "new" / f"x{ending}")
    found = pictures.colour(pictures.opened(path)).astype(int)
    assert np.abs(found - pixels).mean() < (1 if ending == ".png" else 6)


def test_an_unknown_ending_is_refused(tmp_path, pixels):
    with pytest.raises(UserError, match=r"written as \.png"):
        pictures.save(pixels, tmp_path / "x.docx")
    assert not list(tmp_path.iterdir())


def test_decoded_arrays_are_kept_and_damage_is_seen(tmp_path):
    path, arrays = tmp_path / "kept" / "a.safetensors", {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}
    assert decoded.load(path) is None
    decoded.save(path, arrays)
    found = decoded.load(path)
    assert found is not None
    assert np.array_equal(found["x"], arrays["x"])
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert decoded.load(path) is None
    (tmp_path / "file").write_text("a folder cannot be made here")
    decoded.save(tmp_path / "file" / "a.safetensors", arrays)
    assert decoded.load(tmp_path / "file" / "a.safetensors") is None


OTHERS = {
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "a PostScript"),
    "EPS with a preview": (b"\xc5\xd0\xd3\xc6" + bytes(60), "a PostScript"),
    "PDF": (b"%PDF-1.4\n%\xe2\xe3\n", "a PDF file"),
    "SVG": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC picture"),
    "AVIF": (b"\0\0\0\x18ftypavif\0\0\0\0", "an AVIF picture"),
    "Photoshop": (b"8BPS\0\1" + bytes(30), "a Photoshop file"),
    "JPEG XL": (b"\xff\x0a" + bytes(30), "a JPEG XL picture"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_formats_are_named_and_no_program_is_run(tmp_path, kind, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", never)
    data, name = OTHERS[kind]
    path = tmp_path / "x.png"
    path.write_bytes(data)
    for source in (path, data):
        with pytest.raises(UserError, match=f"{name}.*, which is not read here; save it as PNG"):
            pictures.opened(source)


def test_formats_of_pillow_that_are_not_listed_are_not_opened(pixels):
    for kind in ("TGA", "ICNS", "PCX"):
        with pytest.raises(UserError, match="not a picture"):
            pictures.opened(stored(Image.fromarray(pixels), format=kind))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "LA", "CMYK", "I;16", "F"])
def test_large_pictures_come_reduced_and_look_the_same(pixels, mode):
    grey = np.asarray(Image.fromarray(pixels).resize((400, 300), Image.Resampling.BICUBIC).convert("L"))
    image = Image.fromarray(grey)
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "LA":
        image = Image.merge("LA", (image, Image.new("L", image.size, 255)))
    else:
        image = image.convert("F" if mode == "F" else mode)
    data = stored(image, format="TIFF")
    whole, small = pictures.opened(data), pictures.opened(data, side=40)
    assert whole.size == (400, 300)
    assert small.size == (80, 60)
    wanted = np.asarray(Image.fromarray(pictures.colour(whole)).resize((80, 60), Image.Resampling.BOX), int)
    assert np.abs(pictures.colour(small) - wanted).mean() < (10 if mode == "F" else 2)


def test_a_turned_large_picture_is_turned(pixels):
    tags = Image.Exif()
    tags[0x0112] = 6
    data = stored(Image.fromarray(pixels).resize((300, 200)), format="PNG", exif=tags)
    assert pictures.opened(data, side=25).size == (34, 50)
    assert pictures.size_of(data) == (200, 300)


@pytest.mark.slow
@settings(max_examples=150)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]), st.data())
def test_any_change_of_a_picture_file_is_right_or_one_line(kind, data):
    raw = bytearray(stored(Image.linear_gradient("L").resize((24, 24)).convert("RGB"), format=kind))
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw) - 1)) :]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            raw[data.draw(st.integers(0, min(len(raw) - 1, 200)))] = data.draw(st.integers(0, 255))
    try:
        assert pictures.colour(pictures.opened(bytes(raw))).shape[2] == 3
    except UserError as error:
        assert "\n" not in str(error)
