"""Mutated inputs over every reader: a right answer or one line, in bounded time and memory, nothing outside changed."""

from __future__ import annotations

import io
import os
import random
import shutil
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from cnn_core.errors import UserError
from tests.campaign import corpus
from tests.campaign.children import run
from tests.campaign.mutation import mutated
from tests.campaign.tally import Tally

BATCH = 40
SECONDS = 40.0
"""For a whole batch; one input of a kilobyte takes some milliseconds."""
MEMORY = 1 << 30
"""Bytes that a batch may take beyond what it began with."""


def _digit(path: Path) -> None:
    from apps.digits.frame import read

    read(path)


def _picture(path: Path) -> None:
    from apps.dream.data import read

    read(path)


def _photo(path: Path) -> None:
    from apps.photos.corpora.framing import read

    read(path, 32, "crop")


def _idx(path: Path) -> None:
    from apps.digits.idx import read_idx

    read_idx(path)


def _recording(path: Path) -> None:
    from apps.speech.signal.audio import read

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # sums of huge floats
        read(path)


def _games(path: Path) -> None:
    from apps.go.records.games import _contents, parse_all

    parse_all(_contents(path), progress=False)


def _table(path: Path) -> None:
    from apps.text.reading.form import AUTO
    from apps.text.reading.labelled import read_labelled
    from apps.text.reading.plain import read_plain

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl's remarks on odd workbooks
        read_plain(path, AUTO)
        read_labelled(path, AUTO)


def _vectors(path: Path) -> None:
    from apps.text.words import vector_files

    vector_files.look_up(path, ["one", "two"])
    vector_files.words(path, 10)


def _archive(path: Path) -> None:
    from cnn_core.fetching.archives import extract_all

    extract_all(path, path.parent / "out")


def _manifest(path: Path) -> None:
    from cnn_core.fetching.manifests import available, load_manifest

    load_manifest(path.stem, path.parent)
    available(path.parent)


def _pickle(path: Path) -> None:
    from cnn_core.fetching.pickles import load_arrays

    with path.open("rb") as stream:
        load_arrays(stream, str(path))


def _json(path: Path) -> None:
    from cnn_core.bounded import read_json

    read_json(path)


def _gtp(path: Path) -> None:
    from apps.go.verbs.gtp import serve
    from tests.helpers.go import new_engine

    out = io.StringIO()
    serve(new_engine(), io.BytesIO(path.read_bytes()), out)
    for answer in out.getvalue().split("\n\n")[:-1]:
        if answer[:1] not in ("=", "?"):
            raise AssertionError(f"no GTP answer: {answer[:80]!r}")


READERS: dict[str, tuple[Callable[[Path], None], Callable[[], corpus.Files]]] = {
    "digit": (_digit, corpus.pictures),
    "photo": (_photo, corpus.pictures),
    "picture": (_picture, corpus.pictures),
    "idx": (_idx, corpus.images_idx),
    "recording": (_recording, corpus.recordings),
    "games": (_games, corpus.games),
    "table": (_table, corpus.tables),
    "vectors": (_vectors, corpus.vectors),
    "archive": (_archive, corpus.archives),
    "manifest": (_manifest, corpus.manifests),
    "pickle": (_pickle, corpus.pickles),
    "json": (_json, corpus.json_files),
    "gtp": (_gtp, corpus.gtp),
}


@cache
def seeds(name: str) -> list[tuple[str, bytes]]:
    """The whole files of a reader, before any change."""
    return READERS[name][1]()


def whole(name: str, folder: Path, tally: Tally) -> None:
    """The files before any change: all but those named in `corpus.REFUSED` must be read.

    It also imports, in the process that then forks, what reading needs.
    """
    for number, (suffix, raw) in enumerate(seeds(name)):
        path = folder / f"{number}" / f"x{suffix}"
        path.parent.mkdir(parents=True)
        path.write_bytes(raw)
        refused = ""
        try:
            READERS[name][0](path)
        except UserError as error:
            refused = str(error)
        if bool(refused) != raw.startswith(corpus.REFUSED):
            tally.fault(name, f"unchanged: {refused or 'read, and should not be'}", raw, suffix)
        else:
            tally.count(name, "refused" if refused else "right")


def trial(name: str, folder: Path, random_: random.Random, tally: Tally, batch: int = BATCH) -> None:
    """`batch` mutated inputs for one reader, in a child of their own."""
    read, _ = READERS[name]
    files = seeds(name)
    inputs = []
    for _ in range(batch):
        suffix, raw = random_.choice(files)
        inputs.append((suffix, mutated(raw, random_, random_.choice(files)[1])))
    box = folder / "box"
    box.mkdir(exist_ok=True)
    progress = folder / "progress"
    progress.write_bytes(b"")
    ended = run(lambda: _work(read, inputs, box, progress), folder, limit=SECONDS, memory=_address_space() + MEMORY)
    ends = progress.read_text().split()
    for end in ends:
        tally.count(name, end)
    if ended.status != 0:
        suffix, raw = inputs[min(len(ends), batch - 1)]
        tally.fault(name, ended.err[-1500:] or f"status {ended.status} after {ended.seconds:.1f} s", raw, suffix)
    strays = sorted(path.name for path in folder.iterdir() if path.name not in PLACES)
    if strays:
        tally.fault(name, f"written outside: {strays}")


PLACES = {"box", "progress", ".stdout", ".stderr"}


def _work(read: Callable[[Path], Any], inputs: list[tuple[str, bytes]], box: Path, progress: Path) -> int:
    """In the child: a word for each input that ended as it may; the one after the last is at fault."""
    with progress.open("a") as out:
        for suffix, raw in inputs:
            shutil.rmtree(box, ignore_errors=True)
            box.mkdir()
            path = box / f"x{suffix}"
            path.write_bytes(raw)
            end = "right"
            try:
                read(path)
            except UserError as error:
                _one_line(error)
                end = "refused"
            if path.read_bytes() != raw:
                raise AssertionError("the input was changed")
            out.write(f"{end}\n")
            out.flush()
    return 0


def _one_line(error: UserError) -> None:
    if "\n" in str(error) or not str(error):
        raise AssertionError(f"not one line: {error!s}")


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
