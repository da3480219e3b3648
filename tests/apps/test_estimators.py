"""The estimators of digits, texts, words and photographs: what scikit-learn expects of them, and this suite of runs."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

import cnn_core
from apps.digits.app import APP as DIGITS
from apps.speech.signal import audio
from apps.text.app import APP as TEXT
from cnn_core.cli import run as command
from cnn_core.errors import UserError
from cnn_core.loaded.estimator import read_files

KIND = {"neg": "a bad dull cold awful film", "pos": "a good fine warm lovely film"}


def texts(count=60):
    generator = np.random.default_rng(0)
    y = np.array(["neg", "pos"])[np.arange(count) % 2]
    return [" ".join(generator.permutation(KIND[kind].split())[:4]) + f" {n % 7}" for n, kind in enumerate(y)], y


def tones(count=24):
    generator = np.random.default_rng(0)
    y = np.array(["high", "low"])[np.arange(count) % 2]
    pitch = np.where(y == "low", 300, 2500)[:, None]
    waves = np.sin(2 * np.pi * pitch * np.arange(8000) / audio.RATE + generator.uniform(0, 6, (count, 1)))
    return (0.4 * waves + 0.01 * generator.standard_normal(waves.shape)).astype(np.float32), y


def discs(count=24):
    """Red discs and blue ones on noise, (N, 40, 48, 3) uint8."""
    generator = np.random.default_rng(0)
    y = np.array(["blue", "red"])[np.arange(count) % 2]
    pictures = generator.integers(60, 190, (count, 40, 48, 3)).astype(np.uint8)
    rows, columns = np.mgrid[:40, :48]
    for picture, kind in zip(pictures, y, strict=True):
        row, column = generator.integers(12, 28), generator.integers(14, 34)
        inside = (rows - row) ** 2 + (columns - column) ** 2 < 100
        picture[inside] = (220, 40, 40) if kind == "red" else (40, 60, 220)
    return pictures, y


SMALL = {
    "digits": (
        cnn_core.DigitClassifier(least_steps=20, calibrate=False),
        lambda: load_digits(n_class=2, return_X_y=True),
    ),
    "text": (cnn_core.TextClassifier(least_steps=20, filters=4, calibrate=False), texts),
    "speech": (cnn_core.WordSpotter(least_steps=40, width=0.25, calibrate=False), tones),
    "photos": (
        cnn_core.PhotoClassifier(
            side=16, least_steps=30, calibrate=False, options={"net.channels": [8, 16], "net.pools": [2]}
        ),
        discs,
    ),
}


# 55 checks of the installed version, none excused; the table that scikit-learn makes has three columns, a "picture" of
# 2 x 2. Calibration is checked below: folds would fit every network four times.
@pytest.mark.slow
@parametrize_with_checks([cnn_core.DigitClassifier(least_steps=40, calibrate=False)])
def test_digits_pass_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.long
def test_checks_with_the_default_calibration():
    from sklearn.utils import estimator_checks as checks

    estimator = cnn_core.DigitClassifier(least_steps=40)
    checks.check_classifiers_train("DigitClassifier", estimator)
    checks.check_fit_idempotent("DigitClassifier", estimator)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
class TestAll:
    def test_learns_and_answers_in_the_order_of_the_classes(self, name):
        estimator, data = SMALL[name]
        X, y = data()
        net = clone(estimator)
        assert net.fit(X, y) is net
        assert net.classes_.tolist() == sorted(set(y.tolist()))
        shares = net.predict_proba(X)
        assert shares.shape == (len(y), 2)
        np.testing.assert_allclose(shares.sum(1), 1)
        assert (net.predict(X) == net.classes_[shares.argmax(1)]).all()
        assert net.score(X, y) > 0.9

    def test_twice_the_same_and_pickled(self, name):
        estimator, data = SMALL[name]
        X, y = data()
        first, second = clone(estimator).fit(X, y), clone(estimator).fit(X, y)
        np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(first)).predict_proba(X), first.predict_proba(X))
        other = clone(estimator).set_params(seed=1).fit(X, y)
        assert (other.predict_proba(X) != first.predict_proba(X)).any()

    def test_any_labels(self, name):
        estimator, data = SMALL[name]
        X, y = data()
        for labels in ([7, -3], [True, False], [2.0, 1.0], ["Ä", "b c"]):
            named = np.where(y == y[0], labels[0], labels[1])
            net = clone(estimator).fit(X, named)
            assert net.classes_.tolist() == sorted(labels)
            assert net.predict(X).dtype == named.dtype
            assert net.score(X, named) > 0.9

    def test_what_is_wrong_is_said(self, name):
        estimator, data = SMALL[name]
        X, y = data()
        with pytest.raises(NotFittedError):
            clone(estimator).predict(X)
        with pytest.raises(NotFittedError):
            clone(estimator).save("nowhere")
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            clone(estimator).fit(X, y[:-1])
        with pytest.raises(ValueError, match="one class only"):
            clone(estimator).fit(X, [y[0]] * len(y))
        with pytest.raises(ValueError, match="y is None"):
            clone(estimator).fit(X, None)
        with pytest.raises(ValueError, match="Unknown label type"):
            clone(estimator).fit(X, np.linspace(0, 1, len(y)))
        with pytest.raises(ValueError, match="a minimum of 1|holds no"):
            clone(estimator).fit(X[:0], y[:0])
        for parameters, message in (
            ({"preset": "nosuch"}, "unknown preset 'nosuch'"),
            ({"epochs": 0}, "epochs must be at least 1"),
            ({"learning_rate": "fast"}, "fit.learning_rate"),
            ({"options": {"net.nosuch": 1}}, "no setting 'net.nosuch'"),
            ({"device": "nosuch"}, "device nosuch"),
        ):
            with pytest.raises(UserError, match=message):
                clone(estimator).set_params(**parameters).fit(X, y)

    def test_grid_search_in_a_pipeline(self, name):
        estimator, data = SMALL[name]
        X, y = data()
        pipeline = Pipeline([("same", FunctionTransformer()), ("net", clone(estimator))])
        search = GridSearchCV(pipeline, {"net__epochs": [1, 8]}, cv=2, error_score="raise").fit(X, y)
        assert len(search.cv_results_["params"]) == 2
        assert search.best_score_ > 0.8
        assert search.best_estimator_["net"].get_params()["epochs"] == search.best_params_["net__epochs"]

    def test_a_saved_run_answers_the_same(self, name, tmp_path):
        estimator, data = SMALL[name]
        X, y = data()
        net = clone(estimator).fit(X, y)
        loaded = cnn_core.load(net.save(tmp_path / "run"))
        assert loaded.labels == tuple(map(str, net.classes_))
        inputs = (
            X[:3] if name == "text" else [np.asarray(each) for each in net._split(net._examined(X[:3], False)).inputs]
        )
        inputs = [(clip, audio.RATE) for clip in inputs] if name == "speech" else inputs
        inputs = [each.transpose(1, 2, 0) for each in inputs] if name == "photos" else inputs
        if name != "digits":  # a picture that is loaded is framed anew
            np.testing.assert_allclose(loaded.predict_proba(inputs), net.predict_proba(X[:3]), atol=1e-6)
        assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == len(net.history_)
        with pytest.raises(UserError, match="exists already"):
            net.save(tmp_path / "run")
        net.save(tmp_path / "run", overwrite=True)
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "letter.txt").write_text("dear")
        with pytest.raises(UserError, match="is not a run folder"):
            net.save(tmp_path / "mine", overwrite=True)
        with pytest.raises(UserError, match="name data"):
            net.network_.evaluate()


@pytest.mark.long
def test_digits_are_read_calibrated_and_looked_into(tmp_path):
    X, y = load_digits(return_X_y=True)
    net = cnn_core.DigitClassifier().fit(X[:1300], y[:1300])
    assert net.score(X[1300:], y[1300:]) > 0.96
    assert net.network_.run.calibration.samples >= 200
    warm = net.network_.run.calibration.temperature
    loss = log_loss(y[1300:], net.predict_proba(X[1300:]))
    plain = cnn_core.DigitClassifier(calibrate=False).fit(X[:1300], y[:1300])
    assert plain.network_.run.calibration.samples == 0
    assert warm != 1
    assert loss < log_loss(y[1300:], plain.predict_proba(X[1300:])), "label smoothing is too modest"
    for form in (
        X[1300:].reshape(-1, 8, 8)[:20].reshape(20, 64),
        X[1300:1320].astype(np.float32),
        X[1300:1320].tolist(),
    ):
        np.testing.assert_allclose(net.predict_proba(form), net.predict_proba(X[1300:1320]), atol=1e-5)
    shown = net.network_.visualize("filters", layer="conv1")
    assert shown.files[0].stat().st_size > 10_000
    assert net.network_.export(tmp_path / "net.onnx").data["onnx"] == str(tmp_path / "net.onnx")
    Image.fromarray(255 - (X[1300].reshape(8, 8) * 15).astype(np.uint8)).resize((90, 90)).save(tmp_path / "a.png")
    assert net.network_.explain(tmp_path / "a.png").files


@pytest.mark.slow
def test_pictures_of_bytes_and_files(tmp_path):
    generator = np.random.default_rng(0)
    X = generator.integers(0, 60, (24, 28, 28), dtype=np.uint8)
    y = np.arange(24) % 2
    X[y == 1, 4:24, 13:16], X[y == 0, 13:16, 4:24] = 255, 255
    paths = []
    for number, picture in enumerate(X):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(picture).resize((56, 56)).save(paths[-1])
    net = cnn_core.DigitClassifier(least_steps=20, calibrate=False).fit(X, y)
    np.testing.assert_array_equal(net._pictures(X).numpy(), X)
    assert net.score(X, y) == 1
    with pytest.raises(ValueError, match="those of fit were"):
        net.predict(X[:, :, :14])
    with pytest.raises(ValueError, match="must be"):
        net.fit(X[:, None], y)
    by_file = cnn_core.DigitClassifier(least_steps=20, calibrate=False).fit(list(map(str, paths)), y)
    assert by_file.score(paths, y) == 1
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(UserError, match=r"bad\.png"):
        by_file.predict([tmp_path / "bad.png"])


@pytest.mark.slow
def test_texts_without_words_and_what_is_no_list(tmp_path, capsys):
    X, y = texts()
    net = cnn_core.TextClassifier(least_steps=30, filters=4).fit(X, y)
    assert capsys.readouterr().err == ""
    assert net.network_.run.calibration.samples == 60, "by folds"
    assert net.predict_proba(["", "nosuchword"]).shape == (2, 2)
    assert net.predict(np.array(["warm lovely", "awful"], object)).tolist() == ["pos", "neg"]
    assert "lovely" in net.network_.explain("a lovely film").text
    for wrong in ("a text", 3, None, [3], np.zeros((2, 2))):
        with pytest.raises(ValueError, match="X must be a list of texts"):
            net.predict(wrong)
    for options in ({"texts.labels": "several"}, {"vectors.mode": "static", "vectors.source": "word2vec"}):
        with pytest.raises(UserError, match="cnn-text train"):
            clone(net).set_params(options=options).fit(X, y)
    net.save(tmp_path / "run", data="movie-snippets")
    assert command(TEXT, ["predict", str(tmp_path / "run"), "warm lovely", "--json"]) == 0
    assert '"answer": "pos"' in capsys.readouterr().out
    assert cnn_core.load(tmp_path / "run").run.config.data == "movie-snippets"
    clone(net).set_params(verbose=True).fit(X, y)
    assert "calibrating on 3 folds" in capsys.readouterr().err


@pytest.mark.slow
def test_recordings_in_every_form(tmp_path):
    X, y = tones()
    net = cnn_core.WordSpotter(least_steps=40, width=0.25, calibrate=False).fit(X, y)
    paths = [tmp_path / f"{number}.wav" for number in range(4)]
    for path, clip in zip(paths, X, strict=False):
        audio.write_wav(path, audio.to_int16(clip))
    expected = net.predict_proba(X[:4])
    for form in (paths, list(map(str, paths)), list(X[:4]), [(clip, 16_000) for clip in X[:4]], audio.to_int16(X[:4])):
        np.testing.assert_allclose(net.predict_proba(form), expected, atol=1e-3)
    by_file = cnn_core.WordSpotter(least_steps=10, width=0.25, calibrate=False).fit(paths, y[:4])
    assert by_file.predict(paths).shape == (4,)
    for wrong in ([np.array([np.nan, 1.0])], [np.array(["a"])], [np.zeros((2, 2, 2))], [np.zeros(4, np.int32)]):
        with pytest.raises(ValueError, match="recording 1"):
            net.predict(wrong)
    with pytest.raises(UserError, match="nosuch"):
        net.predict(["nosuch.wav"])
    np.testing.assert_allclose(net.predict_proba([paths[0], X[1]]), expected[:2], atol=1e-3)
    with pytest.raises(ValueError, match=r"one recording; give a list of recordings, \[X\]"):
        net.predict(X[0])
    with pytest.raises(UserError, match="divide them by 32768"):
        net.predict([(X[0] * 20_000, 16_000)])
    with pytest.raises(UserError, match="a list of files holds"):
        read_files("speech", ["a.wav", 3])


@pytest.mark.slow
def test_photographs_in_every_form(tmp_path):
    X, y = discs()
    net = clone(SMALL["photos"][0]).fit(X, y)
    expected = net.predict_proba(X[:4])
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path, picture in zip(paths, X, strict=False):
        Image.fromarray(picture).save(path)
    forms = (paths, list(map(str, paths)), list(X[:4]), X[:4] / 255, [Image.fromarray(each) for each in X[:4]])
    for form in forms:
        np.testing.assert_allclose(net.predict_proba(form), expected, atol=1e-6)
    mixed = [X[0], X[1][:30], Image.fromarray(X[2]).resize((90, 30)), X[3].mean(2).astype(np.uint8)]
    assert net.predict_proba(mixed).shape == (4, 2)
    by_file = clone(net).fit(paths, y[:4])
    assert by_file.predict(paths).shape == (4,)
    assert Path(net.network_.explain(paths[0]).files[0]).is_file()
    for wrong in ([np.zeros((3, 4, 5))], [np.full((4, 4, 3), 2.0)], [np.zeros((4, 4), np.int32)], ["a.png", 3]):
        with pytest.raises(ValueError, match=r"picture \d"):
            net.predict(wrong)
    for wrong in ("a.png", np.zeros((5, 64)), 3):
        with pytest.raises(ValueError, match="X must be a list of pictures"):
            net.predict(wrong)
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(UserError, match=r"bad\.png"):
        net.predict([tmp_path / "bad.png"])


def test_cross_validation_counts_every_sample_once():
    X, y = load_digits(n_class=2, return_X_y=True)
    estimator = cnn_core.DigitClassifier(epochs=2, calibrate=False)
    assert cross_val_score(estimator, X[:60], y[:60], cv=2).shape == (2,)


def python(code):
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)


@pytest.mark.slow
def test_the_package_stays_light_and_a_missing_extra_is_named():
    light = "import sys, cnn_core; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert python(light).returncode == 0
    done = python("import sys; sys.modules['sklearn'] = None; import cnn_core; cnn_core.DigitClassifier")
    assert "UserError: cnn_core.DigitClassifier needs the package scikit-learn: pip install" in done.stderr
    with pytest.raises(AttributeError):
        cnn_core.PoemClassifier  # noqa: B018
    assert DIGITS.estimator is not None
