"""Decode the recordings of a user's folder; refuse or skip unreadable ones and report unusual ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from apps.speech.signal.many import Decoded, decode_clips, listed
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.fetching.mapped import Growing, in_memory

SHORT, LONG = 0.05, 10.0  # seconds outside of which a recording of one word is unusual


def decode_checked(
    folder: Path,
    paths: Sequence[Path],
    skip_bad: bool,
    progress: bool,
    grow: Callable[[int], Growing] = in_memory,
) -> Decoded:
    """The clips of recordings at `paths`, relative to `folder`, in what `grow` gives for so many bytes.

    Raises UserError that names the unreadable ones, unless `skip_bad` is set and others are readable.
    """
    full = [folder / path for path in paths]
    decoded = decode_clips(full, [str(path) for path in full], folder.resolve().name, progress, grow=grow)
    if decoded.bad and (not skip_bad or not len(decoded.clips)):
        advice = "" if skip_bad else "; --skip-bad leaves such recordings out"
        raise UserError(f"{listed(decoded.bad, len(paths))}{advice}")
    report(folder, [paths[row] for row in decoded.rows], decoded)
    return decoded


def report(folder: Path, paths: Sequence[Path], decoded: Decoded) -> None:
    """Note how many of the recordings at `paths` are unusual in some way, with the first of them."""
    unusual = (
        (~decoded.loud, "are silent"),
        (decoded.out_of_phase, "have channels that cancel each other; of these only the louder one is read"),
        (decoded.seconds < SHORT, "are shorter than 50 ms"),
        (decoded.seconds > LONG, f"are longer than {LONG:g} s; of each only the loudest second is used"),
    )
    for which, fault in unusual:
        if which.any():
            first = paths[int(np.argmax(which))]
            note(f"{folder}: {int(which.sum())} of {len(paths)} recordings {fault} (first: {first})")
