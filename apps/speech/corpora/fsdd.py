"""The Free Spoken Digit Dataset, from its archive or a folder: files <digit>_<speaker>_<take>.wav."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.speech.corpora.clips import TEST, TRAIN, Corpus, numbered
from apps.speech.signal.audio import Source
from apps.speech.signal.many import read_clips
from cnn_core.fetching.mapped import Values

NAME = re.compile(r"(\d)_([^_]+)_(\d+)\.wav", re.IGNORECASE)
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEST_TAKES = 5  # takes 0 to 4


def is_fsdd(folder: Path) -> bool:
    """Whether the files in `folder`, or in its folder recordings, have FSDD's names."""
    return bool(files(folder))


def files(folder: Path) -> list[Path]:
    """The recordings, sorted."""
    for place in (folder, folder / "recordings"):
        found = sorted(path for path in place.iterdir() if NAME.fullmatch(path.name)) if place.is_dir() else []
        if found:
            return found
    return []


def read_fsdd(name: str, paths: Sequence[Path | str], sources: Sequence[Source], progress: bool) -> Corpus:
    """The corpus of recordings with these paths; takes 0 to 4 are for testing. Raises UserError for bad ones."""
    return corpus_of(name, paths, read_clips(sources, [str(path) for path in paths], name, progress))


def corpus_of(name: str, paths: Sequence[Path | str], clips: Values, skipped: tuple[str, ...] = ()) -> Corpus:
    """The corpus of the clips (N, L) of recordings with FSDD's names."""
    facts = [NAME.fullmatch(Path(path).name) for path in paths]
    digits = np.array([int(fact[1]) for fact in facts if fact], np.int64)
    takes = np.array([int(fact[3]) for fact in facts if fact])
    speakers, names = numbered([fact[2] for fact in facts if fact])
    parts = np.where(takes < TEST_TAKES, TEST, TRAIN).astype(np.uint8)
    return Corpus(name, DIGITS, clips, digits, parts, speakers, names, skipped)
