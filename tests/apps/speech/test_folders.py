"""Folders as people have them: levels of speakers, tables of speakers, bad files, formats that are not read."""

import itertools

import numpy as np
import pytest
import soundfile

from apps.speech.config import SpeechConfig
from apps.speech.corpora.entries import Reading
from apps.speech.corpora.layout import recognize
from apps.speech.data import load, load_corpus, load_data
from apps.speech.signal.audio import LENGTH, RATE, write_wav
from cnn_core.errors import UserError
from tests.helpers.recordings import fill, whistle


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path_factory.mktemp("cache")))


def refusal(*args, **options):
    """The message with which a folder is refused."""
    with pytest.raises(UserError) as caught:
        load_corpus(*map(str, args[:1]), *args[1:], progress=False, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def sides(data):
    """The speakers of the training and of the test clips."""
    return [{data.train.names[s] for s in part.speakers.tolist()} for part in (data.train, data.test)]


# Levels of folders

YES_NO = ("yes", "no", "stop")
PEOPLE = ("ann", "bob", "cy", "dee", "eve")


@pytest.mark.parametrize("first", ["word", "speaker"])
def test_levels_of_words_and_speakers_are_recognized_and_speakers_kept_apart(first, tmp_path, capsys):
    pairs = itertools.product(YES_NO, PEOPLE, range(3))
    names = [f"{w}/{s}/{i}" if first == "word" else f"{s}/{w}/{i}" for w, s, i in pairs]
    data = load_data(str(fill(tmp_path / "d", names)), progress=False)
    assert data.labels == ("no", "stop", "yes")
    train, test = sides(data)
    assert train | test == set(PEOPLE)
    assert len(test) == 1
    assert len(data.test) == 9
    err = capsys.readouterr().err
    layout = "word/speaker" if first == "word" else "speaker/word"
    assert f"read as {layout}/recording: 3 words, 5 speakers; no test/ folder: 9 of 45 recordings set aside" in err
    assert f"all those of {min(test)} (seed 0)" in err
    assert err.count("\n") == 1
    out = load_data(str(tmp_path / "d"), "speaker:cy", progress=False)
    assert sides(out) == [set(PEOPLE) - {"cy"}, {"cy"}]


RECOGNIZED = {
    "common words": (YES_NO, PEOPLE),
    "digits": (("0", "1", "2", "3"), ("10", "22", "35", "47")),
    "numbered speakers": (("lumos", "nox"), ("speaker1", "speaker2")),
    "letters and numbers": (("lumos", "nox"), ("s01", "s02", "p225")),
    "digests": (("lumos", "nox"), ("0c40e715", "a1b2c3d4")),
    "capitals": (("lumos", "nox"), ("Ann", "Bob")),
}


@pytest.mark.parametrize("kind", RECOGNIZED)
def test_names_tell_the_levels_apart_where_every_speaker_says_every_word(kind):
    words, speakers = RECOGNIZED[kind]
    assert recognize(list(itertools.product(words, speakers))) == "word/speaker"
    assert recognize(list(itertools.product(speakers, words))) == "speaker/word"


def test_a_level_that_does_not_recur_across_the_other_is_that_of_speakers():
    pairs = [("lumos", f"session {i}") for i in "abcd"] + [("nox", f"session {i}") for i in "efg"]
    assert recognize(pairs) == "word/speaker"
    assert recognize([(inner, outer) for outer, inner in pairs]) == "speaker/word"
    assert recognize([("recordings", "lumos"), ("recordings", "nox")]) == "speaker/word"


def test_levels_that_nothing_tells_apart_are_asked_for(tmp_path, capsys):
    names = [f"{a}/{b}/{i}" for a in ("lumos", "nox") for b in ("anna", "otto", "ida") for i in range(2)]
    folder = fill(tmp_path / "d", names)
    assert "Add --layout word/speaker or --layout speaker/word" in refusal(folder)
    data = load(SpeechConfig(data=str(folder), layout="word/speaker"))
    assert data.labels == ("lumos", "nox")
    data = load(SpeechConfig(data=str(folder), layout="speaker/word"))
    assert data.labels == ("anna", "ida", "otto")
    assert {data.train.names[s] for s in data.train.speakers} <= {"lumos", "nox"}
    flat = fill(tmp_path / "flat", [f"{w}/{i}" for w in YES_NO for i in range(3)])
    assert "has one level of folders" in refusal(flat, Reading(layout="word/speaker"))
    fill(flat, ["yes/old/1"])
    assert "some recordings have one level of folders (no/0.wav) and others two (yes/old/1.wav)" in refusal(flat)


def test_one_speaker_is_no_reason_to_test_on_nothing(tmp_path, capsys):
    data = load_data(str(fill(tmp_path / "d", [f"ann/{w}/{i}" for w in YES_NO for i in range(5)])), progress=False)
    assert data.labels == ("no", "stop", "yes")
    assert len(data.test) == 3
    assert "the same speakers may be on both" in capsys.readouterr().err


def test_split_folders_hold_levels_of_speakers(tmp_path, capsys):
    names = [f"train/{w}/{s}/{i}" for w in YES_NO for s in PEOPLE[:3] for i in range(2)]
    names += [f"Val/{w}/dee/0" for w in YES_NO] + [f"test/{w}/{s}/0" for w in YES_NO for s in ("eve", "ann")]
    data = load_data(str(fill(tmp_path / "d", names)), progress=False)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [18, 3, 6]
    assert sides(data) == [{"ann", "bob", "cy"}, {"eve", "ann"}]
    assert "5 speakers; 1 of them both in training and in testing" in capsys.readouterr().err


def test_a_test_folder_beside_the_words_is_the_test_set(tmp_path):
    folder = fill(tmp_path / "d", [*(f"{w}/{i}" for w in YES_NO for i in range(4)), *(f"test/{w}/9" for w in YES_NO)])
    data = load_data(str(folder), progress=False)
    assert data.labels == ("no", "stop", "yes")
    assert len(data.train) == 12
    assert data.test.targets.tolist() == [0, 1, 2]
    fill(folder, ["train/yes/1", "train/no/1"])
    assert "holds train/ and also no/" in refusal(folder)


def test_folders_called_test_or_train_may_be_words(tmp_path):
    data = load_data(str(fill(tmp_path / "d", [f"{w}/{i}" for w in ("test", "train", "bus") for i in range(4)])))
    assert data.labels == ("bus", "test", "train")
    names = [f"{w}/speaker{s}/{i}" for w in ("test", "bus") for s in range(4) for i in range(2)]
    assert load_data(str(fill(tmp_path / "e", names)), progress=False).labels == ("bus", "test")


def test_words_without_a_clip_to_test_are_said_each_time(tmp_path, capsys):
    folder = fill(tmp_path / "d", ["yes/1", *(f"{w}/{i}" for w in ("no", "stop") for i in range(6))])
    for _ in range(2):
        load_data(str(folder), progress=False)
        assert "d: these words have no test clip: yes" in capsys.readouterr().err
    fill(tmp_path / "e", [*(f"{w}/ann/{i}" for w in YES_NO for i in range(2)), *(f"{w}/bob/1" for w in YES_NO[:2])])
    load_data(str(tmp_path / "e"), "speaker:ann", progress=False)
    assert "these words have no training clip: stop" in capsys.readouterr().err


# Tables of speakers


@pytest.fixture
def flat(tmp_path):
    """3 words of 12 recordings, three of each of four speakers: a table says whose they are."""
    folder = fill(tmp_path / "flat", [f"{w}/{i:02}" for w in YES_NO for i in range(12)])
    rows = [f"{w}/{i:02}.wav,{PEOPLE[i // 3]}" for w in YES_NO for i in range(12)]
    (folder / "who.csv").write_text("\n".join(["file,speaker", *rows]), encoding="utf-8")
    return folder


def test_a_table_of_speakers_splits_a_flat_folder(flat, tmp_path, capsys):
    data = load(SpeechConfig(data=str(flat), speakers=str(flat / "who.csv")))
    train, test = sides(data)
    assert not train & test
    assert train | test == set(PEOPLE[:4])
    assert len(data.test) == 9
    assert f"speakers from {flat / 'who.csv'}: 3 words, 4 speakers; no test/ folder: 9 of 36" in capsys.readouterr().err
    left_out = load(SpeechConfig(data=str(flat), speakers="who.csv", split="speaker:bob"))  # found in the folder too
    assert sides(left_out)[1] == {"bob"}
    assert load(SpeechConfig(data=str(flat))).test.names == ()


TABLES = {
    "semicolons, columns in another order": "\n".join,
    "a byte order mark": lambda rows: "\ufeff" + "\n".join(rows),
    "no header": lambda rows: "\n".join(rows[1:]),
    "Windows": lambda rows: "\r\n".join(row.replace("/", "\\") for row in rows),
    "empty rows": lambda rows: "\n\n".join(rows) + "\n\n",
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_as_spreadsheets_write_them(kind, flat):
    rows = (flat / "who.csv").read_text(encoding="utf-8").splitlines()
    if kind.startswith("semicolons"):
        rows = ["Speaker;age;File", *(f"{who}; 30; ./{file}" for file, who in (row.split(",") for row in rows[1:]))]
    (flat / "t.csv").write_bytes(TABLES[kind](rows).encode())
    data = load(SpeechConfig(data=str(flat), speakers=str(flat / "t.csv")))
    assert set(data.train.names) == set(PEOPLE[:4])


def test_bad_tables_are_one_line(flat, capsys):
    rows = (flat / "who.csv").read_text(encoding="utf-8").splitlines()
    table = flat / "t.csv"

    def refused(*lines):
        table.write_text("\n".join(lines), encoding="utf-8")
        return refusal(flat, Reading(speakers=str(table)))

    assert "names no speaker for 2 of the 36 recordings" in refused(*rows[:-2])
    assert "(first: stop/10.wav)" in refused(*rows[:-2])
    assert "row 2 names no speaker" in refused(rows[0], "yes/00.wav,", *rows[2:])
    assert "row 38: yes/00.wav has two speakers, ann and bob" in refused(*rows, "yes/00.wav,bob")
    assert "needs a first row with the columns file and speaker" in refused("path,who,age", *rows[1:])
    assert "needs a first row" in refused("")
    table.write_bytes(b"file,speaker\n\xff\xfe,x")
    assert "cannot be read as a table in UTF-8" in refusal(flat, Reading(speakers=str(table)))
    assert "--speakers gone.csv: no such file" in refusal(flat, Reading(speakers="gone.csv"))
    assert "give one of them" in refusal(flat, Reading(speakers="who.csv", layout="word/speaker"))
    assert "are for folders, and fsdd is not one" in refusal("fsdd", Reading(speakers="who.csv"))
    assert "are for folders" in refusal("voices:en:yes,no", Reading(layout="word/speaker"))
    capsys.readouterr()
    table.write_text("\n".join([*rows, "yes/99.wav,eve"]), encoding="utf-8")
    load_corpus(str(flat), Reading(speakers=str(table)), progress=False)
    assert "are not recordings in" in capsys.readouterr().err
    table.write_text("\n".join([*rows[:-1], "stop/11.wav,eve"]), encoding="utf-8")  # no old copy is taken
    assert "eve" in load_corpus(str(flat), Reading(speakers=str(table)), progress=False).names


# Bad recordings


def spoil(folder):
    """Thirteen bad recordings: empty ones, a dangling link, NaN, and one cut short."""
    for number in range(10):
        (folder / "yes" / f"empty{number}.wav").touch()
    (folder / "no" / "link.wav").symlink_to(folder / "gone.wav")
    soundfile.write(folder / "no" / "nan.wav", np.full(100, np.nan, np.float32), RATE, subtype="FLOAT")
    (folder / "stop" / "cut.wav").write_bytes((folder / "stop" / "0.wav").read_bytes()[:9000])
    return folder


def test_all_bad_recordings_are_listed_at_once_or_skipped(tmp_path, capsys):
    folder = spoil(fill(tmp_path / "d", [f"{w}/{i}" for w in YES_NO for i in range(6)]))
    message = refusal(folder)
    assert "13 of 31 recordings cannot be read: " in message
    for part in ("link.wav: is a link to a missing file", "nan.wav: sample 0 is not a number", "cut.wav: truncated"):
        assert part in message
    assert message.count(".wav: ") == 10
    assert message.endswith("; and 3 more; --skip-bad leaves such recordings out")
    assert capsys.readouterr().err == ""
    for _ in range(2):  # decoded, and from the cache
        data = load(SpeechConfig(data=str(folder), skip_bad=True))
        assert len(data.train) + len(data.test) == 18
        assert "bad recordings left out: 13 (first: " in capsys.readouterr().err


def test_skipping_leaves_speakers_and_words_right(tmp_path):
    folder = fill(tmp_path / "d", [f"{s}/{w}/{i}" for s in PEOPLE for w in YES_NO for i in range(2)])
    (folder / "ann" / "no" / "0.wav").write_bytes(b"RIFF")
    corpus = load_corpus(str(folder), Reading(skip_bad=True), progress=False)
    assert len(corpus.clips) == 29
    counts = {(corpus.names[s], corpus.labels[t]) for s, t in zip(corpus.speakers, corpus.targets, strict=True)}
    assert len(counts) == 15
    lone = (corpus.speakers == corpus.names.index("ann")) & (corpus.targets == corpus.labels.index("no"))
    assert lone.sum() == 1
    for name in ("0.wav", "1.wav"):
        for speaker in PEOPLE:
            (folder / speaker / "no" / name).write_bytes(b"RIFF")
    assert "none of the recordings of 'no' can be read" in refusal(folder, Reading(skip_bad=True))


def test_bad_files_of_fsdd_are_skipped_too(tmp_path, capsys):
    folder = fill(tmp_path / "d", [f"{d}_{s}_{i}" for d in range(10) for s in ("ann", "bob") for i in (0, 9)])
    (folder / "3_bob_9.wav").write_bytes(b"")
    assert "3_bob_9.wav: is empty; --skip-bad leaves" in refusal(folder)
    corpus = load_corpus(str(folder), Reading(skip_bad=True), progress=False)
    assert len(corpus.clips) == 39
    assert "FSDD's names" in refusal(folder, Reading(layout="word/speaker"))


def test_hidden_files_are_not_read(tmp_path, capsys):
    folder = fill(tmp_path / "d", [f"{w}/{i}" for w in YES_NO for i in range(4)])
    for name in ("yes/._0.wav", ".DS_Store", "__MACOSX/yes/._0.wav", ".cache/no/1.wav", "no/.x.m4a"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\0\5\x16\7")
    data = load_data(str(folder), progress=False)
    assert len(data.train) + len(data.test) == 12
    assert capsys.readouterr().err.count("\n") == 1  # how it was split


def test_a_folder_that_links_to_itself_ends(tmp_path):
    folder = fill(tmp_path / "d", [f"{w}/{i}" for w in YES_NO for i in range(4)])
    (folder / "sets").symlink_to(tmp_path / "elsewhere")
    fill(tmp_path / "x", ["1"])
    (folder / "up").symlink_to(tmp_path / "x")  # a linked word
    assert load_data(str(folder), progress=False).labels == ("no", "stop", "up", "yes")
    (folder / "yes" / "again").symlink_to(folder)
    assert "others two" in refusal(folder)


def test_formats_that_are_not_read_are_counted_with_the_way_out(tmp_path, capsys):
    folder = fill(tmp_path / "d", [f"{w}/{i}" for w in YES_NO for i in range(4)])
    for name in ("yes/a.m4a", "yes/b.M4A", "go/c.webm", "no/d.wma", "notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    assert load_data(str(folder), progress=False).labels == ("no", "stop", "yes")
    err = capsys.readouterr().err
    assert "files in formats that are not read: 2 .m4a, 1 .webm, 1 .wma (first: go/c.webm)" in err
    assert "convert it: ffmpeg -i c.webm c.wav; without them these words are missing: go" in err
    (folder / "yes" / "e.amr").write_bytes(b"x")
    load_data(str(folder), progress=False)
    assert "1 .amr, 2 .m4a" in capsys.readouterr().err  # though the old copy would do
    other = tmp_path / "e"
    for name in ("yes/a.m4a", "no/b.m4a"):
        (other / name).parent.mkdir(parents=True)
        (other / name).write_bytes(b"x")
    assert "found none; files in formats that are not read: 2 .m4a (first: no/b.m4a)" in refusal(other)
    fill(folder, ["loose"])
    load_data(str(folder), progress=False)
    assert "recordings outside the folders of words, not read: 1 (first: loose.wav)" in capsys.readouterr().err
    assert "found none; 2 recordings are in no folder" in refusal(fill(tmp_path / "f", ["a", "b"]))


# Recordings of every kind


def test_a_folder_of_every_form_of_wav_gives_the_same_clips(tmp_path):
    forms = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
    for word, seed in (("yes", 1), ("no", 2)):
        (tmp_path / "d" / word).mkdir(parents=True)
        for form, kind in itertools.product(forms, ("WAV", "WAVEX")):
            file = tmp_path / "d" / word / f"{form}{kind}.wav"
            soundfile.write(file, whistle(seed) / 32768, RATE, subtype=form, format=kind)
    corpus = load_corpus(str(tmp_path / "d"), progress=False)
    for target, word in enumerate(corpus.labels):
        clips = corpus.clips[corpus.targets == target].astype(int)
        assert len(clips) == 12
        middle = whistle({"yes": 1, "no": 2}[word]).astype(int)
        start = np.flatnonzero(clips[2])[0] - np.flatnonzero(middle)[0]
        assert np.abs(clips[:, start : start + len(middle)] - middle).max() <= 256  # a step of 8 bits


def test_odd_recordings_are_read_and_said(tmp_path, capsys):
    folder = fill(tmp_path / "d", [f"{w}/{i}" for w in YES_NO for i in range(5)])
    write_wav(folder / "no" / "short.wav", whistle(50, seconds=0.02))
    write_wav(folder / "no" / "long.wav", np.concatenate([np.zeros(12 * RATE, np.int16), whistle(51)]))
    for number in range(2):
        both = np.stack([whistle(60 + number), -whistle(60 + number)], axis=1)
        soundfile.write(folder / "yes" / f"stereo{number}.wav", both, RATE)
    corpus = load_corpus(str(folder), progress=False)
    assert corpus.clips.shape == (19, LENGTH)
    assert corpus.clips.any(axis=1).all()
    err = capsys.readouterr().err
    assert "1 of 19 recordings are shorter than 50 ms (first: no/short.wav)" in err
    assert (
        "1 of 19 recordings are longer than 10 s; of each only the loudest second is used (first: no/long.wav)" in err
    )
    assert "2 of 19 recordings have channels that cancel each other" in err
    assert err.count("\n") == 4
