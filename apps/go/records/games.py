"""Games from files: folders, zip and tar archives of SGF (each may be compressed), text files with one game on a line.

Files are parsed by several processes. A bad file is counted and named, never fatal. The parsed games are kept in the
suite's cache under the digest of what they came from.
"""

import codecs
import hashlib
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from apps.go.records.charset import read_marks
from apps.go.records.collection import WEIGHT, Collection, collect, join, load, save
from apps.go.records.grammar import BadGame
from apps.go.records.sgf import Game, read_lines, read_sgf
from cnn_core import bounded
from cnn_core.benchmark import usable_cores
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.fetching import decoded
from cnn_core.fetching.archives import read_members
from cnn_core.fetching.mapped import Growing, in_memory
from cnn_core.fetching.sources import cache_folder
from cnn_core.fetching.stamps import intact, seal

LARGEST = 512 << 20  # bytes of one file
UNPACKED, RATIO = 32 << 20, 10  # what games may unpack to, see `cnn_core.bounded`: xz packs them 7 to 1
CHUNK = 200  # files a task
CHUNK_BYTES = 16 << 20  # and bytes
AT_ONCE = 4096  # games that are not in a collection yet
REASONS = 1000  # different reasons that a report counts
NAMED = 1000  # bad games that a report names
PARSING = 4  # counted up when parsing changes, so that games parsed before are not used
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz")
GROUPS = {
    "move ": "a move outside the board",
    "a set-up stone": "a set-up stone outside the board",
    "GM": "another game than Go",
    "board size": "",
    "set-up stones": "",
    "cannot be unpacked": "",
    "unexpected text": "",
    "property with no values": "",
}
"""Start of a reason -> what it is counted under; "" the start itself."""
PACKED = (".gz", ".bz2", ".xz")
LINES = (".txt", *(f".txt{packed}" for packed in PACKED))
FILES = (".sgf", *(f".sgf{packed}" for packed in PACKED), *LINES)


@dataclass
class Report:
    """What was read, and what could not be used."""

    files: int = 0
    games: int = 0
    bad: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """Reason in general -> games."""
    named: list[list[str]] = field(default_factory=list)
    """File (and line or number of the game in it) and reason, the first `NAMED`."""

    def add(self, other: "Report") -> None:
        """Count in another part."""
        self.files += other.files
        self.games += other.games
        self.bad += other.bad
        self.named = (self.named + other.named)[:NAMED]
        for reason, count in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count


def read_games(path: Path, progress: bool = True) -> tuple[Collection, Report]:
    """All games in a file, folder or archive, from the cache when nothing changed.

    Raises UserError when there is no such path, it holds no SGF files, or none of them can be used.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    cache = cache_folder() / "go" / f"games-{_key(path)}.safetensors"
    whole = intact(cache)
    if whole:
        try:
            found, notes = load(cache)
            return found, Report(**notes)  # type: ignore[arg-type]
        except (UserError, TypeError):
            whole = False
    if whole is False:
        note(f"{cache}: damaged, games are parsed again")
    found, report = parse_all(_contents(path), progress, partial(decoded.growing, cache, "moves", weight=WEIGHT))
    if not report.files:
        raise UserError(f"{path}: holds no SGF files (.sgf, or .txt with one game on a line)")
    if not len(found):
        raise UserError(f"{path}: none of its {report.bad} games can be used; {': '.join(report.named[0])}")
    try:
        save(found, vars(report), cache)
        seal(cache)
    except UserError as error:  # a cache that cannot be written only costs time
        note(str(error))
    return found, report


def parse_all(
    contents: Iterator[tuple[str, bytes | None]], progress: bool = True, grow: Callable[[], Growing] = in_memory
) -> tuple[Collection, Report]:
    """Parse files given as (name, contents), in several processes when there are many; `grow` gives what holds the
    entries of the games."""
    from tqdm import tqdm  # not needed for --help

    parts: list[Collection] = [collect([])]
    entries = grow()
    entries.add(np.asarray(parts[0].moves))
    report = Report()
    chunks = _chunks(contents)
    with tqdm(unit=" games", disable=None if progress else True, leave=False) as bar:
        for found, counted in _parsed(chunks):
            entries.add(np.asarray(found.moves))
            parts.append(replace(found, moves=found.moves[:0]))
            report.add(counted)
            bar.update(len(found))
    return replace(join(parts), moves=entries.array()), report


def _chunks(contents: Iterator[tuple[str, bytes | None]]) -> Iterator[list[tuple[str, bytes | None]]]:
    """Files in parts of at most CHUNK files, and of CHUNK_BYTES bytes where no file alone has more."""
    chunk: list[tuple[str, bytes | None]] = []
    size = 0
    for file, data in contents:
        more = len(data or b"")
        if chunk and (len(chunk) == CHUNK or size + more > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append((file, data))
        size += more
    if chunk:
        yield chunk


def _parsed(chunks: Iterator[list[tuple[str, bytes | None]]]) -> Iterator[tuple[Collection, Report]]:
    first = list(islice(chunks, 4))
    if len(first) < 4 or usable_cores() == 1:  # starting processes would take longer
        yield from map(parse, first)
        yield from map(parse, chunks)
        return
    # spawn: threads of torch's do not survive a fork
    with ProcessPoolExecutor(usable_cores(), mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(parse, chunk) for chunk in first]
        while waiting:  # a few at a time, so that an archive need not fit into memory
            result = waiting.pop(0).result()
            waiting += [pool.submit(parse, chunk) for chunk in islice(chunks, 1)]
            yield result


def parse(files: list[tuple[str, bytes | None]]) -> tuple[Collection, Report]:
    """The games of a few files, and what could not be used of them."""
    parts: list[Collection] = []
    games: list[Game] = []
    report = Report(files=len(files))
    for file, data in files:
        for where, game in _games(file, data):
            if isinstance(game, Game):
                report.games += 1
                games.append(game)
                if len(games) == AT_ONCE:  # a collection takes a tenth of the memory
                    parts.append(collect(games))
                    games = []
                continue
            report.bad += 1
            if len(report.named) < NAMED:
                report.named.append([where, str(game)])
            reason = general(str(game))
            reason = reason if reason in report.reasons or len(report.reasons) < REASONS else "other reasons"
            report.reasons[reason] = report.reasons.get(reason, 0) + 1
    return join([*parts, collect(games)]), report


def general(reason: str) -> str:
    """A reason without what is special to one game, to be counted under."""
    if reason.startswith("move ") and "illegal" in reason:
        return f"illegal move:{reason.rpartition(':')[2]}"
    for start, group in GROUPS.items():
        if reason.startswith(start):
            return group or start
    return reason.partition(" (node ")[0]


def _games(file: str, data: bytes | None) -> Iterator[tuple[str, Game | BadGame]]:
    if data is None:
        yield file, BadGame("too large, or encrypted")
        return
    lower = file.lower()
    suffix = lower[lower.rfind(".") :]
    if suffix in PACKED:
        try:
            if not bounded.packed_by(data):
                raise UserError("neither gzip nor bzip2 nor xz")
            data = bounded.unpacked(data, "it", UNPACKED, RATIO)
        except UserError as error:
            yield file, BadGame(f"cannot be unpacked ({error})")
            return
    if lower.endswith(LINES) and not _begins_with_game(data):
        yield from ((f"{file}, {where}", game) for where, game in read_lines(data))
    else:
        for number, game in enumerate(read_sgf(data), start=1):
            yield (file if number == 1 else f"{file}, game {number}"), game


def _begins_with_game(data: bytes) -> bool:
    return read_marks(data[:1000]).data.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"(")


def _contents(path: Path) -> Iterator[tuple[str, bytes | None]]:
    """Name and contents of every file of games under a path."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if is_record(file.name) and file.is_file():
                yield str(file.relative_to(path)), _read(file)
    elif path.name.lower().endswith(FILES):
        yield path.name, _read(path)
    elif path.suffix.lower() in ARCHIVES:
        members = read_members(path, LARGEST, UNPACKED, RATIO)
        yield from ((member, data) for member, data in members if is_record(member))
    else:
        yield path.name, _read(path)


def is_record(name: str) -> bool:
    """Whether a file of this name may hold games."""
    return name.lower().endswith(FILES) and not name.rpartition("/")[2].startswith(".")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.stat().st_size <= LARGEST else None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def _key(path: Path) -> str:
    """Digest of the names, sizes and times of what lies under a path."""
    files = sorted(p for p in path.rglob("*") if is_record(p.name)) if path.is_dir() else [path]
    seen = hashlib.sha256(f"{PARSING} {path.resolve()}".encode())
    for file in files:
        status = file.stat()
        seen.update(f"{file.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return seen.hexdigest()[:16]
