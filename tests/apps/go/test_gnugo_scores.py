"""GNU Go's own score tests, 57 finished games of beginners, from Debian's source package; never kept in the project."""

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from apps.go.counting.count import count
from apps.go.play.playouts import score_name
from apps.go.records.record import read_records

SYSTEM = Path("/etc/apt/sources.list.d/debian.sources")
TEST = re.compile(r"^loadsgf (\S+)[^\n]*\n\d+ final_score\n#\? \[(.*?)\]", re.MULTILINE)


@pytest.fixture(scope="module")
def regression(tmp_path_factory):
    """The folder of GNU Go's regression tests."""
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get to fetch GNU Go's source package")
    folder = tmp_path_factory.mktemp("gnugo")
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    try:
        binary = SYSTEM.read_text(encoding="utf-8")
    except OSError:
        pytest.skip(f"no {SYSTEM} that says where source packages are")
    sources = folder / "source.sources"
    sources.write_text(re.sub(r"^Types: deb$", "Types: deb-src", binary, flags=re.MULTILINE))
    settings = {"Etc::sourcelist": sources, "Etc::sourceparts": "/dev/null", "State::lists": folder / "lists"}
    settings["Cache"] = folder / "cache"
    apt = ["apt-get", *(word for key, value in settings.items() for word in ("-o", f"Dir::{key}={value}"))]
    for command in (["update"], ["source", "--download-only", "gnugo"]):
        try:
            subprocess.run([*apt, *command], cwd=folder, capture_output=True, timeout=180, check=False)
        except (OSError, subprocess.TimeoutExpired):
            pytest.skip("apt-get gives no source packages")
    archives = list(folder.glob("gnugo_*.orig.tar.gz"))
    if not archives:
        pytest.skip("Debian's source package of GNU Go cannot be fetched here")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("gnugo-*/regression"))


@pytest.mark.long
def test_gnu_gos_score_tests(regression):
    """Scores by area or by territory: GNU Go's tests count either. 54 are wanted, 43 are reached."""
    right = total = 0
    for file in ("score.tst", "score2.tst"):
        for name, expected in TEST.findall((regression / file).read_text()):
            (record, *_) = read_records(regression / name)
            position = record.before(None).position
            found = count(position)
            board = position.board.reshape(-1)
            sides = np.where(found.owner == 1, 1, np.where(found.owner == 2, -1, 0))
            black, white = position.captures
            dead = board[found.dead]
            territory = sides[found.owner != board].sum() + black - white + (dead == 2).sum() - (dead == 1).sum()
            scores = (found.score(record.komi), float(territory) - record.komi)
            right += any(re.fullmatch(expected, score_name(score)) is not None for score in scores)
            total += 1
    assert total == 57
    assert right >= 43
