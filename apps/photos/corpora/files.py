"""Pictures from a user's files: all read, with one list of those that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from apps.photos.config import PhotosConfig
from apps.photos.corpora import framing
from apps.photos.corpora.corpus import Corpus, divided
from apps.photos.corpora.listing import TEST, TRAIN, Listing
from cnn_core import bounded, console
from cnn_core.console import counted
from cnn_core.errors import UserError
from cnn_core.fetching.mapped import Growing, in_memory

LISTED = 8  # bad files named in one message
MEMORY = 4096 * bounded.MIB
IN_FILES = 16  # times as much
BLOCK = 256  # pictures that are gathered at a time


def read_files(
    listing: Listing, config: PhotosConfig, progress: bool, grow: Callable[[int], Growing] = in_memory
) -> Corpus:
    """The corpus of the listed files; `grow` gives what holds the pictures, of so many bytes.

    Raises UserError with all files that cannot be read, unless `skip_bad` is set, and where they are too many even for
    files: what is kept of each in memory, to find copies, must fit there.
    """
    check_size(str(listing.place), len(listing.entries), config.side, IN_FILES)
    classes = {label: number for number, label in enumerate(listing.classes)}
    images = grow(len(listing.entries) * 3 * config.side**2)
    block: list[np.ndarray] = []
    good: list[int] = []
    bad: list[str] = []
    name = listing.place.resolve().name
    for row, entry in enumerate(console.progress(name, over=listing.entries, unit="picture", show=progress)):
        try:
            block.append(framing.read(entry.path, config.side, config.frame))
            good.append(row)
        except UserError as error:
            bad.append(str(error))
        if len(block) == BLOCK:
            images.add(np.stack(block))
            block.clear()
    images.add(np.stack(block) if block else np.empty((0, 3, config.side, config.side), np.uint8))
    if bad and not config.skip_bad:
        way = "; --skip-bad leaves them out" if good else ""
        raise UserError(f"{about_bad(bad, len(listing.entries))}{way}")
    entries = [listing.entries[row] for row in good]
    targets = np.array([classes[entry.label] for entry in entries], np.int64)
    parts = np.array([entry.part for entry in entries], np.uint8)
    lost = next((label for label, n in classes.items() if not ((targets == n) & (parts == TRAIN)).any()), None)
    if lost is not None:
        raise UserError(
            f"{listing.place}: no picture of {lost!r} can be read to train on; {about_bad(bad, len(listing.entries))}"
        )
    if listing.split and not (parts == TEST).any():
        raise UserError(f"{listing.place}: no test picture can be read; {about_bad(bad, len(listing.entries))}")
    return divided(name, listing.classes, images.array(), targets, parts, given=listing.split, skipped=tuple(bad))


def about_bad(bad: list[str], count: int) -> str:
    """One line on all files that cannot be read."""
    rest = f"; and {len(bad) - LISTED} more" if len(bad) > LISTED else ""
    return f"{len(bad)} of {counted(count, 'picture')} cannot be read: {'; '.join(bad[:LISTED])}{rest}"


def check_size(name: str, count: int, side: int, times: int = 1) -> None:
    """Raise UserError where so many pictures of this side are more than may be held, `times` what fits in memory."""
    needed, most = count * 3 * side * side, times * bounded.limit(MEMORY)
    if needed > most:
        raise UserError(
            f"{name}: {counted(count, 'picture')} of {side} x {side} fill {needed / bounded.MIB:,.0f} MiB; take a"
            f" smaller --side, or set {bounded.VARIABLE} to more"
        )


def named(data: str) -> Path | None:
    """The folder or CSV file that `data` names, if it names one."""
    path = Path(data).expanduser()
    return path if path.is_dir() or path.is_file() else None
