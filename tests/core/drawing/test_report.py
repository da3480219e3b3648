import subprocess
import sys
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import image

from cnn_core.drawing import grids, report
from cnn_core.errors import UserError
from cnn_core.metrics.classes import evaluate_logits


def answers(classes, count=400, labels=None):
    rng = np.random.default_rng(classes)
    targets = rng.integers(0, classes, count)
    logits = rng.normal(size=(count, classes))
    logits[np.arange(count), targets] += 2
    return evaluate_logits(logits, targets, labels or [f"c{c}" for c in range(classes)])


def tick_labels(axis):
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [tick.label1 for tick in ticks if tick.label1.get_visible() and tick.label1.get_text()]


def texts(figure):
    """Every text that is drawn: matplotlib also keeps ticks outside the view, which are not."""
    figure.draw_without_rendering()
    axes = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)]
    hidden = {tick.label1 for axis in axes for tick in axis.get_major_ticks()}
    shown = {label for axis in axes for label in tick_labels(axis)}
    found = [text for text in figure.findobj(mpl.text.Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in found if text in shown or text not in hidden]


def words(figure):
    return [text.get_text() for text in texts(figure)]


def assert_readable(figure):
    """Every text lies inside the figure, none is tiny, and neighbours on an axis keep apart."""
    shown = texts(figure)
    renderer = figure.canvas.get_renderer()
    frame = figure.bbox
    for text in shown:
        box = text.get_window_extent(renderer)
        assert frame.x0 - 1 <= box.x0 <= box.x1 <= frame.x1 + 1, text
        assert frame.y0 - 1 <= box.y0 <= box.y1 <= frame.y1 + 1, text
        assert text.get_fontsize() >= 5, text
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            boxes = [label.get_window_extent(renderer) for label in tick_labels(axis)]
            for first, second in pairwise(boxes):
                assert not first.overlaps(second)


@pytest.mark.parametrize("classes", [2, 10, 47])
def test_figures_of_an_evaluation_are_readable(classes):
    found = answers(classes)
    for figure in (
        report.confusion(found.confusion, found.classes),
        report.per_class(found),
        report.reliability(found.calibration),
    ):
        assert_readable(figure)


def test_long_and_odd_class_names():
    found = answers(4, labels=["Ankle boot, brown", "$5$", "100 %", "_"])
    figure = report.confusion(found.confusion, found.classes)
    assert_readable(figure)
    assert_readable(report.per_class(found))
    assert "$5$" in words(figure)


def test_one_sample_is_enough_for_every_figure():
    found = evaluate_logits([[3.0, 0.0]], [0], ["a", "b"])
    assert "0 mistakes in 1" in words(report.confusion(found.confusion, found.classes))
    assert_readable(report.per_class(found))
    assert_readable(report.reliability(found.calibration))


def test_confusion_prints_every_count_and_colours_mistakes_alone():
    counts = np.array([[90, 0, 10], [1, 99, 0], [0, 0, 0]])
    figure = report.confusion(counts, ["a", "b", "none"])
    printed = [text.get_text() for text in figure.axes[0].texts]
    assert sorted(printed) == ["1", "10", "90", "99"]
    heat = figure.axes[0].images[1].get_array()
    assert heat.mask.sum() == 7  # the diagonal and the zeros
    assert heat[0, 2] == pytest.approx(10)
    assert heat[1, 0] == pytest.approx(1)
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        report.confusion(counts, ["a", "b"])


def test_reliability_shows_the_bins_and_the_error():
    found = answers(5).calibration
    upper, lower = report.reliability(found).axes
    line = upper.lines[1]
    filled = found.counts > 0
    np.testing.assert_allclose(line.get_ydata(), 100 * found.accuracy[filled])
    np.testing.assert_allclose(line.get_xdata(), 100 * found.confidence[filled])
    assert [bar.get_height() for bar in lower.patches] == found.counts.tolist()
    assert f"{100 * found.error:.2f} %" in upper.get_title(loc="left")


def test_learning_curve_draws_what_was_logged():
    records = [
        {"epoch": 1, "train_loss": 0.9, "train_accuracy": 0.7, "validation_loss": 0.8},
        {"epoch": 2, "train_loss": 0.6, "train_accuracy": 0.9, "validation_loss": None},
        {"epoch": 2, "train_loss": 0.5, "train_accuracy": 0.9, "validation_loss": 0.4},
        {"note": "no epoch"},
    ]
    figure = report.learning_curve(records)
    loss, accuracy = figure.axes
    assert [line.get_ydata().tolist() for line in map(as_arrays, loss.lines)] == [[0.9, 0.5], [0.8, 0.4]]
    assert [line.get_ydata().tolist() for line in map(as_arrays, accuracy.lines)] == [[70, 90]]
    assert_readable(figure)
    assert_readable(report.learning_curve([{"epoch": 1, "train_loss": 0.3}]))
    with pytest.raises(ValueError, match="no record"):
        report.learning_curve([{"note": "no epoch"}])


def as_arrays(line):
    line.set_ydata(np.asarray(line.get_ydata()))
    return line


def test_per_class_marks_recall_and_precision():
    found = answers(4)
    axes = report.per_class(found).axes[0]
    drawn = {line.get_label(): np.asarray(line.get_xdata()) for line in axes.lines}
    np.testing.assert_allclose(drawn["precision"], 100 * found.precision)
    assert any(len(x) == 4 and np.allclose(x, 100 * found.recall) for name, x in drawn.items() if name != "precision")


def drawn_pixels(figure, index):
    """The pixels of a tile as they come out on the figure, (h, w, 3), without its frame."""
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    box = figure.axes[index].get_window_extent()
    top, bottom = picture.shape[0] - round(box.y1), picture.shape[0] - round(box.y0)
    return picture[top + 2 : bottom - 2, round(box.x0) + 2 : round(box.x1) - 2]


def test_gallery_shows_pixels_true_and_undistorted():
    grey = np.zeros((10, 20), dtype=np.uint8)
    grey[:, 10:] = 200  # not stretched to white: uint8 is shown as it is
    colour = np.zeros((20, 20, 3))
    colour[..., 0] = 1.0
    figure = grids.gallery([grey, colour], ["7 → 1  p=.98", "two\nlines"], wrong=[True, False], title="Mistakes")
    left = drawn_pixels(figure, 0)
    assert left[:, :10].max() == 0
    assert (left[:, -10:] == 200).all()
    assert (drawn_pixels(figure, 1) == [255, 0, 0]).all()
    shapes = [axes.get_window_extent() for axes in figure.axes]
    assert shapes[0].width / shapes[0].height == pytest.approx(2, rel=0.01)
    assert shapes[1].width == pytest.approx(shapes[0].width)
    assert "Mistakes" in words(figure)
    assert_readable(figure)


def test_gallery_captions_keep_apart():
    rng = np.random.default_rng(0)
    figure = grids.gallery(rng.random((12, 28, 28)), ["Ankle boot → Sneaker  p=.98"] * 12)
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.texts]
    pictures = [axes.get_window_extent() for axes in figure.axes]
    assert len(boxes) == 12
    for k, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[k + 1 :] + pictures)
    assert_readable(figure)


def test_filters_are_white_at_zero_blue_below_and_red_above():
    weights = np.zeros((3, 2, 2))
    weights[1], weights[2] = -0.5, 0.25
    figure = grids.filters(weights, ["0", "1", "2"], title="conv1")
    zero, below, above = (drawn_pixels(figure, k).reshape(-1, 3).mean(axis=0) for k in range(3))
    assert zero.min() > 240
    assert below[2] > below[0] + 40
    assert above[0] > above[2] + 40
    assert {"-0.5", "0", "0.5"} <= set(words(figure))
    assert_readable(figure)


def test_feature_maps_share_one_scale_or_stretch_each():
    maps = np.stack([np.full((4, 4), 2.0), np.full((4, 4), 1.0), np.zeros((4, 4))])
    maps[1, :, :2] = 0
    shared = grids.feature_maps(maps)
    assert (drawn_pixels(shared, 0) == 255).all()
    assert 100 < drawn_pixels(shared, 1)[:, -5:].mean() < 155
    each = grids.feature_maps(maps, scale="each")
    assert drawn_pixels(each, 1)[:, -5:].min() == 255
    assert (drawn_pixels(each, 2) == 0).all()  # a dead map is black, not an error


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: grids.gallery([]), "no pictures"),
        (lambda: grids.gallery([np.zeros(3)]), "picture 0 must be"),
        (lambda: grids.gallery([np.full((2, 2), np.nan)]), "picture 0 holds NaN"),
        (lambda: grids.gallery([np.zeros((2, 2))], ["a", "b"]), "2 captions for 1"),
        (lambda: grids.gallery([np.zeros((2, 2))], wrong=[]), "0 marks for 1"),
        (lambda: grids.filters(np.zeros((2, 2))), r"\(K, H, W\)"),
        (lambda: grids.feature_maps(np.full((1, 2, 2), np.inf)), "map 0 holds NaN or infinite"),
    ],
)
def test_bad_pictures_are_clear_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_save_is_atomic_and_names_bad_places(tmp_path, monkeypatch):
    figure = grids.gallery([np.zeros((4, 4))])
    path = report.save(figure, tmp_path / "new" / "picture.png")
    assert image.imread(path).shape[2] == 4
    before = path.read_bytes()

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", full)
    with pytest.raises(UserError, match=r"cannot write .*picture\.png: No space left on device"):
        report.save(figure, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["picture.png"]
    with pytest.raises(UserError, match=r"no picture format \.bmpx"):
        report.save(figure, tmp_path / "picture.bmpx")


def test_drawing_leaves_the_callers_style_and_import_time_alone():
    before = dict(mpl.rcParams)
    report.confusion(np.eye(2), ["a", "b"])
    assert dict(mpl.rcParams) == before
    code = (
        "import sys, cnn_core.drawing.report, cnn_core.drawing.grids\n"
        "assert not {'matplotlib', 'torch'} & set(sys.modules)\n"
        "import numpy; cnn_core.drawing.grids.gallery([numpy.zeros((2, 2))])\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_control_characters_in_labels_are_drawn_as_escapes(tmp_path):
    labels = ("\x1b[2Jbell\x07", "plain")
    figure = report.confusion(np.array([[3, 1], [0, 4]]), labels)
    report.save(figure, tmp_path / "x.svg")  # a glyph that no font has would be a warning, an error here
    shown = [label.get_text() for axes in figure.axes for label in axes.get_xticklabels()]
    assert "\\x1b[2Jbell\\x07" in shown
