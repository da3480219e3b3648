"""A user's own data: one folder of files for each class, directly or inside train/ and test/."""

import re
from collections.abc import Sequence
from pathlib import Path

from cnn_core.errors import UserError

TEST_FOLDERS = ("test", "val", "valid", "validation")


def class_names(folder: Path, suffixes: Sequence[str]) -> list[str]:
    """Names of the folders inside `folder` that hold files with these endings; numbers in the order of their values."""
    visible = (path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX")))
    names = [named(path) for path in visible if path.is_dir() and class_files(path, suffixes)]
    return sorted(names, key=natural_order)


def named(folder: Path) -> str:
    """The name of a class's folder. Raises UserError where it is not UTF-8, in which a run keeps its classes."""
    try:
        folder.name.encode("utf-8")
    except UnicodeEncodeError as error:
        shown = folder.name.encode("ascii", "backslashreplace").decode()
        raise UserError(f"{folder.parent}: the name of its folder {shown} is not UTF-8; rename it") from error
    return folder.name


def natural_order(name: str) -> list[tuple[int, str]]:
    """Sort key that puts the numbers in names in the order of their values: 9 before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def class_files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The files with these endings (lower case) in a class folder, sorted, hidden ones left out."""
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )


def train_folder(folder: Path, suffixes: Sequence[str]) -> Path | None:
    """folder/train where it holds classes."""
    path = folder / "train"
    return path if path.is_dir() and class_names(path, suffixes) else None


def test_folder(folder: Path, suffixes: Sequence[str]) -> Path | None:
    """folder/test, or what else people call it, where it holds classes."""
    paths = (folder / name for name in TEST_FOLDERS)
    return next((path for path in paths if path.is_dir() and class_names(path, suffixes)), None)
