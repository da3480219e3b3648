"""Files to text: unpacked (.gz, .zip with one member), decoded, and cut into lines at LF or CRLF alone."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from pathlib import Path, PurePath
from typing import IO

from apps.text.reading.form import AUTO, Form
from cnn_core.bounded import limit_of_packed, too_large
from cnn_core.errors import UserError, first_line

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
PACKED = (".gz", ".zip")
OTHER_PACKED = {".bz2": "bzip2", ".xz": "xz", ".lzma": "lzma", ".7z": "7-Zip", ".rar": "RAR", ".zst": "Zstandard",
                ".lz4": "LZ4", ".br": "Brotli", ".z": "compress", ".tar": "tar", ".tgz": "tar"}  # fmt: skip
OTHER_KINDS = {".xls": "an old Excel file; save it as .xlsx or .csv",
               ".ods": "an OpenDocument table; save it as .xlsx or .csv",
               ".doc": "a Word file; save it as plain text",
               ".docx": "a Word file; save it as plain text",
               ".pdf": "a PDF file; save it as plain text"}  # fmt: skip


def plain_name(path: Path) -> str:
    """The name of a file without the ending of its packing: reviews.csv for reviews.csv.gz."""
    return path.name.removesuffix(path.suffix) if path.suffix.lower() in PACKED else path.name


def read_file(path: Path) -> tuple[bytes, str]:
    """(bytes, ending in lower case) of a file, or of what is packed in it.

    Raises UserError for a file that cannot be read, is damaged, holds several members, or is packed in another way.
    """
    kind = path.suffix.lower()
    if kind in OTHER_KINDS:
        raise UserError(f"{path}: is {OTHER_KINDS[kind]}")
    if kind in OTHER_PACKED or plain_name(path).lower().endswith(".tar"):
        packing = OTHER_PACKED.get(kind, "tar")
        raise UserError(
            f"{path}: packed files of the kind {packing} are not read; unpack it, or pack it as .gz or .zip"
        )
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    if kind == ".zip":
        return _only_member(path, raw)
    if kind == ".gz" or raw.startswith(b"\x1f\x8b"):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
                return _at_most(stream, path, len(raw)), PurePath(plain_name(path)).suffix.lower()
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path}: is a damaged gzip file ({first_line(error)})") from None
    return raw, kind


def _at_most(stream: gzip.GzipFile | IO[bytes], path: Path, packed: int) -> bytes:
    """What the stream unpacks to. Raises UserError where that is more than `packed` bytes may hold."""
    most = limit_of_packed(packed)
    data = stream.read(most + 1)
    if len(data) > most:
        raise too_large(str(path), most, "unpacks to more than")
    return data


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, unpacked. Raises UserError as `read_file` does."""
    return read_file(path)[0]


def _only_member(path: Path, raw: bytes) -> tuple[bytes, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = [
                name
                for name in archive.namelist()
                if not name.endswith("/")
                and not name.startswith("__MACOSX/")
                and not PurePath(name).name.startswith(".")
            ]
            if len(names) != 1:
                listed = f" ({', '.join(names[:4])}{' …' if len(names) > 4 else ''})" if names else ""
                raise UserError(f"{path}: holds {len(names)} files{listed}; pack one alone, or unpack it")
            with archive.open(names[0]) as stream:
                return _at_most(stream, path, len(raw)), PurePath(names[0]).suffix.lower()
    # NotImplementedError is zipfile's word for a compression that it does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise UserError(f"{path}: is a damaged zip file ({first_line(error)})") from None
    except RuntimeError:  # zipfile's word for a password
        raise UserError(f"{path}: needs a password; unpack it") from None


def decode(raw: bytes, name: str, form: Form = AUTO) -> str:
    """Text of the bytes: in the encoding of `form`, in what a byte order mark says, or in UTF-8.

    Raises UserError that names the file, the line and the byte that does not fit.
    """
    encoding, option = form.encoding, form.option("encoding")
    if encoding:
        try:
            codecs.lookup(encoding)
        except (LookupError, ValueError):
            raise UserError(f"{option} {encoding}: unknown encoding; try utf-8 or latin-1") from None
    marked = next((codec for mark, codec in BYTE_ORDER_MARKS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding or marked).removeprefix("\ufeff")
    except (UnicodeDecodeError, UnicodeError) as error:
        start = getattr(error, "start", 0)
        line, byte = raw[:start].count(b"\n") + 1, raw[start : start + 1].hex()
        hint = f"another {option}" if encoding else f"the right {option}, such as latin-1 or cp1252"
        raise UserError(
            f"{name}: byte 0x{byte} in line {line} is not valid {encoding or marked}; give {hint}"
        ) from None
    except LookupError:
        raise UserError(f"{option} {encoding}: is not an encoding of text; try utf-8 or latin-1") from None


def lines_of(text: str) -> list[str]:
    """The lines of a text, without their ends: LF or CRLF; CR where the whole text has no LF (old Macintosh files).

    U+0085, U+2028, form feeds and the other characters of str.splitlines stay in the lines. A line end at the end of
    the text begins no further line.
    """
    lines = unified(text).split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def unified(text: str) -> str:
    """The text with all line ends as LF; a CR beside LFs does not end a line."""
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n") if "\n" in text else text.replace("\r", "\n")
