"""cnn-speech from the command line: every verb on whistles, and wrong use."""

import hashlib
import json
import shutil
import subprocess
import sys
import wave
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
import torch
from PIL import Image
from torch import nn

from apps.speech.app import APP
from apps.speech.config import FrontConfig
from apps.speech.front import LogMel
from apps.speech.render import patch, render
from apps.speech.signal.audio import LENGTH, RATE, to_int16, write_wav
from apps.speech.verbs.listen import Detector, ListenOptions, Word, hear
from apps.speech.verbs.report import detection_errors
from apps.speech.verbs.windows import probabilities
from cnn_core.cli import run
from cnn_core.runs import Run, checkpoint_of, restore
from tests.helpers.commands import answer, bad
from tests.helpers.runs import in_fp32

ROOT = Path(__file__).parents[3]
SLOPES = {"rising": 1500, "falling": -1500, "level": 0}
SPEAKERS = 24


def whistle(word, seed, seconds=0.5):
    generator = np.random.default_rng(seed)
    time = np.arange(round(RATE * seconds)) / RATE
    slope = SLOPES[word] / seconds
    start = generator.uniform(1400, 1900) - SLOPES[word] / 2
    fade = np.minimum(1, np.minimum(time, time[::-1]) / 0.02)
    sound = 0.3 * fade * np.sin(2 * np.pi * (start * time + slope / 2 * time**2)) + generator.normal(
        0, 0.002, len(time)
    )
    return to_int16(sound.astype(np.float32))


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CNN_SUITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def whistles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whistles")
    for number, word in enumerate(SLOPES):
        (folder / word).mkdir()
        for speaker in range(SPEAKERS):
            for take in range(2):
                path = folder / word / f"{speaker:08x}_nohash_{take}.wav"
                write_wav(path, whistle(word, 1000 * number + 10 * speaker + take))
    return folder


@pytest.fixture(scope="module")
def trained(whistles, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    args = [
        "--no-unknown",
        "--augment.shift",
        "0.3",
        "--fit.epochs",
        "16",
        "--fit.batch-size",
        "16",
        "--fit.ema",
        "0.9",
        "--net.dropout",
        "0",
        "--threads",
        "1",
    ]
    for name in ("speed", "tempo", "warp", "channel", "reverb", "clip", "time-masks", "band-masks"):
        args += [f"--augment.{name}", "0"]
    assert run(APP, ["train", "--data", str(whistles), "--out", str(folder), "--json", *args]) == 0
    return folder


def ask(capsys, *args):
    return answer(capsys, *args, app=APP)


def refused(capsys, *args):
    return bad(capsys, *args, app=APP)


@pytest.mark.slow
def test_evaluate(trained, capsys):
    found = ask(capsys, "evaluate", trained)
    assert found["accuracy"] > 0.9
    assert sum(found["test_set"]["counts"].values()) == found["count"]
    assert sum(row["clips"] for row in found["speakers"]) == found["count"]
    assert [row["accuracy"] for row in found["speakers"]] == sorted(row["accuracy"] for row in found["speakers"])
    assert [row["snr"] for row in found["noise"]] == [None, 30, 20, 10, 5, 0, -5]
    assert found["noise"][0]["accuracy"] == found["accuracy"]
    assert 0 <= found["equal_error_rate"] < 0.2
    for name in ("det.png", "noise.png", "confusion.png", "calibration.png"):
        with Image.open(trained / "evaluation" / name) as picture:
            assert min(picture.size) > 300


@pytest.mark.slow
def test_predict_files_folders_and_standard_input(trained, tmp_path, capsys):
    for number, word in enumerate(SLOPES):
        soundfile.write(tmp_path / f"{number} {word}.flac", whistle(word, 77 + number).repeat(3), 48_000)
    found = ask(capsys, "predict", trained, tmp_path)["predictions"]
    assert [p["answer"] for p in found] == list(SLOPES)
    command = [sys.executable, "-m", "apps.speech", "predict", str(trained), "-", "--json", "--threads", "1"]
    sound = (tmp_path / "1 falling.flac").read_bytes()
    done = subprocess.run(command, input=sound, capture_output=True, check=False)
    assert json.loads(done.stdout)["predictions"][0]["answer"] == "falling"
    done = subprocess.run(command, input=b"no sound", capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.startswith(b"cnn-speech: error: standard input: cannot be read as a recording")
    assert done.stderr.count(b"\n") == 1
    assert run(APP, ["predict", str(trained), str(tmp_path / "0 rising.flac"), "--threads", "1"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) < 140  # the picture as text fits a terminal


def sequence(words, gap=0.9, seed=5):
    """A recording with `words` at known times (their middles, in seconds)."""
    pieces, middles, at = [], [], 0.0
    for number, word in enumerate(words):
        pieces.append(np.zeros(round(gap * RATE), np.int16))
        at += gap
        pieces.append(whistle(word, seed + number))
        middles.append(at + 0.25)
        at += 0.5
    return np.concatenate([*pieces, np.zeros(round(gap * RATE), np.int16)]), middles


@pytest.mark.slow
def test_listen_finds_words_and_their_times(trained, tmp_path, capsys):
    words = ["rising", "falling", "falling", "rising"]
    samples, middles = sequence(words, gap=1.4)
    write_wav(tmp_path / "long.wav", samples)
    found = ask(capsys, "listen", trained, tmp_path / "long.wav", "--threshold", "0.6")
    right = [
        any(w["word"] == word and w["start"] < middle < w["end"] for w in found["words"])
        for word, middle in zip(words, middles, strict=True)
    ]
    assert sum(right) >= 3  # of a network that was trained for seconds
    assert len(found["words"]) <= 2 * len(words)
    assert found["seconds"] == pytest.approx(len(samples) / RATE)
    command = [sys.executable, "-m", "apps.speech", "listen", str(trained), "-", "--json", "--threshold", "0.6"]
    done = subprocess.run(command, input=(tmp_path / "long.wav").read_bytes(), capture_output=True, check=False)
    assert [json.loads(line) for line in done.stdout.splitlines()] == found["words"]


@pytest.mark.slow
def test_a_recording_measured_against_what_is_said_in_it(trained, tmp_path, capsys):
    words = ["rising", "falling", "falling", "rising", "level", "level"]
    samples, middles = sequence(words, gap=1.4)
    folder, truth = tmp_path / "long", tmp_path / "truth.csv"
    folder.mkdir()
    write_wav(folder / "a.wav", samples)
    write_wav(folder / "b.wav", np.zeros(20 * RATE, np.int16))
    lines = [f"a.wav,{word},{middle - 0.25},{middle + 0.25},me" for word, middle in zip(words, middles, strict=True)]
    truth.write_text("\n".join(["file,word,start,end,speaker", *lines]) + "\n", "utf-8")
    run_folder = tmp_path / "run"
    shutil.copytree(trained, run_folder)
    options = ["--recording", folder, "--truth", truth]
    found = ask(capsys, "evaluate", run_folder, *options, "--alarms-per-hour", 1000)
    point = next(row for row in found["curve"] if row["threshold"] == 0.5)
    assert point["hits"] >= 4
    assert point["hits"] + point["misses"] == 6
    assert found["seconds"] == pytest.approx(len(samples) / RATE + 20)
    assert found["by_speaker"][0]["words"] == 6
    with Image.open(run_folder / "evaluation" / "recording.png") as picture:
        assert min(picture.size) > 300
    assert len((run_folder / "evaluation" / "recording.csv").read_text("utf-8").splitlines()) == len(found["curve"]) + 1
    # listen takes the threshold that was kept; what it says is what was counted
    kept = json.loads((run_folder / "detection.json").read_text("utf-8"))
    assert kept["threshold"] == found["threshold"]
    heard = ask(capsys, "listen", run_folder, folder / "a.wav", "--engine", "torch")["words"]
    assert len(heard) == found["hits"] + found["false_alarms"]
    without = ask(capsys, "evaluate", run_folder, "--recording", folder / "a.wav", "--alarms-per-hour", 0)
    assert without["words"] == 0
    assert without["curve"][0]["false_alarms"] >= 4  # without a truth all words told are alarms


@pytest.mark.slow
def test_runs_measured_among_other_words(trained, whistles, tmp_path, capsys):
    pytest.importorskip("espeakng_loader")
    from apps.bench.__main__ import main

    given = ["speech-listening", "--runs", trained, "--real", whistles, "--others", 30, "--picture", tmp_path / "a.png"]
    assert main([*map(str, given), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["details"]["recordings"]["other_words"] == 30
    point = found["details"]["small, threshold 0.7"]
    assert point["words"] == len(SLOPES) * SPEAKERS * 2
    assert point["hits"] > 20
    with Image.open(tmp_path / "a.png") as picture:
        assert min(picture.size) > 300
    given[4] = tmp_path
    assert main([*map(str, given)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_recordings_that_cannot_be_measured(trained, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    write_wav(tmp_path / "a.wav", np.zeros(RATE, np.int16))
    truth = tmp_path / "truth.csv"
    truth.write_text("word,start\nrising,9\n", "utf-8")
    other = tmp_path / "other.csv"
    other.write_text("word,start\nelsewhere,0.5\n", "utf-8")
    for args, reason in (
        (["--recording", tmp_path / "empty"], "holds no recordings"),
        (["--recording", tmp_path / "missing.wav"], "missing.wav"),
        (["--truth", truth], "--truth belongs to --recording"),
        (["--recording", "synthetic", "--truth", truth], "--truth"),
        (["--recording", tmp_path / "a.wav", "--hours", 2], "--hours"),
        (["--recording", tmp_path / "a.wav", "--data", tmp_path], "--data"),
        (["--recording", tmp_path / "a.wav", "--alarms-per-hour", -1], "--alarms-per-hour"),
        (["--recording", tmp_path / "a.wav", "--truth", truth], "ends at 1.00 s"),
        (["--recording", tmp_path / "a.wav", "--truth", other], "none of the words"),
    ):
        assert reason in refused(capsys, "evaluate", trained, *args)
    assert not (trained / "detection.json").exists()


def test_listen_is_fifty_times_faster_than_real_time(trained, tmp_path, capsys):
    samples, _ = sequence(["rising", "falling"] * 20, gap=0.4)
    write_wav(tmp_path / "long.wav", samples)
    found = ask(capsys, "listen", trained, tmp_path / "long.wav")
    assert found["seconds"] / found["cpu_seconds"] > 50


def test_nothing_is_heard_in_silence_or_in_a_short_clip(trained, tmp_path, capsys):
    for name, count in (("silence", 5 * RATE), ("short", 160)):
        write_wav(tmp_path / f"{name}.wav", np.zeros(count, np.int16))
        assert ask(capsys, "listen", trained, tmp_path / f"{name}.wav")["words"] == []


def test_windows_of_a_recording_are_those_of_clips(trained):
    """Though their frames are shared."""
    run = in_fp32(restore(APP, trained))
    samples, _ = sequence(["rising", "falling"])
    found = probabilities(run, samples, 0.03, -200.0)
    clips = np.stack([samples[s : s + LENGTH] for s in range(0, len(samples) - LENGTH + 1, 480)])
    with torch.no_grad():
        expected = run.probabilities(run.model(torch.from_numpy(clips))).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def rows(*answers):
    """Probabilities of two words and silence, for so many windows each."""
    sure = {"a": (0.9, 0.05, 0.05), "b": (0.05, 0.9, 0.05), "-": (0.1, 0.1, 0.8)}
    return [np.array(sure[which]) for which, count in answers for _ in range(count)]


def told(answers, **options):
    options = {"stride": 0.1, "average": 0.5, "threshold": 0.7, "suppress": 0.5, "least": 3} | options
    given = ListenOptions(run=Path(), **options)
    detector = Detector(("a", "b", "silence"), given)
    return [(i, word.word) for i, row in enumerate(answers) if (word := detector.take(row)) is not None]


def test_a_word_is_told_once_when_its_mean_passes_and_again_after_silence():
    assert told(rows(("-", 5), ("a", 8), ("-", 8), ("a", 8))) == [(9, "a"), (25, "a")]
    assert told(rows(("-", 5), ("a", 8)), threshold=0.5) == [(7, "a")]
    assert told(rows(("-", 5), ("a", 2), ("-", 9))) == []  # too short to pass the mean
    assert told(rows(("a", 10), ("b", 20))) == [(2, "a"), (14, "b")]
    assert told(rows(("a", 10), ("b", 20)), suppress=2.0) == [(2, "a"), (22, "b")]
    assert told(rows(("a", 10)), least=5) == [(4, "a")]
    assert told(rows(("-", 20))) == []
    assert told([np.full(3, np.nan)] * 5 + rows(("a", 9))) == [(9, "a")]


class Louder(nn.Module):
    """Hears "low" or "high", whichever half of the bands is louder, or "silence"; surer the more frames hold it."""

    def forward(self, features):
        frames = features[:, 0].exp()  # (B, 40, T)
        low, high = frames[:, :20].sum(1), frames[:, 20:].sum(1)
        heard = [(a > 2 * b) & (a > 1e-2) for a, b in ((low, high), (high, low))]
        shares = torch.stack([h.float().mean(1) for h in heard], 1)  # (B, 2)
        return torch.cat([20 * (shares - 0.3), torch.zeros(len(features), 1)], 1)


@pytest.fixture
def louder():
    """A network that needs no training, and a recording of tones with their middles in seconds."""
    front = LogMel(FrontConfig())
    model = nn.Sequential(OrderedDict(front=front, judge=Louder(), scale=nn.PReLU(1, 1.0))).eval()
    pieces, middles = [], []
    for number, hertz in enumerate((500, 4000, 4000, 500, 4000)):
        time = np.arange(8000) / RATE
        pieces += [np.zeros(24_000, np.int16), to_int16(0.3 * np.sin(2 * np.pi * hertz * time).astype(np.float32))]
        middles.append(1.5 + 2 * number + 0.25)
    return model, np.concatenate([*pieces, np.zeros(24_000, np.int16)]), middles


@pytest.mark.parametrize("stride", [0.03, 0.05, 0.1])
def test_hear_finds_every_word_once_and_where_it_is(louder, stride):
    model, samples, middles = louder
    options = ListenOptions(run=Path(), stride=stride)
    heard = Run(Path(), model, APP.presets["time"], ("low", "high", "silence"), {}, {}, APP)
    words = hear(in_fp32(heard), samples, options)
    assert [word.word for word in words] == ["low", "high", "high", "low", "high"]
    for word, middle in zip(words, middles, strict=True):
        assert isinstance(word, Word)
        assert word.end - word.start == pytest.approx(1)
        assert abs((word.start + word.end) / 2 - middle) < 0.3


@pytest.mark.slow
def test_export_with_eight_bits(trained, tmp_path, capsys):
    found = ask(capsys, "export", trained, "--out", tmp_path / "net.onnx", "--int8")
    assert found["argmax_agreement"] == 1
    assert found["input"]["type"] == "int16"
    small = found["int8"]
    assert small["after"] >= small["before"] - 0.1
    assert small["low"] <= small["difference"] <= small["high"]
    kinds = {i.name: onnx.TensorProto.DataType.Name(i.data_type) for i in onnx.load(small["onnx"]).graph.initializer}
    assert kinds["front.energies.segments.int8"] == kinds["res4.second.conv.weight.int8"] == "INT8"
    assert kinds["front.energies.across"] == kinds["front.energies.window"] == "FLOAT", "8 bits would be noise there"
    assert small["bytes"] < 140_000
    assert "exists already" in refused(capsys, "export", trained, "--out", tmp_path / "net.onnx", "--int8")


@pytest.mark.slow
def test_sounds_that_words_like_can_be_heard(trained, tmp_path, capsys):
    out = tmp_path / "sounds.png"
    found = ask(capsys, "visualize", "sounds", trained, "--steps", 40, "--out", out)
    assert [row["word"] for row in found["sounds"]] == sorted(SLOPES)
    for row in found["sounds"]:
        with wave.open(row["sound"]) as file:
            assert (file.getframerate(), file.getnframes(), file.getnchannels()) == (RATE, LENGTH, 1)
    inputs = torch.stack([torch.from_numpy(soundfile.read(r["sound"], dtype="int16")[0]) for r in found["sounds"]])
    with torch.no_grad():
        logits = restore(APP, trained).model(inputs)
    assert logits.argmax(1).tolist() == [0, 1, 2]
    assert "for pictures" in refused(capsys, "visualize", "sounds", trained, "--tv", 1)


def test_summary_and_data_sets(capsys):
    assert ask(capsys, "summary", "--classes", 12)["parameters"] == 65_168
    assert ask(capsys, "summary", "--preset", "broadcast", "--classes", 12)["parameters"] == 9_232
    names = [card["name"] for card in ask(capsys, "prepare", "--list")["data_sets"]]
    assert len(set(names)) == len(names)
    assert {"synthetic-digits", "fsdd", "speech-commands-v2-12", "speech-commands-v1-30"} <= set(names)


def test_prepare_says_what_a_folder_holds(whistles, capsys):
    found = ask(capsys, "prepare", "--data", whistles)
    assert found["labels"] == sorted(SLOPES)
    assert len(found["speakers"]) == SPEAKERS
    total = sum(sum(numbers.values()) for numbers in found["counts"].values())
    assert total == found["train"] + found["validation"] + found["test"] == 3 * 2 * SPEAKERS


def test_prepare_has_own_words_spoken(capsys, monkeypatch):
    from apps.speech.voices import synthesis

    monkeypatch.setattr(synthesis.Spoken.__init__, "__defaults__", (30,))
    found = ask(capsys, "prepare", "--words", "ja,nein", "--language", "de")
    assert found["labels"] == ["ja", "nein"]
    assert found["train"] + found["validation"] + found["test"] == 60


@pytest.mark.long
def test_a_split_by_speaker_from_the_command_line(whistles, tmp_path, capsys):
    args = ["train", "--data", whistles, "--split", "speaker:00000003", "--fit.epochs", 1, "--out", tmp_path / "r"]
    ask(capsys, *args)
    found = ask(capsys, "evaluate", tmp_path / "r")
    assert [row["speaker"] for row in found["speakers"]] == ["00000003"]
    assert found["count"] == 6


@pytest.mark.long
def test_training_begins_with_the_weights_of_another_run(trained, whistles, tmp_path, capsys):
    args = ["train", "--data", whistles, "--init", trained, "--fit.epochs", 1, "--fit.ema", 0, "--net.dropout", 0]
    args += ["--fit.learning-rate", "1e-6"]
    ask(capsys, *args, "--out", tmp_path / "on")
    first, second = (restore(APP, folder) for folder in (trained, tmp_path / "on"))
    before, after = (run.model.res2.first.conv.weight for run in (first, second))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-3)
    weights = (checkpoint_of(trained) / "weights.safetensors").read_bytes()
    origin = {"run": str(trained), "preset": "time", "weights_sha256": hashlib.sha256(weights).hexdigest()}
    assert second.record["init"] == origin
    ask(capsys, "export", tmp_path / "on", "--check", 2, "--out", tmp_path / "on.onnx")
    properties = {each.key: each.value for each in onnx.load(tmp_path / "on.onnx").metadata_props}
    assert json.loads(properties["init"]) == origin
    assert "init" not in first.record
    assert "gone" in refused(capsys, "train", "--data", whistles, "--init", tmp_path / "gone", "--out", tmp_path / "x")
    assert "the same layers and words" in refused(capsys, *args, "--net.width", 2, "--out", tmp_path / "y")


def test_a_clip_is_drawn_with_its_axes():
    sound = whistle("rising", 1, 1.0)
    plain = render(sound)
    assert plain.dtype == np.uint8
    plot = plain[8:168, 50:252].mean(2)  # inside the axes
    low, high = plot[:, 20:40].mean(1).argmin(), plot[:, 160:180].mean(1).argmin()
    assert high < low - 20  # the whistle rises
    assert plain[:, :46].min() < 100  # numbers beside it
    red = render(sound, heat=np.pad(np.ones((10, 101)), ((0, 30), (0, 0))))[8:168, 50:252].astype(int)
    assert (red[..., 0] - red[..., 2])[150:].mean() > 50  # low bands are at the bottom
    assert (red[..., 0] - red[..., 2])[:60].mean() < 5
    blue = render(sound, heat=-np.ones(13))[8:168, 50:252].astype(int)
    assert (blue[..., 2] - blue[..., 0]).mean() > 50
    assert render(np.zeros(LENGTH, np.int16)).shape == plain.shape
    assert patch(sound, [(0, 40), (-5, 20)]).shape == (40, 25)
    assert patch(sound, [(10, 50)]).shape == (40, 40)
    assert (patch(sound, [(-10, 5), (0, 9)])[-10:] == 255).all()


def test_detection_errors_of_known_scores():
    perfect = np.eye(4)[np.arange(40) % 4]
    false_alarms, misses, equal = detection_errors(perfect, np.arange(40) % 4)
    assert equal == 0
    assert false_alarms[0] == 1
    assert misses[-1] == 1
    generator = np.random.default_rng(0)
    chance = generator.dirichlet(np.ones(4), 4000)
    assert abs(detection_errors(chance, generator.integers(0, 4, 4000))[2] - 0.5) < 0.02
    assert (np.diff(misses) >= 0).all()
    assert (np.diff(false_alarms) <= 0).all()


def test_wrong_use_is_one_line(trained, whistles, tmp_path, capsys):
    text, silent = tmp_path / "no.wav", tmp_path / "nan.wav"
    text.write_text("no sound")
    soundfile.write(silent, np.full(900, np.nan, np.float32), RATE, subtype="FLOAT")
    (tmp_path / "empty").mkdir()
    assert str(text) in refused(capsys, "predict", trained, text)
    assert "is not a number" in refused(capsys, "predict", trained, silent)
    assert "holds no recordings" in refused(capsys, "predict", trained, tmp_path / "empty")
    assert "no such file" in refused(capsys, "listen", trained, tmp_path / "gone.wav")
    assert "--threshold" in refused(capsys, "listen", trained, text, "--threshold", 2)
    assert "--stride" in refused(capsys, "listen", trained, text, "--stride", 0)
    assert "--least" in refused(capsys, "listen", trained, text, "--least", 0)
    assert "is a run of" not in refused(capsys, "listen", tmp_path, text)
    assert "nobody in" in refused(
        capsys, "train", "--data", whistles, "--split", "speaker:eve", "--out", tmp_path / "x", "--overwrite"
    )
    assert "split must be" in refused(capsys, "train", "--split", "half")
    assert "pool_bands must be 1" in refused(capsys, "train", "--net.pool-bands", 2)
    assert "does not speak it" in refused(capsys, "prepare", "--words", "a,b", "--language", "xx")
    assert "leave --no-unknown out" in refused(capsys, "train", "--data", "voices:en:a", "--no-unknown")
    assert "give one of them" in refused(capsys, "prepare", "--words", "a,b", "--data", "fsdd")
    assert "no data set and no folder" in refused(capsys, "train", "--data", "nonesuch", "--out", tmp_path / "y")
    assert not (tmp_path / "y").exists()


def test_a_microphone_without_its_package_says_what_to_install(trained, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert "pip install sounddevice" in refused(capsys, "listen", trained)


def heard(capsys, *args):
    """The words that listen says as they come, and what it notes."""
    capsys.readouterr()
    assert run(APP, ["listen", *map(str, args), "--json"]) == 0
    out, err = capsys.readouterr()
    return [json.loads(line) for line in out.splitlines()], err


def test_a_microphone_is_heard(trained, tmp_path, capsys, monkeypatch):
    """With a stand-in for the package: blocks of a recording, as the sound card gives them."""
    samples, _ = sequence(["rising", "falling"], gap=1.4)
    write_wav(tmp_path / "long.wav", samples)
    options = ["--threshold", 0.5, "--stride", 0.05]
    expected = ask(capsys, "listen", trained, tmp_path / "long.wav", *options)["words"]
    assert expected

    overflows = []

    class Stream:
        def __init__(self, samplerate, channels, dtype, blocksize):
            assert (samplerate, channels, dtype) == (RATE, 1, "int16")
            self.at = 0

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def read(self, count):
            self.at += count
            block = samples[self.at - count : self.at]
            return np.pad(block, (0, count - len(block)))[:, None], self.at in overflows

    import types

    module = types.ModuleType("sounddevice")
    module.InputStream, module.PortAudioError = Stream, RuntimeError
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    found, said = heard(capsys, trained, "--seconds", len(samples) / RATE - 0.1, *options)
    assert [word["word"] for word in found] == [word["word"] for word in expected]
    for word, same in zip(found, expected, strict=True):
        assert abs(word["start"] - same["start"]) <= 0.11
    assert "lost" not in said
    overflows += [480 * 25, 480 * 30]
    _, said = heard(capsys, trained, "--seconds", 2, *options)
    assert said.count("try a larger --stride") == 1
    assert "blocks before which sound was lost: 2" in said

    def unplugged(self, count):
        raise RuntimeError("device gone")

    monkeypatch.setattr(Stream, "read", unplugged)
    assert "the microphone stopped (device gone)" in refused(capsys, "listen", trained)
    module.InputStream = lambda **options: (_ for _ in ()).throw(RuntimeError("no device"))
    assert "no microphone can be opened" in refused(capsys, "listen", trained)


@pytest.mark.long
def test_what_is_said_about_the_files_stays_with_the_run(tmp_path, capsys):
    folder = tmp_path / "d"
    rows = ["file,speaker"]
    for number, word in enumerate(SLOPES):
        (folder / word).mkdir(parents=True)
        for take in range(8):
            write_wav(folder / word / f"{take}.wav", whistle(word, 1000 * number + take))
            rows.append(f"{word}/{take}.wav,{('ann', 'bob', 'cy', 'dee')[take // 2]}")
    (folder / "level" / "8.wav").touch()
    (tmp_path / "who.csv").write_text("\n".join([*rows, "level/8.wav,ann"]), encoding="utf-8")
    given = ["--data", folder, "--speakers", tmp_path / "who.csv"]
    args = ["train", *given, "--fit.epochs", 1, "--out", tmp_path / "r"]
    assert "8.wav: is empty; --skip-bad leaves" in refused(capsys, *args)
    ask(capsys, *args, "--skip-bad")
    config = restore(APP, tmp_path / "r").config
    assert (config.speakers, config.skip_bad) == (str(tmp_path / "who.csv"), True)
    for options in ([], ["--data", folder]):
        found = ask(capsys, "evaluate", tmp_path / "r", *options)
        assert len(found["speakers"]) == 1
        assert found["count"] == 6
    ask(capsys, "train", "--resume", tmp_path / "r")
    ask(capsys, "visualize", "exemplars", tmp_path / "r", "--layer", "res2")
    assert "are for --data" in refused(capsys, "evaluate", tmp_path / "r", "--skip-bad")

    other = tmp_path / "other"  # the run's table says nothing about it
    for number, word in enumerate(SLOPES):
        for speaker in ("s1", "s2", "s3"):
            (other / speaker / word).mkdir(parents=True)
            write_wav(other / speaker / word / "0.wav", whistle(word, 7000 + 10 * number + int(speaker[1])))
    found = ask(capsys, "evaluate", tmp_path / "r", "--data", other)
    assert [row["speaker"] for row in found["speakers"]] in (["s1"], ["s2"], ["s3"])
    assert found["count"] == 3
    options = ["--data", other, "--layout", "word/speaker"]
    assert "give one of them" in refused(
        capsys, "evaluate", tmp_path / "r", *options, "--speakers", tmp_path / "who.csv"
    )
    assert run(APP, [*map(str, ["prepare", *given, "--skip-bad"])]) == 0
    assert f"train --data {folder} --speakers {tmp_path / 'who.csv'} --skip-bad" in capsys.readouterr().out
