"""Which files have been verified, and when: each is read in full once, again after some days, and when asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cnn_core import bounded
from cnn_core.errors import UserError
from cnn_core.files import atomic, digest_of, write_json

DAYS = 7
"""A file of unchanged size and time is believed for so long: bits on a disk may flip without either changing."""
SEAL = ".sha256"
LIST = 4 * bounded.MIB  # a list of thousands of files has some hundred kB

_verifying: list[dict[Path, int]] = []


@contextmanager
def verifying() -> Iterator[dict[Path, int]]:
    """In the block, every file is read in full whatever is remembered of it; gives file -> bytes read."""
    read: dict[Path, int] = {}
    _verifying.append(read)
    try:
        yield read
    finally:
        _verifying.pop()


class Stamps:
    """Remembers which files have been verified, by size, time of change and day of reading, in `.verified.json`."""

    def __init__(self, folder: Path):
        self.path = folder / ".verified.json"

    def digest(self, path: Path, kind: str = "sha256") -> str:
        """The file's digest: remembered where the file is unchanged and was read of late, else computed anew."""
        status = path.stat()
        key, stamp, now = str(path.resolve()), [status.st_size, status.st_mtime_ns, kind], time.time()
        remembered = self._read().get(key)
        known = remembered is not None and remembered[:3] == stamp and 0 <= now - remembered[4] < DAYS * 86_400
        if remembered is not None and known and (not _verifying or path in _verifying[-1]):
            return remembered[3]
        found = digest_of(path, kind)
        if _verifying:
            _verifying[-1][path] = status.st_size
        with suppress(OSError, UserError):  # a cache that cannot be written only costs time
            write_json(self.path, {**self._read(), key: [*stamp, found, now]})
        return found

    def _read(self) -> dict[str, list[Any]]:
        """What is remembered; entries that are not what `digest` writes are as good as none."""
        try:
            stamps = bounded.read_json(self.path, LIST, regular=True)
        except UserError:
            return {}
        if not isinstance(stamps, dict):
            return {}
        return {key: entry for key, entry in stamps.items() if _whole(entry)}


def _whole(entry: object) -> bool:
    kinds = (int, int, str, str, float | int)
    return (
        isinstance(entry, list)
        and len(entry) == len(kinds)
        and all(isinstance(value, kind) for value, kind in zip(entry, kinds, strict=True))
    )


def seal(path: Path) -> None:
    """Keep the digest of a cached file beside it. Raises UserError where it cannot be written."""
    with atomic(path.with_suffix(SEAL)) as part:
        part.write_text(Stamps(path.parent).digest(path), encoding="ascii")


def intact(path: Path) -> bool | None:
    """Whether a cached file is what was sealed; None where there is none, or no seal."""
    try:
        expected = path.with_suffix(SEAL).read_text(encoding="ascii")
        return Stamps(path.parent).digest(path) == expected
    except (OSError, ValueError):
        return None
