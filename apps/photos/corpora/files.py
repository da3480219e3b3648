"""Pictures from a user's files: all read, with one list of those that cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from apps.photos.config import PhotosConfig
from apps.photos.corpora import framing
from apps.photos.corpora.corpus import Corpus, divided
from apps.photos.corpora.listing import TEST, TRAIN, Listing
from cnn_core import bounded, console
from cnn_core.console import counted
from cnn_core.errors import UserError

LISTED = 8  # bad files named in one message
MEMORY = 4096 * bounded.MIB


def read_files(listing: Listing, config: PhotosConfig, progress: bool) -> Corpus:
    """The corpus of the listed files. Raises UserError with all files that cannot be read, unless `skip_bad` is set,
    and where they do not fit into the memory that may be filled."""
    check_size(str(listing.place), len(listing.entries), config.side)
    classes = {label: number for number, label in enumerate(listing.classes)}
    images = np.empty((len(listing.entries), 3, config.side, config.side), np.uint8)
    good: list[int] = []
    bad: list[str] = []
    name = listing.place.resolve().name
    for row, entry in enumerate(console.progress(name, over=listing.entries, unit="picture", show=progress)):
        try:
            images[len(good)] = framing.read(entry.path, config.side, config.frame)
            good.append(row)
        except UserError as error:
            bad.append(str(error))
    if bad and not config.skip_bad:
        raise UserError(f"{about_bad(bad, len(listing.entries))}; --skip-bad leaves them out")
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
    # A copy: what skipped pictures would have filled is given back.
    images = images if len(good) == len(images) else images[: len(good)].copy()
    return divided(name, listing.classes, images, targets, parts, given=listing.split, skipped=tuple(bad))


def about_bad(bad: list[str], count: int) -> str:
    """One line on all files that cannot be read."""
    rest = f"; and {len(bad) - LISTED} more" if len(bad) > LISTED else ""
    return f"{len(bad)} of {counted(count, 'picture')} cannot be read: {'; '.join(bad[:LISTED])}{rest}"


def check_size(name: str, count: int, side: int) -> None:
    """Raise UserError where so many pictures of this side are more than may be held in the memory."""
    needed, most = count * 3 * side * side, bounded.limit(MEMORY)
    if needed > most:
        raise UserError(
            f"{name}: {counted(count, 'picture')} of {side} x {side} fill {needed / bounded.MIB:,.0f} MiB; take a"
            f" smaller --side, or set {bounded.VARIABLE} to more"
        )


def named(data: str) -> Path | None:
    """The folder or CSV file that `data` names, if it names one."""
    path = Path(data).expanduser()
    return path if path.is_dir() or path.is_file() else None
