"""What people read beside the result, on standard error: notes, and progress; and how strangers' texts are shown.

Of several processes, one speaks. On a terminal progress is a bar; in a log it is at most a line every few seconds.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from cnn_core.terminal.streams import knows_unicode

if TYPE_CHECKING:
    from tqdm import tqdm

_silent: ContextVar[bool] = ContextVar("silent", default=False)

SLOW = 20.0  # seconds after which one wonders what is happening
LOG_SECONDS = 10.0  # between two lines of progress in a log
LOG_FORMAT = "{desc}: {n_fmt} of {total_fmt}{unit} in {elapsed}, {remaining} left, {rate_fmt}{postfix}"
LOG_FORMAT_OPEN = "{desc}: {n_fmt}{unit} in {elapsed}, {rate_fmt}{postfix}"  # where nobody knows how many there are


# Control characters, which a terminal obeys; those that turn the direction of writing, end a line, or are half a
# character (a byte of a file name that is not UTF-8).
_OBEYED = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_ANY = re.compile(f"[{_OBEYED}]")
_RGB = r"\d{1,3};\d{1,3};\d{1,3}"
_COLOUR = re.compile(f"\x1b\\[(?:0|48;2;{_RGB};38;2;{_RGB})m")  # as the suite itself colours words
_BEYOND_COLOUR = re.compile(f"{_COLOUR.pattern}|[{_OBEYED}]")
_BEYOND_ASCII = re.compile(f"[{_OBEYED[_OBEYED.index(chr(0x7F)) :]}]")


def visible(text: str, *, page: bool = False, colours: bool = False) -> str:
    """`text` with what a terminal would obey written as an escape: ESC as \\x1b.

    On a `page` line ends and TAB stay, with `colours` also those in which the suite shows words.
    """
    found = _BEYOND_COLOUR if colours else _ANY
    return found.sub(_on_page if page else _escaped, text)


def json_text(data: object, stream: Any = None) -> str:
    """One line of JSON; what a terminal would obey is in JSON's own escapes, so that the value stays the same.

    So is whatever `stream`, where it is to be written, cannot write.
    """
    text = json.dumps(data, ensure_ascii=stream is not None and not knows_unicode(stream))
    return _BEYOND_ASCII.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _on_page(found: re.Match[str]) -> str:
    return found[0] if found[0] in "\t\n" or _COLOUR.fullmatch(found[0]) else _escaped(found)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # Python's stand-in for a byte that is not UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """ "1 text", "2 texts": a count with its noun; `plural` where it is not the noun with an s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def note(message: str) -> None:
    """Say something on standard error, from the main process only, above a progress bar if there is one."""
    if _speaks():
        bars = sys.modules.get("tqdm")  # not loaded, there is no bar to write above
        write = bars.tqdm.write if bars else print
        with suppress(OSError):  # a log that is full ends no training
            write(visible(message, page=True), file=sys.stderr)


def progress(
    what: str,
    *,
    over: Iterable[Any] | None = None,
    total: int | None = None,
    done: int = 0,
    unit: str = "step",
    scale: int = 0,
    show: bool = True,
) -> tqdm:
    """A progress bar `what`, iterating `over` something or counted by `update`; `done` of `total` lie behind.

    `scale` 1000 or 1024 writes large counts with k, M. Without `show`, and in all processes but the main one, it says
    nothing. Its methods are tqdm's.
    """
    from tqdm import tqdm  # not needed for --help

    if total is None and hasattr(over, "__len__"):
        total = len(over)  # type: ignore[arg-type]
    terminal = sys.stderr.isatty()
    options: dict[str, Any] = {"file": sys.stderr}
    if not terminal:
        options = {
            "file": _Lines(),
            "mininterval": LOG_SECONDS,
            "maxinterval": LOG_SECONDS,
            "delay": LOG_SECONDS,
            "bar_format": LOG_FORMAT if total else LOG_FORMAT_OPEN,
        }
    bar: Any = tqdm  # its stubs have no overload for an iterable that may be missing
    return bar(
        over,
        desc=visible(what),
        total=total,
        initial=done,
        unit=f" {unit}",
        unit_scale=bool(scale),
        unit_divisor=scale or 1000,
        disable=not (show and _speaks()),
        leave=False,
        dynamic_ncols=True,
        **options,
    )


class _Lines:
    """Standard error as a log: what would be drawn over the line before becomes a line of its own."""

    def write(self, text: str) -> None:
        line = text.replace("\r", "").strip()
        with suppress(OSError):
            sys.stderr.write(f"{line}\n" if line else "")

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


@contextmanager
def quiet(silent: bool = True) -> Iterator[None]:
    """No notes and no progress in the block, in this thread; with `silent` false as ever."""
    before = _silent.set(silent or _silent.get())
    try:
        yield
    finally:
        _silent.reset(before)


@contextmanager
def note_if_slow(message: str, seconds: float = SLOW, said: Callable[[], object] = bool) -> Iterator[None]:
    """Say `message` once while the block works, if it lasts longer than `seconds`, and call `said` then."""

    def say() -> None:
        note(message)
        said()

    timer = threading.Timer(seconds, say)
    timer.daemon = True
    if _speaks():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _speaks() -> bool:
    return not _silent.get() and int(os.environ.get("RANK", 0)) == 0
