"""gtp: the network as an engine for Sabaki, GoGui and every other program that speaks the Go Text Protocol."""

import queue
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Answering, parser

if TYPE_CHECKING:
    from apps.go.gtp.engine import Engine
    from apps.go.gtp.protocol import Command


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
    visits: int = 0
    """Positions that a tree search looks at for each move; 0 plays by the policy alone. For a network that judges."""
    resign: float = 0.0
    """Resign after three moves in a row with a lower win rate, 0 to 0.5; 0 never resigns. For a network that judges."""
    rules: str = "chinese"
    """Rules until a controller sets others: chinese, japanese, tromp-taylor, aga, new-zealand, ... or JSON."""


parse = parser(GtpOptions, "Speak the Go Text Protocol, version 2, on standard input and output.")


def run(app: App, options: GtpOptions) -> Outcome:
    """Answer commands until quit or the end of standard input."""
    from apps.go.gtp.engine import Engine
    from apps.go.gtp.session import Session
    from apps.go.play.player import Policy, Style
    from apps.go.play.playouts import ownership
    from apps.go.play.search import searcher
    from apps.go.rules.ruleset import chosen
    from cnn_core import version
    from cnn_core.verbs.answers import opened

    style = Style(options.temperature, options.top_p, options.symmetries)
    rules = chosen(options.rules)
    if not 0 <= options.resign <= 0.5:
        raise UserError(f"--resign must lie between 0 and 0.5, not {options.resign:g}")
    trained = opened(app, options)
    policy = Policy(trained)
    if options.resign and not policy.judges:
        raise UserError(f"--resign: {options.run} does not judge who wins; train it with --judge 1")
    session = Session(
        searcher(policy, options.visits, options.run),
        style,
        seed=options.common.seed,
        rules=rules,
        resign=options.resign,
    )
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
                _write(out, f"={command.number}\n{text}\n")
                line = _repeat(out, engine, command, text, interval, lines)
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


def _repeat(
    out: TextIO, engine: "Engine", command: "Command", text: str, interval: float, lines: "queue.Queue[bytes | None]"
) -> bytes | None:
    """Say an analysis at every interval until a line arrives, and give that line.

    A search goes on until it has its visits. The network's own answer does not change with time: it is computed once.
    """
    while True:
        begun = time.monotonic()
        if engine.grows() and lines.empty():
            good, found = engine.answer(command, lambda: not lines.empty())
            text = found if good else text
        try:
            line = lines.get(timeout=max(interval - (time.monotonic() - begun), 0.0))
        except queue.Empty:
            _write(out, f"{text}\n")
            continue
        _write(out, "\n")
        return line


def _write(out: TextIO, text: str) -> None:
    out.write(text)
    out.flush()
