"""What people see: progress as a bar or as lines of a log, strangers' texts, versions, completion."""

import io
import json
import re
import subprocess
import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core import console
from cnn_core.drawing.tables import table
from cnn_core.files import csv_cell
from tests.helpers.commands import bad


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_few_lines(capsys, monkeypatch):
    assert list(console.progress("reading", over=range(100_000), unit="file")) == list(range(100_000))
    assert capsys.readouterr().err == ""  # over before the first line was due
    monkeypatch.setattr(console, "LOG_SECONDS", 0.0)
    with console.progress("reading", total=3, unit="file") as bar:
        for _ in range(3):
            bar.update()
    text = capsys.readouterr().err
    lines = text.splitlines()
    assert 1 <= len(lines) <= 5
    assert "\r" not in text
    assert any(line.startswith("reading: 2 of 3 file") for line in lines)


def test_a_terminal_gets_a_bar(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with console.progress("reading", total=3) as bar:
        bar.update(3)
        bar.refresh()
    assert "\r" in stream.getvalue()
    assert "3/3" in stream.getvalue()


@pytest.mark.parametrize(("rank", "show"), [("0", False), ("1", True)])
def test_silence(capsys, monkeypatch, rank, show):
    monkeypatch.setattr(console, "LOG_SECONDS", 0.0)
    monkeypatch.setenv("RANK", rank)
    assert list(console.progress("reading", over=[1, 2], show=show)) == [1, 2]
    console.note("hello") if rank == "1" else None
    assert capsys.readouterr().err == ""


# What strangers' texts may do to a terminal


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=40))
def test_no_control_character_reaches_the_terminal(text):
    found = console.visible(text)
    assert all(unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") for c in found)
    found.encode("utf-8")  # can be printed
    page = console.visible(text, page=True, colours=True)
    assert all(unicodedata.category(c) != "Cc" or c in "\t\n\x1b" for c in page)
    assert all(unicodedata.category(c) != "Cc" or c in "\t\n" for c in console.visible(text, page=True))
    printed = console.json_text({"file": text})
    printed.encode("utf-8")
    assert json.loads(printed) == {"file": text}
    assert all(unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") for c in printed)


def test_what_is_written_for_them():
    assert console.visible("a\x1b[2Jb\n\x9b\u202e\udcff ä") == r"a\x1b[2Jb\x0a\x9b\u202e\xff ä"
    coloured = "\x1b[48;2;1;2;3;38;2;4;5;6mred\x1b[0m\n"
    page = console.visible(f"{coloured}\x1b[31m\x1b]0;title\x07", page=True, colours=True)
    assert page == f"{coloured}\\x1b[31m\\x1b]0;title\\x07"
    assert "\x1b" not in console.visible(coloured, page=True)
    assert table(["label\x1b[2J"], [["x\x1by"], ["a"]]).splitlines() == ["label\\x1b[2J", "─" * 12, "x\\x1by", "a"]


def test_notes_and_errors_show_them(capsys):
    console.note("two\nlines \x1b]0;x\x07")
    assert capsys.readouterr().err == "two\nlines \\x1b]0;x\\x07\n"
    assert "no\\x1b[2J: cnn-digits has no such network" in bad(capsys, "networks", "--name", "no\x1b[2J")


def test_cells_that_a_spreadsheet_would_compute_are_quoted():
    assert [csv_cell(value) for value in ("=1+1", "+1", "-x", "@a", "\t=1", "a=1", "", -2.5, None)] == [
        *("'=1+1", "'+1", "'-x", "'@a", "'\t=1", "a=1", ""),
        -2.5,
        None,
    ]


# Version, completion, closed pipes


@pytest.mark.parametrize("app", ["digits", "go", "speech", "text", "dream", "bench"])
def test_the_version_is_one_line_and_needs_no_torch(app):
    code = (
        f"import sys; from apps.{app} import __main__ as m; sys.argv[1:] = ['--version'];"
        " status = m.main(); sys.exit(bool(status or 'torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"cnn-{app} \S+ \(torch \d\S+, Python 3\.\d+\.\d+\S*\)\n", done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("words", ["--help", "predict --help", "summary"])
def test_a_reader_that_goes_is_no_error(words):
    command = f"{sys.executable} -m apps.digits {words} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "0\n"
    assert done.stderr == ""


def test_completion_gives_verbs_options_and_files(tmp_path):
    (tmp_path / "seven.png").touch()
    command = f"""
        source <({sys.executable} -m apps.digits --print-completion); cd {tmp_path}
        COMP_WORDS=(cnn-digits pre); COMP_CWORD=1; _cnn_digits; echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(cnn-digits predict --re); COMP_CWORD=2; _cnn_digits; echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(cnn-digits train --fit.epochs); COMP_CWORD=2; _cnn_digits; echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(cnn-digits predict RUN sev); COMP_CWORD=3; _cnn_digits; echo "${{COMPREPLY[@]}}"
        complete -p cnn-digits
    """
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "prepare predict",
        "--reject",
        "--fit.epochs",
        "seven.png",
        "complete -o filenames -F _cnn_digits cnn-digits",
    ], done.stderr


def test_quiet_holds_inside_its_block(capsys):
    with console.quiet():
        console.note("unheard")
        with console.quiet(False):
            console.note("unheard too")
    with console.quiet(False):
        console.note("heard")
    assert capsys.readouterr().err == "heard\n"


def test_a_note_about_slow_work_comes_once_and_only_then(capsys):
    with console.note_if_slow("still at it", 0.01):
        time.sleep(0.2)
    assert capsys.readouterr().err == "still at it\n"
    with console.note_if_slow("still at it", 5):
        pass
    with console.quiet(), console.note_if_slow("still at it", 0.01):
        time.sleep(0.1)
    assert capsys.readouterr().err == ""
