"""Decoding recordings of every kind, and every kind of damage."""

import io
from threading import Event

import numpy as np
import pytest
import soundfile
import torch
import torchaudio.functional
from hypothesis import given
from hypothesis import strategies as st

from apps.speech.signal import audio, resampling
from apps.speech.signal.audio import (
    LENGTH,
    RATE,
    fit_clip,
    mix,
    read,
    read_recording,
    to_int16,
    write_wav,
)
from apps.speech.signal.many import decode_clips, read_clips
from apps.speech.signal.resampling import resample
from cnn_core.errors import UserError


def tone(rate=RATE, seconds=1.0, hertz=440.0, level=0.5):
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def recorded(samples, rate=RATE, **options):
    """The bytes of a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, **{"format": "WAV", "subtype": "PCM_16", **options})
    return file.getvalue()


def loudest(samples, rate=RATE):
    """Frequency in Hz of the highest peak of the spectrum."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * rate / len(samples)


FORMS = {
    "16 bits": {},
    "8 bits": {"subtype": "PCM_U8"},
    "24 bits": {"subtype": "PCM_24"},
    "float": {"subtype": "FLOAT"},
    "double": {"subtype": "DOUBLE"},
    "flac": {"format": "FLAC"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III"},
    "aiff": {"format": "AIFF"},
    "extensible": {"format": "WAVEX"},
    "extensible float": {"format": "WAVEX", "subtype": "FLOAT"},
    "mu-law": {"subtype": "ULAW"},
    "IMA ADPCM": {"subtype": "IMA_ADPCM"},
    "GSM": {"subtype": "GSM610"},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rate", [8000, 44100])
def test_formats_and_rates_give_the_same_tone(form, rate):
    found = read_recording(recorded(tone(rate), rate, **FORMS[form]))
    assert abs(len(found) - RATE) < 0.1 * RATE  # compressed formats pad
    middle = found[4000:12000]
    assert abs(loudest(middle) - 440) < 5
    assert abs(np.sqrt(2 * np.mean(middle**2)) - 0.5) < 0.03


def test_stereo_is_averaged():
    both = np.stack([tone(), tone(hertz=1000)], axis=1)
    np.testing.assert_allclose(read_recording(recorded(both)), both.mean(1), atol=1e-4)


def test_of_channels_that_cancel_each_other_the_louder_one_is_taken_and_this_is_said_once(capsys, monkeypatch):
    monkeypatch.setattr(audio, "_noted_out_of_phase", Event())
    noise = np.random.default_rng(0).normal(0, 0.01, (RATE, 2)).astype(np.float32)
    both = np.stack([0.8 * tone(), -tone()], axis=1) + noise
    for _ in range(2):
        np.testing.assert_allclose(read_recording(recorded(both)), both[:, 1], atol=1e-4)
    err = capsys.readouterr().err
    assert err.count("cancel each other") == 1
    assert err.startswith("standard input: ")


@pytest.mark.parametrize("second", [np.zeros(RATE), tone(hertz=700), -0.3 * tone(), tone(level=1e-3)])
def test_other_channels_are_averaged(second):
    both = np.stack([tone(), second.astype(np.float32)], axis=1)
    mono, out_of_phase = mix(both)
    assert not out_of_phase
    np.testing.assert_array_equal(mono, both.mean(1))


def test_silent_channels_do_not_cancel_each_other():
    mono, out_of_phase = mix(np.zeros((100, 2), np.float32))
    assert not out_of_phase
    assert not mono.any()


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 15999, 44099])
def test_resampling_keeps_length_and_tone_and_lets_nothing_fold_back(rate):
    found = resample(tone(rate, 0.5, 1000), rate, RATE)
    assert abs(len(found) - 8000) < 30
    assert abs(loudest(found[2000:6000]) - 1000) < 6
    if rate > 2 * RATE:
        assert np.abs(resample(tone(rate, 0.5, 12_000), rate, RATE)[2000:6000]).max() < 0.02


@given(st.sampled_from([8000, 11025, 22050, 44100, 48000, 96000]), st.integers(1, 50_000), st.integers(100, 100_000))
def test_resampling_is_torchaudios(monkeypatch_at_once, rate, count, at_once):
    monkeypatch_at_once(at_once)
    samples = np.random.default_rng(count).normal(0, 0.2, count).astype(np.float32)
    expected = torchaudio.functional.resample(torch.from_numpy(samples), rate, RATE).numpy()
    np.testing.assert_allclose(resample(samples, rate, RATE), expected, atol=3e-5)  # its filter is made in float32


@pytest.fixture(scope="module")
def monkeypatch_at_once():
    """Sets how many samples lie under the filter at a time."""
    with pytest.MonkeyPatch.context() as patch:
        yield lambda count: patch.setattr(resampling, "AT_ONCE", count)


def test_a_clip_of_ten_milliseconds_lies_in_the_middle_of_zeros():
    clip = read(recorded(tone(seconds=0.01, hertz=2000)))
    assert clip.shape == (LENGTH,)
    assert clip.dtype == np.int16
    heard = np.flatnonzero(clip)
    assert 7900 < heard[0] <= heard[-1] < 8100


@pytest.mark.long
def test_of_ten_minutes_the_loudest_second_is_taken():
    long = np.zeros(600 * 8000, np.float32)
    at = 431 * 8000
    long[at : at + 4000] = tone(8000, 0.5, 700)
    clip = read(recorded(long, 8000))
    assert clip.shape == (LENGTH,)
    heard = np.flatnonzero(np.abs(clip) > 1000)
    assert heard[-1] - heard[0] > 7900  # all of the half second
    assert abs(heard[0] + heard[-1] - LENGTH) < 400  # and in the middle


@given(st.integers(1, 40_000), st.integers(0, 2**32 - 1))
def test_every_length_becomes_one_second_and_what_is_shorter_is_kept_whole(count, seed):
    samples = np.random.default_rng(seed).integers(-9000, 9000, count).astype(np.int16)
    clip = fit_clip(samples)
    assert clip.shape == (LENGTH,)
    if count <= LENGTH:
        np.testing.assert_array_equal(np.trim_zeros(clip), np.trim_zeros(samples))
    else:
        windows = np.convolve(samples.astype(float) ** 2, np.ones(LENGTH), "valid")
        assert (clip.astype(float) ** 2).sum() >= windows.max() * (1 - 1e-6)


def test_silence_is_read_as_zeros():
    assert not read(recorded(np.zeros(9000, np.float32))).any()


def test_floats_beyond_full_scale_are_clipped():
    assert to_int16(np.array([2.0, -3.0, 0.5], np.float32)).tolist() == [32767, -32768, 16384]


def test_a_gsm_recording_of_any_length_is_whole(monkeypatch):
    monkeypatch.setattr(audio, "BLOCK", 3200)
    for seconds in (0.2, 1.0, 1.3):  # a multiple of the block, and none
        found = read_recording(recorded(tone(seconds=seconds), subtype="GSM610"))
        assert 0 <= len(found) - round(seconds * RATE) <= 320  # the last frame is filled up
        assert abs(loudest(found) - 440) < 6


@pytest.mark.long
def test_a_recording_of_more_than_an_hour_is_no_word(monkeypatch):
    assert audio.LONGEST == 3600
    monkeypatch.setattr(audio, "LONGEST", 100)
    long = recorded(np.zeros(130 * 8000, np.int16), 8000)
    assert len(read_recording(long)) == 130 * RATE  # as listen reads it
    with pytest.raises(UserError, match=r"lasts 2 minutes, and one word is expected; use `cnn-speech listen`"):
        read(long)


def with_codec(tag, subformat=None):
    """A WAV file whose header names another codec."""
    kind = {"format": "WAVEX"} if subformat is not None else {}
    content = bytearray(recorded(tone(), **kind))
    place = content.index(b"fmt ") + 8
    content[place : place + 2] = tag.to_bytes(2, "little")
    if subformat is not None:
        content[place + 24 : place + 26] = subformat.to_bytes(2, "little")
    return bytes(content)


UNDECODABLE = {
    "TrueSpeech": (with_codec(0x22), r"TrueSpeech \(WAV codec 34\)"),
    "damaged GSM": (with_codec(0x31), r"GSM 6\.10 \(WAV codec 49\)"),
    "G.722": (with_codec(0x65), r"G\.722 ADPCM \(WAV codec 101\)"),
    "WMA": (with_codec(0x161), r"WMA \(WAV codec 353\)"),
    "a rare one": (with_codec(0x4321), r"unknown codec \(WAV codec 17185\)"),
    "extensible": (with_codec(0xFFFE, 0x161), r"WMA \(WAV codec 353\)"),
    "m4a": (b"\0\0\0\x20ftypM4A " + bytes(100), "MPEG-4 audio"),
    "webm": (b"\x1aE\xdf\xa3" + bytes(100), "WebM"),
    "amr": (b"#!AMR\n" + bytes(100), "AMR"),
    "wma": (bytes.fromhex("3026b2758e66cf11") + bytes(100), "Windows Media"),
    "aac": (b"\xff\xf1" + bytes(100), "AAC"),
}


@pytest.mark.parametrize("kind", UNDECODABLE)
def test_a_codec_that_cannot_be_decoded_is_named_with_the_way_out(tmp_path, kind):
    content, name = UNDECODABLE[kind]
    with pytest.raises(UserError, match=rf"standard input: holds {name}.*ffmpeg -i INPUT OUTPUT\.wav$"):
        read(content)
    for file, command in (("my x.wav", "ffmpeg -i 'my x.wav' 'my x-pcm.wav'"), ("y.m4a", "ffmpeg -i y.m4a y.wav")):
        (tmp_path / file).write_bytes(content)
        with pytest.raises(UserError, match=f"{name}.*, which libsndfile cannot decode; convert it: {command}$"):
            read(tmp_path / file)


DAMAGE = {
    "empty": (b"", "empty"),
    "text": (b"no recording at all", "cannot be read as a recording"),
    "no samples": (recorded(np.zeros(0, np.float32)), "holds no samples"),
    "NaN": (recorded(np.array([0, np.nan, 0], np.float32), subtype="FLOAT"), "sample 1 is not a number"),
    "infinite": (recorded(np.array([0, 0, np.inf], np.float32), subtype="FLOAT"), "sample 2 is not a number"),
    "integers as floats": (recorded(20_000 * tone(), subtype="FLOAT"), "reach 10000, and full scale is 1"),
    "cut WAV": (recorded(tone())[:20_000], "truncated"),
    "cut header": (recorded(tone())[:30], "cannot be read"),
    "cut FLAC": (recorded(tone(), format="FLAC")[:3000], "cannot be read|truncated"),
    "cut OGG": (recorded(tone(), format="OGG", subtype="VORBIS")[:2600], "cannot be read|truncated"),
    "cut AIFF": (recorded(tone(), format="AIFF")[:19_000], "truncated"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_one_line_that_names_the_file(tmp_path, kind):
    content, message = DAMAGE[kind]
    path = tmp_path / "ä b'c.wav"
    path.write_bytes(content)
    for source, name in ((path, str(path)), (content, "standard input")):
        with pytest.raises(UserError, match=message) as caught:
            read(source)
        assert str(caught.value).startswith(name)
        assert "\n" not in str(caught.value)


def test_a_header_that_a_pipe_left_open_is_no_damage():
    whole = bytearray(recorded(tone()))
    whole[4:8] = whole[40:44] = b"\xff\xff\xff\xff"
    assert abs(len(read_recording(bytes(whole))) - RATE) <= 1


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read(tmp_path / "gone.wav")
    with pytest.raises(UserError, match="is a folder"):
        read(tmp_path)
    (tmp_path / "link.wav").symlink_to("gone.wav")
    with pytest.raises(UserError, match=r"link\.wav: is a link to a missing file \(gone\.wav\)"):
        read(tmp_path / "link.wav")


def test_many_are_decoded_in_their_order_and_the_bad_one_is_named(tmp_path):
    paths = []
    for number in range(20):
        paths.append(tmp_path / f"{number}.wav")
        write_wav(paths[-1], to_int16(tone(hertz=300 + 100 * number)))
    clips = read_clips(paths, list(map(str, paths)), "x", progress=False)
    assert [round(loudest(clip) / 100) for clip in clips] == [3 + number for number in range(20)]
    paths[13].write_bytes(b"RIFF")
    with pytest.raises(UserError, match=r"13\.wav"):
        read_clips(paths, list(map(str, paths)), "x", progress=False)
    decoded = decode_clips(paths, list(map(str, paths)), "x", progress=False)
    assert decoded.rows.tolist() == [*range(13), *range(14, 20)]
    np.testing.assert_array_equal(decoded.clips, np.delete(clips, 13, axis=0))
    np.testing.assert_allclose(decoded.seconds, 1)
    for path in paths[2:15]:
        path.write_bytes(b"")
    with pytest.raises(UserError) as caught:
        read_clips(paths, list(map(str, paths)), "x", progress=False)
    message = str(caught.value)
    assert message.startswith("13 of 20 recordings cannot be read: ")
    assert [f"{number}.wav: is empty" in message for number in range(2, 12)] == [True] * 10
    assert message.endswith("11.wav: is empty; and 3 more")
