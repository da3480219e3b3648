"""Recordings that do not fit into the memory: the same clips from files as in memory, in every verb's splits."""

import numpy as np
import pytest
import soundfile
import torch

from apps.speech import data
from apps.speech.config import SpeechConfig
from apps.speech.corpora import speech_commands
from apps.speech.corpora.clips import join
from apps.speech.others.listening import Listening
from apps.speech.signal import many
from cnn_core.fetching import mapped


@pytest.fixture
def folder(tmp_path):
    """30 recordings of two words, and one of them unreadable."""
    generator = np.random.default_rng(0)
    for word in ("yes", "no"):
        for number in range(15):
            path = tmp_path / "words" / word / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, generator.uniform(-0.5, 0.5, 12_000).astype(np.float32), 16_000)
    (tmp_path / "words" / "yes" / "bad.wav").write_bytes(b"RIFF")
    return tmp_path / "words"


def loaded(folder, monkeypatch, memory: str, cache):
    monkeypatch.setenv(mapped.VARIABLE, memory)
    monkeypatch.setenv("CNN_SUITE_CACHE", str(cache))
    return data.load(SpeechConfig(data=str(folder), unknown=False, skip_bad=True))


def test_clips_from_files_equal_those_in_memory(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "SHARD", 100_000)  # three clips
    monkeypatch.setattr(many, "BLOCK", 4)
    whole = loaded(folder, monkeypatch, "1G", tmp_path / "one")
    for _ in range(2):  # written, and found again
        rows = loaded(folder, monkeypatch, "200k", tmp_path / "two")
        assert rows.labels == whole.labels
        for one, other in ((whole.train, rows.train), (whole.test, rows.test)):
            assert not one.mapped
            assert other.mapped
            assert torch.equal(one.inputs, other.inputs[:])
            assert torch.equal(one.targets, other.targets)
            assert torch.equal(one.speakers, other.speakers)
            twice = join(other, one), join(one, one)
            assert torch.equal(twice[0].inputs[:], twice[1].inputs)
    assert len(list((tmp_path / "two").rglob("clips-*.npy"))) > 4
    assert not list((tmp_path / "one").rglob("*.npy"))


def test_words_among_others_keep_the_order_of_their_blocks(folder, tmp_path, monkeypatch):
    train = loaded(folder, monkeypatch, "200k", tmp_path).train
    more = torch.cat([train.targets, torch.full((40,), 2), torch.full((40,), 3)])
    inputs = data.join(train, train).inputs.rows(torch.arange(len(more)) % len(train))
    split = Listening(inputs, more, torch.zeros(len(more)), (), shares=((2, 0.2), (3, 0.1)))
    order = split.order(0, 0, 8)
    assert len(order) == split.epoch_length(0)
    words = order[order < len(train)]
    assert words.sort().values.tolist() == list(range(len(train)))
    assert torch.equal(order, split.order(0, 0, 8))
    assert not torch.equal(order, split.order(0, 1, 8))
    assert torch.bincount(more[order], minlength=4)[2:].tolist() == split._others(len(train) / 0.7)
    assert split.inputs.index_select(0, order[:8]).shape == (8, 16_000)


def test_an_archive_is_decoded_into_files_in_its_own_order(tmp_path, monkeypatch):
    import io
    import tarfile

    monkeypatch.setattr(mapped, "SHARD", 100_000)
    generator = np.random.default_rng(1)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for number in (3, 1, 2, 0, 5, 4, 9, 7, 8, 6):
            for word in ("right", "left"):
                sound = io.BytesIO()
                soundfile.write(sound, generator.uniform(-1, 1, 9_000).astype(np.float32), 16_000, format="WAV")
                info = tarfile.TarInfo(f"{word}/{number:08x}_nohash_0.wav")
                info.size = len(sound.getvalue())
                archive.addfile(info, io.BytesIO(sound.getvalue()))
    whole = speech_commands.read_archive(tmp_path / "a.tar.gz", "toy", "words", progress=False)
    monkeypatch.setenv(mapped.VARIABLE, "100k")
    monkeypatch.setattr(speech_commands, "BLOCK", 4)
    grow = lambda expected: mapped.Growing(tmp_path / "a.shards", "clips", expected)  # noqa: E731
    rows = speech_commands.read_archive(tmp_path / "a.tar.gz", "toy", "words", False, grow)
    assert isinstance(rows.clips, mapped.Mapped)
    np.testing.assert_array_equal(rows.clips.array(), whole.clips)
    np.testing.assert_array_equal(rows.targets, whole.targets)
