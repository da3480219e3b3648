"""Beside other tools: who follows whom, what is missing or fails, and that every side works."""

import json

import pytest

from apps.bench.__main__ import main
from apps.bench.peers import command
from apps.bench.peers.command import Options, compared, installed, measured, page, text_of, why_not
from apps.bench.peers.peer import TASKS, Setting, Side, Task
from cnn_core.errors import UserError

PRESENT = [(task, number) for task in TASKS for number, side in enumerate(TASKS[task].sides) if installed(side)]
NEVER = Side("never", "digits:here", ("no_such_package_here",), "no-such-package-here")


def planted(monkeypatch, qualities, **fields):
    """Two sides that need 2 and 6 CPU-seconds; what each was asked is kept."""
    sides = (Side("ours", "digits:here", ("json",)), Side("theirs", "digits:here", ("json",)), NEVER)
    monkeypatch.setitem(TASKS, "digits", Task("work", "score", sides, **fields))
    asked = []

    def measure(task, number, setting):
        asked.append((number, setting.seed, setting.goal))
        return {"cpu": 2.0 + 4 * number, "quality": qualities[number], "imports": 0.5, "peak": 100.0}

    monkeypatch.setattr(command, "measured", measure)
    return asked


def test_each_ends_by_itself(monkeypatch):
    asked = planted(monkeypatch, (9.0, 8.0))
    found = compared("digits", Options(rounds=2))
    assert asked == [(0, 0, None), (1, 0, None), (0, 1, None), (1, 1, None)]
    assert [(row["side"], row["times"]) for row in found["rows"]] == [("ours", 1.0), ("theirs", 3.0)]
    assert found["missing"] == {"never": "not installed: pip install no-such-package-here"}
    assert "3.00" in text_of(found)
    data = {"command": "cnn-bench peers", "environment": {"python": "3"}, "tasks": [found]}
    assert "| theirs | 6.00 | 8.00 | 3.00 | 0.50 | 100 |" in page(data)


def test_ours_goes_until_it_is_as_good(monkeypatch):
    asked = planted(monkeypatch, (9.0, 8.0), follows="peers")
    compared("digits", Options())
    assert asked == [(1, 0, None), (0, 0, 8.0)]


def test_theirs_goes_until_it_is_as_good(monkeypatch):
    asked = planted(monkeypatch, (9.0, 8.0), follows="here", higher=False)
    compared("digits", Options())
    assert asked == [(0, 0, None), (1, 0, 9.0)]


def test_a_peer_that_fails_is_told_and_the_others_go_on(monkeypatch):
    planted(monkeypatch, (9.0, 8.0))
    whole = command.measured

    def measure(task, number, setting):
        if number == 1:
            raise UserError("theirs failed: ImportError")
        return whole(task, number, setting)

    monkeypatch.setattr(command, "measured", measure)
    found = compared("digits", Options(rounds=2))
    assert [row["side"] for row in found["rows"]] == ["ours"]
    assert found["missing"]["theirs"] == "theirs failed: ImportError"


def test_the_reason_of_pip(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert "no-such-package-here" in why_not(NEVER, asked=True)


def test_a_process_that_ends_with_an_error_is_one_line(monkeypatch):
    monkeypatch.setattr(command, "CHILD", "json.no_such_module")
    with pytest.raises(UserError, match=r"digits: cnn_core failed: .*no_such_module"):
        measured("digits", 0, Setting())


@pytest.mark.parametrize("arguments", [["--tasks", "no-such"], ["--rounds", "0"]])
def test_bad_options(arguments, capsys):
    assert main(["peers", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.long
@pytest.mark.parametrize(("task", "number"), PRESENT)
def test_every_side_that_is_installed_works(task, number):
    if task in ("style", "encoder"):
        pytest.skip("needs weights of a hundred megabytes; `cnn-bench peers --quick` tries it")
    row = measured(task, number, Setting(quick=True))
    assert row["cpu"] > 0
    # The filter says -730 to the noise from which its optimum begins, and rises.
    assert row["quality"] > (-700 if task == "optimum" else 0)
    assert row["peak"] > 50
    assert json.dumps(row)
