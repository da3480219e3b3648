"""Texts from a folder: one folder of texts for each class, or one file for each class with a text a line."""

from __future__ import annotations

from pathlib import Path

from apps.text.reading.tables import Texts, decode, read_bytes
from cnn_core.errors import UserError


def read_class_folder(folder: Path, encoding: str = "") -> Texts:
    """Texts whose labels are the names of folders or files.

    Raises UserError where there are fewer than two classes, and for a file that cannot be read.
    """
    entries = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    folders = [entry for entry in entries if entry.is_dir()]
    texts = _text_files(folders, encoding) if len(folders) >= 2 else _class_files(folder, entries, encoding)
    if len(set(texts.labels)) < 2:
        raise UserError(
            f"{folder}: needs a folder of texts, or a file with a text a line, for each of at least two classes"
        )
    return texts


def _text_files(folders: list[Path], encoding: str) -> Texts:
    """Each file a text."""
    texts: list[str] = []
    labels: list[str] = []
    for folder in folders:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
        texts += [decode(read_bytes(file), str(file), encoding) for file in files]
        labels += [folder.name] * len(files)
    return Texts(texts, labels)


def _class_files(folder: Path, entries: list[Path], encoding: str) -> Texts:
    """Each line a text; the class is the file's name, or its ending where the names are the same (rt-polarity.pos)."""
    files = [entry for entry in entries if entry.is_file()]
    stems_differ = len({file.stem for file in files}) == len(files)
    texts: list[str] = []
    labels: list[str] = []
    for file in files:
        lines = [line for line in decode(read_bytes(file), str(file), encoding).splitlines() if line.strip()]
        texts += lines
        labels += [file.stem if stems_differ else file.name.removeprefix(file.stem + ".")] * len(lines)
    return Texts(texts, labels, (f"{folder}: each of the {len(files)} files is a class, each line a text",))
