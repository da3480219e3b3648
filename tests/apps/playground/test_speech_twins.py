"""Speech on the page against Python: rates, clips, spectrograms, words, WAV files."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from apps.speech.detection.detector import Detector, Teller
from apps.speech.signal import audio, frames
from apps.speech.verbs.listen import ListenOptions
from apps.speech.verbs.windows import loudness

GENERATOR = np.random.default_rng(3)
READY = "const f32 = (text) => new Float32Array(new Uint8Array(Buffer.from(text, 'base64')).buffer);"
INT16 = "const i16 = (text) => new Int16Array(new Uint8Array(Buffer.from(text, 'base64')).buffer);"
TEXT = "const b64 = (values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');"


def sent(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def got(text: str, kind: type) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def program(code: str) -> str:
    return f"(() => {{ {READY} {INT16} {TEXT} return {code}; }})()"


def sound(seconds: float, rate: int) -> np.ndarray:
    """Tones and noise (samples,) float32."""
    time = np.arange(round(seconds * rate)) / rate
    tones = sum(np.sin(2 * np.pi * f * time + f) for f in (120.0, 440.0, 1700.0, 0.31 * rate))
    return (0.15 * tones + 0.05 * GENERATOR.normal(size=time.size)).astype(np.float32)


RATES = [8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 7919, 1000]


@pytest.mark.parametrize("rate", RATES)
def test_resampling_is_torchaudios(javascript, rate):
    samples = sound(0.4, rate)
    code = program("b64(m.resample(f32(data.samples), data.rate))")
    found = got(javascript("speech/resample.js", code, {"samples": sent(samples), "rate": rate}), np.float32)
    expected = audio.resample(samples, rate, 16_000)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=3e-5)  # sums in another order


@pytest.mark.parametrize("rate", [16000, 44100, 48000, 8000])
def test_a_stream_is_resampled_as_a_whole_recording(javascript, rate):
    samples = sound(0.3, rate)
    code = program(
        "(() => { const all = f32(data.samples); const whole = m.resample(all, data.rate);"
        " const stream = new m.Resampler(data.rate); const parts = []; let at = 0;"
        " for (const size of data.sizes) { parts.push(...stream.push(all.subarray(at, at + size))); at += size; }"
        " parts.push(...stream.push(all.subarray(at)), ...stream.flush());"
        " return [parts.length, whole.length, Math.max(...parts.map((value, i) => Math.abs(value - whole[i])))]; })()"
    )
    data = {"samples": sent(samples), "rate": rate, "sizes": [1, 7, 128, 128, 2048, 3, 0, 500]}
    count, expected, difference = javascript("speech/resample.js", code, data)
    assert count == expected
    assert difference == 0


def clips():
    word = np.zeros(30_000, np.int16)
    word[9_000:12_000] = GENERATOR.integers(-9000, 9000, 3000)
    quiet = np.full(20_000, 7, np.int16)
    return [word, quiet, np.zeros(17_000, np.int16), np.zeros(50, np.int16), word[8_000:14_000], word[:16_000]]


def test_clips_are_pythons(javascript):
    code = program("data.map((text) => b64(m.fitClip(i16(text))))")
    made = clips()
    for found, samples in zip(javascript("speech/clip.js", code, [sent(c) for c in made]), made, strict=True):
        np.testing.assert_array_equal(got(found, np.int16), audio.fit_clip(samples))


def test_levels_are_pythons(javascript):
    made = [*clips(), GENERATOR.integers(-32768, 32767, 16_000).astype(np.int16)]
    found = javascript("speech/clip.js", program("data.map((text) => m.loudness(i16(text)))"), [sent(c) for c in made])
    long = [number for number, clip in enumerate(made) if len(clip) >= 1600]
    np.testing.assert_allclose([found[n] for n in long], [loudness(made[n]) for n in long], atol=1e-3)


def test_numbers_are_rounded_and_channels_mixed_as_in_python(javascript):
    samples = np.concatenate([sound(0.1, 16_000), np.float32([-1.5, 1.5, 1, -1, 0.5 / 32768, 1.5 / 32768])])
    found = javascript("speech/clip.js", program("b64(m.toInt16(f32(data)))"), sent(samples))
    np.testing.assert_array_equal(got(found, np.int16), audio.to_int16(samples))
    other = sound(0.1, 16_000)
    for pair in ((other, sound(0.1, 16_000)), (other, -0.9 * other), (other, 0 * other)):
        code = program("b64(m.mix(data.map(f32)))")
        found = javascript("speech/clip.js", code, [sent(channel.astype(np.float32)) for channel in pair])
        expected, _ = audio.mix(np.stack(pair, 1).astype(np.float32))
        np.testing.assert_allclose(got(found, np.float32), expected, atol=1e-7)


def test_the_spectrogram_is_pythons(javascript):
    samples = audio.to_int16(sound(0.5, 16_000))
    code = program("m.logMel(i16(data), 1e-6).map((frame) => Array.from(frame))")
    found = np.array(javascript("speech/spectrum.js", code, sent(samples))).T
    np.testing.assert_allclose(found, frames.log_mel(samples, 1e-6), atol=2e-4)


@pytest.mark.parametrize("stride", [0.03, 0.05, 0.2])
def test_words_are_told_as_listen_tells_them(javascript, stride):
    labels = ["silence", "yes", "no"]
    rows = []
    for _ in range(60):
        kind = GENERATOR.integers(4)
        row = [[0.9, 0.05, 0.05], [0.04, 0.95, 0.01], [0.1, 0.1, 0.8], None][kind]
        rows += [row] * int(GENERATOR.integers(1, 20))
    options, given = ListenOptions(run=Path("run"), stride=stride), {"labels": labels, "stride": stride, "rows": rows}
    windows = [np.full(3, np.nan) if row is None else np.array(row) for row in rows]
    code = (
        "(() => { const each = new m[NAME](data.labels, data.stride); const told = [];"
        " data.rows.forEach((row, i) => [each.take(row) ?? []].flat().forEach((word) => told.push([i, word])));"
        " each.finish?.().forEach((word) => told.push([-1, word])); return told; })()"
    )
    for kind in (Detector, Teller):
        here = kind(labels, options)
        expected = []
        for i, window in enumerate(windows):
            found = here.take(window)
            expected += [(i, word) for word in (found if isinstance(found, list) else [found] if found else [])]
        expected += [(-1, word) for word in (here.finish() if isinstance(here, Teller) else [])]
        there = javascript("speech/detector.js", code.replace("NAME", repr(kind.__name__)), given)
        assert len(expected) > 5
        assert [(i, word["word"]) for i, word in there] == [(i, word.word) for i, word in expected]
        for name, margin in (("start", 6e-4), ("end", 6e-4), ("probability", 1e-12)):  # times are rounded here
            values = [getattr(word, name) for _, word in expected]
            np.testing.assert_allclose([word[name] for _, word in there], values, atol=margin)


@pytest.mark.parametrize("kind", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
def test_wav_files_are_read_as_libsndfile_reads_them(javascript, kind, form):
    samples = np.stack([sound(0.02, 22_050), sound(0.02, 22_050)], 1)
    stream = io.BytesIO()
    soundfile.write(stream, samples, 22_050, subtype=kind, format=form)
    expected, _ = soundfile.read(io.BytesIO(stream.getvalue()), dtype="float32")
    code = program(
        "(() => { const { rate, channels } = m.readWav(new Uint8Array(Buffer.from(data, 'base64')).buffer);"
        " return [rate, ...channels.map((each) => b64(each))]; })()"
    )
    rate, *channels = javascript("speech/recording.js", code, base64.b64encode(stream.getvalue()).decode())
    assert rate == 22_050
    for channel, values in zip(channels, expected.T, strict=True):
        np.testing.assert_allclose(got(channel, np.float32), values, atol=1e-7)


def test_what_is_no_wav_file_is_left_to_the_browser(javascript):
    stream = io.BytesIO()
    soundfile.write(stream, sound(0.1, 16_000), 16_000, subtype="IMA_ADPCM", format="WAV")
    texts = [b"", b"RIFF", b"RIFF0000WAVEdata\xff\xff\xff\xffxx", stream.getvalue(), b"\xff" * 100]
    code = "data.map((text) => m.readWav(new Uint8Array(Buffer.from(text, 'base64')).buffer))"
    sent_texts = [base64.b64encode(text).decode() for text in texts]
    assert javascript("speech/recording.js", code, sent_texts) == [None] * len(texts)
