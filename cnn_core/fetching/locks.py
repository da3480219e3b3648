"""A lock between processes, freed by the system when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> None:
        """Lock the open file for this process. Raises OSError: BlockingIOError or PermissionError where it is held."""
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def try_lock(descriptor: int) -> None:
        """Lock the open file for this process. Raises OSError: BlockingIOError or PermissionError where it is held."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def exclusive(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock file `path` (made where missing, and left) while the block runs.

    `waiting` is called once where another process holds it. On a file system that knows no locks the block
    runs without one.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    said = False
    try:
        while True:
            try:
                try_lock(descriptor)
                break
            except (BlockingIOError, PermissionError):
                if not said:
                    waiting()
                    said = True
                time.sleep(0.1)
            except OSError:  # no locks here: what is written is checked and renamed whole in any case
                break
        yield
    finally:
        with suppress(OSError):
            os.close(descriptor)
