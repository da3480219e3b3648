"""Reading that is bounded by what a file is, not by what it claims to be.

A file is read whole up to a limit for its kind. What is packed may unpack to that limit or to a multiple of its packed
size, whichever is larger, so that honest large files pass and small ones cannot fill the memory. The environment
variable CNN_SUITE_READ_LIMIT (bytes, or 500M, 2G) raises every limit that is below it.
"""

from __future__ import annotations

import bz2
import io
import json
import lzma
import os
import re
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from cnn_core.errors import UserError

VARIABLE = "CNN_SUITE_READ_LIMIT"
MIB = 1 << 20
UNPACKED = 128 * MIB
"""Bytes that a packed file may unpack to, however small it is."""
RATIO = 20
"""Beyond that: bytes for each byte of the packed file. Texts and grey pictures have 3 to 10."""
STANDARD_INPUT = 256 * MIB
JSON = 16 * MIB
TOML = 16 * MIB
RUN_CONFIG = 64 * MIB
"""config.json of a run, which may hold a vocabulary."""
DEPTH = 64
"""Lists and objects within one another in a JSON file."""
MOST_VALUES = 4_000_000
"""Values in a JSON file; each takes some 60 bytes of memory."""
CHUNK = 1 << 16
XZ_MEMORY = 128 * MIB  # `xz -9` needs 65 MiB; an archive may ask for 4 GiB
MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x5d\0\0": "xz"}
_SIZE = re.compile(r"(\d{1,15})\s*([kKmMgGtT]?)i?[bB]?")
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


class BadData(ValueError):
    """What is packed is truncated or damaged."""


def limit(least: int) -> int:
    """`least` bytes, or what CNN_SUITE_READ_LIMIT names where that is more. Raises UserError where it is not a size."""
    return max(least, size(VARIABLE, least))


def size(variable: str, default: int) -> int:
    """Bytes that an environment variable names, `default` where it is not set. Raises UserError for no size."""
    given = os.environ.get(variable, "").strip()
    if not given:
        return default
    found = _SIZE.fullmatch(given)
    if not found:
        raise UserError(f"{variable} must be a number of bytes, or such as 500M or 2G, not {given!r}")
    return int(found[1]) << 10 * " kmgt".index(found[2].lower() or " ")


def limit_of_packed(size: int, least: int = UNPACKED, ratio: int = RATIO) -> int:
    """Bytes that a packed file of `size` bytes may unpack to."""
    return max(limit(least), ratio * size)


def too_large(name: str, most: int, does: str = "is larger than") -> UserError:
    """The error for a file beyond its limit."""
    size = f"{most / MIB:.0f} MiB" if most >= MIB else f"{most} bytes"
    return UserError(f"{name}: {does} {size}; if that is right, set {VARIABLE} to more, such as 4G")


class Bounded(io.RawIOBase):
    """A stream to read forward, of what `take(n)` gives: at most n bytes, none at the end. Most `most` bytes in all.

    Raises UserError, naming the file, as soon as there is more. `source`, if any, is closed with it.
    """

    def __init__(self, take: Callable[[int], bytes], name: str, most: int, source: IO[bytes] | None = None):
        self._take, self._name, self._most, self._source, self._count = take, name, most, source, 0

    def close(self) -> None:
        """Close it and what it reads from."""
        if self._source is not None:
            self._source.close()
        super().close()

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the front of `buffer`; how much of it."""
        data = self._take(min(len(buffer), CHUNK))
        self._count += len(data)
        if self._count > self._most:
            raise too_large(self._name, self._most, "unpacks to more than")
        buffer[: len(data)] = data
        return len(data)

    def tell(self) -> int:
        """Bytes given so far."""
        return self._count


class _Gzip:
    """zlib's decompressor with the interface of those of bz2 and lzma."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self.needs_input = True

    def decompress(self, data: bytes, most: int) -> bytes:
        found = self._inner.decompress(self._inner.unconsumed_tail + data, most)
        self.needs_input = not self._inner.unconsumed_tail and len(found) < most
        return found

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def _decoder(kind: str) -> Any:
    if kind == "gzip":
        return _Gzip()
    return bz2.BZ2Decompressor() if kind == "bzip2" else lzma.LZMADecompressor(memlimit=XZ_MEMORY)


class Unpacking:
    """The bytes of a stream, unpacked where its first bytes say gzip, bzip2 or xz, a piece at a time.

    Several packed streams may follow one another. `take` raises BadData where one is truncated or damaged.
    """

    def __init__(self, stream: IO[bytes]):
        self._stream = stream
        self._waiting = stream.read(CHUNK)
        self.kind = packed_by(self._waiting)
        self._decoder = _decoder(self.kind)

    def take(self, count: int) -> bytes:
        """At most `count` bytes; none at the end."""
        if not self.kind:
            data, self._waiting = self._waiting[:count], self._waiting[count:]
            return data or self._stream.read(count)
        try:
            return self._take(count)
        except (zlib.error, lzma.LZMAError, EOFError) as error:
            raise BadData(str(error)) from error
        except OSError as error:  # bz2 reports damage as an OSError without a number
            if error.errno is not None:
                raise
            raise BadData(str(error)) from error

    def _take(self, count: int) -> bytes:
        while not self._decoder.eof or self._another():
            if not self._waiting and self._decoder.needs_input:
                self._waiting = self._stream.read(CHUNK)
                if not self._waiting:
                    raise BadData("it ends before its data do")
            data = self._decoder.decompress(self._waiting, count)
            self._waiting = b""
            if data:
                return data
        return b""

    def _another(self) -> bool:
        """Begin the next packed stream, if one follows after any padding."""
        rest = self._decoder.unused_data.lstrip(b"\0")
        while len(rest) < 6 and (more := self._stream.read(CHUNK)):
            rest = (rest + more).lstrip(b"\0")
        if packed_by(rest) != self.kind:
            if rest and self.kind == "gzip":  # the others' own programs pass over it
                raise BadData("what follows its end is not gzip")
            return False
        self._decoder, self._waiting = _decoder(self.kind), rest
        return True


def packed_by(head: bytes) -> str:
    """gzip, bzip2 or xz by the first bytes of a file, "" for anything else."""
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")


@contextmanager
def opened(path: Path, least: int = UNPACKED, ratio: int = RATIO) -> Iterator[IO[bytes]]:
    """A file as a stream to read forward, unpacked where it is packed, by its first bytes.

    Raises UserError, naming the file, where it cannot be read, is damaged, or unpacks to more than it may.
    """
    kind = ""
    try:
        with path.open("rb") as raw:
            inner = Unpacking(raw)
            kind = inner.kind
            most = limit_of_packed(os.fstat(raw.fileno()).st_size, least, ratio)
            yield io.BufferedReader(Bounded(inner.take, str(path), most), CHUNK)
    except BadData as error:
        raise UserError(f"{path}: truncated or damaged {kind} file ({error})") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_unpacked(path: Path, least: int = UNPACKED, ratio: int = RATIO) -> bytes:
    """The contents of a file, unpacked where it is packed. Raises UserError as `opened` does."""
    with opened(path, least, ratio) as stream:
        return stream.read()


def unpacked(data: bytes, name: str, least: int = UNPACKED, ratio: int = RATIO) -> bytes:
    """The same for bytes; `name` stands for them in messages."""
    inner = Unpacking(io.BytesIO(data))
    if not inner.kind:
        return data
    try:
        return Bounded(inner.take, name, limit_of_packed(len(data), least, ratio)).readall() or b""
    except BadData as error:
        raise UserError(f"{name}: truncated or damaged {inner.kind} file ({error})") from error


def read_bytes(path: Path, least: int, *, regular: bool = False) -> bytes:
    """The contents of a file of at most `least` bytes.

    Raises UserError where it is larger or cannot be read; with `regular`, also where it is a link or a device.
    """
    if regular:
        check_regular(path)
    most = limit(least)
    try:
        with path.open("rb") as stream:
            found = stream.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if len(found) > most:
        raise too_large(str(path), most)
    return found


def read_text(path: Path, least: int, *, regular: bool = False) -> str:
    """The same as UTF-8 text. Raises UserError as `read_bytes`, and where it is not UTF-8."""
    try:
        return read_bytes(path, least, regular=regular).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from error


def read_json(path: Path, least: int = JSON, *, regular: bool = False) -> Any:
    """The value in a JSON file. Raises UserError as `read_text`, and where it is not JSON or too deep or too much."""
    try:
        return parse_json(read_text(path, least, regular=regular))
    except ValueError as error:
        raise UserError(f"{path}: damaged, not JSON that can be read ({error})") from error


def parse_json(text: str) -> Any:
    """The value of JSON text. Raises ValueError where it is not JSON, nested too deeply or of too many values."""
    if text.count(",") + text.count("[") + text.count("{") > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values")
    depth = 0
    for found in _BRACKET.finditer(text):
        depth += (found[0] in "[{") - (found[0] in "]}")
        if depth > DEPTH:
            raise ValueError(f"more than {DEPTH} lists and objects within one another")
    return json.loads(text)


def check_regular(path: Path) -> None:
    """Raise UserError unless `path` is a regular file: a link may lead anywhere, a device or pipe never ends."""
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if not stat.S_ISREG(mode):
        raise UserError(f"{path}: is not a regular file: refused; put the file itself there")


def standard_input(least: int = STANDARD_INPUT) -> bytes:
    """All of standard input. Raises UserError where it is more than `least` bytes."""
    most = limit(least)
    found = sys.stdin.buffer.read(most + 1)
    if len(found) > most:
        raise too_large("standard input", most)
    return found
