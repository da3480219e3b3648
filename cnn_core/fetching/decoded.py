"""Decoded arrays kept in the cache, so that a data set is decoded once. A damaged copy is decoded again, never used.

decoded-0123.safetensors   the arrays; of those that are too large for the memory, the list of their files
decoded-0123.shards/       these files (see `cnn_core.fetching.mapped`)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from cnn_core import bounded
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.fetching.mapped import Growing, Mapped, Shard, Values, damaged, memory, opened
from cnn_core.fetching.stamps import SEAL, intact, seal
from cnn_core.files import atomic

Arrays = dict[str, Values]
SHARDS = ".shards"
LIST = "shards"
"""The entry of the metadata that lists the files of arrays."""
PLACES = ".places"
"""Ending of the name of the array that holds the places of the rows of another."""
TYPES = {"U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "I64": "<i8", "F16": "<f2", "F32": "<f4"}


def growing(path: Path, name: str, expected: int = 0, weight: int = 1) -> Growing:
    """Rows of the array `name`, to be given to `save` for the same `path`; `expected` bytes where that is known.

    Each byte takes `weight` bytes of memory once the array is used, if it is not mapped.
    """
    return Growing(path.with_suffix(SHARDS), name, expected, weight)


def load(path: Path, weights: Mapping[str, int] = MappingProxyType({})) -> Mapping[str, Any] | None:
    """The arrays that `save` put there, or None where there are none, or not these; `weights` as for `growing`.

    What does not fit into `cnn_core.fetching.mapped.memory` is Mapped.
    """
    from safetensors import SafetensorError

    whole = intact(path)
    if whole is False:
        note(f"{path}: damaged, made again")
    if not whole:
        return None
    try:
        return read(path, weights)
    except Damaged as error:
        note(f"{error}, made again")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        pass
    return None


class Damaged(ValueError):
    """A file of a mapped array is missing, or another than was written."""


def read(path: Path, weights: Mapping[str, int] = MappingProxyType({})) -> dict[str, Any]:
    """The same, whatever is wrong being raised; what the file itself holds is not verified.

    Raises Damaged, OSError, ValueError, KeyError or SafetensorError.
    """
    from safetensors import safe_open
    from safetensors.numpy import load_file

    most = memory()
    heaviest = max(weights.values(), default=1)
    large = path.stat().st_size * heaviest > most
    found: Arrays = _mapped_file(path, weights) if large else dict(load_file(path))
    with safe_open(path, "numpy") as file:
        entries = json.loads((file.metadata() or {}).get(LIST, "{}"))
    for name, rows in entries.items():
        shards, folder = [Shard(**each) for each in rows], path.with_suffix(SHARDS)
        if bad := damaged(folder, shards):
            raise Damaged(f"{bad}: damaged")
        values = opened(folder, shards)
        if f"{name}{PLACES}" in found:
            values = values.rows(np.asarray(found.pop(f"{name}{PLACES}")))
        size = len(values) * values.row_bytes * weights.get(name, 1)
        found[name] = values if size > most else values.array()
    return found


def _mapped_file(path: Path, weights: Mapping[str, int]) -> Arrays:
    """The arrays of a safetensors file, the large ones mapped where they lie. Raises ValueError."""
    found: Arrays = {}
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > bounded.JSON:
            raise ValueError("no header")
        header = bounded.parse_json(stream.read(length).decode())
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, stop = entry["data_offsets"]
        shape, kind = tuple(entry["shape"]), np.dtype(TYPES[entry["dtype"]])
        if stop == first:
            found[name] = np.empty(shape, kind)
            continue
        values = np.memmap(path, kind, "c", 8 + length + first, shape)
        large = (stop - first) * weights.get(name, 1) > memory() // 8
        found[name] = Mapped((np.asarray(values),)) if large else np.array(values)
    return found


def save(path: Path, arrays: Mapping[str, Values]) -> None:
    """Keep the arrays as one safetensors file. Where there is no space or no permission, nothing is kept.

    Of a mapped array the list of its files is kept, and its places; it must be what `growing` made for this `path`.
    """
    from safetensors.numpy import save_file

    small, metadata = listed(arrays)
    try:
        with atomic(path) as part:
            save_file(small, part, metadata or None)
        seal(path)
    except UserError:  # decoding again only costs time
        with suppress(OSError):
            path.unlink(missing_ok=True)
            path.with_suffix(SEAL).unlink(missing_ok=True)


def listed(arrays: Mapping[str, Values]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(the arrays that a safetensors file holds, the metadata that list the files of the mapped ones)."""
    small: dict[str, np.ndarray] = {}
    files = {}
    for name, values in arrays.items():
        if not isinstance(values, Mapped):
            small[name] = np.ascontiguousarray(values)
            continue
        if not values.shards:
            raise ValueError(f"{name} does not lie in files of its own")
        files[name] = [asdict(shard) for shard in values.shards]
        if values.places is not None:
            small[f"{name}{PLACES}"] = values.places
    return small, {LIST: json.dumps(files)} if files else {}
