"""What a download may take at most: bytes, time in all, and the smallest speed that is worth waiting for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from cnn_core import bounded

T = TypeVar("T")

LARGEST = 16 << 30
"""Bytes of a file whose size no manifest states; CNN_SUITE_READ_LIMIT raises it."""
TOTAL_SECONDS = 6 * 3600.0
"""Time of one download; what has arrived is kept, and the next call goes on from there."""
WINDOW_SECONDS = 60.0
SLOWEST = 4096
"""Bytes a second, the mean over a window: a modem of 1998 gave more."""


class LimitError(Exception):
    """A download went beyond a limit; the message is a few words."""


class TooLargeError(LimitError):
    """It sent more than it should; what has arrived is no beginning of the file."""


class Meter:
    """Counts what arrives. `most` bytes may, `have` of which are there; None where the size is not known."""

    def __init__(self, most: int | None, have: int = 0, clock: Callable[[], float] = time.monotonic):
        self._stated, self._clock = most is not None, clock
        self._most = most if most is not None else bounded.limit(LARGEST)
        self._count = have
        self._began = self._window = clock()
        self._in_window = 0
        self.check(0)

    def check(self, size: int) -> None:
        """Count `size` bytes. Raises TooLargeError, and LimitError where they are too late or too few in a minute."""
        self._count += size
        if self._count > self._most:
            what = "that it should have" if self._stated else "that a file may have"
            raise TooLargeError(f"sends more than the {self._most:,} bytes {what}")
        now = self._clock()
        if now - self._began > TOTAL_SECONDS:
            raise LimitError(f"not done after {TOTAL_SECONDS / 3600:g} hours")
        self._in_window += size
        if now - self._window >= WINDOW_SECONDS:
            if self._in_window < SLOWEST * (now - self._window):
                raise LimitError(f"slower than {SLOWEST:,} bytes a second")
            self._window, self._in_window = now, 0


def within(seconds: float, call: Callable[[], T]) -> T:
    """What `call` gives or raises. Raises TimeoutError where it takes longer; it is then left to itself.

    For an answer's head: each of its bytes may come just in time, and all of them never.
    """
    found: list[T] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            found.append(call())
        except BaseException as error:
            raised.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(seconds)
    if worker.is_alive():
        raise TimeoutError(f"no answer within {seconds:g} seconds")
    if raised:
        raise raised[0]
    return found[0]
