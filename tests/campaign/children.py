"""Processes that a campaign starts, kills and looks after: forked, so that PyTorch is imported once."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GOOD = {0, 2, 130}


@dataclass(frozen=True)
class Ended:
    """How a child ended: exit status, or minus the number of the signal; what it wrote."""

    status: int
    seconds: float
    out: str
    err: str
    mute: bool = False
    """Whether writing to standard error failed too, so that no line can be asked for."""

    @property
    def fault(self) -> str:
        """What is wrong with this end; empty where nothing is."""
        if self.status not in GOOD and self.status != -signal.SIGKILL:
            return f"exit status {self.status}: {self.err[-1500:] or self.out[-300:]}"
        if "Traceback" in self.err or "this is a bug" in self.err:
            return self.err[-1500:]
        if self.status == 2 and not self.mute and len(self.err.strip().splitlines()) != 1 and "error: " not in self.err:
            return f"status 2 without one line: {self.err[-500:]}"
        return ""


def _kill(child: int, number: int) -> None:
    """Send a signal to the child's group, or to the child alone where it has not made its group yet."""
    try:
        os.killpg(child, number)
    except ProcessLookupError:
        os.kill(child, number)


def run(
    call: Callable[[], int],
    folder: Path,
    kill_after: float | None = None,
    limit: float = 120.0,
    memory: int = 0,
    number: int = signal.SIGKILL,
) -> Ended:
    """Fork, do `call` with `folder` as working folder, and wait; killed after `kill_after` seconds, if given.

    The status is what `call` returns, 70 after an exception. A child that is not done after `limit` seconds is killed
    and counts as status 71. `memory` bounds its address space, in bytes.
    """
    out, err = folder / ".stdout", folder / ".stderr"
    began = time.monotonic()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _work(call, folder, out, err, memory)
    deadline = began + (limit if kill_after is None else min(limit, kill_after))
    late, status = False, None
    while status is None:
        done, code = os.waitpid(child, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(code)
        elif time.monotonic() > deadline:
            late = kill_after is None or (number != signal.SIGKILL and late)
            _kill(child, signal.SIGKILL if kill_after is None or late else number)
            if number != signal.SIGKILL and kill_after is not None and not late:
                late, deadline = True, time.monotonic() + limit  # it may clean up
                continue
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if late:
                status = 71
        else:
            time.sleep(0.002)
    found = [path.read_text(errors="replace") if path.exists() else "" for path in (out, err)]
    return Ended(status, time.monotonic() - began, *found)


def _work(call: Callable[[], int], folder: Path, out: Path, err: Path, memory: int) -> None:
    """The child's life: never returns."""
    status = 70
    try:
        os.setsid()
        os.chdir(folder)
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")  # whatever the parent had put there
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        status = call()
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
