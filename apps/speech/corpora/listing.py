"""The recordings in a folder, and audio files in formats that cannot be read. Hidden files are skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apps.speech.corpora.speech_commands import NOISE
from apps.speech.signal.audio import SUFFIXES
from apps.speech.signal.codecs import way_out

DEEPEST = 6  # levels of folders; links to folders are followed, and could form a loop
UNREAD = (".m4a", ".webm", ".aac", ".wma", ".amr", ".mp4", ".3gp", ".mka", ".caf", ".ape", ".wv", ".spx", ".mp2")


@dataclass(frozen=True)
class Listing:
    """Files below a folder, as paths relative to it, sorted."""

    recordings: tuple[Path, ...]
    unread: tuple[Path, ...]
    """Audio files in formats that cannot be read."""

    def about_unread(self) -> str:
        """Number and formats of the unread files and how to convert them, or "" without such files."""
        if not self.unread:
            return ""
        kinds = Counter(path.suffix.lower() for path in self.unread)
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        first = self.unread[0]
        return f"files in formats that are not read: {counts} (first: {first}); {way_out(first)}"


def list_files(folder: Path) -> Listing:
    """The recordings in a folder and the folders inside it; links are followed, and dangling ones included."""
    paths = sorted(_files(folder, Path(), DEEPEST))
    return Listing(
        tuple(path for path in paths if path.suffix.lower() in SUFFIXES),
        tuple(path for path in paths if path.suffix.lower() in UNREAD),
    )


def _files(folder: Path, inside: Path, levels: int) -> Iterator[Path]:
    for path in (folder / inside).iterdir():
        if path.name.startswith(".") or path.name == NOISE:
            continue
        if path.is_dir():
            if levels:
                yield from _files(folder, inside / path.name, levels - 1)
        else:
            yield inside / path.name
