"""The clips of the classes `unknown` and `silence`, made once for a list of words and kept in the cache.

Other words of voices that train are trained on; for validation and tests there are other voices, and a fifth of the
words, which no training hears. Letters: P clips, L samples of a clip.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from apps.speech.config import Others
from apps.speech.corpora.clips import TEST, TRAIN, VALIDATION
from apps.speech.others import sounds
from apps.speech.others.words import other_words
from apps.speech.signal.audio import LENGTH, SUFFIXES, read_recording, to_int16
from apps.speech.voices import synthesis
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.fetching import decoded
from cnn_core.fetching.sources import cache_folder
from cnn_core.files import files_in

VERSION = 2  # counted up when what is made changes
UTTERANCES = 8  # of each other word
PARTS, BABBLE, SILENCE = 600, 500, 1500
MOST = 20_000  # clips of a folder of the user's
LOUD = 10 ** (-50 / 20) * 32768
"""Below this peak a second of the user's negatives is left out."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Clips (P, L) int16 by class and split."""

    unknown: np.ndarray
    unknown_validation: np.ndarray
    unknown_test: np.ndarray
    silence: np.ndarray
    silence_validation: np.ndarray
    silence_test: np.ndarray


def pool_of(
    words: Sequence[str],
    others: Others,
    clips: np.ndarray,
    negatives: str = "",
    noise: str = "",
    progress: bool = True,
) -> Pool:
    """The pool for a list of words; `clips` (N, L) are training clips of them, of which parts are taken.

    `others` says which other words, and in which language; `negatives` and `noise` name folders of recordings that are
    cut into seconds and join it, nine tenths to train.
    Raises UserError where the voices are missing, and for folders that hold no recordings.
    """
    added = {kind: _seconds(folder, kind) for kind, folder in (("negatives", negatives), ("noise", noise)) if folder}
    digests = [hashlib.sha256(each.tobytes()).hexdigest() for each in added.values()]
    digests.append(hashlib.sha256(clips[:: max(len(clips) // 64, 1)].tobytes()).hexdigest())
    language, near, invented = others.language, others.near, others.invented
    key = hashlib.sha256(repr((VERSION, tuple(words), language, near, invented, digests)).encode()).hexdigest()[:16]
    path = cache_folder() / "voices" / f"others-{key}.safetensors"
    arrays = decoded.load(path)
    if arrays is None or {*arrays} != {field.name for field in fields(Pool)}:
        arrays = _made(language, other_words(words, language, near=near, invented=invented), clips, added, progress)
        decoded.save(path, arrays)
    return Pool(**{name: np.asarray(values) for name, values in arrays.items()})


def _made(
    language: str, texts: list[str], clips: np.ndarray, added: dict[str, np.ndarray], progress: bool
) -> dict[str, np.ndarray]:
    note(f"class unknown: {len(texts)} other words, near misses and invented ones spoken, once for this list of words")
    spoken = synthesis.Spoken("other words", language, tuple(texts), UTTERANCES)
    corpus = synthesis.speak(spoken, progress, silent=True)
    clips_of = np.asarray(corpus.clips)
    heard = clips_of.any(axis=1)
    withheld = np.random.default_rng(0).random(len(texts)) < 0.2
    unheard = withheld[corpus.targets]
    train = heard & (corpus.parts == TRAIN) & ~unheard
    parts, babble = sounds.parts(clips, PARTS), sounds.babble(clips_of[train], BABBLE)
    silence = sounds.silence(SILENCE)
    own, own_noise = (_divided(added.get(kind)) for kind in ("negatives", "noise"))
    return {
        "unknown": np.concatenate([clips_of[train], parts, babble, own[0]]),
        "unknown_validation": np.concatenate([clips_of[heard & (corpus.parts == VALIDATION) & ~unheard], own[1]]),
        "unknown_test": clips_of[heard & (corpus.parts == TEST) & unheard],
        "silence": np.concatenate([silence, own_noise[0]]),
        "silence_validation": np.concatenate([sounds.silence(SILENCE // 10, seed=1), own_noise[1]]),
        "silence_test": sounds.silence(SILENCE // 5, seed=2),
    }


def _divided(clips: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """(nine tenths, the rest): every tenth second apart."""
    if clips is None:
        return np.zeros((0, LENGTH), np.int16), np.zeros((0, LENGTH), np.int16)
    apart = np.arange(len(clips)) % 10 == 9
    return clips[~apart], clips[apart]


def check_folder(folder: str, option: str) -> None:
    """Raise UserError for a folder that is named and is not there."""
    if folder and not Path(folder).expanduser().is_dir():
        raise UserError(f"--{option} {folder}: no such folder")


def _seconds(folder: str, option: str) -> np.ndarray:
    """The recordings in a folder, cut into seconds (P, L); silent ones left out of the negatives."""
    check_folder(folder, option)
    files = files_in(Path(folder).expanduser(), SUFFIXES)
    found: list[np.ndarray] = []
    for path in files:
        samples = to_int16(read_recording(path))
        samples = np.pad(samples, (0, -len(samples) % LENGTH)).reshape(-1, LENGTH)
        found += [clip for clip in samples if option == "noise" or np.abs(clip.astype(np.int32)).max() > LOUD]
        if len(found) > MOST:
            note(f"--{option} {folder}: the first {MOST:,} seconds are taken")
            break
    if not found:
        raise UserError(f"--{option} {folder}: holds no recordings ({' '.join(SUFFIXES)})")
    return np.stack(found[:MOST])
