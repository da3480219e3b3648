"""The classes unknown and silence: what is said, what it sounds like, how an epoch draws from it, who hears what."""

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from apps.speech import data as speech_data
from apps.speech.app import APP
from apps.speech.config import Augment, Others, SpeechConfig
from apps.speech.corpora.clips import TEST, TRAIN, Clips
from apps.speech.front import LogMel
from apps.speech.others import pool as pool_module
from apps.speech.others import sounds
from apps.speech.others.listening import Listening
from apps.speech.others.words import neighbours, other_words, phonemes
from apps.speech.signal.audio import LENGTH, RATE
from apps.speech.voices import synthesis
from cnn_core.errors import UserError
from tests.helpers.commands import answer, bad

pytest.importorskip("espeakng_loader")
CONFIG = SpeechConfig(unknown=True)


def bare(sound):
    return "".join(sound).replace("'", "").replace(",", "")


def test_phonemes_are_espeaks():
    assert phonemes(["no", "stop", "hey marvin"], "en") == [
        ["n", "'oU"], ["s", "t", "'0", "p"], ["h", "'eI", "m", "'A@", "v", "I", "n"],
    ]  # fmt: skip
    with pytest.raises(UserError, match="no voice xx"):
        phonemes(["a"], "xx")


def test_near_misses_differ_in_one_phoneme():
    found = {"".join(each) for each in neighbours(["s", "t", "'0", "p"], ["0", "O:"], ["s", "t", "p", "k"])}
    assert {"st'0k", "st'O:p", "t'0p", "st'0", "st'0pt", "kst'0p"} <= found
    assert "st'0p" not in found
    assert "stp" not in found  # a word without its vowel is none


@pytest.mark.parametrize(
    ("words", "language"), [(("no", "stop"), "en"), (("one", "two"), "en"), (("nein|nee",), "de"), (("好",), "cmn")]
)
def test_other_words_never_sound_like_those_of_the_list(words, language):
    others = other_words(words, language)
    assert len(others) == len(set(others)) > 150
    own = {bare(each) for each in phonemes([w for word in words for w in word.split("|")], language)}
    said = phonemes([each for each in others if not each.startswith("[[")], language)
    assert not own & {bare(each) for each in said}
    assert not own & {bare(each.strip("[]")) for each in others if each.startswith("[[")}
    assert sum(each.startswith("[[") for each in others) > 100
    if "one" in words:
        assert "1" not in others  # it is written otherwise
    assert other_words(words, language) == others
    plain = other_words(words, language, near=0, invented=0)
    assert plain == [each for each in others if not each.startswith("[[")]


@given(st.integers(0, 1000))
def test_sounds_are_bounded_and_of_the_seed(seed):
    clips = sounds.silence(7, seed)
    assert clips.shape == (7, LENGTH)
    assert clips.dtype == np.int16
    np.testing.assert_array_equal(clips, sounds.silence(7, seed))
    assert np.abs(clips.astype(int)).max() <= 32767


def test_sounds_come_at_all_levels_and_some_are_digital_silence():
    clips = sounds.silence(300)
    peaks = np.abs(clips.astype(int)).max(1)
    assert (peaks == 0).sum() >= 12
    assert (peaks < 33).sum() > 30  # below -60 dB of full scale
    assert (peaks > 3276).sum() > 60
    tone = np.abs(np.fft.rfft(sounds.tones(np.random.default_rng(3))))
    assert tone.max() > 20 * np.median(tone)


def word(generator):
    clip = np.zeros(LENGTH, np.int16)
    clip[4000:12000] = generator.integers(-9000, 9000, 8000)
    return clip


def test_parts_are_about_half_of_a_word_and_babble_is_several():
    generator = np.random.default_rng(0)
    clips = np.stack([word(generator) for _ in range(5)])
    for part in sounds.parts(clips, 20):
        loud = np.flatnonzero(part)
        assert 2500 <= loud[-1] - loud[0] <= 5500
    babble = sounds.babble(clips, 5)
    assert (np.abs(babble.astype(int)).max(1) > 900).all()
    assert ((babble != 0).mean(1) > 0.7).all()


def little_pool():
    return pool_module.Pool(*(np.full((n, LENGTH), n, np.int16) for n in (300, 20, 30, 100, 10, 15)))


def words_of(count):
    inputs = torch.arange(count)[:, None].expand(count, LENGTH).to(torch.int16)
    return Clips(inputs, torch.arange(count) % 3, torch.zeros(count, dtype=torch.int64), ("me",))


def listening(count=120, share=0.25, silence=0.08, rows=(300, 100)):
    kinds = torch.cat([torch.arange(count) % 3, torch.full((rows[0],), 3), torch.full((rows[1],), 4)])
    inputs = torch.arange(len(kinds))[:, None].to(torch.int16)
    return Listening(inputs, kinds, torch.zeros(len(kinds), dtype=torch.int64), ("me",), ((3, share), (4, silence)))


@given(
    st.integers(3, 400), st.floats(0.01, 0.6), st.floats(0.01, 0.3), st.integers(0, 50), st.integers(0, 5),
    st.sampled_from([0, 0, 64, 100_000]),
)  # fmt: skip
def test_an_epoch_has_all_words_and_its_share_of_the_others(count, share, silence, seed, epoch, samples):
    split = listening(count, share, silence, rows=(30, 10))
    order = split.order(seed, epoch, 32, samples)
    assert len(order) == split.epoch_length(samples)
    targets = split.targets[order]
    if split.epoch_length(samples) == split.epoch_length(0):
        assert sorted(order[targets < 3].tolist()) == list(range(count))
    assert abs((targets == 3).sum() - share * len(order)) <= 1
    assert abs((targets == 4).sum() - silence * len(order)) <= 1
    assert torch.equal(order, split.order(seed, epoch, 32, samples))


def test_each_epoch_draws_others_anew():
    split = listening()
    first, second = (
        set(split.order(0, epoch, 32)[split.targets[split.order(0, epoch, 32)] == 3].tolist()) for epoch in (0, 1)
    )
    assert first != second
    assert len(first) == 45  # a quarter of 179
    inner = split.subset(torch.arange(0, 520, 2))
    assert isinstance(inner, Listening)
    assert inner.epoch_length(0) == 60 + 22 + 7


def test_voices_and_words_of_the_tests_are_heard_by_no_training(monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path))
    asked = []

    def other(words, language, near, invented):
        asked.append((near, invented))
        return [f"w{n}" for n in range(40)]

    monkeypatch.setattr(pool_module, "other_words", other)
    monkeypatch.setattr(pool_module, "PARTS", 3)
    monkeypatch.setattr(pool_module, "BABBLE", 4)
    monkeypatch.setattr(pool_module, "SILENCE", 20)
    spoken = []

    def speak(asked, progress, *, silent):
        spoken.append(asked)
        targets = np.repeat(np.arange(40), 5)
        parts = np.tile(np.array([TRAIN, TRAIN, 1, TEST, TEST], np.uint8), 40)
        clips = (100 * targets + parts + 1)[:, None].repeat(LENGTH, 1).astype(np.int16)
        return synthesis.Corpus("o", asked.labels, clips, targets, parts, targets, asked.labels)

    monkeypatch.setattr(synthesis, "speak", speak)
    clips = np.stack([word(np.random.default_rng(n)) for n in range(4)])
    found = pool_module.pool_of(("a", "b"), Others(language="en"), clips)
    trained = {value // 100 for value in found.unknown[: -3 - 4, 0].tolist()}
    tested = {value // 100 for value in found.unknown_test[:, 0].tolist()}
    assert trained
    assert tested
    assert not trained & tested
    assert {value % 100 - 1 for value in found.unknown_test[:, 0].tolist()} == {TEST}
    assert {value % 100 - 1 for value in found.unknown[: -3 - 4, 0].tolist()} == {TRAIN}
    assert [len(each) for each in (found.silence, found.silence_validation, found.silence_test)] == [20, 2, 4]
    pool_module.pool_of(("a", "b"), Others(language="en"), clips)
    assert len(spoken) == 1  # kept
    assert asked == [(14, 120)]
    negatives = tmp_path / "mine"
    negatives.mkdir()
    soundfile.write(negatives / "talk.wav", np.sin(np.arange(20 * RATE) / 20) * 0.3, RATE)
    more = pool_module.pool_of(("a", "b"), Others(language="en"), clips, str(negatives), str(negatives))
    assert len(spoken) == 2
    assert len(more.unknown) == len(found.unknown) + 18
    assert len(more.unknown_validation) == len(found.unknown_validation) + 2
    assert len(more.silence) == len(found.silence) + 18
    pool_module.pool_of(("a", "b"), Others(language="en", near=3, invented=5), clips)
    assert asked[-1] == (3, 5)
    (tmp_path / "none").mkdir()
    for wrong in ("none", "nowhere"):
        with pytest.raises(UserError, match="--noise"):
            pool_module.pool_of(("a", "b"), Others(language="en"), clips, noise=str(tmp_path / wrong))


def test_the_classes_are_added_where_the_data_have_none(monkeypatch):
    monkeypatch.setattr("apps.speech.others.listening.pool_of", lambda *_: little_pool())
    spoken = SpeechConfig(unknown=True, data="voices:en:a,b,c")
    data = speech_data.Dataset("x", words_of(120), words_of(30), ("a", "b", "c"), words_of(12))
    found = speech_data._among_others(data, spoken)
    assert found.labels == ("a", "b", "c", "unknown", "silence")
    assert len(found.test) == 30 + 11 + 4
    assert found.validation is not None
    assert len(found.validation) == 12 + 4 + 1
    real = speech_data._among_others(data, SpeechConfig(unknown=True, data="fsdd"))
    assert real.labels == found.labels
    assert len(real.test) == 30  # other data are tested on their own words
    own = speech_data.Dataset("x", words_of(12), words_of(3), ("a", "_silence_", "c"))
    assert speech_data._among_others(own, spoken) is own
    assert speech_data._among_others(data, SpeechConfig()) is data
    alone = speech_data.Dataset("x", words_of(12), words_of(3), ("a",))
    with pytest.raises(UserError, match="leave --no-unknown out"):
        speech_data._among_others(alone, SpeechConfig())
    assert speech_data._among_others(alone, spoken).labels == ("a", "unknown", "silence")


def test_spellings_and_phrases():
    spoken = synthesis.parse("voices:en:colour|color,hey marvin")
    assert spoken is not None
    assert spoken.labels == ("colour", "hey marvin")
    jobs, _, words, _ = synthesis.plan(synthesis.Spoken("x", "en", spoken.words, 40))
    said = {job["text"].rstrip(".?!,") for job, word in zip(jobs, words, strict=True) if word == 0}
    assert said == {"colour", "color"}
    phonetic, _, _, _ = synthesis.plan(synthesis.Spoken("x", "en", ("[[n'oU|]]",), 40))
    assert all(job["engine"] == "espeak" and job["text"].startswith("[[n'oU|]]") for job in phonetic)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_overdriven_clips_are_cut_off(share):
    clips = torch.from_numpy((np.sin(np.arange(LENGTH) / 8) * 8000).astype(np.int16)).repeat(16, 1)
    change = LogMel(CONFIG.front, Augment(clip=share) if share else Augment(shift=0.01)).change
    assert change is not None
    torch.manual_seed(0)
    found = change._clip(clips.float()) if share else clips.float()
    crest = found.abs().amax(1) / found.square().mean(1).sqrt()
    assert (crest < 1.41).all() if share else (crest > 1.41).all()  # a sine has the square root of 2


def test_wrong_settings_are_one_line(capsys):
    for words, message in (
        (["--others.share", "0"], "others.share must be above 0"),
        (["--others.share", "0.8", "--others.silence", "0.2"], "together must be at most 0.9"),
        (["--no-unknown", "--noise", "x"], "belongs to the class unknown"),
        (["--others.near", "-1"], "others.near must be between 0"),
        (["--augment.clip", "2"], "augment.clip is a share"),
        (["--negatives", "no/such"], "--negatives no/such: no such folder"),
    ):
        assert message in bad(capsys, "train", "--data", "voices:en:yes,no", *words, app=APP).splitlines()[-1]


@pytest.mark.long
def test_a_wake_word_is_told_from_other_words_and_sounds(tmp_path, capsys):
    """One word of synthetic voices: found in test voices, and hardly ever in other words or sounds."""
    args = ["--data", "voices:en:marvin", "--fit.epochs", 6, "--out", tmp_path / "run", "--others.share", 0.4]
    answer(capsys, "train", *args, app=APP)
    found = answer(capsys, "evaluate", tmp_path / "run", app=APP)
    rates = {each["class"]: each for each in found["per_class"]}
    assert rates["marvin"]["recall"] > 0.9
    assert rates["marvin"]["precision"] > 0.93
    # Sounds that are missed (seven to nine of 62, by seed and processor) pass for other words, not for the word.
    assert rates["silence"]["recall"] > 0.75
    names = list(rates)
    assert found["confusion"][names.index("silence")][names.index("marvin")] <= 1


def test_shares_are_checked():
    with pytest.raises(UserError):
        Others(share=0.9)
