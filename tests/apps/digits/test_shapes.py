"""Pictures of several digits, in frames, cropped, coloured, noisy or of few bits: read, and what was done is said."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw, ImageFont

from apps.digits.config import DigitsConfig
from apps.digits.data import load_data, read
from apps.digits.frame import find, ground
from apps.digits.shapes import label, shapes, without_frames
from cnn_core.errors import UserError
from cnn_core.nn.architecture import ConvNetConfig


def page(text: str, size=(600, 240), at=(40, 20), font=160, ink="black", paper="white", gap=110) -> Image.Image:
    """Digits written beside one another."""
    image = Image.new("RGB", size, paper)
    for number, sign in enumerate(text):
        ImageDraw.Draw(image).text((at[0] + gap * number, at[1]), sign, fill=ink, font=ImageFont.load_default(font))
    return image


def stored(image: Image.Image, folder, name="x.png"):
    image.save(folder / name)
    return folder / name


def apart(found: np.ndarray, wanted: np.ndarray) -> float:
    """Mean difference in grey levels; the centre of mass may have been rounded to the next pixel."""
    moves = [np.roll(found, (down - 1, right - 1), axis=(0, 1)) for down, right in np.ndindex(3, 3)]
    return min(float(np.abs(moved.astype(int) - wanted).mean()) for moved in moves)


def flooded(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Pieces by flooding from each pixel in reading order."""
    labels, count = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        count += 1
        stack = [start]
        while stack:
            row, column = stack.pop()
            if 0 <= row < len(mask) and 0 <= column < mask.shape[1] and mask[row, column] and not labels[row, column]:
                labels[row, column] = count
                stack += [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return labels, count


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_pieces_are_those_that_flooding_finds(mask):
    found, count = label(mask)
    wanted, number = flooded(mask)
    assert count == number
    np.testing.assert_array_equal(found, wanted)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 9), st.integers(1, 9)), max_size=5))
def test_every_pixel_of_ink_is_in_one_shape_and_in_its_box(rectangles):
    mask = np.zeros((40, 40), bool)
    for row, column, height, width in rectangles:
        mask[row : row + height, column : column + width] = True
    labels, boxes = shapes(mask)
    np.testing.assert_array_equal(labels > 0, mask)
    for number, box in enumerate(boxes, start=1):
        rows, columns = np.nonzero(labels == number)
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (
            box.left,
            box.top,
            box.right,
            box.bottom,
        )
    assert [box.left for box in boxes] == sorted(box.left for box in boxes)


def test_a_row_of_digits_is_said_and_read_one_by_one(tmp_path, capsys):
    path = stored(page("3078"), tmp_path)
    assert read(path).shape == (28, 28)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "x.png: has 4 separate shapes; they are read as one; --digits many reads them one by one" in said
    found = find(path, many=True)
    assert len(found.digits) == 4
    for number, (digit, box) in enumerate(zip(found.digits, found.boxes, strict=True)):
        alone = read(stored(page("3078"[number]), tmp_path, "alone.png"))
        assert apart(digit, alone) < 6
        assert 40 + 110 * number <= box[0] + 8 < box[2] <= 40 + 110 * (number + 1) + 8


@pytest.mark.parametrize("sign", "0123456789")
def test_one_digit_is_one_shape_and_nothing_is_said(tmp_path, capsys, sign):
    read(stored(page(sign, (200, 240)), tmp_path))
    assert capsys.readouterr().err == ""


def test_boxes_are_in_pixels_of_the_picture_however_large(tmp_path):
    small = find(stored(page("12"), tmp_path), many=True).boxes
    large = find(stored(page("12").resize((5400, 2160)), tmp_path, "large.png"), many=True).boxes
    np.testing.assert_allclose(np.array(large) / 9, small, atol=3)


def test_a_frame_around_the_digit_is_left_out(tmp_path, capsys):
    plain, framed = page("5", (260, 260), (80, 30)), page("5", (260, 260), (80, 30))
    ImageDraw.Draw(framed).rectangle((15, 15, 244, 244), outline="black", width=5)
    wanted = read(stored(plain, tmp_path))
    assert capsys.readouterr().err == ""
    assert np.abs(read(stored(framed, tmp_path)).astype(int) - wanted).mean() < 3
    assert "the frame drawn around the ink is left out" in capsys.readouterr().err


def test_a_zero_is_no_frame():
    image = Image.new("L", (100, 100))
    ImageDraw.Draw(image).ellipse((10, 5, 90, 95), outline=255, width=9)
    ImageDraw.Draw(image).rectangle((40, 35, 60, 65), fill=255)
    assert without_frames(np.asarray(image) > 0)[1] == 0


@pytest.mark.parametrize("sign", "023456789")
@pytest.mark.parametrize("ink", ["black", "white"])
def test_a_picture_cropped_to_its_ink_is_read_and_said(tmp_path, capsys, sign, ink):
    image = page(sign, (200, 240), ink=ink, paper="white" if ink == "black" else "black")
    wanted = read(stored(image, tmp_path, "whole.png"))
    assert capsys.readouterr().err == ""
    at = np.argwhere((np.asarray(image.convert("L")) < 128) == (ink == "black"))
    (top, left), (bottom, right) = at.min(0), at.max(0) + 1
    found = find(stored(image.crop((left, top, right, bottom)), tmp_path))
    assert apart(found.digits[0], wanted) < 6
    assert found.boxes == [(0, 0, right - left, bottom - top)]
    read(tmp_path / "x.png")
    assert "is cropped to its ink" in capsys.readouterr().err


def test_colours_are_said(tmp_path, capsys):
    read(stored(page("7", (200, 240), ink="red"), tmp_path))
    assert "x.png: its colours are read as shades of grey\n" in capsys.readouterr().err
    for sign, colour in (("red", (200, 30, 30)), ("blue", (30, 30, 200))):
        (tmp_path / "set" / sign).mkdir(parents=True)
        for number in range(5):
            stored(page(str(number), (200, 240), ink=colour), tmp_path / "set" / sign, f"{number}.png")
    load_data(tmp_path / "set", progress=False)
    said = capsys.readouterr().err
    assert said.count("colours are read") == 1
    assert "10 of 10 pictures: its colours are read as shades of grey" in said


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_few_bits_in_sixteen_are_scaled_by_what_they_hold(tmp_path, bits):
    grey = np.asarray(page("5", (200, 240)).convert("L"))
    wanted = read(stored(Image.fromarray(grey), tmp_path))
    deep = Image.fromarray((grey.astype(np.uint32) * ((1 << bits) - 1) // 255).astype(np.uint16))
    found = read(stored(deep, tmp_path, "deep.png"))
    assert np.abs(found.astype(int) - wanted).max() <= 3


def test_noise_is_not_called_empty(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
    with pytest.raises(UserError, match="nothing stands out of its noise"):
        read(stored(Image.fromarray(noise), tmp_path))
    with pytest.raises(UserError, match="is empty or of one brightness"):
        read(stored(Image.new("L", (200, 200), 180), tmp_path))


def test_another_input_shape_is_one_line():
    with pytest.raises(UserError, match=r"--net\.input-shape 3 64 64: all pictures are made 1 28 28"):
        DigitsConfig(net=ConvNetConfig(input_shape=(3, 64, 64)))


def test_hidden_files_are_passed_over(tmp_path):
    from apps.digits.app import APP
    from cnn_core.verbs.predict import names_of

    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / ".thumbs").mkdir()
    for name in ("a.png", "._a.png", ".hidden.png", ".DS_Store", "Thumbs.db", "__MACOSX/a.png", ".thumbs/a.png"):
        (tmp_path / name).write_bytes(json.dumps(name).encode())
    assert names_of(APP, (str(tmp_path),)) == [str(tmp_path / "a.png")]
    (tmp_path / "a.png").unlink()
    with pytest.raises(UserError, match="holds no pictures"):
        names_of(APP, (str(tmp_path),))


@given(st.lists(st.floats(-40, 40), min_size=6, max_size=6), st.tuples(st.integers(24, 90), st.integers(24, 90)))
def test_uneven_light_under_ink_is_found_again(terms, sides):
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in sides), indexing="ij")
    light = 150 + sum(term * part for term, part in zip(terms[:3], (1, y, x), strict=True))
    light = light + sum(term / 4 * part for term, part in zip(terms[3:], (y * x, y**2, x**2), strict=True))
    inked = light.copy()
    inked[sides[0] // 3 : sides[0] // 2, sides[1] // 3 : sides[1] // 2] -= 120
    np.testing.assert_allclose(ground(inked.astype(np.float32)), light, atol=3)
