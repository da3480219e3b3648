"""Several processes on several machines: a process that is not heard of any more ends the others, in one line.

Collective operations wait for a lost peer for half an hour, and nothing in this process can wake them. So each rank
counts up a number in the store of the process group every two seconds from a thread of its own, however long a step
takes, and reads the numbers of the others. A second thread looks at the clock: reading waits as well when the machine
that keeps the store is gone.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

EVERY = 2.0  # seconds
STATUS = 2


@contextmanager
def watched(store: Any, rank: int, world: int, lost_after: float) -> Iterator[None]:
    """Inside, this process ends with status 2 when another of the `world` has not been heard of for `lost_after` s."""
    if not lost_after or world == 1:
        yield
        return
    watch = _Watch(store.clone(), rank, world, lost_after)
    for name in ("beat", "judge"):
        threading.Thread(target=getattr(watch, name), name=f"peers-{name}", daemon=True).start()
    try:
        yield
    finally:
        watch.stop.set()


class _Watch:
    """What one rank knows of the others."""

    def __init__(self, store: Any, rank: int, world: int, lost_after: float):
        self.store, self.rank, self.world, self.lost_after = store, rank, world, lost_after
        self.stop = threading.Event()
        store.set_timeout(timedelta(seconds=EVERY))
        self.answered = time.monotonic()
        self.heard = {other: (self.answered, -1) for other in range(world) if other != rank}

    def beat(self) -> None:
        """Count up and read what the others count, until told to stop."""
        count = 0
        while not self.stop.wait(EVERY):
            count += 1
            try:
                self.store.set(_key(self.rank), str(count))
                for other, (_, last) in self.heard.items():
                    if self.store.check([_key(other)]) and (found := int(self.store.get(_key(other)))) != last:
                        self.heard[other] = (time.monotonic(), found)
            except RuntimeError:  # no answer; how long for is the other thread's business
                continue
            self.answered = time.monotonic()

    def judge(self) -> None:
        """End the process when the store or another rank has been silent for too long."""
        while not self.stop.wait(EVERY / 4):
            now = time.monotonic()
            if now - self.answered > self.lost_after + EVERY:
                self.end("the first process does not answer")
            for other, (when, _) in self.heard.items():
                if self.answered - when > self.lost_after:
                    self.end(f"process {other} of {self.world} has not been heard of")

    def end(self, what: str) -> None:
        """End at once: the main thread may be inside an operation that waits for the lost one."""
        if self.stop.is_set():
            return
        line = f"{what} for {self.lost_after:g} s; the last checkpoint is whole: go on with --resume RUN"
        sys.stderr.write(f"{Path(sys.argv[0]).name or 'training'}: error: {line}\n")
        sys.stderr.flush()
        os._exit(STATUS)


def _key(rank: int) -> str:
    return f"alive/{rank}"
