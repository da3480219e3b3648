"""gtp: the network as an engine for Sabaki, GoGui and every other program that speaks the Go Text Protocol."""

import queue
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Answering, parser

if TYPE_CHECKING:
    from apps.go.gtp.engine import Engine


@dataclass(frozen=True, kw_only=True)
class GtpOptions(Answering):
    """Options of gtp."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    temperature: float = 0.0
    """0 plays the most probable move; 1 draws from the probabilities as they are."""
    top_p: float = 1.0
    """Draw from the most probable moves that together have this share."""
    symmetries: int = 8
    """1, or 8 to average over all turned and mirrored boards."""


parse = parser(GtpOptions, "Speak the Go Text Protocol, version 2, on standard input and output.")


def run(app: App, options: GtpOptions) -> Outcome:
    """Answer commands until quit or the end of standard input."""
    from apps.go.gtp.engine import Engine
    from apps.go.gtp.session import Session
    from apps.go.play.player import Policy, Style
    from apps.go.play.playouts import ownership
    from cnn_core import version
    from cnn_core.verbs.answers import opened

    style = Style(options.temperature, options.top_p, options.symmetries)
    trained = opened(app, options)
    session = Session(Policy(trained), style, seed=options.common.seed)
    session.shares()  # compiled code is loaded now, not on the clock
    ownership(session.position, games=2)
    serve(Engine(session, version.__version__), sys.stdin.buffer, sys.stdout)
    return Outcome(None, "")


def serve(engine: "Engine", source: Iterable[bytes], out: TextIO) -> None:
    """Read commands from `source`, line by line, and write the answers to `out`, until quit or the end.

    Lines are read by a thread of their own: the next one, whatever it is, stops an analysis.
    """
    from apps.go.gtp.protocol import answer, parse

    lines: queue.Queue[bytes | None] = queue.Queue()
    threading.Thread(target=_read, args=(source, lines), daemon=True).start()
    line = lines.get()
    while line is not None:
        command = parse(line.decode("utf-8", "replace"))
        if command is not None:
            good, text = engine.answer(command)
            interval = engine.interval(command) if good else None
            if interval is None:
                _write(out, answer(command, text, good))
            else:
                line = _repeat(out, f"={command.number}\n{text}\n", f"{text}\n", interval, lines)
                continue
        if engine.quitting:
            return
        line = lines.get()


def _read(source: Iterable[bytes], lines: "queue.Queue[bytes | None]") -> None:
    try:
        for line in source:
            lines.put(line)
    except (OSError, ValueError):  # the stream was closed
        pass
    finally:
        lines.put(None)


def _repeat(out: TextIO, first: str, again: str, interval: float, lines: "queue.Queue[bytes | None]") -> bytes | None:
    """Say an analysis at every interval until a line arrives, and give that line.

    The network's answer does not change with time: it is computed once.
    """
    _write(out, first)
    while True:
        try:
            line = lines.get(timeout=interval)
        except queue.Empty:
            _write(out, again)
            continue
        _write(out, "\n")
        return line


def _write(out: TextIO, text: str) -> None:
    out.write(text)
    out.flush()
