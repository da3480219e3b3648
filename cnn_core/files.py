"""Write files so that nothing half-written is ever seen under the final name; digests of files."""

import dataclasses
import hashlib
import json
import math
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cnn_core.errors import UserError
from cnn_core.terminal.system_errors import number_of, reason


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what was written there becomes `path` when the block ends.

    Missing folders are made. An exception in the block (or Ctrl-C) leaves `path` as it was and no temporary
    file. Raises UserError when the system refuses to write: no space, no permission, a folder of that name; and where
    `path` is a symbolic link, which may lead anywhere, or a device, whose name would become that of a file.
    """
    final = Path(path)
    _check_place(final)
    # Same folder, so that the rename never crosses file systems; opened by the caller, so that umask applies.
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.tmp")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(final)
    except Exception as error:
        if not isinstance(error, OSError) and number_of(error) is None:
            raise
        raise UserError(f"cannot write {final}: {reason(error)}") from error
    finally:
        with suppress(OSError):  # the error worth reporting is the one above
            temporary.unlink()


def _check_place(final: Path) -> None:
    try:
        mode = final.lstat().st_mode
    except OSError:  # not there, or not to be written: said when it is
        return
    if stat.S_ISLNK(mode):
        raise UserError(f"{final}: is a symbolic link; name the file itself")
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UserError(f"{final}: is a device or a pipe, not a file; name a file")


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented UTF-8 JSON, atomically.

    Takes dataclasses, numpy arrays and scalars, paths and tuples besides JSON's own types. NaN and the
    infinities, which JSON (RFC 8259) does not have, become null. Raises UserError when it cannot be written.
    """
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def plain(value: object) -> object:
    """The same value in JSON's own types, as `write_json` writes it. TypeError for what has no such form."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "to_json"):
        return plain(value.to_json())  # type: ignore[union-attr]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "tolist"):  # numpy and torch, arrays and scalars, without importing either
        return plain(value.tolist())  # type: ignore[union-attr]
    raise TypeError(f"no JSON form for {type(value).__name__}")


def digest_of(path: Path, kind: str = "sha256") -> str:
    """Hexadecimal digest of a file's bytes; `kind` as hashlib names it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, kind).hexdigest()


def existing(path: Path) -> Path:
    """`path`. Raises UserError where nothing has that name."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    return path


def csv_cell(value: object) -> object:
    """A cell as it is written to a CSV file: a text that a spreadsheet would take for a formula begins with '."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


LITTER = ("Thumbs.db", "desktop.ini", "__MACOSX")  # of Windows, and of zip files that macOS made


def files_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Files with these endings (lower case) in a folder and those inside it, sorted.

    Hidden ones are left out, and what systems leave behind: ._x.wav beside x.wav is macOS's notes about it, no sound.
    """
    return [path for path in _files(folder) if path.suffix.lower() in suffixes]


def others_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The files that `files_in` leaves out for their endings, hidden ones and litter aside."""
    return [path for path in _files(folder) if path.suffix.lower() not in suffixes]


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if not any(part.startswith(".") or part in LITTER for part in path.relative_to(folder).parts)
        and (path.is_file() or path.is_symlink())  # a dangling link is a file that cannot be read, and is said
    )
