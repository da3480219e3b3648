"""Which pictures there are, of which class and in which split: folders of classes, or a CSV of file and label."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.photos.config import SUFFIXES
from cnn_core import bounded
from cnn_core.console import counted, note
from cnn_core.errors import UserError
from cnn_core.fetching.class_folders import TEST_FOLDERS, named, natural_order
from cnn_core.files import files_in, others_in

TRAIN, TEST, VALIDATION = 0, 1, 2
SPLITS = {"train": TRAIN, "training": TRAIN, "test": TEST, "val": VALIDATION, "valid": VALIDATION,
          "validation": VALIDATION}  # fmt: skip
CSV_LIMIT = 256 * bounded.MIB
MOST_CLASSES = 10_000


@dataclass(frozen=True)
class Entry:
    """One picture file."""

    path: Path
    label: str
    part: int


@dataclass(frozen=True)
class Listing:
    """All pictures; `split` says whether the source itself tells which ones are for testing."""

    place: Path
    entries: tuple[Entry, ...]
    split: bool

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the training pictures; numbers in the order of their values."""
        return tuple(sorted({e.label for e in self.entries if e.part == TRAIN}, key=natural_order))


def listed(place: Path) -> Listing:
    """The pictures of a folder or of a CSV file. Raises UserError where they make no task with classes."""
    found = _of_table(place) if place.is_file() else _of_folder(place)
    classes = found.classes
    if len(classes) < 2:
        only = f"only {classes[0]!r}" if classes else "none"
        how = "to train on" if place.is_file() else "a folder for each"
        raise UserError(f"{place}: needs pictures of at least two classes, {how}; found {only}")
    if len(classes) > MOST_CLASSES:
        raise UserError(f"{place}: {len(classes):,} classes, and at most {MOST_CLASSES:,} are possible")
    extra = next((e for e in found.entries if e.label not in set(classes)), None)
    if extra is not None:
        raise UserError(f"{extra.path}: the class {extra.label!r} has no pictures to train on")
    return found


def _folders(folder: Path) -> list[Path]:
    """The visible folders inside a folder, numbers in the order of their values."""
    inside = (p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__MACOSX")))
    return sorted(inside, key=lambda path: natural_order(path.name))


def _of_folder(folder: Path) -> Listing:
    try:
        by_name = {path.name.lower(): path for path in _folders(folder)}
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror or error})") from error
    train = next((by_name[name] for name in ("train", "training") if name in by_name), None)
    test = next((by_name[name] for name in TEST_FOLDERS if name in by_name), None)
    if train is None or not _folders(train):
        return Listing(folder, tuple(_entries(folder, TRAIN)), False)
    entries = _entries(train, TRAIN)
    if test is not None:
        entries += _entries(test, TEST)
        validation = next((by_name[n] for n in TEST_FOLDERS[1:] if n in by_name and by_name[n] != test), None)
        entries += _entries(validation, VALIDATION) if validation is not None else []
        if test.name.lower() != "test":
            note(f"{folder}: no test/ folder: {test.name}/ is for testing, and no choice is made on it")
    return Listing(folder, tuple(entries), test is not None)


def _entries(folder: Path, part: int) -> list[Entry]:
    """The pictures of each class folder, and a note on what is left out."""
    files = {sub: files_in(sub, SUFFIXES) for sub in _folders(folder)}
    found = [Entry(path, named(sub), part) for sub, own in files.items() for path in own]
    empty = [sub.name for sub, own in files.items() if not own]
    loose = [path for path in files_in(folder, SUFFIXES) if path.parent == folder]
    others = Counter(path.suffix.lower() or "without an ending" for path in others_in(folder, SUFFIXES))
    kinds = ", ".join(f"{count} {kind}" for kind, count in others.most_common(4))
    if not found:
        has = f"; it has {kinds}" if kinds else f"; {counted(len(loose), 'picture')} in no folder" if loose else ""
        raise UserError(f"{folder}: holds no folder of pictures for each class ({' '.join(SUFFIXES)}){has}")
    if empty:
        note(f"{folder}: {counted(len(empty), 'folder')} without pictures left out (first: {empty[0]})")
    if others:
        note(f"{folder}: {counted(sum(others.values()), 'file')} of other kinds left out: {kinds}")
    if loose:
        note(f"{folder}: {counted(len(loose), 'picture')} in no class folder left out (first: {loose[0].name})")
    return found


def _of_table(path: Path) -> Listing:
    """A CSV with the columns file and label, and split where it says so; files are relative to it."""
    try:
        text = bounded.read_bytes(path, CSV_LIMIT).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a CSV file in UTF-8 (byte {error.start})") from error
    entries: list[Entry] = []
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
        names = [(name or "").strip().lower() for name in rows.fieldnames or ()]
        missing = [name for name in ("file", "label") if name not in names]
        if missing:
            raise UserError(
                f"{path}: its first line must name the columns file and label; {' and '.join(missing)} missing"
            )
        rows.fieldnames = names
        for row in rows:
            file, label = (row["file"] or "").strip(), (row["label"] or "").strip()
            split = (row.get("split") or "train").strip().lower()
            if not file or not label or split not in SPLITS:
                wrong = f"split {split!r}; there are train, test, val" if file and label else "no file or no label"
                raise UserError(f"{path}: line {rows.line_num}: {wrong}")
            entries.append(Entry(path.parent / Path(file).expanduser(), label, SPLITS[split]))
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV file ({error})") from error
    if not entries:
        raise UserError(f"{path}: lists no pictures")
    return Listing(path, tuple(entries), any(entry.part == TEST for entry in entries))


def stamp(entries: Sequence[Entry]) -> list[tuple[str, str, int, int, int]]:
    """Names, classes, splits, sizes and times of change: what decoded copies in the cache depend on."""
    found = []
    for entry in entries:
        try:
            status = entry.path.stat()
            found.append((str(entry.path), entry.label, entry.part, status.st_size, status.st_mtime_ns))
        except OSError:  # said when it is read
            found.append((str(entry.path), entry.label, entry.part, -1, -1))
    return found
