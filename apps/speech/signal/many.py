"""Decode many recordings with threads and report all unreadable ones together. Letters: N recordings, M readable."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from apps.speech.signal.audio import LENGTH, LONGEST, Recording, Source, decode, fit_clip, to_int16
from cnn_core import console
from cnn_core.errors import UserError
from cnn_core.optional import require

NAMED = 10  # bad recordings that a message names


@dataclass(frozen=True, eq=False)
class Decoded:
    """The M readable ones of N recordings."""

    clips: np.ndarray
    """(M, L) int16."""
    rows: np.ndarray
    """(M,) int64, their indices among the N."""
    seconds: np.ndarray
    """(M,) float64, length of each recording."""
    out_of_phase: np.ndarray
    """(M,) bool, whether the channels cancel each other."""
    bad: tuple[str, ...]
    """A message for each unreadable one, beginning with its name."""


def decode_clips(
    sources: Sequence[Source], names: Sequence[str], label: str, progress: bool = True, threads: int | None = None
) -> Decoded:
    """Decode recordings by several threads (libsndfile works outside Python's lock); `names` are used in
    messages."""
    clips = np.zeros((len(sources), LENGTH), np.int16)

    def take(row: int) -> Recording | str:
        try:
            recording = decode(sources[row], name=names[row], longest=LONGEST)
        except UserError as error:
            return str(error)
        clips[row] = fit_clip(to_int16(recording.samples))
        return Recording(recording.samples[:0], recording.seconds, recording.out_of_phase)

    require("soundfile", "reading recordings")
    require("torchaudio.functional", "resampling")
    with ThreadPoolExecutor(threads) as pool:
        done = pool.map(take, range(len(sources)))
        found = list(console.progress(label, over=done, total=len(sources), unit="clip", show=progress))
    good = [(row, answer) for row, answer in enumerate(found) if isinstance(answer, Recording)]
    bad = tuple(answer for answer in found if isinstance(answer, str))
    rows = np.array([row for row, _ in good], np.int64)
    return Decoded(
        clips[rows] if bad else clips,
        rows,
        np.array([recording.seconds for _, recording in good], np.float64),
        np.array([recording.out_of_phase for _, recording in good], bool),
        bad,
    )


def read_clips(
    sources: Sequence[Source], names: Sequence[str], label: str, progress: bool = True, threads: int | None = None
) -> np.ndarray:
    """Clips (N, L) int16. Raises UserError that names the unreadable recordings."""
    decoded = decode_clips(sources, names, label, progress, threads)
    if decoded.bad:
        raise UserError(listed(decoded.bad, len(sources)))
    return decoded.clips


def listed(bad: Sequence[str], count: int) -> str:
    """One line about the unreadable ones of `count` recordings: the first ten messages, then how many more."""
    if len(bad) == 1:
        return bad[0]
    rest = f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    return f"{len(bad)} of {count} recordings cannot be read: {'; '.join(bad[:NAMED])}{rest}"
