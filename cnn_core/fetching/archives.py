"""Members of zip and tar archives, read a piece at a time and extracted inside the folder meant.

An archive may unpack to as much as `cnn_core.bounded` allows one of its size. Names that are absolute, climb with `..`,
carry a drive or a NUL, and members that are links or devices are refused.
"""

from __future__ import annotations

import errno
import io
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from cnn_core.bounded import RATIO, UNPACKED, BadData, Bounded, Unpacking, limit_of_packed, too_large
from cnn_core.errors import UserError

# NotImplementedError is zipfile's word for a compression that it does not know; the second line is what both raise
# about headers whose numbers make no sense.
BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, NotImplementedError, BadData),
    *(ValueError, struct.error, OverflowError, IndexError, MemoryError),
)


@contextmanager
def _whole(archive: Path) -> Iterator[None]:
    """What archive readers raise about broken contents, made UserErrors; the system's own errors pass."""
    try:
        yield
    except (*BROKEN, OSError) as error:
        # bz2 reports damage as an OSError without a number; EINVAL is a place before the first byte.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise UserError(f"{archive}: not a whole zip or tar archive ({error})") from error


def safe_target(folder: Path, name: str) -> Path:
    """Path of an archive member inside `folder`. Raises UserError for a name that would lie outside it."""
    parts = name.replace("\\", "/").split("/")
    unsafe = (
        not name.strip("/")
        or name.startswith(("/", "\\"))
        or ".." in parts
        or any(":" in part or "\0" in part for part in parts)
    )
    steps = [part for part in parts if part not in ("", ".")]
    if unsafe or not steps:
        raise UserError(f"the archive holds a member named {name!r}, which would lie outside its folder: refused")
    return folder.joinpath(*steps)


@contextmanager
def open_member(archive: Path, member: str) -> Iterator[IO[bytes]]:
    """Open one regular file inside a zip or tar archive (any compression) for reading forward; writes nothing.

    Raises UserError where the archive is broken, lacks the member, or the member is a link or a device, and while
    reading, where it unpacks to more than an archive of this size may.
    """
    with _whole(archive):
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                try:
                    info = opened.getinfo(member)
                except KeyError:
                    raise UserError(f"{archive}: holds no member named {member!r}") from None
                _refuse_special_zip(archive, info)
                with _opened_zip(archive, opened, info) as stream:
                    yield stream
        else:
            for opened, entry in _tar_entries(archive):
                if entry.name.rstrip("/") == member.rstrip("/"):
                    _refuse_special_tar(archive, entry)
                    with _opened_tar(archive, opened, entry) as stream:
                        yield stream
                    return
            raise UserError(f"{archive}: holds no member named {member!r}")


def extract_all(archive: Path, folder: Path) -> list[Path]:
    """Extract every regular file of a zip or tar archive below `folder`; give the paths written.

    All names and kinds are checked before the first byte is written. Existing files are replaced.
    Raises UserError where the archive is broken or holds an unsafe member, or where it cannot be read or written.
    """
    try:
        return _extract_all(archive, folder)
    except OSError as error:
        raise UserError(f"{archive}: cannot be extracted to {folder} ({error.strerror or error})") from error


def _extract_all(archive: Path, folder: Path) -> list[Path]:
    with _whole(archive):
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                infos = [info for info in opened.infolist() if not info.is_dir()]
                for info in infos:
                    _refuse_special_zip(archive, info)
                names = [info.filename for info in infos]
        else:
            names = []
            for _, entry in _tar_entries(archive):
                if not entry.isdir():
                    _refuse_special_tar(archive, entry)
                    names.append(entry.name)
    targets = [safe_target(folder, name) for name in names]
    root = folder.resolve()
    with _whole(archive), closing(_members(archive)) as members:
        for target, (name, stream) in zip(targets, members, strict=True):
            if not target.parent.resolve().is_relative_to(root):  # a link that lay in the folder before
                raise UserError(f"{archive}: {name!r} would lie outside {folder}: refused")
            if target.is_symlink():
                target.unlink()
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                shutil.copyfileobj(stream, out)
    return targets


def _refuse_special_zip(archive: Path, info: zipfile.ZipInfo) -> None:
    if info.is_dir() or not _is_regular(info):
        raise UserError(f"{archive}: member {info.filename!r} is not a regular file: refused")


def _refuse_special_tar(archive: Path, entry: tarfile.TarInfo) -> None:
    if not entry.isreg():
        raise UserError(f"{archive}: member {entry.name!r} is not a regular file: refused")


def _is_regular(info: zipfile.ZipInfo) -> bool:
    return stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)


def read_members(
    archive: Path, largest: int, least: int = UNPACKED, ratio: int = RATIO
) -> Iterator[tuple[str, bytes | None]]:
    """Name and contents of every regular file in a zip or tar archive, one after the other; writes nothing.

    Links, devices and folders are passed over. The contents of a member of more than `largest` bytes, or of one that
    is encrypted, are None. Raises UserError where the archive is broken, or unpacks to more than its size allows
    (`bounded.limit_of_packed`).
    """
    total, most = 0, limit_of_packed(archive.stat().st_size, least, ratio)
    for name, stream in _members(archive, largest, most):
        with _whole(archive):
            content = None if stream is None else stream.read()
        total += len(content or b"")
        if total > most:
            raise too_large(str(archive), most, "unpacks to more than")
        yield name, content


def _members(
    archive: Path, largest: int | None = None, most: int | None = None
) -> Generator[tuple[str, Any], None, None]:
    """Name and stream of every regular file in their order; with `largest`, None for one that is larger or encrypted.

    Links and devices are passed over. A stream is to be read before the next one is asked for.
    """
    with _whole(archive):
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                for info in opened.infolist():
                    if info.is_dir() or not _is_regular(info):
                        continue
                    if largest is not None and (info.flag_bits & 1 or info.file_size > largest):
                        yield info.filename, None
                        continue
                    with _opened_zip(archive, opened, info) as stream:
                        yield info.filename, stream
        else:
            for opened, entry in _tar_entries(archive, most):  # in their order: each byte is unpacked once
                if not entry.isreg():
                    continue
                if largest is not None and entry.size > largest:
                    yield entry.name, None
                    continue
                with _opened_tar(archive, opened, entry) as stream:
                    yield entry.name, stream


def _tar_entries(archive: Path, most: int | None = None) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Every entry of a tar archive, packed or not, in one pass; a content is to be read before the next entry."""
    with archive.open("rb") as raw:
        # Headers count too; a plain tar is as long as it is.
        stream = Bounded(Unpacking(raw).take, str(archive), most or limit_of_packed(archive.stat().st_size))
        with tarfile.open(fileobj=io.BufferedReader(stream, 1 << 16), mode="r|") as opened:
            while (entry := opened.next()) is not None:
                yield opened, entry
                opened.members.clear()  # type: ignore[attr-defined] # else a list of all headers grows


def _opened_tar(archive: Path, opened: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    stream = opened.extractfile(entry)
    assert stream is not None  # a regular file always has one
    # A sparse file claims a length that the archive does not hold.
    return _bounded(archive, stream, 1 << 16)


def _opened_zip(archive: Path, opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    try:
        stream = opened.open(info)
    except RuntimeError as error:  # the message of an encrypted member
        raise UserError(f"{archive}: {info.filename}: cannot be read ({error})") from error
    # zipfile unpacks all that it reads of bzip2 and LZMA at once: a few thousand bytes may become 80 MB.
    small = info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return _bounded(archive, stream, 1 << 12 if small else 1 << 16)


def _bounded(archive: Path, stream: IO[bytes], piece: int) -> IO[bytes]:
    most = limit_of_packed(archive.stat().st_size)
    return io.BufferedReader(Bounded(lambda count: stream.read(min(count, piece)), str(archive), most, stream), piece)
