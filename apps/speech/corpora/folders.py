"""Recordings in a user's folder: one folder for each word, optionally one for each speaker, or a published layout."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from apps.speech.corpora import fsdd, speech_commands
from apps.speech.corpora.checks import decode_checked
from apps.speech.corpora.clips import TEST, TRAIN, Corpus, numbered
from apps.speech.corpora.entries import Reading, list_entries, split_folders
from apps.speech.corpora.listing import list_files
from apps.speech.corpora.speakers import find, read_speakers
from cnn_core.console import counted, note
from cnn_core.errors import UserError
from cnn_core.fetching.class_folders import TEST_FOLDERS, natural_order
from cnn_core.fetching.mapped import Growing, Values, blocks_of, in_memory
from cnn_core.files import digest_of
from cnn_core.training.holdout import hold_out

UNKNOWN = "unknown speaker"
TEST_SHARE = 0.2


def read_folder(
    folder: Path, reading: Reading, seed: int, progress: bool, grow: Callable[[int], Growing] = in_memory
) -> Corpus:
    """The corpus of a folder; `grow` gives what holds its clips.

    Raises UserError naming the recordings or folders that cannot be used.

    The first of these that applies makes the splits: FSDD's takes; a folder test (and val for validation); Speech
    Commands' lists, or its rule where names are <speaker>_nohash_<number>; about a fifth held out by `seed`, in whole
    speakers if the folder names them, else of each word with equal recordings on one side.
    """
    if fsdd.is_fsdd(folder):
        return _read_fsdd(folder, reading, progress, grow)
    listing = list_files(folder)
    unread = listing.about_unread()
    splits = split_folders(folder, listing.recordings)
    entries, layout = list_entries(folder, listing.recordings, splits, reading)
    words = sorted({entry.word for entry in entries if entry.part == TRAIN}, key=natural_order)
    train = next((folder / name for name, part in splits.items() if part == TRAIN), folder)
    if len(words) < 2:
        loose = sum(len(path.parts) == 1 for path in listing.recordings)
        raise UserError(
            f"{train}: needs a folder of recordings for each of at least two words, found"
            f" {f'only {words[0]!r}' if words else 'none'}"
            f"{f'; {loose} recordings are in no folder' if loose else ''}{f'; {unread}' if unread else ''}"
        )
    extra = next((entry for entry in entries if entry.word not in words), None)
    if extra is not None:
        raise UserError(f"{folder / extra.path.parent}: this word is not in {train}")

    paths = [entry.path for entry in entries]
    table = find(reading.speakers, folder) if reading.speakers else None
    names = [f"{path.parent.name}/{path.name}" for path in paths]
    by_name = not layout and table is None and all("_nohash_" in name for name in names)
    if table is not None:
        speakers = read_speakers(table, folder, paths)
    elif by_name:
        speakers = [speech_commands.speaker(name) for name in names]
    else:
        speakers = [entry.speaker or UNKNOWN for entry in entries]

    decoded = decode_checked(folder, paths, reading.skip_bad, progress, grow)
    rows = decoded.rows.tolist()
    entries, names, speakers = ([values[row] for row in rows] for values in (entries, names, speakers))
    lost = [word for word in words if not any(entry.word == word and entry.part == TRAIN for entry in entries)]
    if lost:
        raise UserError(f"{folder}: none of the recordings of {lost[0]!r} can be read ({decoded.bad[0]})")
    if unread:
        _note_unread(folder, unread, listing.unread, words)
    loose = [path for path in listing.recordings if len(path.parts) == 1]
    if loose:
        note(f"{folder}: recordings outside the folders of words, not read: {len(loose)} (first: {loose[0]})")
    targets = np.array([words.index(entry.word) for entry in entries], np.int64)
    parts = np.array([entry.part for entry in entries], np.uint8)
    numbers, who = numbered(speakers)
    about = f"speakers from {table}" if table else f"read as {layout}/recording" if layout else ""
    if about:
        about += f": {counted(len(words), 'word')}, {counted(len(who), 'speaker')}"
    if (parts == TEST).any():
        _note_given_split(folder, about, parts, numbers)
    else:
        try:
            if by_name:
                parts, how = speech_commands.parts_of(names, speech_commands.lists_of(folder)), ""
            else:
                parts, how = _held_out(targets, speakers, decoded.clips, seed)
        except UserError as error:
            raise UserError(f"{folder}: too few different recordings to train and to test ({error})") from None
        if how:
            note(f"{folder}: {about}{'; ' if about else ''}no test/ folder: {how}")
    if not (parts == TRAIN).any() or not (parts == TEST).any():
        raise UserError(f"{folder}: too few different recordings to train and to test")
    who = () if who == (UNKNOWN,) else who
    return Corpus(folder.resolve().name, tuple(words), decoded.clips, targets, parts, numbers, who, decoded.bad)


def stamp(folder: Path, reading: Reading) -> list[tuple[str, int, int]]:
    """Names, sizes and modification times of all files that the decoded copy in the cache depends on."""
    listing = list_files(folder)
    lists = [Path(name) for name in speech_commands.LISTS]
    found = []
    for path in (*listing.recordings, *listing.unread, *lists):
        full = folder / path
        status = full.stat() if full.is_file() else None
        found.append((str(path), status.st_size if status else -1, status.st_mtime_ns if status else -1))
    if reading.speakers:
        found.append((digest_of(find(reading.speakers, folder)), 0, 0))
    return found


def _read_fsdd(folder: Path, reading: Reading, progress: bool, grow: Callable[[int], Growing]) -> Corpus:
    if reading.speakers or reading.given_layout:
        raise UserError(
            f"{folder}: its files have FSDD's names, which include the speaker; leave --speakers and --layout out"
        )
    paths = [path.relative_to(folder) for path in fsdd.files(folder)]
    decoded = decode_checked(folder, paths, reading.skip_bad, progress, grow)
    good = [paths[row] for row in decoded.rows]
    return fsdd.corpus_of(folder.resolve().name, good, decoded.clips, decoded.bad)


def _held_out(targets: np.ndarray, speakers: Sequence[str], clips: Values, seed: int) -> tuple[np.ndarray, str]:
    """(N,) splits with about a fifth for testing, in whole speakers if possible; and a sentence about them."""
    count = len(targets)
    if len(set(speakers)) > 1:
        try:
            held = hold_out(targets, TEST_SHARE, seed, speakers)
        except UserError:  # each word has a single speaker
            pass
        else:
            names = sorted({speaker for speaker, test in zip(speakers, held, strict=True) if test})
            rest = f" and {len(names) - 5} more" if len(names) > 5 else ""
            how = f"{int(held.sum())} of {count} recordings set aside for testing, all those of"
            return _parts(held), f"{how} {', '.join(names[:5])}{rest} (seed {seed})"
    contents = [hashlib.sha256(clip.data).digest() for block in blocks_of(clips) for clip in block]
    held = hold_out(targets, TEST_SHARE, seed, contents)
    return _parts(held), (
        f"{int(held.sum())} of {count} recordings set aside for testing"
        f" (seed {seed}, by word, equal recordings on one side; the same speakers may be on both)"
    )


def _parts(held: np.ndarray) -> np.ndarray:
    return np.where(held, TEST, TRAIN).astype(np.uint8)


def _note_given_split(folder: Path, about: str, parts: np.ndarray, speakers: np.ndarray) -> None:
    if not about:
        return
    shared = len(set(speakers[parts == TRAIN]) & set(speakers[parts == TEST]))
    both = (
        f"; {shared} of them both in training and in testing, so that scores for new speakers will be lower"
        if shared
        else ""
    )
    note(f"{folder}: {about}{both}")


def _note_unread(folder: Path, unread: str, paths: Sequence[Path], words: Sequence[str]) -> None:
    """Note the unread files, and the words that have no other files."""
    empty = sorted({path.parent.name for path in paths if len(path.parts) == 2} - set(words) - set(TEST_FOLDERS))
    note(f"{folder}: {unread}" + (f"; without them these words are missing: {', '.join(empty)}" if empty else ""))
