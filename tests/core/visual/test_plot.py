import numpy as np
import pytest
import torch
from PIL import Image

from cnn_core.errors import UserError
from cnn_core.visual.pictures.movies import gif, mp4
from cnn_core.visual.pictures.plot import as_picture, filter_pictures, heat_of, normalised, overlay, show


def test_normalised():
    x = torch.tensor([[1.0, 3.0, 2.0], [5.0, 5.0, 5.0]])
    assert normalised(x).tolist() == [[0.0, 1.0, 0.5], [0.5, 0.5, 0.5]]
    assert normalised(x, low=0, high=10)[1].tolist() == [0.5, 0.5, 0.5]
    assert normalised(x, low=2, high=3)[0].tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 5, 6), (5, 6)),
        ((3, 5, 6), (5, 6, 3)),
        ((7, 5, 6), (5, 6)),
        ((5, 6), (5, 6)),
        ((2, 40), (64, 40)),
        ((40,), (64, 40)),
    ],
)
def test_any_input_becomes_a_picture(shape, expected):
    picture = as_picture(torch.rand(shape))
    assert picture.shape == expected
    assert 0 <= picture.min() <= picture.max() <= 1


def test_a_signal_is_drawn_where_it_is():
    picture = as_picture(torch.tensor([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]]))
    assert picture[63, 0] < 0.5
    assert picture[0, 7] < 0.5
    assert (picture[:, 2] < 0.5).all()  # the steep part is joined


def test_heat_and_overlay():
    heat = heat_of(torch.tensor([[[[0.0, -2.0]], [[1.0, 0.5]]]]))
    assert heat.shape == (1, 1, 2)
    assert heat[0, 0, 1] == 1
    picture = np.full((2, 2), 0.25)
    plain = overlay(picture, np.zeros((2, 2)))
    assert np.allclose(plain, 0.25)
    marked = overlay(picture, np.array([[1.0, 0], [0, 0]]), strength=1.0)
    assert not np.allclose(marked[0, 0], 0.25)
    assert np.allclose(marked[1], 0.25)
    with pytest.raises(UserError, match="does not fit"):
        overlay(picture, np.zeros((3, 3)))


def test_sheet_and_filters(digits):
    figure = show(torch.rand(5, 1, 12, 12), [str(i) for i in range(5)], title="Filters")
    assert len(figure.axes) == 5
    weights = filter_pictures(digits, "conv2.conv")
    assert torch.equal(weights, digits.conv2.conv.weight)
    with pytest.raises(UserError, match=r"not a convolution; try conv2.conv"):
        filter_pictures(digits, "conv2")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pipes that its reader leaves open
def test_mp4(tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="imageio-ffmpeg, which writes MP4, is not installed")
    frames = [np.full((20 + i, 31), i / 5) for i in range(5)]
    path = mp4(frames, tmp_path / "way.mp4", per_second=10, hold=0.5)
    reader = ffmpeg.read_frames(str(path))
    meta = next(reader)
    assert meta["size"] == (32, 24)
    shown = [np.frombuffer(frame, np.uint8).mean() for frame in reader]
    assert len(shown) == 10
    assert shown[0] < 20
    assert shown[-1] > 180
    assert [each.name for each in tmp_path.iterdir()] == ["way.mp4"]
    with pytest.raises(UserError, match="at least one frame"):
        mp4([], tmp_path / "none.mp4")


def test_gif(tmp_path):
    frames = [np.full((4, 6), 0.2), np.random.default_rng(0).random((8, 12, 3)), np.full((8, 12), 0.9)]
    path = gif(frames, tmp_path / "dream.gif", milliseconds=50, hold=500)
    with Image.open(path) as picture:
        assert picture.n_frames == 3
        assert picture.size == (12, 8)
        assert picture.info["duration"] == 50
        picture.seek(2)
        assert picture.info["duration"] == 500
    with pytest.raises(UserError, match="at least one frame"):
        gif([], tmp_path / "none.gif")
