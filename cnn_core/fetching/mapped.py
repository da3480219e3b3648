"""Arrays larger than memory: rows that lie in files, which are mapped and not read.

    rows = Growing(path.with_suffix(".shards"), "clips")
    for block in blocks:
        rows.add(block)                # kept in memory, or written once there is too much of it
    clips = rows.array()               # an array while it fits, else Mapped
    clips[[5, 3]]                      # an array of two rows, read where they lie
    clips.rows(chosen)                 # Mapped: the chosen rows, none of them read

Pages of a mapped file belong to the system, which drops them when it needs the memory. Letters: N rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cnn_core import bounded
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.fetching.locks import exclusive
from cnn_core.fetching.stamps import Stamps
from cnn_core.files import atomic

VARIABLE = "CNN_SUITE_MEMORY"
MEMORY = 1024 * bounded.MIB
"""Arrays of more bytes are mapped. Not a share of the machine's memory: mapped samples are learned in another order."""
SHARD = 128 * bounded.MIB
LARGE_ROW = 2048  # bytes from which rows are copied one by one: faster than gathering those of each part first
ALWAYS = 1 << 60
"""The weight (see `cnn_core.fetching.decoded.growing`) of what is mapped however little it is."""

_said: set[Path] = set()
"""Folders of which it was said that data are kept there."""


def memory() -> int:
    """Bytes that arrays may fill: MEMORY, or what CNN_SUITE_MEMORY names. Raises UserError where it is not a size."""
    return bounded.size(VARIABLE, MEMORY)


@dataclass(frozen=True)
class Shard:
    """A file with some rows of an array."""

    file: str
    rows: int
    sha256: str


@dataclass(frozen=True, eq=False)
class Mapped:
    """Rows of an array in several `parts`, one after the other; with `places` (N,) those rows of them, in that order.

    Indexing gives an array in memory, of the rows that were asked for alone.
    """

    parts: tuple[np.ndarray, ...]
    places: np.ndarray | None = None
    shards: tuple[Shard, ...] = ()
    """The files of the parts, where these lie in files of their own."""

    def __len__(self) -> int:
        return self._stored if self.places is None else len(self.places)

    @property
    def _stored(self) -> int:
        return sum(map(len, self.parts))

    @property
    def dtype(self) -> np.dtype:
        """Type of the numbers."""
        return self.parts[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, ...)."""
        return (len(self), *self.parts[0].shape[1:])

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize

    def __getitem__(self, index: int | np.integer | slice | np.ndarray | Sequence[int]) -> np.ndarray:
        if isinstance(index, int | np.integer):
            number = int(index) + (len(self) if index < 0 else 0)
            if not 0 <= number < len(self):
                raise IndexError(f"row {index} of {len(self)}")
            return self.take(np.array([number]))[0]
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if self.places is None and step == 1:
                return self._range(start, max(stop, start))
            return self.take(np.arange(start, stop, step))
        chosen = np.asarray(index)
        return self.take(np.flatnonzero(chosen) if chosen.dtype == bool else chosen)

    def _range(self, start: int, stop: int) -> np.ndarray:
        """Neighbouring rows; of one part without a copy."""
        found, first = [], 0
        for part in self.parts:
            low, high = max(start - first, 0), min(stop - first, len(part))
            if low < high:
                found.append(part[low:high])
            first += len(part)
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else self.parts[0][:0]

    def take(self, index: np.ndarray) -> np.ndarray:
        """The rows at `index` (B,), in memory."""
        index = np.where(index < 0, index + len(self), index) if len(index) and index.min() < 0 else index
        if self.places is not None:
            index = self.places[index]
        if len(self.parts) == 1:
            return self.parts[0].take(index, axis=0)
        ends = np.cumsum([len(part) for part in self.parts])
        if len(index) and index.max() >= ends[-1]:
            raise IndexError(f"row {index.max()} of {ends[-1]}")
        which = np.searchsorted(ends, index, side="right")
        inside = index - np.concatenate([[0], ends])[which]
        out = np.empty((len(index), *self.shape[1:]), self.dtype)
        if self.row_bytes >= LARGE_ROW:
            for row, (number, place) in enumerate(zip(which.tolist(), inside.tolist(), strict=True)):
                out[row] = self.parts[number][place]
            return out
        for number in np.unique(which):
            here = np.flatnonzero(which == number)
            out[here] = self.parts[number].take(inside[here], axis=0)
        return out

    def rows(self, index: np.ndarray) -> Mapped:
        """The rows at `index` ((K,) numbers, or (N,) bool), still where they lie."""
        index = np.flatnonzero(index) if index.dtype == bool else index
        places = index if self.places is None else self.places[index]
        small = np.int32 if self._stored < 2**31 else np.int64
        return replace(self, places=places.astype(small, copy=False))

    def blocks(self, size: int = 4096) -> Iterator[np.ndarray]:
        """All rows, `size` at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def array(self) -> np.ndarray:
        """All rows in memory."""
        return self[:]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)


Values = np.ndarray | Mapped


def rows_of(values: Values, index: np.ndarray) -> Values:
    """The rows at `index`: a copy of an array, the same places of a mapped one."""
    return values.rows(index) if isinstance(values, Mapped) else values[index]


def blocks_of(values: Values, size: int = 4096) -> Iterator[np.ndarray]:
    """All rows, `size` at a time."""
    if isinstance(values, Mapped):
        yield from values.blocks(size)
    else:
        yield from (values[start : start + size] for start in range(0, len(values), size))


def joined(*arrays: Values) -> Values:
    """One after the other; mapped where one of them is."""
    if not any(isinstance(each, Mapped) for each in arrays):
        return np.concatenate([each for each in arrays if isinstance(each, np.ndarray)])
    parts: list[np.ndarray] = []
    places: list[np.ndarray] = []
    first = 0
    for each in arrays:
        whole = each if isinstance(each, Mapped) else Mapped((each,))
        stored = sum(map(len, whole.parts))
        places.append((np.arange(stored) if whole.places is None else whole.places.astype(np.int64)) + first)
        parts += whole.parts
        first += stored
    found = Mapped(tuple(parts))
    plain = all(not isinstance(each, Mapped) or each.places is None for each in arrays)
    return found if plain else found.rows(np.concatenate(places))


class Growing:
    """Rows of one array that come block by block: in memory up to `most` bytes, beyond that in files of a folder.

    The blocks of one `add` stay in one file. A file is written beside its place and moved in whole; the array is
    locked meanwhile, and what an earlier attempt left of it is removed. Nothing tells that the folder is complete but
    the list of its files that whoever keeps the array writes last (see `cnn_core.fetching.decoded`). With `folder`
    None all stays in memory; where `expected` bytes will be too many, they are written from the first on. Raises
    UserError when the disk is full or the place cannot be written.
    """

    def __init__(self, folder: Path | None, name: str, expected: int = 0, weight: int = 1):
        self.folder, self.name = folder, name
        self.most = memory() // weight
        self._kept = min(SHARD, self.most) if expected > self.most else self.most
        self._blocks: list[np.ndarray] = []
        self._bytes = 0
        self._shards: list[Shard] = []
        self._lock = ExitStack()

    def add(self, block: np.ndarray) -> None:
        """Some more rows (K, ...)."""
        self._blocks.append(block)
        self._bytes += block.nbytes
        if self.folder is not None and self._bytes > self._kept:
            if not self._shards:
                self._begin()
            self._write()
            self._kept = SHARD

    def array(self) -> Values:
        """All rows; no more can be added."""
        if not self._shards:
            blocks, self._blocks = self._blocks, []
            return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        assert self.folder is not None
        if self._bytes:
            self._write()
        self._lock.close()
        return opened(self.folder, self._shards)

    def _begin(self) -> None:
        assert self.folder is not None
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            lock = self.folder.with_name(f"{self.folder.stem}-{self.name}.lock")
            self._lock.enter_context(
                exclusive(lock, lambda: note(f"{self.folder}: another process writes it; waiting"))
            )
            self.folder.mkdir(parents=True, exist_ok=True)
            for old in self.folder.glob(f"{self.name}-*.npy"):
                old.unlink()
        except OSError as error:
            raise UserError(f"cannot write {self.folder}: {error.strerror or error}; see CNN_SUITE_CACHE") from error
        if self.folder not in _said:
            _said.add(self.folder)
            note(f"{self.folder}: more than the memory is to hold ({VARIABLE}), kept in files and mapped")

    def _write(self) -> None:
        """The blocks in memory as files of about SHARD bytes."""
        blocks, self._blocks, self._bytes = self._blocks, [], 0
        blocks.reverse()
        while blocks:
            size, part = 0, []
            while blocks and (not part or size + blocks[-1].nbytes <= SHARD):
                part.append(blocks.pop())
                size += part[-1].nbytes
            self._shards.append(_written(self.folder, f"{self.name}-{len(self._shards):05d}.npy", part))  # type: ignore[arg-type]


def in_memory(expected: int = 0) -> Growing:
    """Rows that stay in memory, however many bytes are `expected`."""
    return Growing(None, "", expected)


def _written(folder: Path, file: str, blocks: Sequence[np.ndarray]) -> Shard:
    """A shard of these blocks, written without joining them in memory."""
    first, count = blocks[0], sum(map(len, blocks))
    header = {
        "descr": np.lib.format.dtype_to_descr(first.dtype),
        "fortran_order": False,
        "shape": (count, *first.shape[1:]),
    }
    with atomic(folder / file) as part, part.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for block in blocks:
            stream.write(np.ascontiguousarray(block).data)
    return Shard(file, count, Stamps(folder).digest(folder / file))


def opened(folder: Path, shards: Sequence[Shard]) -> Mapped:
    """The array that lies in the files of `shards`. Raises OSError or ValueError where one is missing or another."""
    parts = []
    for shard in shards:
        # Copy on write: torch asks for an array that could be written, and the file stays as it is.
        part = np.load(folder / shard.file, mmap_mode="c")
        if len(part) != shard.rows:
            raise ValueError(f"{shard.file} has {len(part)} rows")
        parts.append(np.asarray(part))
    return Mapped(tuple(parts), shards=tuple(shards))


def damaged(folder: Path, shards: Sequence[Shard]) -> Path | None:
    """The first file that is not what was written, read in full as `Stamps` says; None where all are whole."""
    stamps = Stamps(folder)
    for shard in shards:
        path = folder / shard.file
        with suppress(OSError):
            if Path(shard.file).name == shard.file and stamps.digest(path) == shard.sha256:
                continue
        return path
    return None
