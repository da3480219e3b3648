"""IDX files, the format of MNIST, and the other files that hold digits in its form.

IDX: two zero bytes, a type code, the number of dimensions, their sizes as big-endian uint32, then the values
(http://yann.lecun.com/exdb/mnist/). Letters: N pictures.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cnn_core import bounded
from cnn_core.errors import UserError
from cnn_core.fetching.archives import open_member
from cnn_core.fetching.mapped import Mapped, Values, memory
from cnn_core.fetching.pickles import load_arrays
from cnn_core.fetching.sources import Fetched

ROLES = ("train-images", "train-labels", "test-images", "test-labels")
TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

PICTURES = b"\0\0\x08\x03"  # how a file of bytes with three axes begins

Arrays = dict[str, np.ndarray]  # role -> images (N, 28, 28) uint8 or labels (N,) uint8


def read_idx(path: str | Path) -> np.ndarray:
    """Read one IDX file, gzipped or not, in the machine's byte order.

    Raises UserError, naming the file, where it is missing, no IDX file, not of the length that it declares, or unpacks
    to more than `cnn_core.bounded` allows.
    """
    return _parse(bounded.read_unpacked(Path(path)), str(path))


def mapped_idx(path: Path) -> Mapped | None:
    """The pictures of an IDX file where they lie; None for a packed file, and for one that fits into the memory.

    Raises UserError as `read_idx`.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(16)
    if size <= memory() or bounded.packed_by(head) or head[:4] != PICTURES:
        return None
    count, *side = struct.unpack(">3I", head[4:])
    if size != 16 + count * math.prod(side):
        return None  # `read_idx` says what is wrong
    return Mapped((np.asarray(np.memmap(path, np.uint8, "c", 16, (count, *side))),))


def parse_idx(raw: bytes, name: str) -> np.ndarray:
    """Decode the bytes of an IDX file, gzipped or not; `name` stands for the file in messages."""
    return _parse(bounded.unpacked(raw, name), name)


def _parse(raw: bytes, name: str) -> np.ndarray:
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in TYPES or not 1 <= raw[3] <= 4:
        raise UserError(f"{name}: not an IDX file (its first bytes are {raw[:4].hex(' ') or 'missing'})")
    dtype, start = np.dtype(TYPES[raw[2]]), 4 + 4 * raw[3]
    if len(raw) < start:
        raise UserError(f"{name}: truncated: an IDX header of {start} bytes, and only {len(raw)} are there")
    shape = struct.unpack(f">{raw[3]}I", raw[4:start])
    expected, found = math.prod(shape) * dtype.itemsize, len(raw) - start
    if found != expected:
        what = "truncated" if found < expected else "trailing bytes"
        size = " x ".join(map(str, shape))
        raise UserError(f"{name}: {what}: {size} values need {expected} bytes, the file holds {found}")
    values = np.frombuffer(raw, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))  # a copy: what lies in `raw` cannot be written to


Pictures = TypeVar("Pictures", np.ndarray, Mapped, Values)


def as_images(values: Pictures, name: str) -> Pictures:
    """Check that values are (N, 28, 28) uint8 pictures. Raises UserError naming the file."""
    if len(values.shape) != 3 or values.shape[1:] != (28, 28) or values.dtype != np.uint8:
        size = " x ".join(map(str, values.shape))
        raise UserError(f"{name}: pictures must be N x 28 x 28 bytes, these are {size} {values.dtype}")
    return values


def as_labels(values: np.ndarray, name: str, first_label: int = 0) -> np.ndarray:
    """Labels (N,) uint8 from 0; of several numbers each (QMNIST) the first. Raises UserError naming the file."""
    if values.ndim == 2 and values.shape[1] > 0:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "ui":
        raise UserError(f"{name}: labels must be one whole number each, these are {values.shape} {values.dtype}")
    if len(values) and not first_label <= int(values.min()) <= int(values.max()) <= first_label + 255:
        raise UserError(f"{name}: labels must lie in {first_label} to {first_label + 255}")
    return (values - values.dtype.type(first_label)).astype(np.uint8)


def _read_idx_files(fetched: Fetched, options: dict[str, Any]) -> Arrays:
    paths = {role: fetched.role(role) for role in ROLES}
    return _pair({role: read_idx(path) for role, path in paths.items()}, options, str)


def _read_pickle(fetched: Fetched, options: dict[str, Any]) -> Arrays:
    """((train, labels), (validation, labels), (test, labels)) with float32 pixels in 256ths (Theano's MNIST)."""
    (path,) = fetched.files.values()
    with bounded.opened(path, 512 * bounded.MIB) as stream:
        parts = load_arrays(stream, str(path))
    try:
        (train, train_labels), (validation, validation_labels), (test, test_labels) = parts
        pixels = [np.rint(part * np.float32(256)).astype(np.uint8) for part in (train, validation, test)]
        images = [part.reshape(-1, 28, 28) for part in pixels]
        labels = [part.astype(np.uint8) for part in (train_labels, validation_labels, test_labels)]
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: does not hold MNIST's three pairs of pictures and labels") from error
    # Theano's authors had cut the official 60,000 in two.
    return {
        "train-images": np.concatenate(images[:2]),
        "train-labels": np.concatenate(labels[:2]),
        "test-images": images[2],
        "test-labels": labels[2],
    }


def _read_emnist(fetched: Fetched, options: dict[str, Any]) -> Arrays:
    (path,) = fetched.files.values()
    values = {}
    for role in ROLES:
        part, kind = role.split("-")
        member = f"gzip/emnist-{options['split']}-{part}-{kind}-idx{3 if kind == 'images' else 1}-ubyte.gz"
        with open_member(path, member) as stream:
            values[role] = parse_idx(stream.read(), f"{path}: {member}")
        if kind == "images":
            # EMNIST's files hold the columns of each picture first.
            values[role] = np.ascontiguousarray(values[role].swapaxes(1, 2))
    return _pair(values, options, lambda role: f"{path}: {role}")


def _pair(values: Arrays, options: dict[str, Any], name: Callable[[str], str]) -> Arrays:
    return {
        role: as_images(part, name(role))
        if role.endswith("images")
        else as_labels(part, name(role), options.get("first_label", 0))
        for role, part in values.items()
    }


READERS: dict[str, Callable[[Fetched, dict[str, Any]], Arrays]] = {
    "idx": _read_idx_files,
    "mnist-pickle": _read_pickle,
    "emnist-zip": _read_emnist,
}
