"""review in every app with labels: planted errors come first, decisions are kept, and train goes on from them."""

import shutil

import pytest

from apps.digits.app import APP as DIGITS
from apps.go.app import APP as GO
from apps.photos.app import APP as PHOTOS
from apps.speech.app import APP as SPEECH
from apps.text.app import APP as TEXT
from cnn_core import runs
from cnn_core.cli import verbs_of
from cnn_core.verbs.measures.reviewing import changes
from tests.helpers.commands import answer, bad
from tests.helpers.little import discs, sentences, tones

SMALL = ["--threads", 1, "--fit.epochs", 60, "--fit.precision", "fp32"]
NET = ["--side", 16, "--net.channels", 8, 16, "--net.pools", 2]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CNN_SUITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A run on discs, one of which lies in the wrong folder."""
    from cnn_core.cli import run

    top = tmp_path_factory.mktemp("planted")
    folder = discs(top / "data")
    red, blue = folder / "red", folder / "blue"
    shutil.move(blue / "3.png", red / "wrong.png")
    out = top / "run"
    args = ["train", "--data", folder, "--out", out, *SMALL, *NET, "--json"]
    assert run(PHOTOS, [*map(str, args)]) == 0
    return folder, out


@pytest.mark.slow
def test_a_planted_error_comes_first_and_is_put_right(planted, tmp_path, capsys):
    folder, out = planted
    copy = tmp_path / "run"
    shutil.copytree(out, copy)
    found = answer(capsys, "review", copy, "--count", 5, app=PHOTOS)
    first = found["least_believed"][0]
    assert (first["label"], first["believed"]) == ("red", "blue")
    assert found["listed"] == 5
    path = copy / "review" / "labels.csv"
    rows = changes.read(path)
    rows[0] = changes.Row(**{**vars(rows[0]), "decision": "change", "to": "blue"})
    rows[1] = changes.Row(**{**vars(rows[1]), "decision": "drop"})
    changes.write(path, rows)
    again = answer(capsys, "review", copy, "--count", 1, app=PHOTOS)  # decisions stay, those beyond the first as well
    assert again["decided"] == 1
    assert [row.decision for row in changes.read(path)] == ["change", "drop"]
    new = tmp_path / "new"
    answer(capsys, "train", "--data", folder, "--labels", path, "--init", copy, "--out", new, *SMALL, *NET, app=PHOTOS)
    assert runs.read_record(PHOTOS, new)["labels_changed"] == {"changed": 1, "dropped": 1}
    assert len(changes.read(new / changes.KEPT)) == 2
    answer(capsys, "train", "--resume", new, app=PHOTOS)
    later = answer(capsys, "review", new, "--folds", 0, "--count", 3, app=PHOTOS)
    assert later["samples"] == found["samples"] - 1
    assert [row.decision for row in changes.read(new / "review" / "labels.csv") if row.decision] == ["change", "drop"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("app", "data", "more"),
    [(DIGITS, None, []), (SPEECH, tones, ["--no-unknown"]), (TEXT, sentences, [])],
    ids=["digits", "speech", "text"],
)
def test_review_in_the_other_apps(app, data, more, digits_folder, tmp_path, capsys):
    place = data(tmp_path / "data") if data else digits_folder
    out = tmp_path / "run"
    answer(capsys, "train", "--data", place, "--out", out, "--fit.epochs", 1, *more, app=app)
    found = answer(capsys, "review", out, "--folds", 2, "--count", 4, app=app)
    assert found["listed"] == 4
    own = [float(row["own"]) for row in found["least_believed"]]
    assert own == sorted(own)
    run = runs.restore(app, out)
    if run.app.medium:
        kind, content = run.app.medium(run.app.load(run.config).train.plain().take(slice(0, 1))[0][0].numpy())
        assert (kind, content[:4]) == ("audio/wav", b"RIFF") if app is SPEECH else kind.startswith("text/plain")
        assert len(content) > 8


def test_wrong_use_is_one_line(planted, tmp_path, capsys):
    folder, out = planted
    assert "--folds must be 0" in bad(capsys, "review", out, "--folds", 1, app=PHOTOS)
    assert "--count" in bad(capsys, "review", out, "--count", -1, app=PHOTOS)
    assert "--port" in bad(capsys, "review", out, "--port", 70000, app=PHOTOS)
    new = tmp_path / "new"
    args = ["train", "--data", folder, "--out", new, *SMALL, *NET]
    assert "no.csv" in bad(capsys, *args, "--labels", "no.csv", app=PHOTOS)
    assert "--labels" in bad(capsys, "train", "--resume", out, "--labels", "no.csv", app=PHOTOS)
    assert not new.exists()


def test_go_has_no_labels_to_review():
    assert "review" not in verbs_of(GO)
    assert "review" in verbs_of(TEXT)
