"""Compiling says that it lasts: once, and not where it is quick."""

import time

from apps.go.rules import compiled


def test_long_compiling_is_said_once(monkeypatch, capsys):
    monkeypatch.setattr(compiled, "SLOW", 0.01)
    listener = compiled._Said()
    for _ in range(2):
        listener.on_start(None)
        listener.on_start(None)  # of a function that the first one calls
        time.sleep(0.15)
        listener.on_end(None)
        listener.on_end(None)
    assert capsys.readouterr().err == f"{compiled.SAID}\n"
    monkeypatch.setattr(compiled, "SLOW", 5)
    quick = compiled._Said()
    quick.on_start(None)
    quick.on_end(None)
    assert not quick.done
