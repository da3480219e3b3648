"""Texts from a folder: one folder of texts for each class, or one file for each class with a text a line."""

from __future__ import annotations

from pathlib import Path, PurePath

from apps.text.reading.checks import oddities
from apps.text.reading.files import decode, lines_of, plain_name, read_bytes
from apps.text.reading.form import Form
from apps.text.reading.labelled import Texts
from cnn_core.errors import UserError


def read_class_folder(folder: Path, form: Form, least: int = 2) -> Texts:
    """Texts whose labels are the names of folders or files.

    Raises UserError where there are fewer than `least` classes, and for a file that cannot be read.
    """
    entries = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    folders = [entry for entry in entries if entry.is_dir()]
    texts = _text_files(folders, form) if len(folders) >= least else _class_files(folder, entries, form)
    if len(set(texts.labels)) < least:
        number = {1: "one class", 2: "two classes"}[least]
        raise UserError(
            f"{folder}: needs a folder of texts, or a file with a text a line, for each of at least {number}"
        )
    odd = tuple(f"{folder}: {line}" for line in oddities(texts.texts, texts.labels))
    return Texts(texts.texts, texts.labels, texts.notes + odd, Form(encoding=form.encoding))


def _text_files(folders: list[Path], form: Form) -> Texts:
    """Each file a text."""
    texts: list[str] = []
    labels: list[str] = []
    for folder in folders:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
        texts += [decode(read_bytes(file), str(file), form) for file in files]
        labels += [folder.name] * len(files)
    return Texts(texts, labels)


def _class_files(folder: Path, entries: list[Path], form: Form) -> Texts:
    """Each line a text; the class is the file's name, or its ending where the names are the same (rt-polarity.pos)."""
    files = [entry for entry in entries if entry.is_file()]
    names = [PurePath(plain_name(file)) for file in files]
    stems_differ = len({name.stem for name in names}) == len(files)
    texts: list[str] = []
    labels: list[str] = []
    blank = 0
    for file, name in zip(files, names, strict=True):
        lines = lines_of(decode(read_bytes(file), str(file), form))
        filled = [line for line in lines if line.strip()]
        blank += len(lines) - len(filled)
        texts += filled
        labels += [name.stem if stems_differ else name.name.removeprefix(name.stem + ".")] * len(filled)
    left_out = f", {blank} blank lines are left out" if blank else ""
    return Texts(texts, labels, (f"{folder}: each of the {len(files)} files is a class, each line a text{left_out}",))
