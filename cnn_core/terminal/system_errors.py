"""What the system refuses, as one line for people: the one place that knows these errors.

A disk that is full, a quota, a folder that may only be read, a name that is too long, no memory. Libraries wrap some of
them: safetensors, written in Rust, says "(os error 28)", PyTorch "can't allocate memory".
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

SPACE = "free some space, or name another place"
PLACE = "name another place"
REMEDIES = {
    errno.ENOSPC: SPACE,
    getattr(errno, "EDQUOT", errno.ENOSPC): SPACE,
    errno.EFBIG: PLACE,
    errno.EACCES: "change its permissions, or " + PLACE,
    errno.EPERM: "change its permissions, or " + PLACE,
    errno.EROFS: PLACE,
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "a symbolic link leads to itself",
    errno.EMFILE: "raise the number of open files (ulimit -n)",
    errno.ENFILE: "close other programs",
    errno.ENOTDIR: "a part of the path is a file",
    errno.EISDIR: "name a file",
    errno.ENOTEMPTY: "something else writes there",
    errno.EEXIST: PLACE,
    errno.ENOENT: "something on its path is missing, or was removed meanwhile",
    errno.EIO: "the device may be damaged",
    getattr(errno, "ESTALE", errno.EIO): "the file server lost it; try again",
    errno.ENOMEM: "close other programs, or take fewer or smaller inputs",
    errno.EINVAL: "this system does not take such a name",
}
"""Errors that are no fault of the program, and what to do; others are faults."""
NAMELESS = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES}
NAMELESS |= {errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""Those of them that say enough without a file."""
NO_MEMORY = "not enough memory: close other programs, or take fewer or smaller inputs (--fit.batch-size in training)"
_RUST = re.compile(r"\(os error (\d+)\)")
_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory|bad_alloc|bad allocation", re.IGNORECASE)


def line_of(error: BaseException) -> str | None:
    """The line for an error of the system; None for an error of another kind, which is a fault of the program."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return NO_MEMORY
    if isinstance(error, RuntimeError) and _MEMORY.search(str(error)):
        return NO_MEMORY
    if isinstance(error, UnicodeEncodeError) and not error.encoding.startswith("utf"):
        return f"{_shortened(error.object)!a} cannot be written in {error.encoding}; set LC_ALL=C.UTF-8 or PYTHONUTF8=1"
    number = number_of(error)
    if number is None or number not in REMEDIES:
        return None
    name = getattr(error, "filename", None)
    if isinstance(name, str | bytes | os.PathLike) and name:
        if number == errno.ENOENT and str(os.fsdecode(name)).startswith(str(Path(__file__).parents[1])):
            return None  # a file of the suite's own
        return f"{_shortened(os.fsdecode(name))}: {os.strerror(number)}; {REMEDIES[number]}"
    if number in NAMELESS:
        return f"the disk: {os.strerror(number)}; {REMEDIES[number]}"
    if number == errno.ENOENT and not _stands():
        return "the folder in which this was begun was removed; change to another one"
    return None


def number_of(error: BaseException) -> int | None:
    """The errno of an error of the system, None where it has none. A broken pipe is not among them."""
    if isinstance(error, OSError):
        return error.errno
    found = _RUST.search(str(error)) if type(error).__name__ == "SafetensorError" else None
    return int(found[1]) if found else None


def reason(error: BaseException) -> str:
    """Why, in a few words, for a message that names the file itself."""
    number = number_of(error)
    return os.strerror(number) if number else str(error)


def _stands() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def _shortened(name: str, longest: int = 160) -> str:
    """A name that may be thousands of characters long."""
    return name if len(name) <= longest else f"{name[: longest // 2]}...{name[-longest // 2 :]}"
