"""A photographed digit on the page against Python: its ink, laid into MNIST's form."""

import base64
import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from apps.digits import frame, shapes
from cnn_core.errors import UserError

DIGIT = """data.map(({ width, height, text }) => {
  const values = Float32Array.from(Buffer.from(text, 'base64'));
  const found = m.digitOf({ width, height, values });
  return found && Array.from(found);
})"""


def photo(
    seed: int, width: int, height: int, *, bright=False, noise=3.0, shade=30.0, stroke=0.06, extra=""
) -> np.ndarray:
    """(height, width) uint8: a stroke on paper, uneven light and noise."""
    random = np.random.default_rng(seed)
    side = min(width, height)
    image = Image.new("L", (width, height))
    pen = ImageDraw.Draw(image)
    middle = np.array([width, height]) / 2
    points = middle + random.uniform(-0.28, 0.28, (5, 2)) * side
    pen.line([tuple(p) for p in points], fill=255, width=max(round(stroke * side), 1), joint="curve")
    if extra == "frame":
        box = [*(middle - 0.42 * side), *(middle + 0.42 * side)]
        pen.rectangle(box, outline=255, width=max(round(0.02 * side), 2))
    if extra == "specks":
        for x, y in random.uniform(0.05, 0.95, (6, 2)) * (width, height):
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=255)
    if extra == "table":
        pen.rectangle((0, 0, width, round(0.08 * height)), fill=255)
    ink = np.asarray(image, np.float32) / 255
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    paper = 190 + shade * (0.6 * rows - 0.4 * columns * rows + 0.2 * columns**2)
    if extra == "shadow":
        paper = paper - 60 * (columns + 0.3 * rows > 0.1)
    grey = paper * (1 - 0.75 * ink) + random.normal(0, noise, paper.shape)
    grey = 255 - grey if bright else grey
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def png(grey: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, format="PNG")
    return stream.getvalue()


def read_here(javascript, pictures):
    data = [
        {"width": grey.shape[1], "height": grey.shape[0], "text": base64.b64encode(grey.tobytes()).decode()}
        for grey in pictures
    ]
    return javascript("digits/ink.js", DIGIT, data)


SORTS = {
    "plain": {},
    "bright": {"bright": True},
    "noisy": {"noise": 9.0},
    "shaded": {"shade": 60.0},
    "thin": {"stroke": 0.02},
    "frame": {"extra": "frame"},
    "specks": {"extra": "specks"},
    "table": {"extra": "table"},
    "shadow": {"extra": "shadow"},
}


@pytest.mark.parametrize("sort", SORTS)
def test_photos_are_framed_as_python_frames_them(javascript, sort):
    sizes = [(60, 80), (200, 150), (400, 512), (900, 700)]
    pictures = [photo(seed, *size, **SORTS[sort]) for seed, size in enumerate(sizes)]
    for grey, found in zip(pictures, read_here(javascript, pictures), strict=True):
        expected = frame.find(png(grey)).digits[0].astype(int).ravel()
        assert found is not None
        difference = np.abs(np.array(found) - expected)
        assert difference.max() <= 2
        assert difference.mean() < 0.05


def test_prepared_cropped_and_empty_pictures(javascript):
    prepared = frame.frame(np.pad(np.ones((30, 6), np.float32), ((0, 0), (7, 7))))
    cropped = photo(5, 300, 300, noise=0.0, shade=0.0, stroke=0.12)
    ink = np.nonzero(cropped < 120)
    cropped = cropped[ink[0].min() : ink[0].max() + 1, ink[1].min() : ink[1].max() + 1]
    assert any("cropped to its ink" in remark for remark in frame.find(png(cropped)).remarks)
    pictures = [prepared, 255 - prepared, cropped]
    for grey, found in zip(pictures, read_here(javascript, pictures), strict=True):
        expected = frame.find(png(grey)).digits[0].astype(int).ravel()
        assert np.abs(np.array(found) - expected).max() <= 1
    empty = [
        np.full((90, 120), 200, np.uint8),
        photo(1, 200, 200, stroke=0.0, noise=6.0)[:, :40],
        np.zeros((2, 9), np.uint8),
    ]
    for grey, found in zip(empty, read_here(javascript, empty), strict=True):
        assert found is None
        with pytest.raises(UserError, match="no ink"):
            frame.find(png(grey))


def test_pieces_are_pythons(javascript):
    random = np.random.default_rng(2)
    masks = [random.random((40, 60)) < share for share in (0.02, 0.2, 0.4)] + [random.random((300, 200)) < 0.3]
    data = [{"width": m.shape[1], "height": m.shape[0], "mask": m.astype(int).ravel().tolist()} for m in masks]
    code = (
        "data.map(({width, height, mask}) => { const bytes = Uint8Array.from(mask);"
        " return [Array.from(m.label(bytes, width, height).labels), Array.from(m.mainPieces(bytes, width, height))]; })"
    )
    for mask, (labels, pieces) in zip(masks, javascript("digits/pieces.js", code, data), strict=True):
        np.testing.assert_array_equal(np.array(labels).reshape(mask.shape), shapes.label(mask)[0])
        np.testing.assert_array_equal(np.array(pieces, bool).reshape(mask.shape), shapes.main_pieces(mask))


def test_colours_are_pillows_greys(javascript):
    colours = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    for alpha in (
        np.full((20, 30, 1), 255, np.uint8),
        np.random.default_rng(1).integers(0, 256, (20, 30, 1), np.uint8),
    ):
        image = Image.fromarray(np.concatenate([colours, alpha], -1), "RGBA")
        if alpha.min() == 255:
            image = image.convert("RGB")
        pixels = np.concatenate([colours, alpha], -1).ravel().tolist()
        found = javascript("digits/photo.js", "Array.from(m.grey(Uint8ClampedArray.from(data)))", pixels)
        np.testing.assert_allclose(found, frame._grey(image).ravel(), atol=0.51 if alpha.min() < 255 else 0)
