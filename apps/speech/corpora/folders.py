"""Recordings in a user's folder: one folder for each word, or FSDD's or Speech Commands' own layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from apps.speech.corpora import fsdd, speech_commands
from apps.speech.corpora.clips import TEST, TRAIN, Corpus, numbered
from apps.speech.signal.audio import SUFFIXES, read_clips
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.fetching.class_folders import class_files, class_names, test_folder, train_folder
from cnn_core.training.holdout import hold_out

UNKNOWN = "unknown speaker"
TEST_SHARE = 0.2


def read_folder(folder: Path, seed: int, progress: bool) -> Corpus:
    """The corpus of a folder. Raises UserError naming the recording or folder that cannot be used.

    Splits, by the first of these that is there: FSDD's takes; Speech Commands' lists; train/ and test/; the sha1 rule
    where names are <speaker>_nohash_<number>; else a fifth of each word is held out for testing by `seed`, equal
    recordings on one side.
    """
    if fsdd.is_fsdd(folder):
        return fsdd.read_folder(folder, progress)
    train, test = train_folder(folder, SUFFIXES), test_folder(folder, SUFFIXES)
    words = [name for name in class_names(train or folder, SUFFIXES) if name != speech_commands.NOISE]
    if train is None and test is not None:
        words = [word for word in words if word != test.name]
    if len(words) < 2:
        found = f"only {words[0]!r}" if words else "none"
        raise UserError(
            f"{train or folder}: needs a folder of recordings for each of at least two words, found {found}"
        )
    paths, targets = _files(train or folder, words)
    parts = np.full(len(paths), TRAIN, np.uint8)
    if train is not None and test is not None:
        extra = sorted(set(class_names(test, SUFFIXES)) - set(words))
        if extra:
            raise UserError(f"{test / extra[0]}: this word is not in {train}")
        more, targets_of_more = _files(test, words)
        paths, targets = paths + more, np.concatenate([targets, targets_of_more])
        parts = np.concatenate([parts, np.full(len(more), TEST, np.uint8)])
    clips = read_clips(paths, [str(path) for path in paths], folder.name, progress)
    silent = int((~clips.any(axis=1)).sum())
    if silent:
        note(f"{folder}: {silent} of {len(clips)} recordings are silent")
    names = [f"{path.parent.name}/{path.name}" for path in paths]
    by_speaker = all("_nohash_" in name for name in names)
    who, known = numbered([speech_commands.speaker(name) if by_speaker else UNKNOWN for name in names])
    if train is None or test is None:
        try:
            if by_speaker:
                parts = speech_commands.parts_of(names, speech_commands.lists_of(folder))
            else:
                held = hold_out(targets, TEST_SHARE, seed, [clip.tobytes() for clip in clips])
                parts = np.where(held, TEST, TRAIN).astype(np.uint8)
        except UserError as error:
            raise UserError(f"{folder}: too few different recordings to train and to test ({error})") from None
        if not by_speaker:
            note(
                f"{folder}: no test/ folder: {int((parts == TEST).sum())} of {len(parts)} recordings set aside for"
                f" testing (seed {seed}, by word, equal recordings on one side; the same speakers may be on both)"
            )
    if not (parts == TRAIN).any() or not (parts == TEST).any():
        raise UserError(f"{folder}: too few different recordings to train and to test")
    return Corpus(folder.resolve().name, tuple(words), clips, targets, parts, who, () if not by_speaker else known)


def _files(folder: Path, words: list[str]) -> tuple[list[Path], np.ndarray]:
    """Recordings below `folder` and the number of the word of each."""
    paths: list[Path] = []
    targets: list[int] = []
    for number, word in enumerate(words):
        found = class_files(folder / word, SUFFIXES) if (folder / word).is_dir() else []
        paths += found
        targets += [number] * len(found)
    return paths, np.array(targets, np.int64)


def stamp(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of every recording and list: what the decoded copy in the cache depends on."""
    files = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES or p.name in speech_commands.LISTS)
    return sorted((str(p.relative_to(folder)), p.stat().st_size, p.stat().st_mtime_ns) for p in files if p.is_file())
