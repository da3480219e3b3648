"""A bundle: one trained network as a folder to hand on, flat, of files that run no code.

    README.md               the card, Markdown with a YAML head
    run.json                format, app, figures, and the size and sha256 of every other file
    weights.safetensors     and config.json, metrics.json, sums.json: a checkpoint without its training state
    calibration.json        and calibration.safetensors: temperature and thresholds, where the run has them
    model.onnx              where the run was exported from these weights

It can be used in place, as a run folder. What `receive` takes is a stranger's: files of these names alone, of the sizes
and sums that run.json names, each below a limit. No torch here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_core import bounded
from cnn_core.errors import UserError
from cnn_core.files import digest_of, write_json

FORMAT = "cnn-suite bundle 1"
MANIFEST, CARD = "run.json", "README.md"
CHECKPOINT = ("weights.safetensors", "config.json", "metrics.json", "sums.json")
EXTRAS = ("calibration.json", "calibration.safetensors", "model.onnx")
GIB = 1 << 30
LIMITS = {
    CARD: bounded.MIB,
    "weights.safetensors": 2 * GIB,
    "config.json": bounded.RUN_CONFIG,
    "metrics.json": bounded.JSON,
    "sums.json": bounded.MIB,
    "calibration.json": bounded.MIB,
    "calibration.safetensors": 256 * bounded.MIB,
    "model.onnx": 2 * GIB,
}
"""Files of a bundle beside run.json, and the bytes that each may have."""
CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")

Fetch = Callable[[str, Path, int], None]
"""fetch(name, target, most): bring a file of a bundle, of at most `most` bytes. Raises UserError."""


@dataclass(frozen=True)
class Entry:
    """One file of a bundle."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What run.json says."""

    app: str
    files: Mapping[str, Entry]


def seal(folder: Path, app: str, facts: Mapping[str, Any]) -> None:
    """Write run.json of the files that lie in `folder`; `facts` stand in it for programs to read."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": digest_of(path)}
        for path in sorted(folder.iterdir())
        if path.name in LIMITS
    }
    write_json(folder / MANIFEST, {"format": FORMAT, "app": app, **facts, "files": files})
    for name in files:  # safetensors writes files that their owner alone may read
        (folder / name).chmod((folder / MANIFEST).stat().st_mode)


def is_bundle(folder: Path) -> bool:
    """Whether `folder` says that it is a bundle."""
    if not (folder / MANIFEST).is_file():
        return False
    value = bounded.read_json(folder / MANIFEST, regular=True)
    return isinstance(value, dict) and value.get("format") == FORMAT


def receive(fetch: Fetch, source: str, target: Path) -> Manifest:
    """Bring all files of the bundle at `source` into the empty folder `target`, each verified.

    Raises UserError for names, sizes and sums that are not those of a bundle.
    """
    fetch(MANIFEST, target / MANIFEST, bounded.limit(bounded.JSON))
    manifest = _manifest(bounded.read_json(target / MANIFEST, regular=True), f"{source}/{MANIFEST}")
    for name, entry in manifest.files.items():
        fetch(name, target / name, entry.bytes)
        if (target / name).stat().st_size != entry.bytes or digest_of(target / name) != entry.sha256:
            raise UserError(
                f"{source}: {name} is damaged or was changed (its size or sha256 is not that of {MANIFEST})"
            )
    return manifest


def from_folder(folder: Path) -> Fetch:
    """How the files of a bundle in a folder are brought: regular ones alone, for a link may lead anywhere."""

    def fetch(name: str, target: Path, most: int) -> None:
        path = folder / name
        bounded.check_regular(path)
        left = most + 1
        with path.open("rb") as source, target.open("wb") as out:
            while left > 0 and (chunk := source.read(min(CHUNK, left))):
                out.write(chunk)
                left -= len(chunk)
        if not left:
            raise UserError(f"{path}: is larger than the {most} bytes that it may have")

    return fetch


def _manifest(value: Any, where: str) -> Manifest:
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise UserError(f"{where}: not of a network that `push` made (its format is not {FORMAT!r})")
    app, files = value.get("app"), value.get("files")
    if not isinstance(app, str) or not isinstance(files, dict):
        raise UserError(f"{where}: damaged (it names no app or no files)")
    lacking = [name for name in (*CHECKPOINT, CARD) if name not in files]
    if lacking:
        raise UserError(f"{where}: damaged (it does not name {lacking[0]})")
    return Manifest(app, {name: _entry(name, entry, where) for name, entry in files.items()})


def _entry(name: str, entry: Any, where: str) -> Entry:
    if name not in LIMITS:
        leads = " and leads out of the folder" if re.search(r"[/\\:]|^\.+$", name) else ""
        raise UserError(f"{where}: names {name!r}, which is no file of a bundle{leads}: refused")
    size, digest = (entry.get("bytes"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise UserError(f"{where}: damaged (the bytes of {name} are no number)")
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise UserError(f"{where}: damaged (the sha256 of {name} is none)")
    most = bounded.limit(LIMITS[name])
    if size > most:
        raise bounded.too_large(f"{where}: {name}", most)
    return Entry(size, digest)
