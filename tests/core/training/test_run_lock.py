"""One training in a folder at a time, with locks and without, and runs that are replaced only by runs that stand."""

import errno
import json
import os
import socket
import subprocess
import sys
import time

import pytest

from cnn_core import runs
from cnn_core.errors import UserError
from cnn_core.training import checkpoint, run_lock
from cnn_core.training.run_lock import Holder, training_in


def entry(folder):
    return folder.with_name(f".{folder.name}.lock")


def write(folder, **change):
    holder = {"host": "elsewhere", "process": 7, "began": "yesterday", "time": time.time()} | change
    entry(folder).write_text(json.dumps(holder), encoding="utf-8")


def test_the_second_training_is_refused_at_once_and_told_who(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from cnn_core.training.run_lock import training_in\n"
        "with training_in(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        start = time.monotonic()
        with pytest.raises(UserError, match=f"process {process.pid} on {socket.gethostname()}") as caught:
            training_in(tmp_path / "run").__enter__()
        assert time.monotonic() - start < 1
        assert "--out" in str(caught.value)
        process.kill()  # the system frees the lock of a process that was killed
        process.wait()
        with training_in(tmp_path / "run"):
            assert json.loads(entry(tmp_path / "run").read_text())["process"] == os.getpid()
    assert not entry(tmp_path / "run").exists()


def no_locks(descriptor):
    raise OSError(errno.ENOLCK, "No locks available")


@pytest.mark.parametrize("locks", [True, False])
def test_a_fresh_entry_of_another_host_refuses_and_an_old_one_does_not(tmp_path, monkeypatch, locks):
    if not locks:
        monkeypatch.setattr(run_lock, "try_lock", no_locks)
    write(tmp_path / "run")
    with pytest.raises(UserError, match="process 7 on elsewhere, since yesterday"):
        training_in(tmp_path / "run").__enter__()
    write(tmp_path / "run", time=time.time() - 61)
    with training_in(tmp_path / "run"):
        pass


def test_without_locks_an_entry_of_this_host_counts_too(tmp_path, monkeypatch):
    write(tmp_path / "run", host=socket.gethostname())
    with training_in(tmp_path / "run"):  # with locks, the killed process on this host holds nothing any more
        pass
    monkeypatch.setattr(run_lock, "try_lock", no_locks)
    write(tmp_path / "run", host=socket.gethostname())
    with pytest.raises(UserError, match="trains in it"):
        training_in(tmp_path / "run").__enter__()


def test_the_entry_is_renewed_while_training(tmp_path, monkeypatch):
    monkeypatch.setattr(run_lock, "RENEWED", 0.01)
    with training_in(tmp_path / "run"):
        first = json.loads(entry(tmp_path / "run").read_text())["time"]
        deadline = time.monotonic() + 5
        while json.loads(entry(tmp_path / "run").read_text())["time"] == first:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"host": 1}', "\x00\xff", '{"host":"a","process":1,"began":"","time":"x"}']
)
def test_a_damaged_entry_holds_nothing(tmp_path, text):
    entry(tmp_path / "run").write_text(text, encoding="latin-1")
    with training_in(tmp_path / "run"):
        assert Holder(**json.loads(entry(tmp_path / "run").read_text())).process == os.getpid()


def old_run(folder):
    folder.mkdir()
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    return folder


def saved(folder):
    folder.mkdir(exist_ok=True)
    checkpoint.save(folder / "last", checkpoint.Checkpoint({}, {"app": "x"}))


def test_a_run_is_replaced_only_by_one_that_stands(tmp_path):
    folder = old_run(tmp_path / "run")
    with runs.replacing(folder) as finish:
        finish()  # no checkpoint yet: the old run stays
        assert (tmp_path / "run.replaced" / "notes.txt").exists()
        folder.mkdir()
        (folder / "config.json").write_text("{}", encoding="utf-8")
    assert (folder / "notes.txt").read_text() == "mine"
    with runs.replacing(folder) as finish:
        saved(folder)
        finish()
        assert not (tmp_path / "run.replaced").exists()
        finish()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert not (folder / "notes.txt").exists()


def test_what_a_kill_left_beside_is_not_overwritten(tmp_path):
    folder = old_run(tmp_path / "run")
    old_run(tmp_path / "run.replaced")
    with runs.replacing(folder):
        saved(folder)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "run.replaced"}
    assert (tmp_path / "run.replaced" / "notes.txt").exists()


def test_a_folder_below_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match="file is a file; name another folder"):
        training_in(tmp_path / "file" / "run").__enter__()


def test_an_entry_that_its_holder_took_away_meanwhile_is_not_held(tmp_path, monkeypatch):
    locked = run_lock.try_lock

    def too_late(descriptor):  # another training ends between our opening and our locking
        entry(tmp_path / "run").unlink()
        locked(descriptor)

    monkeypatch.setattr(run_lock, "try_lock", too_late)
    with pytest.raises(UserError, match="trains in it"):
        training_in(tmp_path / "run").__enter__()
