"""Decoding recordings of every kind, and every kind of damage."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from apps.speech.signal.audio import (
    LENGTH,
    RATE,
    fit_clip,
    read,
    read_recording,
    resample,
    to_int16,
    write_wav,
)
from apps.speech.signal.many import read_clips
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


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 15999, 44099])
def test_resampling_keeps_length_and_tone_and_lets_nothing_fold_back(rate):
    found = resample(tone(rate, 0.5, 1000), rate)
    assert abs(len(found) - 8000) < 30
    assert abs(loudest(found[2000:6000]) - 1000) < 6
    if rate > 2 * RATE:
        assert np.abs(resample(tone(rate, 0.5, 12_000), rate)[2000:6000]).max() < 0.02


def test_a_clip_of_ten_milliseconds_lies_in_the_middle_of_zeros():
    clip = read(recorded(tone(seconds=0.01, hertz=2000)))
    assert clip.shape == (LENGTH,)
    assert clip.dtype == np.int16
    heard = np.flatnonzero(clip)
    assert 7900 < heard[0] <= heard[-1] < 8100


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


DAMAGE = {
    "empty": (b"", "empty"),
    "text": (b"no recording at all", "cannot be read as a recording"),
    "no samples": (recorded(np.zeros(0, np.float32)), "holds no samples"),
    "NaN": (recorded(np.array([0, np.nan, 0], np.float32), subtype="FLOAT"), "sample 1 is not a number"),
    "infinite": (recorded(np.array([0, 0, np.inf], np.float32), subtype="FLOAT"), "sample 2 is not a number"),
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
