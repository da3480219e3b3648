"""What the system refuses and what nobody foresaw: one line, the right exit status, nothing half-written."""

import errno
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from apps.digits.app import APP
from cnn_core.cli import run
from cnn_core.errors import UserError
from cnn_core.files import atomic
from cnn_core.terminal import faults, streams, system_errors
from cnn_core.training.checkpoint import Checkpoint, save
from cnn_core.verbs.sharing import networks
from tests.helpers.commands import bad

ROOT = Path(__file__).parents[2]
LONG = "n" * 300


@pytest.fixture(autouse=True)
def as_users_have_it(monkeypatch):
    monkeypatch.delenv(faults.VARIABLE)


@pytest.fixture
def picture(tmp_path):
    drawn = Image.new("L", (80, 80), 255)
    ImageDraw.Draw(drawn).line([(20, 18), (60, 18), (34, 64)], fill=0, width=6)
    drawn.save(tmp_path / "sieben-é.png")
    return tmp_path / "sieben-é.png"


def shell(command, **more):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    environment.pop("PYTHONUTF8", None)
    command = command.replace("cnn-", f"{sys.executable} -m apps.")
    return subprocess.run(["bash", "-c", command], capture_output=True, check=False, env=environment)


def one_line(done, status=2):
    lines = done.stderr.decode().splitlines()
    assert done.returncode == status, done.stderr.decode()
    assert len(lines) == 1, lines
    return lines[0]


# Errors of the system


@pytest.mark.parametrize("number", sorted(system_errors.REMEDIES))
def test_each_error_of_a_file_is_a_line_that_names_it(number, monkeypatch, capsys):
    def failing(app, options):
        raise OSError(number, os.strerror(number), "/some/where/file")

    monkeypatch.setattr(networks, "run", failing)
    message = bad(capsys, "networks")
    assert "/some/where/file: " in message
    assert os.strerror(number) in message
    assert system_errors.REMEDIES[number] in message


def test_what_is_no_error_of_the_system_is_none():
    for error in (ValueError("x"), OSError("no number"), OSError(errno.EINVAL, "x"), FileNotFoundError(2, "x")):
        assert system_errors.line_of(error) is None
    own = OSError(errno.ENOENT, "x", str(ROOT / "cnn_core" / "lost.json"))
    assert system_errors.line_of(own) is None
    assert system_errors.line_of(UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates")) is None


def test_memory_and_libraries_of_other_languages():
    class SafetensorError(Exception):
        pass

    full = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert system_errors.line_of(full) == f"the disk: {os.strerror(28)}; {system_errors.SPACE}"
    assert system_errors.line_of(SafetensorError("HeaderTooLarge")) is None
    for error in (MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")):
        assert system_errors.line_of(error) == system_errors.NO_MEMORY
    assert "set LC_ALL" in (system_errors.line_of(UnicodeEncodeError("ascii", "é", 0, 1, "x")) or "")
    message = system_errors.line_of(OSError(errno.ENAMETOOLONG, "x", "a" * 5000))
    assert message is not None
    assert len(message) < 300


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["predict", f"{LONG}.png"],
        ["evaluate", LONG],
        ["train", "--data", LONG, "--out", "OUT/run"],
        ["train", "--resume", LONG],
        ["train", "--fit.epochs", "1", "--out", f"OUT/{LONG}"],
        ["export", "@digits-lecture", "--out", f"OUT/{LONG}"],
        ["visualize", "weights", "@digits-lecture", "--out", f"OUT/{LONG}"],
        ["push", "@digits-lecture", f"OUT/{LONG}"],
        ["pull", LONG, "OUT/run"],
    ],
    ids=lambda words: " ".join(words[:1]),
)
def test_names_that_are_too_long(words, tmp_path, capsys):
    status = run(APP, [word.replace("OUT", str(tmp_path)) for word in words])
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert "nnnn" in next(line for line in err.splitlines() if "error:" in line)
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


# Outputs


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_outputs_that_are_full_or_closed(picture):
    done = shell(f"cnn-digits predict @digits {picture} > /dev/full")
    assert "No space left on device" in one_line(done)
    assert shell("cnn-digits predict @digits no-such.png 2> /dev/full").returncode == 2
    for closed in (">&-", "2>&-", "<&-"):
        done = shell(f"cnn-digits predict @digits {picture} {closed}")
        assert (done.returncode, done.stderr) == (0, b"")
    assert "standard input" in one_line(shell("cnn-digits predict @digits - <&-"))
    assert shell("cnn-digits train --help 2>&1 | head -1; exit ${PIPESTATUS[0]}").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("locale", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}])
def test_an_output_that_knows_ascii_alone(locale, picture):
    if "LC_ALL" in locale:
        locale = {**locale, "PYTHONUTF8": "0"}
    command = f"cnn-digits predict @digits {picture}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **locale}

    def ran(*more):
        words = [sys.executable, "-m", "apps.digits", *command.split()[1:], *more]
        return subprocess.run(words, capture_output=True, check=False, env=environment)

    done = ran()
    assert done.returncode == 0, done.stderr
    table = done.stdout.decode("ascii").splitlines()
    assert re.fullmatch(r"-+  -+  -+  -+  -+", table[1])
    found = json.loads(ran("--json").stdout.decode("ascii"))
    assert found["predictions"][0]["answer"] == "7"
    names = (picture.name, os.fsencode(picture.name).decode("ascii", "surrogateescape"))
    assert Path(found["predictions"][0]["file"]).name in names
    assert b"no-such-" in ran("no-such-\u00e9.png").stderr


@given(st.text(max_size=30))
def test_json_on_an_ascii_stream_keeps_its_value(text):
    from cnn_core.console import json_text

    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors=streams.PLAIN)
    stream.write(json_text({"label": text}, stream))
    stream.flush()
    assert json.loads(stream.buffer.getvalue().decode("ascii")) == {"label": text}  # type: ignore[attr-defined]


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=30))
def test_any_text_is_written_to_an_ascii_stream(text):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors=streams.PLAIN, newline="")
    stream.write(text)
    stream.flush()
    assert stream.buffer.getvalue().isascii()  # type: ignore[attr-defined]


# Places


def test_links_and_devices_are_left_as_they_are(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("link", "symbolic link"), ("dangling", "symbolic link"), ("pipe", "device or a pipe")):
        with pytest.raises(UserError, match=said), atomic(tmp_path / name) as part:
            part.write_text("x")
    assert (tmp_path / "file").read_text() == "mine"
    assert (tmp_path / "link").is_symlink()
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.fixture
def tiny(tmp_path):
    """A file system of 40 kB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_checkpoint_that_finds_no_space_leaves_the_one_before(tiny):
    import torch

    save(tiny / "last", Checkpoint({"w": torch.zeros(100)}, {"app": "digits"}))
    before = {path: path.read_bytes() for path in (tiny / "last").iterdir()}
    with pytest.raises(UserError, match="No space left on device"):
        save(tiny / "last", Checkpoint({"w": torch.zeros(100_000)}, {"app": "digits"}))
    assert {path: path.read_bytes() for path in (tiny / "last").iterdir()} == before
    assert [path.name for path in tiny.iterdir()] == ["last"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "export @digits-lecture --check 5 --out TINY/x.onnx",
        "explain @digits-lecture PICTURE --out TINY/e",
        "push @digits-lecture TINY/b",
        "pull GIVEN TINY/run",
    ],
    ids=lambda words: words.split()[0],
)
def test_a_disk_that_is_full(words, tiny, tmp_path, picture, capsys):
    if "GIVEN" in words:
        assert run(APP, ["push", "@digits-lecture", str(tmp_path / "given")]) == 0
    places = {"TINY": str(tiny), "PICTURE": str(picture), "GIVEN": str(tmp_path / "given")}
    for name, place in places.items():
        words = words.replace(name, place)
    capsys.readouterr()
    assert run(APP, words.split()) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert "No space left on device" in line
    assert ".tmp" not in line
    assert not [path for path in tiny.rglob("*") if path.is_file()]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="for root every folder may be written")
def test_a_folder_that_may_only_be_read(tmp_path, capsys):
    tmp_path.chmod(0o555)
    assert "Permission denied" in bad(capsys, "push", "@digits-lecture", tmp_path / "b")
    tmp_path.chmod(0o755)


# Ctrl-C and faults


@pytest.mark.slow
def test_ctrl_c_is_130_and_one_line():
    code = (
        "import signal, sys, time; from cnn_core.verbs import train; from apps.digits.__main__ import main; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # ignored where tests run in the background
        "train.run = lambda app, options: time.sleep(60); print('go', flush=True); "
        "sys.argv[1:] = ['train', '--data', 'no-such-data']; sys.exit(main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "go\n"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "cnn-digits: interrupted\n")


def failing(app, options):
    raise ZeroDivisionError("what\x1b[2J nobody\nforesaw")


def test_a_fault_says_that_it_is_one_and_where_the_trace_is(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(networks, "run", failing)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert run(APP, ["networks", "--name", "\x1b[2J"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    (trace,) = tmp_path.iterdir()
    assert re.fullmatch(
        r"cnn-digits: error: this is a bug \(ZeroDivisionError: what\\x1b\[2J nobody\); please report it with"
        rf" cnn-digits \d+\.\d+\.\d+ \(torch .*\) and the trace in {trace}\n",
        err,
    )
    text = trace.read_text(encoding="utf-8")
    assert "in failing" in text
    assert "networks" in text
    assert stat.S_IMODE(trace.stat().st_mode) == 0o600


def test_a_fault_whose_trace_finds_no_place_is_shown(monkeypatch, capsys):
    def no_place(**more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(networks, "run", failing)
    monkeypatch.setattr("tempfile.mkstemp", no_place)
    assert run(APP, ["networks"]) == 1
    err = capsys.readouterr().err
    assert "in failing" in err
    assert "\x1b" not in err
    assert "the trace above" in err.splitlines()[-1]


def test_those_who_look_for_faults_get_them_raised(monkeypatch):
    monkeypatch.setattr(networks, "run", failing)
    monkeypatch.setenv(faults.VARIABLE, "1")
    with pytest.raises(ZeroDivisionError):
        run(APP, ["networks"])


def test_a_log_that_is_full_ends_no_training(monkeypatch):
    from cnn_core import console

    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    monkeypatch.setattr(console, "LOG_SECONDS", 0.0)
    console.note("hello")
    assert list(console.progress("reading", over=range(3))) == [0, 1, 2]
