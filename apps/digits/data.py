"""The digits app's data: a named data set, IDX files, or a folder of pictures; and a user's picture.

    data = load_data("mnist")         # or "fashion-mnist", "emnist-letters", a folder
    data.train.inputs                 # (60000, 28, 28) uint8, bright ink on black
    read("photo.jpg")                 # (28, 28) uint8, prepared as MNIST was

Decoded arrays are kept in the cache, so that a second load takes milliseconds. Letters: N pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from apps.digits.config import DATA_SETS, DigitsConfig
from apps.digits.folders import is_picture_folder, read_idx_folder, read_picture_folder
from apps.digits.frame import read
from apps.digits.idx import READERS, Arrays
from cnn_core.errors import UserError
from cnn_core.fetching import decoded
from cnn_core.fetching.mapped import Values
from cnn_core.fetching.sources import available, cache_folder, fetch, load_manifest
from cnn_core.training.data import Dataset, Split, samples_of

__all__ = ["load", "load_data", "read"]

Found = Mapping[str, Values]  # role -> pictures, mapped where they are many, or labels
DECODING = 1  # counted up when decoding changes, so that arrays decoded before are not used


def load(config: DigitsConfig) -> Dataset:
    """The data set that the configuration names, as `load_data` gives it."""
    return load_data(config.data)


def load_data(
    data: str | Path = "mnist", *, folder: str | Path | None = None, seed: int = 0, progress: bool = True
) -> Dataset:
    """Load a data set by name (see `cnn_core.fetching.sources.available`) or from a user's folder.

    A folder holds either IDX files under MNIST's names, gzipped or not, or one folder of pictures for each class,
    directly or inside train/ and test/; without these, a fifth of each class is set aside for testing by `seed`.
    `folder` may hold the named data set's own files. Raises UserError where the data are not available or cannot be
    read.
    """
    arrays, classes, name = _arrays(str(data), folder, seed, progress)
    return Dataset(name, _split(arrays, "train"), _split(arrays, "test"), classes)


def _arrays(data: str, folder: str | Path | None, seed: int, progress: bool) -> tuple[Found, tuple[str, ...], str]:
    path = Path(data).expanduser()
    if data in available():
        return _named(data, folder, progress)
    if not path.is_dir():
        raise UserError(f"no data set and no folder is named {data!r} (data sets: {', '.join(DATA_SETS)})")
    name = path.resolve().name
    if is_picture_folder(path):
        return *read_picture_folder(path, seed, progress), name
    arrays = read_idx_folder(path)
    labels = int(max(np.max(arrays[f"{split}-labels"], initial=0) for split in ("train", "test")))
    return arrays, tuple(str(label) for label in range(labels + 1)), name


def _named(name: str, folder: str | Path | None, progress: bool) -> tuple[Found, tuple[str, ...], str]:
    """Arrays of a data set with a manifest: from the decoded copy in the cache, or fetched and decoded."""
    manifest = load_manifest(name)
    digests = "".join(spec.digest[1] for entry in manifest.alternatives for spec in entry.files)
    key = hashlib.sha256(f"{DECODING} {digests} {manifest.options} {manifest.arrays}".encode()).hexdigest()[:12]
    cache = cache_folder() / manifest.dataset / f"{manifest.name}-{key}.safetensors"
    kept = None if folder is not None else decoded.load(cache)
    if kept is not None:
        return kept, manifest.classes, manifest.name
    fetched = fetch(manifest, folder, progress)
    arrays = READERS[fetched.alternative.reader](fetched, manifest.options)
    _check(arrays, manifest.splits, len(manifest.classes), manifest.arrays, ", ".join(fetched.files))
    decoded.save(cache, arrays)
    return arrays, manifest.classes, manifest.name


def _check(arrays: Arrays, splits: dict[str, int], classes: int, digests: dict[str, str], files: str) -> None:
    for split, count in splits.items():
        images, labels = arrays[f"{split}-images"], arrays[f"{split}-labels"]
        if not len(images) == len(labels) == count:
            raise UserError(f"{files}: {len(images)} {split} pictures and {len(labels)} labels, expected {count}")
        if labels.max() >= classes:
            raise UserError(f"{files}: {split} label {labels.max()}, and there are {classes} classes")
    for role, expected in digests.items():
        found = hashlib.sha256(np.ascontiguousarray(arrays[role]).data).hexdigest()
        if found != expected:
            raise UserError(f"{files}: decoded {role} have the sha256 {found}, expected {expected}")


def _split(arrays: Found, name: str) -> Split:
    images = samples_of(arrays[f"{name}-images"])  # (N, 28, 28) uint8
    return Split(images, torch.from_numpy(np.asarray(arrays[f"{name}-labels"]).astype(np.int64)))
