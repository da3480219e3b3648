"""What the page does in JavaScript, against the Python that it is the twin of."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from apps.digits import frame
from apps.text.reading.tokenizers import tokenizer

GENERATOR = np.random.default_rng(7)


def drawing(side: int, stroke: int) -> np.ndarray:
    """Ink (h, w) in 0 to 1 of a random stroke, cropped; soft edges as a browser draws them."""
    image = Image.new("L", (side * 4, side * 4))
    points = GENERATOR.integers(side // 2, side * 4 - side // 2, (GENERATOR.integers(2, 6), 2))
    ImageDraw.Draw(image).line([tuple(map(int, p)) for p in points], fill=255, width=4 * stroke, joint="curve")
    values = np.asarray(image.resize((side, side), Image.Resampling.BOX), np.float32) / 255
    rows, columns = np.nonzero(values.any(1))[0], np.nonzero(values.any(0))[0]
    return values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def as_json(ink: np.ndarray) -> dict:
    return {"width": ink.shape[1], "height": ink.shape[0], "values": ink.ravel().tolist()}


def test_frame_is_the_twin_of_the_digits_frame(javascript):
    inks = [drawing(side, stroke) for side in (12, 30, 90, 280) for stroke in (1, 2, 5, 20) for _ in range(3)]
    code = "data.map((ink) => Array.from(m.frame({...ink, values: Float32Array.from(ink.values)})))"
    found = np.array(javascript("digits/frame.js", code, [as_json(ink) for ink in inks]), np.int64)
    expected = np.stack([frame.frame(ink).ravel() for ink in inks]).astype(np.int64)
    assert np.abs(found - expected).max() <= 1  # a half of a grey level may round to either side
    assert (found != expected).mean() < 0.001
    assert expected.max() == 255


@pytest.mark.parametrize(("kind", "filter"), [("box", Image.Resampling.BOX), ("bicubic", Image.Resampling.BICUBIC)])
def test_resize_is_pillows(javascript, kind, filter):
    picture = GENERATOR.random((23, 37), np.float32)
    sizes = [(20, 12), (37, 23), (5, 50), (60, 3), (1, 1)]
    code = (
        f"data.sizes.map(([w, h]) => Array.from(m.resize({{...data.picture, values: Float32Array.from("
        f"data.picture.values)}}, w, h, '{kind}').values))"
    )
    found = javascript("digits/resize.js", code, {"picture": as_json(picture), "sizes": sizes})
    for size, values in zip(sizes, found, strict=True):
        expected = np.asarray(Image.fromarray(picture).resize(size, filter)).ravel()
        np.testing.assert_allclose(values, expected, atol=2e-6)


def test_an_empty_drawing_has_no_ink(javascript):
    assert javascript("digits/frame.js", "m.cropped({width: 3, height: 2, values: new Float32Array(6)})") is None


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 0, 1), (1, 2, 2), (2, 1, 1)])
def test_the_arithmetic_of_a_cell_is_torchs_convolution(javascript, stride, padding, dilation):
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(3, 4, 3, stride, padding, dilation)
    x = torch.randn(1, 3, 9, 8)
    expected = convolution(x)[0]
    window = {"kernel": [3, 3], "stride": [stride] * 2, "pads": [padding] * 4, "dilation": [dilation] * 2}
    data = {
        "source": {"shape": [3, 9, 8], "values": x.ravel().tolist()},
        "weight": {"data": convolution.weight.detach().ravel().tolist()},
        "bias": {"data": convolution.bias.tolist()},
        "window": window,
        "places": [[0, 0], [1, 2], [expected.shape[1] - 1, expected.shape[2] - 1]],
    }
    code = "data.places.map((place) => m.cellOf(data.source, data.weight, data.bias, 2, place, data.window).total)"
    found = javascript("views/convolution.js", code, data)
    np.testing.assert_allclose(found, [expected[2, y, x].item() for y, x in data["places"]], rtol=1e-4, atol=1e-5)


TEXTS = [
    "It's a warm, clever film: don't miss it!",
    "They've (really) said; \"no\" -- <br /> n't 's 'll",
    "  \t\n ",
    "Čapek's naïve Ünïcode 日本語 and 😀, e\u0301 too",
    "A B\u00a0C\u2003D!!??",
    *("".join(GENERATOR.choice(list("abC'`,.!?();:<>\"-  \n"), 40)) for _ in range(60)),
]


@pytest.mark.parametrize("name", ["english", "kim", "characters"])
def test_tokenizers_cut_as_pythons_do(javascript, name):
    found = javascript("text/tokenizers.js", f"data.map((text) => m.TOKENIZERS.{name}(text))", TEXTS)
    assert found == [tokenizer(name)(text) for text in TEXTS]


def test_words_have_the_vocabularys_numbers(javascript):
    code = "m.numbered('a film, a ZZ', {tokenizer: 'kim', longest: 4}, new Map([['a', 2], ['film', 3], [',', 4]]))"
    assert javascript("text/tokenizers.js", code) == {"tokens": ["a", "film", ",", "a"], "row": [2, 3, 4, 2]}
    assert javascript("text/tokenizers.js", code.replace("4}", "0}"))["row"] == [2, 3, 4, 2, 1]


def test_ngrams_are_the_filters_with_their_weights(javascript):
    """Two filters of width 2, one of width 3, two classes; what a filter adds is its maximum times its lead."""
    maps = [
        {"kernel": 2, "dims": [1, 2, 3], "data": [0, 2, 1, 5, 0, 0]},
        {"kernel": 3, "dims": [1, 1, 3], "data": [0, 0, 0]},
    ]
    data = {"tokens": ["a", "b", "c"], "maps": maps, "weight": [1, 0.5, 9, 0, 1, -9]}
    code = "m.ngrams(data.tokens, data.maps, data.weight, 2, 0)"
    assert javascript("text/reasons.js", code, data) == [{"text": "b c", "score": 2}]
    other = javascript("text/reasons.js", code.replace("2, 0)", "2, 1)"), data)
    assert other == [{"text": "a b", "score": 2.5}]


def test_every_language_says_every_word(javascript):
    table = javascript("words.js", "m.TABLE")
    assert table["en"].keys() == table["zh"].keys()
    holes = {language: {key: sorted(_holes(text)) for key, text in words.items()} for language, words in table.items()}
    assert holes["en"] == holes["zh"]
    assert not [key for key, text in table["zh"].items() if not any("\u4e00" <= c <= "\u9fff" for c in text)]


def _holes(text: str) -> list[str]:
    import re

    return re.findall(r"\{(\w+)\}", text)


def test_nothing_is_wholly_certain(javascript):
    assert javascript("runtime.js", "[0.5, 0.9994, 0.99951, 1].map(m.percent)") == ["50.0", "99.9", "> 99.9", "> 99.9"]


def test_probabilities(javascript):
    logits = [2.0, -1.0, 90.5]
    found = javascript("runtime.js", "m.probabilities(Float32Array.from(data))", logits)
    np.testing.assert_allclose(found, torch.tensor(logits).softmax(0), atol=1e-7)
