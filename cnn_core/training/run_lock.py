"""One training in a run folder at a time: a lock of the system, and an entry that says who holds it.

The entry `.NAME.lock` lies beside the folder, so that a run can be moved aside while it is held. Where the file system
knows no locks, or does not share them between hosts, an entry younger than a minute refuses; it is renewed while
training, so that a killed training can be resumed soon.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from cnn_core.errors import UserError
from cnn_core.fetching.locks import try_lock

FRESH = 60.0  # seconds for which an entry counts without a lock
ENTRY = 512  # bytes of an entry; JSON, filled up with spaces
RENEWED = 15.0  # seconds between two renewals


@dataclass(frozen=True)
class Holder:
    """Who trains in a folder; `time` is in seconds since 1970, of the last renewal."""

    host: str
    process: int
    began: str
    time: float


@contextmanager
def training_in(folder: Path) -> Iterator[None]:
    """Hold the run folder (which need not exist) while the block trains in it.

    Raises UserError, at once, where another training holds it, or the entry cannot be written.
    """
    path = folder.with_name(f".{folder.name}.lock")
    me = Holder(socket.gethostname(), os.getpid(), f"{datetime.now():%Y-%m-%d %H:%M:%S}", time.time())
    descriptor = _open(path, folder)
    try:
        _acquire(descriptor, folder, me)
        if not _stands(descriptor, path):  # its holder ended between our opening and locking, and took it away
            _refuse(folder, None)
        stop = threading.Event()
        renewal = threading.Thread(target=_renew, args=(descriptor, me, stop), daemon=True)
        renewal.start()
        try:
            yield
        finally:
            stop.set()
            renewal.join()
            with suppress(OSError):
                path.unlink()
    finally:
        os.close(descriptor)


def _open(path: Path, folder: Path) -> int:
    blocked = next((each for each in folder.parents if each.exists() and not each.is_dir()), None)
    if blocked:
        raise UserError(f"{folder}: {blocked} is a file; name another folder with --out")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def _stands(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _acquire(descriptor: int, folder: Path, me: Holder) -> None:
    locked = True
    try:
        try_lock(descriptor)
    except (BlockingIOError, PermissionError):
        _refuse(folder, _read(descriptor))
    except OSError:  # this file system knows no locks
        locked = False
    holder = _read(descriptor)
    if holder and time.time() - holder.time < FRESH and not (locked and holder.host == me.host):
        _refuse(folder, holder)
    _write(descriptor, me)


def _refuse(folder: Path, holder: Holder | None) -> None:
    who = f"process {holder.process} on {holder.host}, since {holder.began}," if holder else "another process"
    raise UserError(f"{folder}: {who} trains in it; wait until it ends, or name another folder with --out")


def _renew(descriptor: int, me: Holder, stop: threading.Event) -> None:
    while not stop.wait(RENEWED):
        with suppress(OSError):
            _write(descriptor, Holder(me.host, me.process, me.began, time.time()))


def _read(descriptor: int) -> Holder | None:
    try:
        holder = Holder(**json.loads(os.pread(descriptor, 4096, 0)))
        return holder if isinstance(holder.time, int | float) else None
    except (OSError, ValueError, TypeError):
        return None


def _write(descriptor: int, holder: Holder) -> None:
    # Of one length and in one call: who reads it meanwhile, where nothing can be locked, must not find half of it.
    text = json.dumps(asdict(holder)).encode().ljust(ENTRY)
    os.pwrite(descriptor, text, 0)
    os.ftruncate(descriptor, len(text))
