"""Progress: a bar on a terminal, a line every few seconds in a log, nothing beside --json or in other processes."""

import io
import sys

import pytest

from cnn_core import console


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
