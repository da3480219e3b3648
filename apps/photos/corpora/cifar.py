"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009) from their binary archives: records of label bytes and 3,072 pixel bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from apps.photos.corpora.listing import TEST, TRAIN
from cnn_core.errors import UserError
from cnn_core.fetching.archives import open_member

PIXELS = 3 * 32 * 32


def read_archive(archive: Path, options: dict[str, Any], splits: dict[str, int], classes: int):
    """(images (N, 3, 32, 32) uint8, targets (N,) int64, parts (N,) uint8) of a binary archive.

    `options`: train and test, lists of members; label_bytes, of which the last is the class. Raises UserError where a
    member is missing, cut short, or holds another number of pictures or a class that there is not.
    """
    images, targets, parts = [], [], []
    for split, part in (("train", TRAIN), ("test", TEST)):
        data = b"".join(_contents(archive, member) for member in options[split])
        head = options["label_bytes"]
        expected = splits[split] * (head + PIXELS)
        if len(data) != expected:
            raise UserError(f"{archive}: its {split} files have {len(data):,} bytes, expected {expected:,}")
        records = np.frombuffer(data, np.uint8).reshape(-1, head + PIXELS)
        labels = records[:, head - 1].astype(np.int64)
        if labels.max(initial=0) >= classes:
            raise UserError(f"{archive}: {split} label {labels.max()}, and there are {classes} classes")
        images.append(records[:, head:].reshape(-1, 3, 32, 32))
        targets.append(labels)
        parts.append(np.full(len(labels), part, np.uint8))
    return np.concatenate(images), np.concatenate(targets), np.concatenate(parts)


def _contents(archive: Path, member: str) -> bytes:
    with open_member(archive, member) as stream:
        return stream.read()
