"""Decode many recordings with threads and report all unreadable ones together. Letters: N recordings, M readable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from apps.speech.signal.audio import LENGTH, LONGEST, Source, decode, fit_clip, to_int16
from cnn_core import console
from cnn_core.errors import UserError
from cnn_core.fetching.mapped import Growing, Values, in_memory
from cnn_core.optional import require

NAMED = 10  # bad recordings that a message names
BLOCK = 1024  # recordings decoded at a time


@dataclass(frozen=True, eq=False)
class Decoded:
    """The M readable ones of N recordings."""

    clips: Values
    """(M, L) int16."""
    loud: np.ndarray
    """(M,) bool, whether there is any sound."""
    rows: np.ndarray
    """(M,) int64, their indices among the N."""
    seconds: np.ndarray
    """(M,) float64, length of each recording."""
    out_of_phase: np.ndarray
    """(M,) bool, whether the channels cancel each other."""
    bad: tuple[str, ...]
    """A message for each unreadable one, beginning with its name."""


def decode_clips(
    sources: Sequence[Source],
    names: Sequence[str],
    label: str,
    progress: bool = True,
    threads: int | None = None,
    grow: Callable[[int], Growing] = in_memory,
) -> Decoded:
    """Decode recordings by several threads (libsndfile works outside Python's lock); `names` are used in messages.

    `grow` gives what the clips, so many bytes if all can be read, are put into.
    """

    def take(row: int) -> tuple[np.ndarray, float, bool] | str:
        try:
            recording = decode(sources[row], name=names[row], longest=LONGEST)
        except UserError as error:
            return str(error)
        return fit_clip(to_int16(recording.samples)), recording.seconds, recording.out_of_phase

    require("soundfile", "reading recordings")
    require("torchaudio.functional", "resampling")
    clips = grow(2 * LENGTH * len(sources))
    clips.add(np.zeros((0, LENGTH), np.int16))
    rows: list[int] = []
    facts: list[tuple[bool, float, bool]] = []  # any sound, seconds, out of phase
    bad: list[str] = []
    bar = iter(console.progress(label, over=range(len(sources)), unit="clip", show=progress))
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(sources), BLOCK):
            block: list[np.ndarray] = []
            for row, answer in zip(bar, pool.map(take, range(start, min(start + BLOCK, len(sources)))), strict=False):
                if isinstance(answer, str):
                    bad.append(answer)
                    continue
                clip, seconds, out_of_phase = answer
                block.append(clip)
                rows.append(row)
                facts.append((bool(clip.any()), seconds, out_of_phase))
            if block:
                clips.add(np.stack(block))
    loud, seconds, out_of_phase = zip(*facts, strict=True) if facts else ((), (), ())
    return Decoded(
        clips.array(),
        np.array(loud, bool),
        np.array(rows, np.int64),
        np.array(seconds, np.float64),
        np.array(out_of_phase, bool),
        tuple(bad),
    )


def read_clips(
    sources: Sequence[Source], names: Sequence[str], label: str, progress: bool = True, threads: int | None = None
) -> np.ndarray:
    """Clips (N, L) int16. Raises UserError that names the unreadable recordings."""
    decoded = decode_clips(sources, names, label, progress, threads)
    if decoded.bad:
        raise UserError(listed(decoded.bad, len(sources)))
    assert isinstance(decoded.clips, np.ndarray)  # as `in_memory` keeps them
    return decoded.clips


def listed(bad: Sequence[str], count: int) -> str:
    """One line about the unreadable ones of `count` recordings: the first ten messages, then how many more."""
    if len(bad) == 1:
        return bad[0]
    rest = f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    return f"{len(bad)} of {count} recordings cannot be read: {'; '.join(bad[:NAMED])}{rest}"
