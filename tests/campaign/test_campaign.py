"""The campaign's own oracles find what they are for; and five minutes of it."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnn_core.errors import UserError
from tests.campaign import children, corpus, oracles, readers
from tests.campaign.mutation import mutated
from tests.campaign.tally import Tally

ROOT = Path(__file__).parents[2]
SEEDS = [(".x", b"some bytes " * 20)]


def refuses(path: Path) -> None:
    raise UserError(f"{path}: no")


def writes_outside(path: Path) -> None:
    (path.parent.parent / "stray").write_text("")


def changes_its_input(path: Path) -> None:
    path.write_bytes(b"")


def fails(path: Path) -> None:
    raise IndexError("list index out of range")


def hangs(path: Path) -> None:
    time.sleep(60)


def dies(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def fills_the_memory(path: Path) -> None:
    bytes(4 << 30)


@pytest.mark.parametrize(
    ("read", "fault"),
    [
        (lambda path: None, ""),
        (refuses, ""),
        (writes_outside, "written outside: ['stray']"),
        (changes_its_input, "the input was changed"),
        (fails, "IndexError: list index out of range"),
        (hangs, "status 71"),
        (dies, "status -15"),
        (fills_the_memory, "MemoryError"),
    ],
    ids=["right", "refused", "outside", "changed", "trace", "hang", "death", "memory"],
)
def test_what_a_reader_must_not_do_is_a_fault(read, fault, tmp_path, monkeypatch):
    monkeypatch.setitem(readers.READERS, "this", (read, lambda: SEEDS))
    monkeypatch.setattr(readers, "SECONDS", 1.0)
    readers.seeds.cache_clear()
    tally = Tally()
    readers.trial("this", tmp_path, random.Random(0), tally, batch=2)
    assert len(tally.faults) == bool(fault)
    if fault:
        assert fault in tally.faults[0]["fault"]
    else:
        assert tally.ends["this", "refused" if read is refuses else "right"] == 2


@pytest.mark.parametrize("name", sorted(readers.READERS))
def test_whole_files_are_read_and_mutated_ones_are_no_fault(name, tmp_path):
    tally = Tally()
    readers.whole(name, tmp_path / "whole", tally)
    (tmp_path / "trial").mkdir()
    readers.trial(name, tmp_path / "trial", random.Random(1), tally, batch=20)
    assert not tally.faults
    assert tally.trials[name] == len(readers.seeds(name)) + 20


def test_changes_are_the_seed_s_alone():
    one, two = ([mutated(corpus.SGF, random.Random(n), corpus.GTP) for n in range(50)] for _ in range(2))
    assert one == two
    assert len(set(one)) > 40


def test_a_killed_child_and_one_that_goes_on(tmp_path):
    assert children.run(lambda: 0, tmp_path).status == 0
    assert children.run(lambda: time.sleep(30) or 0, tmp_path, kill_after=0.1).status == -signal.SIGKILL
    stopped = children.run(lambda: time.sleep(30) or 0, tmp_path, kill_after=0.1, number=signal.SIGINT)
    assert "KeyboardInterrupt" in stopped.err
    said = children.run(lambda: print("this is a bug", file=sys.stderr) or 2, tmp_path)
    assert said.fault
    assert not children.run(lambda: print("x: error: no such file", file=sys.stderr) or 2, tmp_path).fault
    assert children.run(lambda: 3, tmp_path).fault


def test_other_weights_and_changed_data_are_seen(tmp_path):
    (tmp_path / "last").mkdir()
    (tmp_path / "last" / "weights.safetensors").write_bytes(b"a")
    before, tree = oracles.contents(tmp_path), oracles.digest_of_tree(tmp_path)
    assert not oracles.differences(before, oracles.contents(tmp_path))
    (tmp_path / "last" / "weights.safetensors").write_bytes(b"b")
    assert oracles.differences(before, oracles.contents(tmp_path)) == "differ in ['last/weights.safetensors']"
    assert oracles.digest_of_tree(tmp_path) != tree


@pytest.mark.long
def test_five_minutes():
    command = [sys.executable, "-m", "tests.campaign", "--minutes", os.environ.get("CAMPAIGN_MINUTES", "5")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 faults" in done.stdout
