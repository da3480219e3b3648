"""A stranger's run folder: its files cut and changed, its values replaced; refused in one line or answered."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

from cnn_core.errors import UserError
from tests.campaign.children import run
from tests.campaign.kills import Bench, app_of
from tests.campaign.mutation import mutated
from tests.campaign.tally import Tally

BATCH = 8
SECONDS = 60.0
VALUES: list[Any] = [
    None, True, 0, -1, 10**12, 1e308, "", "../../x", "\x1b[2J", [], [[]], {}, {"a": 1}, ["a"] * 5, "9" * 400, 0.5
]  # fmt: skip


def trial(bench: Bench, app: str, folder: Path, random_: random.Random, tally: Tally, batch: int = BATCH) -> None:
    """A few changed copies of a run, each restored with PyTorch and opened with onnxruntime."""
    name, source = f"run of {app}", bench.exported(app)
    changes = [random_.getrandbits(64) for _ in range(batch)]
    progress = folder / "progress"
    progress.write_bytes(b"")
    ended = run(lambda: _work(app, source, changes, folder, progress), folder, limit=SECONDS)
    ends = progress.read_text().split()
    for end in ends:
        tally.count(name, end)
    if ended.status != 0:
        seed = changes[min(len(ends), batch - 1)]
        tally.fault(name, f"{ended.err[-1500:] or ended.status} (change {seed})")
    strays = sorted(path.name for path in folder.iterdir() if path.name not in PLACES)
    if strays:
        tally.fault(name, f"written outside: {strays}")


PLACES = {"box", "progress", ".stdout", ".stderr"}


def _work(app: str, source: Path, changes: list[int], folder: Path, progress: Path) -> int:
    with progress.open("a") as out:
        for seed in changes:
            out.write(f"{attempt(app, source, seed, folder / 'box')}\n")
            out.flush()
    return 0


def attempt(app: str, source: Path, seed: int, box: Path) -> str:
    """Change a copy of the run `source` in `box` as `seed` says and open it; how that ended."""
    from cnn_core import runs
    from cnn_core.exporting.session import exported

    app_ = app_of(app)
    shutil.rmtree(box, ignore_errors=True)
    shutil.copytree(source, box)
    random_ = random.Random(seed)
    change(box, random_)
    refused = []
    for way in (lambda: runs.restore(app_, box), lambda: exported(app_, box, "onnx")):
        try:
            way()
        except UserError as error:
            refused.append(str(error))
            if "\n" in str(error) or not str(error) or len(str(error)) > 1000:
                raise AssertionError(f"not one line: {error!s}") from error
    return ("right", "half", "refused")[len(refused)]  # half: the file of one engine was changed


def change(box: Path, random_: random.Random) -> None:
    """One file of the run becomes another."""
    files = sorted(path for path in box.rglob("*") if path.is_file())
    path = random_.choice(files)
    if path.suffix == ".json" and random_.random() < 0.7:
        value = json.loads(path.read_text(encoding="utf-8"))
        _replace(value, random_)
        path.write_text(json.dumps(value), encoding="utf-8")
        return
    other = random_.choice(files).read_bytes()
    path.write_bytes(
        random_.choice([mutated, mutated, lambda *_: other, lambda *_: b""])(path.read_bytes(), random_, other)
    )


def _replace(value: Any, random_: random.Random) -> None:
    """Another value somewhere in a JSON value, or one less, or one more."""
    while isinstance(value, dict | list) and value:
        key = random_.choice(sorted(value)) if isinstance(value, dict) else random_.randrange(len(value))
        inner = value[key]
        if isinstance(inner, dict | list) and inner and random_.random() < 0.7:
            value = inner
            continue
        kind = random_.random()
        if kind < 0.7:
            value[key] = random_.choice(VALUES)
        elif kind < 0.9:
            del value[key]
        elif isinstance(value, dict):
            value[random_.choice(["x", "\x1b", "a" * 300])] = inner
        return
