"""RUN: a folder, @NAME, or nothing."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from apps.digits.app import APP
from apps.digits.verbs.predict import PredictOptions
from cnn_core.config import positional
from cnn_core.errors import UserError
from cnn_core.networks import pretrained
from cnn_core.verbs.common import Shared
from cnn_core.verbs.evaluate import EvaluateOptions
from cnn_core.verbs.run_argument import with_run
from cnn_core.verbs.sharing.push import PushOptions
from cnn_core.verbs.visualize import VisualizeOptions

TEXT = replace(APP, literal=True, what="text")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with a run, a file, a folder of files; and an app with two ready-made networks."""
    monkeypatch.chdir(tmp_path)
    for name in ("runs/mine", "pictures", "old/last"):
        Path(name).mkdir(parents=True)
    Path("runs/mine/config.json").write_text("{}")
    Path("seven.png").write_text("")
    card = SimpleNamespace(name="digits", app="digits", default=True)
    monkeypatch.setattr(
        pretrained, "cards", lambda app="": [card, SimpleNamespace(name="lecture", app="digits", default=False)]
    )
    return tmp_path


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("runs/mine seven.png", "runs/mine seven.png"),
        ("@lecture seven.png", "runs/@lecture seven.png"),
        ("seven.png", "runs/@digits seven.png"),
        ("pictures", "runs/@digits pictures"),
        ("-", "runs/@digits -"),
        ("--top 2 seven.png", "--top 2 runs/@digits seven.png"),
        ("--json seven.png", "--json runs/@digits seven.png"),
        ("--top=2 runs/mine seven.png", "--top=2 runs/mine seven.png"),
        ("", "runs/@digits"),
        ("--help", "--help"),
    ],
)
def test_the_default_network_stands_in_where_no_run_is_named(given, expected):
    assert with_run(APP, PredictOptions, "cnn-digits predict", given.split()) == expected.split()


def test_run_may_be_the_second_word():
    assert with_run(APP, VisualizeOptions, "v", ["weights"]) == ["weights", "runs/@digits"]
    given = ["filters", "--units", "1", "2"]
    assert with_run(APP, VisualizeOptions, "v", given) == [*given, "runs/@digits"]
    assert with_run(APP, VisualizeOptions, "v", ["filters", "@lecture"]) == ["filters", "runs/@lecture"]


@pytest.mark.parametrize(
    ("app", "cls", "word", "message"),
    [
        (APP, PredictOptions, "runs/dmoe", "neither a run folder nor a picture"),
        (APP, PredictOptions, "sveen.png", "neither a run folder nor a picture"),
        (APP, PredictOptions, "old", "not a run folder"),
        (APP, PredictOptions, "@digts", "did you mean @digits"),
        (APP, EvaluateOptions, "pictures", "not a run folder"),
        (APP, EvaluateOptions, "nowhere", "no such run folder"),
        (TEXT, PredictOptions, "runs/dmoe", "neither a run folder nor a text"),
    ],
)
def test_what_is_neither_is_said(app, cls, word, message):
    with pytest.raises(UserError, match=message):
        with_run(app, cls, "cnn-x verb", [word, "x"] if cls is PredictOptions else [word])


def test_a_network_that_is_named_last_and_a_first_word_that_is_missing_are_said():
    with pytest.raises(UserError, match="@lecture: the network is named first: v @lecture ..."):
        with_run(APP, PredictOptions, "v", ["seven.png", "@lecture"])
    Path("@lecture").write_text("")
    assert with_run(APP, PredictOptions, "v", ["seven.png", "@lecture"]) == ["runs/@digits", "seven.png", "@lecture"]
    for given in ([], ["--count", "3"]):
        with pytest.raises(UserError, match="WHAT is missing: v WHAT RUN"):
            with_run(APP, VisualizeOptions, "v", given)


def test_what_is_written_to_is_no_input():
    with pytest.raises(UserError, match="nowhere: no such run folder"):
        with_run(APP, PushOptions, "v", ["nowhere", "out"])


@pytest.mark.parametrize("text", ["good", "a film/book of its kind", "@someone hello there", "x" * 5000, "a\0b"])
def test_texts_are_texts(text):
    assert with_run(TEXT, PredictOptions, "p", [text]) == ["runs/@digits", text]


def test_an_app_without_networks_asks_for_a_run(monkeypatch):
    monkeypatch.setattr(pretrained, "cards", lambda app="": [])
    with pytest.raises(UserError, match="name the run: cnn-digits predict RUN"):
        with_run(APP, PredictOptions, "cnn-digits predict", ["seven.png"])


def test_a_word_that_is_the_default_of_the_next_argument_is_no_run():
    @dataclass(frozen=True, kw_only=True)
    class Listen(Shared):
        run: positional(Path)  # type: ignore[valid-type]
        recording: positional(str) = "microphone"  # type: ignore[valid-type]

    assert with_run(APP, Listen, "l", ["microphone"]) == ["runs/@digits", "microphone"]
