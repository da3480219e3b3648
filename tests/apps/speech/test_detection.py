"""Words told in long recordings: marks, counts over thresholds, intervals, what recordings are made of."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.speech.detection.counts import Heard, Point, chosen, curve, match, poisson_interval
from apps.speech.detection.detector import Detector, Teller
from apps.speech.detection.kept import FILE, keep, kept_threshold
from apps.speech.detection.marks import Mark, read_marks
from apps.speech.detection.recordings import SOUNDS, pieces, sound
from apps.speech.detection.telling import Rule, Told, smoothed, told
from apps.speech.detection.utterances import Utterance, unlisted
from apps.speech.detection.words import ENGLISH
from apps.speech.others.english import ENGLISH as TRAINED_ON
from apps.speech.signal.audio import RATE
from apps.speech.verbs.listen import ListenOptions
from cnn_core.errors import UserError
from cnn_core.files import write_json

LABELS = ("yes", "no", "silence", "unknown")


@given(st.integers(0, 10**6), st.sampled_from((0.01, 0.03, 0.1)), st.sampled_from((0.1, 0.5)), st.floats(0.3, 0.95))
@settings(max_examples=60, deadline=None)
def test_words_are_told_as_listen_tells_them(seed, stride, average, threshold):
    generator = np.random.default_rng(seed)
    logits = np.repeat(generator.normal(0, 4, (12, 4)), 15, axis=0) + generator.normal(0, 1, (180, 4))
    rows = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    rows[generator.random(180) < 0.1] = np.nan
    options = ListenOptions(run=Path("x"), stride=stride, average=average, threshold=threshold)
    teller, detector = Teller(LABELS, options), Detector(LABELS, options)
    expected = [word for row in rows for word in teller.take(row)] + teller.finish()
    crossings = [word for row in rows if (word := detector.take(row)) is not None]
    rule = Rule(stride=stride, average=average)
    found = told(smoothed(rows, rule), LABELS, threshold, rule)
    assert [each.word for each in found] == [each.word for each in expected] == [each.word for each in crossings]
    for name, of in (("middle", lambda word: (word.start + word.end) / 2), ("time", lambda word: word.time)):
        np.testing.assert_allclose([getattr(each, name) for each in found], [*map(of, expected)], atol=2e-3)
    np.testing.assert_allclose([each.probability for each in found], [each.probability for each in expected])
    assert all(peak.probability >= word.probability for peak, word in zip(expected, crossings, strict=True))


def test_the_peak_of_a_word_is_told_and_where_it_lies():
    """A word around 3.0 s, of which the windows whose middle lies within .3 s are sure."""
    middles = 0.5 + 0.03 * np.arange(200)
    rows = np.full((200, 4), 0.01)
    rows[:, 0] = np.clip(1.2 - 2 * np.abs(middles - 3.0), 0.01, 0.98)
    teller = Teller(LABELS, ListenOptions(run=Path("x"), threshold=0.5))
    (word,) = [word for row in rows for word in teller.take(row)] + teller.finish()
    assert (word.start + word.end) / 2 == pytest.approx(3.0, abs=0.03)
    means = np.convolve(rows[:, 0], np.ones(17) / 17, "valid")
    assert word.probability == pytest.approx(means.max())
    assert 3.75 < word.time < 3.95


def test_a_word_is_hit_once_and_within_three_quarters_of_a_second():
    marks = [Mark("yes", 1.0, 1.4), Mark("no", 5.0, 5.2), Mark("maybe", 8.0, 8.5), Mark("yes", 20.0, 20.5)]
    found = [Told("yes", 1.9, 2.4), Told("yes", 1.3, 1.8), Told("no", 5.9, 6.4), Told("yes", 8.2, 8.7)]
    result = match(found, marks, LABELS)
    assert [(mark.start, said.middle) for mark, said in result.hits] == [(1.0, 1.9)]
    assert [mark.start for mark in result.missed] == [5.0, 20.0]
    assert [(said.middle, mark.word if mark else None) for said, mark in result.alarms] == [
        (1.3, "yes"),  # told twice
        (5.9, "no"),  # .8 s from its centre
        (8.2, "maybe"),
    ]


def test_counts_over_thresholds():
    rows = np.full((400, 4), 0.001)
    rows[50:80, 0] = 0.95  # yes, said
    rows[200:230, 1] = 0.75  # no, not said
    rule = Rule()
    middle = 0.5 + 65 * 0.03
    heard = [Heard(smoothed(rows, rule), (Mark("yes", middle - 0.2, middle + 0.2),), 36.0)]
    points = {point.threshold: point for point in curve(heard, LABELS, rule)}
    assert (points[0.5].hits, points[0.5].false_alarms, points[0.5].words) == (1, 1, 1)
    assert (points[0.8].hits, points[0.8].false_alarms) == (1, 0)
    assert (points[0.98].hits, points[0.98].false_alarms) == (0, 0)
    assert points[0.5].alarms_per_hour == pytest.approx(100)
    # told when the mean of half a second has been highest for .09 s: all windows from the 50th to the 66th are sure
    assert points[0.5].delay == pytest.approx(1.0 + 0.03 * 69 - middle - 0.2, abs=0.05)


def test_the_lowest_threshold_from_which_on_alarms_are_few_enough():
    points = [Point(t, 10, 5, alarms, 2.0, None) for t, alarms in ((0.5, 9), (0.6, 1), (0.7, 3), (0.8, 1), (0.9, 0))]
    assert chosen(points, 0.5).threshold == 0.8
    assert chosen(points, 0.0).threshold == 0.9
    assert chosen(points, 100).threshold == 0.5
    assert chosen(points[:1], 0.5).threshold == 0.5  # none is good enough: the highest


def test_poisson_interval_against_tables():
    # Garwood 1936; Ulm 1990, table 1.
    for count, low, high in ((0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39), (100, 81.36, 121.63)):
        assert poisson_interval(count) == pytest.approx((low, high), rel=1e-3, abs=1e-9)


def test_marks_of_several_files(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("\ufeffFile,word,start,end,speaker\nb.wav,no,3,3.5,ann\n\nb.wav,yes,1,,\na.wav,,0,9,\n", "utf-8")
    found = read_marks(path, ["a.wav", "b.wav", "c.wav"])
    assert found == {
        "a.wav": [Mark("", 0.0, 9.0)],
        "b.wav": [Mark("yes", 1.0, 1.0), Mark("no", 3.0, 3.5, "ann")],
        "c.wav": [],
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "word is missing"),
        ("word,end\nyes,1\n", "start is missing"),
        ("word,start\nyes,soon\n", "line 2: start: 'soon' is no time"),
        ("word,start\nyes,nan\n", "line 2: start: 'nan' is no time"),
        ("word,start,end\nyes,2,1\n", "line 2: ends at 1 s, before"),
        ("file,word,start\nb.wav,yes,2\n", "'b.wav' is none of the recordings (first: a.wav)"),
    ],
)
def test_bad_marks(tmp_path, text, reason):
    path = tmp_path / "truth.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError) as caught:
        read_marks(path, ["a.wav"])
    assert str(caught.value).startswith(str(path))
    assert reason in str(caught.value)


def test_the_kept_threshold(tmp_path):
    assert kept_threshold(tmp_path) is None
    keep(tmp_path, {"threshold": 0.82, "alarms_per_hour": 0.5})
    assert kept_threshold(tmp_path) == 0.82
    for bad in ({"threshold": 2}, {"threshold": True}, [], {}):
        write_json(tmp_path / FILE, bad)
        with pytest.raises(UserError, match=FILE):
            kept_threshold(tmp_path)


def test_recordings_hold_what_their_marks_say():
    tone = (np.sin(np.arange(RATE // 2) * 0.4) * 20_000).astype(np.int16)
    made = list(pieces([Utterance(tone, f"word{number}", "me") for number in range(60)], seed=3))
    assert sorted(mark.word for _, marks in made for mark in marks if mark.word) == sorted(
        f"word{n}" for n in range(60)
    )
    samples, marks = made[0]  # quiet
    power = np.square(samples.astype(np.float64))
    for mark, following in pairwise(marks[:-1]):
        said = power[round(mark.start * RATE) : round(mark.end * RATE)].mean()
        between = power[round(mark.end * RATE) + 50 : round(following.start * RATE) - 50].mean()
        assert said > 100 * between
    assert marks[-1].condition == SOUNDS[0]
    assert len(samples) / RATE == pytest.approx(marks[-1].end, abs=0.1)
    again = next(pieces([Utterance(tone, f"word{number}", "me") for number in range(60)], seed=3))
    np.testing.assert_array_equal(samples, again[0])


@pytest.mark.parametrize("kind", SOUNDS)
def test_sounds_are_heard(kind):
    made = sound(kind, 3.0, np.random.default_rng(1))
    assert np.isfinite(made).all()
    assert np.abs(made).max() == pytest.approx(1)
    assert np.square(made[: 3 * RATE // 2]).mean() > 1e-5


def test_words_for_measuring_sound_like_none_of_the_list_and_are_not_trained_on():
    pytest.importorskip("espeakng_loader")
    assert len(ENGLISH) == len(set(ENGLISH)) > 300
    assert not {word.lower() for word in ENGLISH} & set(TRAINED_ON)
    found = unlisted(["bowl", "cent", "flower|project"], "en")
    assert "bowl" not in found
    assert "flour" not in found
    assert "project" not in found
    assert len(found) == len(ENGLISH) - 3
    assert len(unlisted(["ja", "nein"], "de")) > 100
