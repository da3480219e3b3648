"""listen while the sound flows: pipes that stay open, plain samples, commands, saved sounds."""

import io
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from apps.speech.app import APP
from apps.speech.config import FrontConfig
from apps.speech.detection.detector import Word
from apps.speech.nets import causal, step
from apps.speech.signal import pcm
from apps.speech.signal.audio import RATE, to_int16
from apps.speech.signal.resampling import Resampler, resample
from apps.speech.signal.running import LEAD, STEP, RunningLogMel
from apps.speech.verbs.listen import ListenOptions
from apps.speech.verbs.live.actions import Alarms, Commands, arguments, safe
from apps.speech.verbs.live.hearing import Ear
from apps.speech.verbs.live.steps import Steps
from apps.speech.verbs.windows import probabilities
from cnn_core.cli import run
from cnn_core.errors import UserError
from cnn_core.exporting.graph import export_onnx
from cnn_core.exporting.session import ExportedRun
from cnn_core.metrics.limits import Calibration
from cnn_core.runs import Run

SPOKEN = ("seven", "three", "nine")


@pytest.fixture(scope="module")
def spoken():
    """Three digits by a synthetic voice, a second of silence before and after each, at its 22,050 Hz."""
    pytest.importorskip("espeakng_loader")
    from apps.speech.voices.espeak import Espeak

    engine = Espeak()
    parts = [np.zeros(engine.rate, np.int16)]
    for word in SPOKEN:
        parts += [
            np.frombuffer(engine.speak(word, "gmw/en-US", 140, 50, 50), np.int16),
            np.zeros(engine.rate, np.int16),
        ]
    return np.concatenate(parts), engine.rate


def header(rate, size=0xFFFFFFFF):
    """What ffmpeg writes before samples whose number it does not know."""
    fmt = np.array([1, 1], "<u2").tobytes() + np.array([rate, 2 * rate], "<u4").tobytes()
    fmt += np.array([2, 16], "<u2").tobytes()
    length = np.array([size], "<u4").tobytes()
    return b"RIFF" + length + b"WAVEfmt \x10\0\0\0" + fmt + b"LIST\3\0\0\0abc\0data" + length


@pytest.mark.slow
def test_words_come_while_the_pipe_stays_open(spoken, tmp_path):
    samples, rate = spoken
    script = tmp_path / "say.py"
    script.write_text("import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')", "utf-8")
    command = [sys.executable, "-m", "apps.speech", "listen", "@speech-digits", "-", "--json", "--threshold", "0.85"]
    command += ["--save-alarms", str(tmp_path / "alarms"), "--exec"]
    command += [f"'{sys.executable}' '{script}' '{tmp_path / 'said.txt'}' {{word}}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(header(rate) + samples.tobytes())
        process.stdin.flush()
        lines = []
        for _ in SPOKEN:
            assert select.select([process.stdout], [], [], 120)[0], "no word while the pipe is open"
            lines.append(json.loads(process.stdout.readline()))
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(60) == 0
        assert b"3 words in" in process.stderr.read()
    assert [line["word"] for line in lines] == list(SPOKEN)
    assert (tmp_path / "said.txt").read_text("utf-8").split() == list(SPOKEN)
    for line in lines:
        assert line["start"] < line["end"] <= line["time"] + 1
        clip, saved_rate = soundfile.read(line["saved"], dtype="int16")
        assert (len(clip), saved_rate) == (RATE, RATE)
        assert np.abs(clip[RATE // 4 : -RATE // 4].astype(int)).max() > 1000  # the word lies in its middle


def piped(monkeypatch, capsys, data, *args):
    """The words and the notes of listen - in this process."""
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
    status = run(APP, ["listen", "@speech-digits", "-", "--json", "--threshold", "0.85", *map(str, args)])
    out, err = capsys.readouterr()
    return status, [json.loads(line) for line in out.splitlines()], err


@pytest.mark.slow
def test_any_form_of_the_same_sound_gives_the_same_words(spoken, tmp_path, monkeypatch, capsys):
    samples, rate = spoken
    sound = resample(samples.astype(np.float32) / 32768, rate, RATE)
    wav, flac = io.BytesIO(), io.BytesIO()
    soundfile.write(wav, to_int16(sound), RATE, format="WAV")
    soundfile.write(flac, to_int16(sound), RATE, format="FLAC")
    plain = to_int16(sound)
    expected = piped(monkeypatch, capsys, wav.getvalue())[1]
    assert [word["word"] for word in expected] == list(SPOKEN)
    stereo = np.stack([plain, plain], 1)
    for data, options in (
        (flac.getvalue(), ()),
        (plain.tobytes(), ("--rate", RATE)),
        (plain.byteswap().tobytes(), ("--format", "s16be")),
        ((stereo / 32768).astype("<f4").tobytes(), ("--format", "f32le", "--rate", RATE, "--channels", 2)),
    ):
        assert piped(monkeypatch, capsys, data, *options)[1] == expected
    (tmp_path / "plain.raw").write_bytes(plain.tobytes())
    assert (
        run(
            APP,
            [
                "listen",
                "@speech-digits",
                str(tmp_path / "plain.raw"),
                "--rate",
                "16000",
                "--threshold",
                "0.85",
                "--json",
            ],
        )
        == 0
    )
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_streams_that_cannot_be_heard(tmp_path, monkeypatch, capsys):
    for data, options, reason in (
        (b"no sound at all", (), "cannot be read as a recording"),
        (b"", (), "is empty"),
        (header(7), (), "7 samples a second"),
        (header(RATE), ("--rate", 5), "5 samples a second"),
        (b"", ("--channels", 2), "--channels is about plain samples"),
        (b"", ("--exec", "say '{word}"), "no closing quotation"),
        (b"", ("--exec", "no-such-program-here {word}"), "no program"),
        (b"", ("--exec", " "), "name a command"),
        (b"", ("--save-alarms", __file__), "is no folder"),
    ):
        status, words, err = piped(monkeypatch, capsys, data, *options)
        assert (status, words) == (2, []), options
        assert reason in err
        assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
def test_headers_are_read_as_libsndfile_reads_them(subtype, form):
    samples = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    file = io.BytesIO()
    soundfile.write(file, samples, 22_050, subtype=subtype, format=form)
    expected, _ = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")
    stream = io.BufferedReader(io.BytesIO(file.getvalue()))
    found = pcm.read_header(stream, "x")
    assert (found.rate, found.channels) == (22_050, 2)
    data = stream.read(found.size)
    np.testing.assert_allclose(pcm.samples_of(data, found), expected.mean(1), atol=1e-6)


def test_compressed_and_broken_headers():
    file = io.BytesIO()
    soundfile.write(file, np.zeros(4000), RATE, subtype="IMA_ADPCM", format="WAV")
    for data in (file.getvalue(), b"fLaC" + b"x" * 50, b"RIFF0000WAVE", b"RIFF0000WAVEjunk\xff\xff\xff\xff"):
        with pytest.raises(pcm.NotPcm) as refused:
            pcm.read_header(io.BufferedReader(io.BytesIO(data)), "x")
        assert data.startswith(refused.value.read)
    with pytest.raises(UserError, match="without a format"):
        pcm.read_header(io.BufferedReader(io.BytesIO(b"RIFF0000WAVEdata\0\0\0\0")), "x")
    with pytest.raises(UserError, match="cut short"):
        pcm.read_header(io.BufferedReader(io.BytesIO(b"RIFF0000WAVEfmt \x02\0\0\0ab")), "x")


@given(
    st.sampled_from((8000, 11_025, 16_000, 22_050, 44_100, 44_057, 48_000)),
    st.lists(st.integers(0, 3000), max_size=12),
    st.integers(0, 10**6),
)
@settings(max_examples=40, deadline=None)
def test_sound_in_pieces_is_resampled_like_the_whole(rate, sizes, seed):
    whole = np.random.default_rng(seed).uniform(-1, 1, sum(sizes)).astype(np.float32)
    resampler, parts, at = Resampler(rate, RATE), [], 0
    for size in sizes:
        parts.append(resampler.feed(whole[at : at + size]))
        at += size
    parts.append(resampler.finish())
    np.testing.assert_allclose(np.concatenate(parts), resample(whole, rate, RATE), atol=1e-6)


class Presence:
    """Hears "on" where there is sound, a window every 30 ms."""

    labels = ("on", "silence")
    heard = 0

    def feed(self, samples):
        self.heard += len(samples)
        row = [1.0, 0.0] if samples.any() else [0.0, 1.0]
        return np.array([row] if self.heard >= RATE else []).reshape(-1, 2)

    def finish(self):
        return np.zeros((0, 2))


def test_what_is_kept_of_the_sound_is_the_second_that_a_word_lies_in():
    sound = np.zeros(20 * RATE, np.int16)
    sound[10 * RATE : 11 * RATE] = 1 + np.arange(RATE, dtype=np.int16) % 100
    ear = Ear(Presence(), ListenOptions(run=Path("x"), threshold=0.7))
    blocks = ((sound[start : start + 480], False) for start in range(0, len(sound), 480))
    found = [(word, ear.second_of(word)) for word in ear.words(blocks)]
    ((word, clip),) = found
    first = round(word.start * RATE)
    np.testing.assert_array_equal(clip, sound[first : first + RATE])
    assert ear.seconds == 20


def test_a_command_is_split_once_and_gets_the_word_as_one_argument(tmp_path, capfd):
    script = tmp_path / "it.py"
    script.write_text("import sys, json; json.dump(sys.argv[2:], open(sys.argv[1], 'w')); print('seen')", "utf-8")
    assert arguments(f"'{sys.executable}' 'c d' x{{word}}") == [sys.executable, "c d", "x{word}"]
    hostile = "a b; $(touch x) `id` \"'|&"
    commands = Commands(f"'{sys.executable}' '{script}' '{tmp_path / 'out.json'}' --say={{word}} {{word}}")
    commands.run(Word(hostile, 0, 1, 0.9))
    commands.finish()
    assert json.loads((tmp_path / "out.json").read_text("utf-8")) == [f"--say={hostile}", hostile]
    out, err = capfd.readouterr()
    assert out == ""
    assert "seen" in err
    commands.run(Word("-rf", 0, 1, 0.9))
    assert "would be taken for an option" in capfd.readouterr().err


def test_commands_that_fail_are_told_and_do_not_pile_up(capfd):
    Commands(f"'{sys.executable}' -c 'import sys; sys.exit(3)'").run(Word("a", 0, 1, 1.0))
    until = time.monotonic() + 30
    told = ""
    while "failed with status 3" not in told and time.monotonic() < until:
        told += capfd.readouterr().err
        time.sleep(0.02)
    assert "failed with status 3" in told
    many = Commands("sleep 1")
    for _ in range(10):
        many.run(Word("a", 0, 1, 1.0))
    assert len(many.running) == 8
    assert capfd.readouterr().err.count("are still running") == 2
    many.finish()


def test_names_of_saved_sounds_are_safe(tmp_path):
    assert safe("../../etc/passwd") == "______etc_passwd"
    assert safe("größe 1") == "größe_1"
    assert safe("") == "word"
    assert len(safe("語" * 500).encode()) <= 80
    alarms = Alarms(tmp_path / "new")
    clip = np.ones(RATE, np.int16)
    first, second = (alarms.save(Word("../a", 1.5, 2.5, 0.91), clip) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first != second
    assert first.parent == second.parent == tmp_path / "new"
    assert "00001.50s-91" in first.name
    if os.name == "posix" and os.geteuid():
        (tmp_path / "new").chmod(0o500)
        assert alarms.save(Word("b", 1, 2, 0.9), clip) is None


def stream(seed=0):
    """A network that keeps its state, with norms that do something, as a run of three words."""
    torch.manual_seed(seed)
    config = APP.presets["stream"]
    model = APP.build(config, ("a", "b", "c"))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model.eval(), config


def noise(seconds, seed=0):
    """(L,) int16 with words' ups and downs."""
    generator = np.random.default_rng(seed)
    loud = np.repeat(10 ** generator.uniform(0, 4, round(seconds * 10)), RATE // 10)
    return np.clip(generator.standard_normal(len(loud)) * loud, -32768, 32767).astype(np.int16)


def test_step_by_step_is_one_pass_over_the_whole_recording():
    model, _ = stream()
    sound = torch.from_numpy(noise(12))[None]
    with torch.no_grad():
        whole, end = causal.advance(model, sound, causal.begin(model))
        state, parts, at = causal.begin(model), [], 0
        for steps in (1, 1, 2, 7, 1, 30, 50, 58):
            logits, state = causal.advance(model, sound[:, at : at + steps * STEP], state)
            parts.append(logits)
            at += steps * STEP
        assert at == sound.shape[1]
        torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=2e-5)
        for got, wanted in zip(state, end, strict=True):
            torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)
        # a clip is the stream behind silence; what comes later changes nothing
        clip = torch.cat([sound.new_zeros(1, LEAD * STEP - RATE), sound[:, :RATE]], 1)
        last = causal.advance(model, clip, causal.begin(model))[0][:, -1]
        torch.testing.assert_close(model(sound[:, :RATE]), last, rtol=0, atol=1e-5)
        changed = sound.clone()
        changed[:, 60 * STEP :] = 7
        assert torch.equal(causal.advance(model, changed, causal.begin(model))[0][:, :60], whole[:, :60])


def test_the_running_level_is_the_mean_so_far():
    """In float64, frame by frame, as the definition has it."""
    energy = torch.rand(2, 40, 300, dtype=torch.float64).float() * 10 ** torch.linspace(-6, 2, 300)
    front = RunningLogMel(FrontConfig(level="running", floor=1e-4)).eval()
    found, _ = front.features(energy, front.begin(2)[1:])
    kept = np.exp(-0.01)
    total, weight = np.zeros(2), 0.0
    for place in range(300):
        frame = energy[:, :, place].double().numpy()
        total, weight = kept * total + frame.mean(1), kept * weight + 1
        expected = np.log(frame / (total / weight + 1e-9)[:, None] + 1e-4)
        np.testing.assert_allclose(found[:, 0, :, place].numpy(), expected, atol=1e-4)


def test_loudness_does_not_matter_to_a_stream():
    model, _ = stream()
    sound = torch.from_numpy(noise(5) // 8)[None]
    with torch.no_grad():
        soft, loud = (causal.advance(model, sound * gain, causal.begin(model))[0] for gain in (1, 8))
    torch.testing.assert_close(soft, loud, rtol=0.01, atol=0.01)


@pytest.mark.long
def test_the_file_of_a_step_hears_what_the_network_hears(tmp_path):
    model, config = stream()
    recording = noise(7.3)
    run_folder = Run(tmp_path, model, config, ("a", "b", "c"), {}, {}, APP)
    whole = export_onnx(
        model, APP.example(config, run_folder.labels), tmp_path / "model.onnx", labels=run_folder.labels
    )
    assert whole["batch_sizes"] == [1, 2]  # any number of clips
    told = step.export_step(run_folder, step.step_path(tmp_path / "model.onnx"))
    assert told["path"].endswith("model-step.onnx")
    assert told["state"] == sum(each.numel() for each in causal.begin(model))
    exported = ExportedRun(APP, config, ("a", "b", "c"), None, Calibration(), tmp_path / "model.onnx")
    expected = probabilities(run_folder, recording, 0.03, -50.0)
    assert len(expected) == 1 + int((7.3 - 1) / 0.08)
    np.testing.assert_allclose(probabilities(exported, recording, 0.03, -50.0), expected, atol=1e-5)
    pieces, at = Steps(exported, -50.0), 0
    found = []
    for size in (1, 15_999, 1280, 7, 50_000, 10**6):
        found.append(pieces.feed(recording[at : at + size]))
        at += size
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-5)
    assert pieces.finish().shape == (0, 3)
    assert np.isnan(probabilities(exported, np.zeros(2 * RATE, np.int16), 0.03, -50.0)).all()
    assert probabilities(exported, recording[:500], 0.03, -90.0).shape == (1, 3)  # shorter than a second
    begin = time.process_time()
    probabilities(exported, noise(60), 0.03, -50.0)
    assert (time.process_time() - begin) / 60 < 0.02  # measured: docs/experiments/speech-listening.md


def test_a_stream_is_one_whole_of_front_and_layers():
    for options in (
        ["--net.kind", "tc-resnet8-stream"],
        ["--front.level", "running"],
        ["--preset", "stream", "--net.pool", "max"],
    ):
        assert run(APP, ["train", *options, "--out", "/nonexistent"]) == 2
