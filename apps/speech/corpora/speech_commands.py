"""Speech Commands (Warden 2018): its official lists, the rule that made them, and the 12-word task.

Names are <word>/<speaker>_nohash_<number>.wav. Letters: N clips.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.speech.corpora.clips import TEST, TRAIN, VALIDATION, Corpus, numbered
from apps.speech.signal.audio import LENGTH, RATE, read_recording, to_int16
from apps.speech.signal.many import read_clips
from cnn_core.errors import UserError
from cnn_core.fetching.archives import read_members
from cnn_core.fetching.mapped import Growing, in_memory, rows_of
from cnn_core.training.holdout import hold_out

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
LISTS = {"validation_list.txt": VALIDATION, "testing_list.txt": TEST}
NOISE = "_background_noise_"
LARGEST = 2**27 - 1  # the rule takes a digest modulo 2 ** 27
BLOCK = 4096  # recordings decoded at a time


def speaker(name: str) -> str:
    """The speaker of the recording `name`: the part before `_nohash_`."""
    return re.sub(r"_nohash_.*$", "", name.rpartition("/")[2])


def rule(name: str, validation: float = 10.0, test: float = 10.0) -> int:
    """The split of a recording by the sha1 of its speaker, so that a speaker is in one split only.

    It reproduces validation_list.txt and testing_list.txt of both versions.
    """
    digest = int(hashlib.sha1(speaker(name).encode(), usedforsecurity=False).hexdigest(), 16)
    per_cent = digest % (LARGEST + 1) * (100.0 / LARGEST)
    if per_cent < validation:
        return VALIDATION
    return TEST if per_cent < validation + test else TRAIN


def parts_of(names: Sequence[str], lists: Mapping[str, str]) -> np.ndarray:
    """(N,) the split of each recording by the official lists (name of the list -> its text), else by the rule."""
    if not all(name in lists for name in LISTS):
        return by_rule(names)
    listed = {line.strip(): part for file, part in LISTS.items() for line in lists[file].splitlines()}
    return np.array([listed.get(name, TRAIN) for name in names], np.uint8)


def by_rule(names: Sequence[str]) -> np.ndarray:
    """(N,) splits by the rule; a fifth of the speakers is held out if they are too few for it.

    Raises UserError if each word has a single speaker.
    """
    parts = np.array([rule(name) for name in names], np.uint8)
    if (parts == TEST).any() and (parts == TRAIN).any():
        return parts
    held = hold_out([name.partition("/")[0] for name in names], 0.2, 0, [speaker(name) for name in names])
    return np.where(held, TEST, TRAIN).astype(np.uint8)


@dataclass(frozen=True)
class Task:
    """The recordings of a task: their names, labels and splits, and the number of cuts of noise for each split."""

    labels: tuple[str, ...]
    names: list[str]
    targets: np.ndarray  # (N,) int64
    parts: np.ndarray  # (N,) uint8
    silences: dict[int, int]


def all_words(names: Sequence[str], parts: np.ndarray) -> Task:
    """Every word is a class: 35 in version 2, 30 in version 1."""
    words = [name.partition("/")[0] for name in names]
    labels = tuple(sorted(set(words)))
    return Task(labels, list(names), np.array([labels.index(word) for word in words], np.int64), parts, {})


def twelve(names: Sequence[str], parts: np.ndarray) -> Task:
    """Ten words, and a tenth of their number each of silence and of unknown words.

    The sha1 of their names chooses the unknown words, which are therefore the same everywhere; splits of speakers are
    unchanged.
    """
    labels = (*WORDS, "silence", "unknown")
    chosen: list[str] = []
    targets: list[int] = []
    splits: list[int] = []
    silences: dict[int, int] = {}
    for part in (TRAIN, VALIDATION, TEST):
        in_split = [name for name, split in zip(names, parts, strict=True) if split == part]
        spoken = [name for name in in_split if name.partition("/")[0] in WORDS]
        others = [name for name in in_split if name.partition("/")[0] not in WORDS]
        share = -(-len(spoken) // 10)
        others = sorted(others, key=lambda name: hashlib.sha1(name.encode(), usedforsecurity=False).digest())[:share]
        silences[part] = share
        chosen += spoken + others
        targets += [labels.index(name.partition("/")[0]) for name in spoken] + [11] * len(others)
        splits += [part] * (len(spoken) + len(others))
    return Task(labels, chosen, np.array(targets, np.int64), np.array(splits, np.uint8), silences)


def cuts_of_noise(recordings: Sequence[np.ndarray], silences: Mapping[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Clips (M, L) of noise and their splits (M,): the first 80 % of each recording to train, the last 10 % to test.

    Each is cut and attenuated at random (fixed seed): the silence of a real microphone, never zeros.
    """
    spans = {TRAIN: (0.0, 0.8), VALIDATION: (0.8, 0.9), TEST: (0.9, 1.0)}
    clips, parts = [], []
    for part, count in silences.items():
        generator = np.random.default_rng([part, 0x51E])
        for _ in range(count):
            noise = recordings[int(generator.integers(len(recordings)))]
            first, last = (int(share * len(noise)) for share in spans[part])
            start = int(generator.integers(first, max(last - LENGTH, first + 1)))
            cut = noise[start : start + LENGTH]
            clips.append(np.pad(cut, (0, LENGTH - len(cut))) * generator.uniform(0.05, 1.0))
            parts.append(part)
    samples = np.array(clips) if clips else np.zeros((0, LENGTH))
    return np.rint(samples).astype(np.int16), np.array(parts, np.uint8)


def read_archive(
    archive: Path, name: str, task: str, progress: bool, grow: Callable[[int], Growing] = in_memory
) -> Corpus:
    """The corpus of an archive: task "12" or "words". The archive is read twice: for its names, then to decode.

    `grow` gives what holds its clips.
    """
    names, lists, noises = [], {}, []
    for path, content in read_members(archive, 1 << 30):
        path = path.removeprefix("./")
        if path in LISTS and content is not None:
            lists[path] = content.decode("utf-8", "replace")
        elif path.startswith(NOISE) and path.endswith(".wav") and content is not None:
            noises.append(to_int16(read_recording(content, RATE, path)))
        elif path.endswith(".wav") and not Path(path).name.startswith("."):
            names.append(path)
    if not names:
        raise UserError(f"{archive}: holds no recordings")
    names.sort()
    chosen = (twelve if task == "12" else all_words)(names, parts_of(names, lists))
    rows = {path: row for row, path in enumerate(chosen.names)}
    clips = grow(2 * LENGTH * len(rows))
    stored = np.zeros(len(rows), np.int64)  # of each row, the place where the archive's order puts it
    count = 0
    block: list[tuple[int, bytes, str]] = []

    def decode() -> int:
        if block:
            clips.add(read_clips([b for _, b, _ in block], [n for _, _, n in block], name, progress))
            stored[[row for row, _, _ in block]] = np.arange(count, count + len(block))
        return count + len(block)

    for path, content in read_members(archive, 1 << 30):
        path = path.removeprefix("./")
        if path in rows and content is not None:
            block.append((rows[path], content, path))
            if len(block) == BLOCK:
                count = decode()
                block.clear()
    count = decode()
    speaker_of = [speaker(path) for path in chosen.names]
    targets, parts = chosen.targets, chosen.parts
    if chosen.silences:
        if not noises:
            raise UserError(f"{name}: the 12-word task needs recordings in {NOISE}, which is missing or empty")
        cuts, places = cuts_of_noise(noises, chosen.silences)
        clips.add(cuts)
        stored, parts = np.concatenate([stored, count + np.arange(len(cuts))]), np.concatenate([parts, places])
        targets = np.concatenate([targets, np.full(len(cuts), chosen.labels.index("silence"))])
        speaker_of += ["nobody"] * len(cuts)
    speakers, who = numbered(speaker_of)
    return Corpus(name, chosen.labels, rows_of(clips.array(), stored), targets, parts, speakers, who)


def is_speech_commands(folder: Path) -> bool:
    """Whether a folder holds the official lists."""
    return all((folder / name).is_file() for name in LISTS)


def lists_of(folder: Path) -> dict[str, str]:
    """The text of the official lists in a folder."""
    return {name: (folder / name).read_text(encoding="utf-8") for name in LISTS if (folder / name).is_file()}
