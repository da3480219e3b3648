"""Download one file: with resuming, a progress bar, a digest, and nothing half-written under the final name.

What has arrived lies in `<name>.part` until it is whole and its digest is right; a cut download leaves the
`.part`, from which the next call continues (HTTP Range, RFC 9110).
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cnn_core import console
from cnn_core.errors import UserError
from cnn_core.fetching.limits import LimitError, Meter, TooLargeError, within
from cnn_core.files import digest_of

CHUNK = 1 << 18  # bytes
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
HEAD_SECONDS = 90.0
ATTEMPTS = 3


class SourceError(Exception):
    """One source of a file failed; the message is a few words, and the next source is tried."""


class Reply(Protocol):
    """What a download needs of an answer: the status, the headers, and the body's bytes as they were sent."""

    @property
    def status_code(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """HTTP headers."""
        ...

    def iter_raw(self, chunk_size: int | None = None, /) -> Iterator[bytes]:
        """The body, part by part."""
        ...


Opener = Callable[[str, dict[str, str]], AbstractContextManager[Reply]]


def no_space(error: OSError) -> bool:
    """Whether the file system is full (or the user's quota used up)."""
    return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def move_into_place(part: Path, target: Path) -> None:
    """Make the finished `part` durable and give it its final name in one step."""
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())
    part.replace(target)


def download(
    url: str,
    target: Path,
    digest: tuple[str, str],
    size: int | None = None,
    progress: bool = True,
    opener: Opener | None = None,
) -> None:
    """Fetch `url` (http, https or file) to `target`, checked against `digest` = (kind, hexadecimal value).

    Raises SourceError where the source fails (no connection, bad status, wrong content, more bytes than `size`, too
    slow), UserError where there is no space; `target` then does not exist, or is what it was before.
    """
    opener = opener or (_open_file if urlsplit(url).scheme == "file" else _open_http)
    part = target.with_name(f"{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    resumed = part.exists()
    try:
        for attempt in range(ATTEMPTS):
            try:
                _receive(url, part, size, progress, opener)
            except ConnectionError as error:
                # A cut connection is worth another try only where something had arrived: dead hosts fail fast.
                if attempt + 1 == ATTEMPTS or not part.exists():
                    raise SourceError(_short(error)) from error
                time.sleep(0.2 * 2**attempt)
                continue
            except LimitError as error:
                if isinstance(error, TooLargeError):
                    part.unlink(missing_ok=True)
                raise SourceError(str(error)) from error
            kind, expected = digest
            found = digest_of(part, kind)
            if found == expected:
                move_into_place(part, target)
                return
            part.unlink()
            if not resumed:
                raise SourceError(f"wrong content ({kind} {found[:12]}..., expected {expected[:12]}...)")
            resumed = False  # the old beginning may have been another file's: once more from the start
        raise SourceError("wrong content")
    except OSError as error:
        if no_space(error):
            part.unlink(missing_ok=True)
            raise UserError(
                f"cannot write {target}: no space left; free some, or put the cache elsewhere with CNN_SUITE_CACHE"
            ) from error
        raise SourceError(_short(error)) from error


def _receive(url: str, part: Path, size: int | None, progress: bool, opener: Opener) -> None:
    """Append to `part` what it lacks. Raises ConnectionError where the body ends early."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:
        if have == size:
            return
        part.unlink()
        have = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with opener(url, headers) as reply:
        if reply.status_code == 416:  # nothing beyond what is there: the digest decides
            return
        if reply.status_code not in (200, 206):
            raise SourceError(f"HTTP status {reply.status_code}")
        if reply.status_code == 206 and not reply.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise SourceError("the server resumes at the wrong place")
        have = have if reply.status_code == 206 else 0
        length = _length(reply.headers)
        total = size if length is None else have + length
        if size is not None and total is not None and total > size:
            raise SourceError(f"says that it sends {total:,} bytes, not the {size:,} that the file has")
        with part.open("ab" if have else "wb") as out:
            _copy(reply, out, part.name.removesuffix(".part"), have, total if size is None else size, progress)
        have = part.stat().st_size
    if total is not None and have < total:
        raise ConnectionError(f"the connection ended after {have} of {total} bytes")


def _length(headers: Mapping[str, str]) -> int | None:
    """Content-Length, where it is a number as RFC 9110 has it."""
    text = headers.get("Content-Length", "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _copy(reply: Reply, out: IO[bytes], name: str, have: int, total: int | None, progress: bool) -> None:
    meter = Meter(total, have)
    with console.progress(name, total=total, done=have, unit="B", scale=1024, show=progress) as bar:
        for chunk in reply.iter_raw():  # as it comes: a large piece of a slow one would come too late to say so
            meter.check(len(chunk))
            out.write(chunk)
            bar.update(len(chunk))


class _HttpReply:
    def __init__(self, response):
        self.status_code: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response

    def iter_raw(self, chunk_size: int | None = None, /) -> Iterator[bytes]:
        """The body as sent: a server that marks a .gz as an encoding must not have it unpacked."""
        from urllib3.exceptions import HTTPError

        try:
            while chunk := self._response.raw.read1(chunk_size or CHUNK, decode_content=False):
                yield chunk
        except HTTPError as error:
            raise ConnectionError(str(error)) from error


@contextmanager
def _open_http(url: str, headers: dict[str, str]) -> Iterator[Reply]:
    import requests  # 0.1 s: only where something is fetched
    from urllib3.exceptions import HTTPError

    try:
        timeout = (CONNECT_SECONDS, READ_SECONDS)
        response = within(HEAD_SECONDS, lambda: requests.get(url, headers=headers, stream=True, timeout=timeout))
    except requests.ConnectionError as error:
        raise ConnectionError(_short(error)) from error
    except (
        requests.RequestException,
        HTTPError,
        TimeoutError,
        ValueError,
    ) as error:  # ValueError: odd addresses
        raise SourceError(_short(error)) from error
    with response:
        yield _HttpReply(response)


class _FileReply:
    def __init__(self, path: Path, start: int):
        self.status_code = 206 if start else 200
        size = path.stat().st_size
        self.headers: Mapping[str, str] = {
            "Content-Length": str(max(size - start, 0)),
            "Content-Range": f"bytes {start}-{size - 1}/{size}",
        }
        self._path, self._start = path, start

    def iter_raw(self, chunk_size: int | None = None, /) -> Iterator[bytes]:
        with self._path.open("rb") as stream:
            stream.seek(self._start)
            while chunk := stream.read(chunk_size or CHUNK):
                yield chunk


@contextmanager
def _open_file(url: str, headers: dict[str, str]) -> Iterator[Reply]:
    path = Path(url2pathname(urlsplit(url).path))
    if not path.is_file():
        raise SourceError("no such file")
    yield _FileReply(path, int(headers.get("Range", "bytes=0-")[6:-1]))


def _short(error: BaseException) -> str:
    """The core of a network error in a few words: what lies at the bottom of a chain of wrappers."""
    while True:
        inner = getattr(error, "reason", None) or error.__cause__ or error.__context__
        if not isinstance(inner, BaseException) or inner is error:
            break
        error = inner
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:120]
