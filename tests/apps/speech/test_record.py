"""record: requests, takes from a pipe, what is refused, and that training takes the folder."""

import io
import json
import wave

import numpy as np
import pytest

from apps.speech.app import APP
from apps.speech.corpora.entries import Reading
from apps.speech.data import load_corpus
from apps.speech.signal.audio import RATE
from apps.speech.verbs.record import fault_of, is_clipped, peak_of
from cnn_core.cli import run

PAUSE, TAKE = 0.4, 2.0


def word(level=0.3, at=0.7, seconds=0.5, pitch=500):
    """(32000,) a tone between softer noise, as a word in a take."""
    take = np.random.default_rng(0).normal(0, 0.001, round(TAKE * RATE))
    first, count = round(at * RATE), round(seconds * RATE)
    count = min(count, len(take) - first)
    take[first : first + count] += level * np.sin(2 * np.pi * pitch / RATE * np.arange(count))
    return np.clip(take * 32768, -32768, 32767).astype(np.int16)


def recorded(monkeypatch, capsys, takes, folder, *args, rate=RATE):
    """What record says of takes that come one after another through a pipe, and its notes."""
    sound = np.concatenate([part for take in takes for part in (np.zeros(round(PAUSE * rate), np.int16), take)])
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(sound.tobytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(file.getvalue()))))
    capsys.readouterr()
    status = run(APP, [*map(str, ["record", folder, "--source", "-", *args]), "--json"])
    out, err = capsys.readouterr()
    return status, json.loads(out), err


def test_words_are_asked_for_and_their_recordings_train(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "mine"
    takes = [word(pitch=300 + 100 * number) for number in range(8)]
    status, found, said = recorded(monkeypatch, capsys, takes, folder, "--words", "yes", "no", "--takes", 4)
    assert (status, found["given_up"], found["wanted"]) == (0, 0, 8)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.wav"))
    assert names == [f"{word}/me-00{number}.wav" for word in ("no", "yes") for number in (1, 2, 3, 4)]
    asked = [line.split("say  ")[1] for line in said.splitlines() if "say  " in line]
    assert sorted(asked) == ["no"] * 4 + ["yes"] * 4
    assert asked != sorted(asked)  # in random order
    assert [each["word"] for each in found["recordings"]] == asked
    for each, take in zip(found["recordings"], takes, strict=True):
        with wave.open(each["file"]) as file:
            assert (file.getframerate(), file.getnchannels()) == (RATE, 1)
            np.testing.assert_array_equal(np.frombuffer(file.readframes(10**6), "<i2"), take)
        assert each["peak"] == pytest.approx(-10.4, abs=0.3)
    # a second speaker beside the first
    recorded(monkeypatch, capsys, takes[:2], folder, "--words", "yes,no", "--takes", 1, "--speaker", "ann")
    corpus = load_corpus(str(folder), Reading(speakers=str(folder / "speakers.csv")), progress=False)
    assert sorted(corpus.labels) == ["no", "yes"]
    assert sorted(corpus.names) == ["ann", "me"]
    assert len(corpus.clips) == 10
    alone = tmp_path / "alone"
    recorded(monkeypatch, capsys, takes, alone, "--words", "yes", "no", "--takes", 4)
    assert len(load_corpus(str(alone), Reading(speakers=str(alone / "speakers.csv")), progress=False).clips) == 8


def test_bad_takes_are_asked_for_again(tmp_path, monkeypatch, capsys):
    bad = [word(3.0), word(0.0001), word(at=1.7), word()]  # clipped, silent, cut off at the end; then a good one
    status, found, said = recorded(monkeypatch, capsys, [*bad[:2], bad[3]], tmp_path, "--words", "a", "--takes", 1)
    assert (status, len(found["recordings"])) == (0, 1)
    assert "clipped" in said
    assert "too quiet" in said
    assert said.count("say  a") == 3
    status, found, said = recorded(monkeypatch, capsys, [*bad[:3]], tmp_path / "x", "--words", "a", "--takes", 1)
    assert (status, found["given_up"], found["recordings"]) == (2, 1, [])
    assert "cut off" in said
    assert not (tmp_path / "x").exists()
    status, found, _ = recorded(monkeypatch, capsys, [word()], tmp_path / "y", "--words", "a", "--takes", 3)
    assert (status, len(found["recordings"])) == (0, 1)  # the pipe has ended


def test_levels():
    assert peak_of(np.array([-32768], np.int16)) == pytest.approx(0)
    assert peak_of(np.zeros(5, np.int16)) < -90
    assert is_clipped(np.array([0, 32767, 32767, 32767], np.int16))
    assert not is_clipped(np.array([0, 32767, 32767, 0, 32767], np.int16))
    assert not is_clipped(np.array([-32768], np.int16))
    noise = (2000 * np.random.default_rng(0).standard_normal(32_000)).astype(np.int16)
    assert "stands out" in fault_of(noise)
    assert fault_of(word()) == ""


def test_the_words_of_a_run_and_wrong_use(tmp_path, monkeypatch, capsys):
    status, found, said = recorded(
        monkeypatch, capsys, [word()] * 10, tmp_path, "--like", "@speech-digits", "--takes", 1
    )
    assert status == 0
    assert len(found["recordings"]) == 10
    assert "say  seven" in said
    capsys.readouterr()
    for options, reason in (
        ([], "--words yes no, or --like RUN"),
        (["--words", "a", "--like", "@speech-digits"], "one of them"),
        (["--words", "../a"], "cannot be part of a file's name"),
        (["--words", "a", "--speaker", "=x"], "cannot be part of a file's name"),
        (["--words", "a", "--takes", "0"], "--takes"),
        (["--words", "a", "--take-seconds", "0.2"], "--take-seconds"),
        (["--words", "a", "--pause", "-1"], "--pause"),
    ):
        assert run(APP, ["record", str(tmp_path), "--source", "-", *options]) == 2
        assert reason in capsys.readouterr().err
