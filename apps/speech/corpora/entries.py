"""The recordings of a folder with their splits, words and speakers, as its folders name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.speech.corpora.clips import TEST, TRAIN, VALIDATION
from apps.speech.corpora.layout import SPEAKER_WORD, WORD_SPEAKER, recognize
from cnn_core.errors import UserError
from cnn_core.fetching.class_folders import TEST_FOLDERS, natural_order


@dataclass(frozen=True)
class Reading:
    """How the user describes a folder."""

    speakers: str = ""
    """CSV file with the columns file and speaker."""
    layout: str = "auto"
    """word/speaker, speaker/word, or auto."""

    @property
    def given_layout(self) -> str:
        """The layout, or "" for auto."""
        return "" if self.layout == "auto" else self.layout

    skip_bad: bool = False
    """Leave out recordings that cannot be read."""


@dataclass(frozen=True)
class Entry:
    """One recording."""

    part: int
    """TRAIN, VALIDATION or TEST according to its folder; TRAIN without split folders."""
    word: str
    path: Path
    """Relative to the data folder."""
    speaker: str = ""


def split_folders(folder: Path, paths: Sequence[Path]) -> dict[str, int]:
    """Split folders by name: train, test (or one of its other names), and a second one of those for validation.

    A folder with such a name is a word if it contains recordings directly, or lies no deeper than its neighbours.
    """
    depths: dict[str, set[int]] = {}  # of the recordings in each top folder
    for path in paths:
        if len(path.parts) > 1:
            depths.setdefault(path.parts[0], set()).add(len(path.parts))
    named = [
        name for name in ("train", *TEST_FOLDERS) for top in depths if top.lower() == name and min(depths[top]) > 2
    ]
    tops = {name: next(top for top in depths if top.lower() == name) for name in named}
    others = [top for top in depths if top not in tops.values()]
    if "train" in tops and others:
        raise UserError(
            f"{folder}: holds {tops['train']}/ and also {others[0]}/; move the others into the split folders, or rename"
            f" {tops['train']}/ if it is a word"
        )
    if others:
        level = max(max(depths[top]) for top in others)
        tops = {name: top for name, top in tops.items() if min(depths[top]) > level}
    tests = [top for name, top in tops.items() if name != "train"]
    splits = {top: TEST if place == 0 else VALIDATION for place, top in enumerate(tests)}
    return splits | ({tops["train"]: TRAIN} if "train" in tops else {})


def list_entries(
    folder: Path, paths: Sequence[Path], splits: dict[str, int], reading: Reading
) -> tuple[list[Entry], str]:
    """The recordings, sorted by split and word, and the layout if there are folders of speakers."""
    if reading.speakers and reading.given_layout:
        raise UserError("--speakers and --layout both name the speakers; give one of them")
    inside = [Path(*path.parts[1:]) if path.parts[0] in splits else path for path in paths]
    flat = [path for path in inside if len(path.parts) == 2]
    nested = [path for path in inside if len(path.parts) > 2]
    layout = ""
    if reading.given_layout and not nested:
        raise UserError(f"--layout {reading.given_layout}: {folder} has one level of folders; leave the option out")
    if nested and not reading.speakers:
        if flat:
            raise UserError(
                f"{folder}: some recordings have one level of folders ({flat[0]}) and others two ({nested[0]}); move"
                " them to the same level"
            )
        layout = reading.given_layout or recognize({(path.parts[0], path.parts[1]) for path in nested})
        if not layout:
            outer, inner = nested[0].parts[:2]
            raise UserError(
                f"{folder}: is {outer!r} a word and {inner!r} a speaker, or the reverse? Add"
                f" --layout {WORD_SPEAKER} or --layout {SPEAKER_WORD}"
            )
    entries = []
    for path, place in zip(paths, inside, strict=True):
        if len(place.parts) > 1:
            first, second = place.parts[:2]
            word, speaker = (second, first) if layout == SPEAKER_WORD else (first, second if layout else "")
            entries.append(Entry(splits.get(path.parts[0], TRAIN), word, path, speaker))
    return sorted(entries, key=lambda entry: (entry.part, natural_order(entry.word), entry.path)), layout
