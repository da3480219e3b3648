"""Folders, FSDD, Speech Commands and synthetic voices as data sets."""

import hashlib
import io
import tarfile

import numpy as np
import pytest
import soundfile
import torch

from apps.speech.config import SpeechConfig
from apps.speech.corpora import speech_commands
from apps.speech.corpora.clips import TEST, TRAIN, VALIDATION, Clips, counted, few, join
from apps.speech.corpora.fsdd import DIGITS
from apps.speech.data import load, load_corpus, load_data
from apps.speech.signal.audio import LENGTH, write_wav
from apps.speech.voices import synthesis
from cnn_core.errors import UserError
from cnn_core.fetching.manifests import load_manifest
from tests.helpers.recordings import fill, whistle

WORDS = ("rising", "falling", "level")


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path_factory.mktemp("cache")))


def tally(split):
    return np.bincount(split.targets.numpy()).tolist()


# Folders


def test_train_and_test_folders_are_kept(tmp_path):
    fill(tmp_path / "d", [f"train/{w}/{i}" for w in ("on", "off", "10", "9") for i in range(3)], ".flac")
    fill(tmp_path / "d", [f"test/{w}/{i}" for w in ("on", "9") for i in range(2)], ".ogg")
    data = load_data(str(tmp_path / "d"), progress=False)
    assert data.labels == ("9", "10", "off", "on")
    assert tally(data.train) == [3, 3, 3, 3]
    assert tally(data.test) == [2, 0, 0, 2]
    assert data.train.inputs.dtype == torch.int16
    assert data.train.inputs.shape == (12, LENGTH)


def test_without_a_test_folder_equal_recordings_stay_on_one_side(tmp_path, capsys):
    folder = fill(tmp_path / "d", [f"{w}/{i}" for w in ("ja", "nein ö'x") for i in range(10)])
    for i in range(0, 10, 2):
        samples, rate = soundfile.read(folder / "ja" / f"{i}.wav", dtype="int16")
        soundfile.write(folder / "ja" / f"copy{i}.flac", samples, rate)
    data = load_data(str(folder), progress=False)
    sides = [{clip.numpy().tobytes() for clip in part.inputs} for part in (data.train, data.test)]
    assert not sides[0] & sides[1]
    assert len(data.train) + len(data.test) == 25
    assert tally(data.test) == [3, 2]
    said = capsys.readouterr().err
    assert "5 of 25 recordings set aside" in said
    load_data(str(folder), progress=False)
    assert capsys.readouterr().err == ""  # from the cache
    write_wav(folder / "ja" / "new.wav", whistle(99))
    assert len(load_data(str(folder), progress=False).train) + len(data.test) >= 25  # not from the old copy
    assert load_corpus(str(folder), progress=False).clips.shape[0] == 26


def test_a_class_with_one_file_keeps_it_for_training(tmp_path):
    data = load_data(str(fill(tmp_path / "d", ["a/1", *(f"b/{i}" for i in range(6))])), progress=False)
    assert tally(data.train) == [1, 5]
    assert data.test.targets.tolist() == [1]


@pytest.mark.slow
def test_speakers_in_names_are_kept_apart(tmp_path):
    names = [f"{w}/{s:08x}_nohash_{k}" for w in WORDS for s in range(60) for k in range(2)]
    data = load_data(str(fill(tmp_path / "d", names)), progress=False)
    assert isinstance(data.train, Clips)
    sides = [set(part.speakers.tolist()) for part in (data.train, data.validation, data.test)]
    assert len(sides[0] | sides[1] | sides[2]) == sum(map(len, sides)) == 60
    few_speakers = [f"{w}/bob{s}_nohash_0" for w in WORDS for s in range(3)]
    data = load_data(str(fill(tmp_path / "e", few_speakers)), progress=False)
    assert len(data.test) == 3
    assert len(set(data.test.speakers.tolist())) == 1


def test_silent_recordings_are_taken_and_said(tmp_path, capsys):
    folder = fill(tmp_path / "d", [f"{w}/{i}" for w in ("a", "b") for i in range(4)])
    write_wav(folder / "a" / "silent.wav", np.zeros(500, np.int16))
    load_data(str(folder), progress=False)
    assert "1 of 9 recordings are silent" in capsys.readouterr().err


def test_folders_that_cannot_be_used_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="at least two words, found none"):
        load_data(str(tmp_path / "empty"), progress=False)
    with pytest.raises(UserError, match="found only 'a'"):
        load_data(str(fill(tmp_path / "one", ["a/1", "a/2"])), progress=False)
    with pytest.raises(UserError, match="too few different recordings"):
        load_data(str(fill(tmp_path / "two", ["a/1", "b/1"])), progress=False)
    folder = fill(tmp_path / "three", ["train/a/1", "train/b/1", "test/a/1", "test/c/1"])
    with pytest.raises(UserError, match=r"test.c: this word is not in"):
        load_data(str(folder), progress=False)
    folder = fill(tmp_path / "four", ["a/1", "a/2", "b/1", "b/2"])
    (folder / "b" / "2.wav").write_bytes(b"RIFFnothing")
    with pytest.raises(UserError, match=r"2\.wav: cannot be read as a recording"):
        load_data(str(folder), progress=False)
    with pytest.raises(UserError, match=r"no data set and no folder.*synthetic-digits.*fsdd.*speech-commands-v2-12"):
        load_data(str(tmp_path / "gone"))


# FSDD


@pytest.fixture
def fsdd_folder(tmp_path):
    names = [f"{d}_{s}_{take}" for d in range(10) for s in ("ann", "bob", "cy") for take in (0, 4, 5, 49)]
    return fill(tmp_path / "recordings", names)


def test_fsdd_has_its_official_split_and_leaves_speakers_out(fsdd_folder):
    official = load_data(str(fsdd_folder), progress=False)
    assert official.labels == DIGITS
    assert tally(official.train) == tally(official.test) == [6] * 10
    for name in ("ann", "cy"):
        data = load_data(str(fsdd_folder), f"speaker:{name}", progress=False)
        assert {data.test.names[s] for s in data.test.speakers} == {name}
        assert {data.train.names[s] for s in data.train.speakers} == {"ann", "bob", "cy"} - {name}
        assert len(data.test) == 40
        assert len(data.train) == 80
    with pytest.raises(UserError, match=r"nobody in recordings is called eve \(speakers: ann, bob, cy\)"):
        load_data(str(fsdd_folder), "speaker:eve")
    with pytest.raises(UserError, match="split must be official or speaker:NAME"):
        SpeechConfig(split="random")


def test_fsdd_is_read_from_its_archive(fsdd_folder, tmp_path, monkeypatch):
    manifest = load_manifest("fsdd")
    (spec,) = manifest.alternatives[0].files
    mine = tmp_path / "data" / "fsdd"
    mine.mkdir(parents=True)
    with tarfile.open(mine / spec.name, "w:gz") as archive:
        archive.add(fsdd_folder, "free-spoken-digit-dataset-1.0.9/recordings")
    monkeypatch.setenv("CNN_SUITE_DATA", str(tmp_path / "data"))
    with pytest.raises(UserError, match="not the file of Free Spoken Digit"):
        load_corpus("fsdd")
    monkeypatch.setattr("cnn_core.fetching.stamps.Stamps.digest", lambda self, path, kind="sha256": spec.sha256)
    found = load_corpus("fsdd", progress=False)
    expected = load_corpus(str(fsdd_folder), progress=False)
    assert found.names == expected.names
    np.testing.assert_array_equal(found.clips, expected.clips)
    np.testing.assert_array_equal(found.parts, expected.parts)


def test_shots_and_other_data_are_added_to_training_only(fsdd_folder, tmp_path):
    other = fill(tmp_path / "other", [f"{word}/{i}" for word in DIGITS for i in range(5)])
    plain = load(SpeechConfig(data=str(fsdd_folder)))
    data = load(SpeechConfig(data=str(fsdd_folder), shots=2, also=str(other)))
    assert torch.equal(data.test.inputs, plain.test.inputs)
    assert tally(data.train) == [2 + 5] * 10
    assert isinstance(data.train, Clips)
    few_clips, many = few(plain.train, 1), plain.train
    assert tally(few_clips) == [1] * 10
    joined = join(
        few_clips, Clips(many.inputs.repeat(4, 1), many.targets.repeat(4), many.speakers.repeat(4), many.names)
    )
    assert len(joined) == 12 * 10 + 240  # ten clips twelve times
    assert {joined.names[s] for s in joined.speakers} <= {"ann", "bob", "cy"}
    with pytest.raises(UserError, match="its words are not those of recordings"):
        load(SpeechConfig(data=str(fsdd_folder), also=str(fill(tmp_path / "x", ["a/1", "a/2", "b/1", "b/2"]))))


# Speech Commands


def test_the_rule_is_the_official_one():
    """Lines of the official lists of version 2, and recordings that stand in neither."""
    assert speech_commands.rule("bed/0c40e715_nohash_0.wav") in (TRAIN, VALIDATION, TEST)
    for name in ("left/abc_nohash_0.wav", "right/abc_nohash_1.wav", "abc_nohash_99.wav", "x/y/abc_nohash_3.wav"):
        assert speech_commands.rule(name) == speech_commands.rule("left/abc_nohash_0.wav")
    digest = int(hashlib.sha1(b"abc").hexdigest(), 16) % 2**27 * 100 / (2**27 - 1)
    expected = VALIDATION if digest < 10 else TEST if digest < 20 else TRAIN
    assert speech_commands.rule("left/abc_nohash_0.wav") == expected
    many = np.array([speech_commands.rule(f"go/{i:08x}_nohash_0.wav") for i in range(5000)])
    shares = np.bincount(many, minlength=3) / len(many)
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.015)


def toy_commands(path, lists=True):
    """A small archive in Speech Commands' layout, 40 speakers, 13 words, two recordings of noise."""
    names = [
        f"{word}/{s:08x}_nohash_0.wav" for word in (*speech_commands.WORDS, "bed", "cat", "dog") for s in range(40)
    ]
    generator = np.random.default_rng(0)
    with tarfile.open(path, "w:gz") as archive:

        def add(name, content):
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))

        def sound(samples):
            file = io.BytesIO()
            soundfile.write(file, samples, 16_000, format="WAV")
            return file.getvalue()

        for seed, name in enumerate(names):
            add(name, sound(whistle(seed, seconds=1.0)))
        for number in range(2):
            add(f"{speech_commands.NOISE}/{number}.wav", sound(generator.integers(-900, 900, 160_000).astype(np.int16)))
        if lists:
            chosen = {part: [n for n in names if int(n.split("/")[1][:8], 16) % 4 == k] for k, part in enumerate("vt")}
            add("validation_list.txt", "\n".join(chosen["v"]).encode())
            add("testing_list.txt", "\n".join(chosen["t"]).encode())
    return names


@pytest.mark.slow
def test_twelve_words_from_the_official_lists(tmp_path):
    toy_commands(tmp_path / "a.tar.gz")
    corpus = speech_commands.read_archive(tmp_path / "a.tar.gz", "toy", "12", progress=False)
    assert corpus.labels == (*speech_commands.WORDS, "silence", "unknown")
    counts = {word: numbers for word, *numbers in counted(corpus)}
    assert counts["yes"] == [20, 10, 10]
    assert counts["silence"] == counts["unknown"] == [20, 10, 10]
    silence = corpus.clips[corpus.targets == 10]
    assert silence.any(axis=1).all()  # never zeros
    assert len({clip.tobytes() for clip in silence}) == len(silence)
    spoken = corpus.targets != 10
    for part in (VALIDATION, TEST):
        own = {corpus.names[s] for s in corpus.speakers[spoken & (corpus.parts == part)]}
        rest = {corpus.names[s] for s in corpus.speakers[spoken & (corpus.parts != part)]}
        assert not own & rest
    again = speech_commands.read_archive(tmp_path / "a.tar.gz", "toy", "12", progress=False)
    np.testing.assert_array_equal(again.clips, corpus.clips)
    np.testing.assert_array_equal(again.targets, corpus.targets)


@pytest.mark.slow
def test_all_words_by_the_rule_where_there_are_no_lists(tmp_path):
    names = toy_commands(tmp_path / "a.tar.gz", lists=False)
    corpus = speech_commands.read_archive(tmp_path / "a.tar.gz", "toy", "words", progress=False)
    assert len(corpus.labels) == 13
    assert len(corpus.clips) == len(names)
    np.testing.assert_array_equal(corpus.parts, [speech_commands.rule(name) for name in sorted(names)])
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz"):
        pass
    with pytest.raises(UserError, match="holds no recordings"):
        speech_commands.read_archive(tmp_path / "b.tar.gz", "toy", "12", progress=False)


def test_noise_for_training_is_never_heard_in_the_test():
    ramp = np.arange(160_000, dtype=np.float64)  # each sample tells its place
    clips, parts = speech_commands.cuts_of_noise([(ramp / 5).astype(np.int16)], {TRAIN: 30, VALIDATION: 5, TEST: 5})
    assert np.bincount(parts).tolist() == [30, 5, 5]
    assert clips.shape == (40, LENGTH)
    slope = (clips[:, 10_000].astype(float) - clips[:, 5000]) / 1000  # the loudness that was drawn
    places = clips[:, 0] / slope * 5
    assert (places[parts == TRAIN] + LENGTH < 128_000 + 500).all()
    assert (places[parts == TEST] >= 144_000 - 500).all()


# Synthetic voices


@pytest.mark.parametrize("words", [":a,b", "en:a,,b", "en", "en:a,A", "en:a|b,B", "en:a|"])
def test_a_list_of_words_that_cannot_be_told_apart_is_refused(words):
    with pytest.raises(UserError, match="voices:"):
        synthesis.parse(f"voices:{words}")


def test_other_names_are_left_to_others():
    assert synthesis.parse("fsdd") is None
    assert synthesis.parse("synthetic-digits").words == DIGITS
    assert synthesis.parse("voices:de:ja, nein").words == ("ja", "nein")


def test_a_plan_keeps_voices_apart_and_draws_widely():
    spoken = synthesis.Spoken("x", "en", ("yes", "no"), 600)
    jobs, names, words, parts = synthesis.plan(spoken)
    assert len(jobs) == len(names) == len(words) == len(parts) == 1200
    assert synthesis.plan(spoken)[0] == jobs
    for part in (TRAIN, VALIDATION, TEST):
        own = {n for n, p in zip(names, parts, strict=True) if p == part}
        assert own
        assert not own & {n for n, p in zip(names, parts, strict=True) if p != part}
    assert len(set(names)) > 80
    assert not any("whisper" in name or "robo" in name.lower() for name in names)
    assert len({job["voice"].partition("+")[0] for job in jobs if job["engine"] == "espeak"}) == 8
    assert 0.2 < sum(job["engine"] == "pico" for job in jobs) / len(jobs) < 0.3
    assert not any(
        job["engine"] == "pico" for job in synthesis.plan(synthesis.Spoken("x", "pl", ("tak", "nie"), 50))[0]
    )
    with pytest.raises(UserError, match="does not speak it; it speaks .*de.*fr"):
        synthesis.plan(synthesis.Spoken("x", "klingon", ("a", "b"), 5))


def test_voices_speak_words_that_differ_and_fill_their_clips(monkeypatch):
    monkeypatch.setattr(synthesis, "_processes", lambda: 1)
    corpus = synthesis.speak(synthesis.Spoken("x", "en", ("yes", "stop now"), 12), progress=False)
    assert corpus.clips.shape == (24, LENGTH)
    assert np.abs(corpus.clips.astype(int)).max(1).min() > 1000
    length = np.array([np.ptp(np.flatnonzero(np.abs(clip) > 200)) for clip in corpus.clips])
    assert 2500 < np.median(length[corpus.targets == 0]) < np.median(length[corpus.targets == 1]) < LENGTH
    assert len({clip.tobytes() for clip in corpus.clips}) == 24


def test_a_voice_that_fails_is_one_line(monkeypatch):
    monkeypatch.setattr(synthesis, "_processes", lambda: 2)
    broken = {
        "engine": "espeak",
        "text": "yes",
        "voice": "no/such",
        "words_per_minute": 150,
        "pitch": 50,
        "variation": 50,
    }
    monkeypatch.setattr(
        synthesis, "plan", lambda spoken: ([broken] * 4, ["a"] * 4, np.zeros(4, np.int64), np.zeros(4, np.uint8))
    )
    with pytest.raises(UserError, match="eSpeak NG has no voice no/such"):
        synthesis.speak(synthesis.Spoken("x", "en", ("yes", "no"), 2), progress=False)
    silent = broken | {"voice": "gmw/en", "text": ""}
    monkeypatch.setattr(
        synthesis, "plan", lambda spoken: ([silent] * 2, ["a"] * 2, np.zeros(2, np.int64), np.zeros(2, np.uint8))
    )
    with pytest.raises(UserError, match="say nothing for 'yes'"):
        synthesis.speak(synthesis.Spoken("x", "en", ("yes", "no"), 1), progress=False)


def test_trimming_keeps_the_word():
    word = np.concatenate([np.zeros(5000), np.ones(800), np.full(3000, 0.004)]).astype(np.float32)
    found = synthesis.trim(word, 1000)
    assert len(found) == 840
    assert found.sum() >= 800
    assert len(synthesis.trim(np.zeros(10, np.float32), 1000)) == 10
