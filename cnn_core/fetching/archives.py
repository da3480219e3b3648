"""Members of zip and tar archives, extracted so that nothing can be written outside the folder meant.

Names that are absolute, climb with `..`, carry a drive or a NUL, and members that are links or devices are refused.
"""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cnn_core.errors import UserError

# NotImplementedError is zipfile's word for a compression that it does not know.
BROKEN = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, NotImplementedError)


@contextmanager
def _whole(archive: Path) -> Iterator[None]:
    """What archive readers raise about broken contents, made UserErrors; the system's own errors pass."""
    try:
        yield
    except (*BROKEN, OSError) as error:
        # gzip and bz2 report damage as an OSError without a number; the system's always have one.
        if isinstance(error, OSError) and error.errno is not None:
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
    kept = [part for part in parts if part not in ("", ".")]
    if unsafe or not kept:
        raise UserError(f"the archive holds a member named {name!r}, which would lie outside its folder: refused")
    return folder.joinpath(*kept)


@contextmanager
def open_member(archive: Path, member: str) -> Iterator[IO[bytes]]:
    """Open one regular file inside a zip or tar archive (any compression) for reading; writes nothing.

    Raises UserError where the archive is broken, lacks the member, or the member is a link or a device.
    """
    with _whole(archive):
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                try:
                    info = opened.getinfo(member)
                except KeyError:
                    raise UserError(f"{archive}: holds no member named {member!r}") from None
                _refuse_special_zip(archive, info)
                try:
                    stream = opened.open(info)
                except RuntimeError as error:  # the message of an encrypted member
                    raise UserError(f"{archive}: {member}: cannot be read ({error})") from error
                with stream:
                    yield stream
        else:
            with tarfile.open(archive) as opened:
                try:
                    entry = opened.getmember(member)
                except KeyError:
                    raise UserError(f"{archive}: holds no member named {member!r}") from None
                _refuse_special_tar(archive, entry)
                stream = opened.extractfile(entry)
                assert stream is not None  # a regular file always has one
                with stream:
                    yield stream


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
            with tarfile.open(archive) as opened:
                entries = [entry for entry in opened.getmembers() if not entry.isdir()]
                for entry in entries:
                    _refuse_special_tar(archive, entry)
                names = [entry.name for entry in entries]
    targets = [safe_target(folder, name) for name in names]
    root = folder.resolve()
    for name, target in zip(names, targets, strict=True):
        if not target.parent.resolve().is_relative_to(root):  # a link that lay in the folder before
            raise UserError(f"{archive}: {name!r} would lie outside {folder}: refused")
        if target.is_symlink():
            target.unlink()
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_member(archive, name) as stream, target.open("wb") as out:
            shutil.copyfileobj(stream, out)
    return targets


def _refuse_special_zip(archive: Path, info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.is_dir() or kind not in (0, stat.S_IFREG):
        raise UserError(f"{archive}: member {info.filename!r} is not a regular file: refused")


def _refuse_special_tar(archive: Path, entry: tarfile.TarInfo) -> None:
    if not entry.isreg():
        raise UserError(f"{archive}: member {entry.name!r} is not a regular file: refused")


def read_members(archive: Path, largest: int) -> Iterator[tuple[str, bytes | None]]:
    """Name and contents of every regular file in a zip or tar archive, one after the other; writes nothing.

    Links, devices and folders are passed over. The contents of a member of more than `largest` bytes, or of one that
    is encrypted, are None. Raises UserError where the archive is broken.
    """
    with _whole(archive):
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                for info in opened.infolist():
                    if info.is_dir() or stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
                        continue
                    encrypted = bool(info.flag_bits & 1)
                    yield info.filename, None if encrypted or info.file_size > largest else opened.read(info)
        else:
            with tarfile.open(archive) as opened:
                for entry in opened:  # in their order: each byte is unpacked once
                    if entry.isreg():
                        stream = opened.extractfile(entry)
                        assert stream is not None  # a regular file always has one
                        yield entry.name, None if entry.size > largest else stream.read()
