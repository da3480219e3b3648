"""Verbs killed with -9, at random times and at random system calls: resumed or run again they end as if nothing was."""

from __future__ import annotations

import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

from tests.campaign.children import Ended, run
from tests.campaign.oracles import answer_of, check_strays, contents, differences, digest_of_tree
from tests.campaign.served import playground
from tests.campaign.tally import Tally
from tests.helpers.little import DATA

ROOT = Path(__file__).parents[2]
APPS = ("digits", "go", "photos", "speech", "text")
SMALL = {
    "digits": ["--fit.epochs", "2"],
    "go": ["--net.filters", "8", "--net.blocks", "1", "--choice.validation", "0.2", "--choice.test", "0.2"],
    "photos": ["--fit.epochs", "2", "--side", "16", "--net.channels", "8", "16", "--net.pools", "2"],
    "speech": ["--fit.epochs", "2", "--no-unknown"],
    "text": ["--fit.epochs", "2"],
}
SMALL["go"] += ["--fit.epochs", "2"]
CALLS = {"openat": 4000, "newfstatat": 9000, "write": 40}
"""System calls in which to kill, and how many of them a verb makes, about."""
WRITING = ("write", "rename", "fsync", "unlink", "mkdir", "ftruncate")
PAGES = ("digits", "go", "photos", "speech", "text")
REPEATED = ("evaluate", "prepare", "export", "page", "review")
WITHOUT = ("review", "go")  # a game's moves are no labels that could be wrong
MOST_KILLS = 3

Arguments = Sequence[str]


@dataclass
class Bench:
    """Data and finished runs to compare with, one for each app, made in `folder` when first asked for."""

    folder: Path
    apps: Sequence[str] = APPS
    data: dict[str, Path] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    before: str | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        self.before = os.environ.get("CNN_SUITE_CACHE")
        os.environ["CNN_SUITE_CACHE"] = str(self.folder / "cache")
        return self

    def __exit__(self, *_: object) -> None:
        if self.before is None:
            del os.environ["CNN_SUITE_CACHE"]
        else:
            os.environ["CNN_SUITE_CACHE"] = self.before

    def trials(self) -> list[Callable[[Path, random.Random, Tally], None]]:
        """Each verb of each app, by clock and by system call, in an order that soon has met all of them."""
        ways = [_by_clock] if strace() is None else [_by_clock, _by_call, _by_error]
        verbs = [(train, self.apps)] + [
            (lambda *to, name=name: again(name, *to), [app for app in self.apps if (name, app) != WITHOUT])
            for name in REPEATED
        ]
        served = [lambda *to, app=app: playground(self.reference(app), app, *to) for app in self.apps if app in PAGES]
        return served + [
            lambda *to, verb=verb, app=app, way=way: verb(self, app, way, *to)
            for number, (verb, apps) in enumerate(verbs)
            for app in [*apps[number:], *apps[:number]]
            for way in ways
        ]

    def data_of(self, app: str) -> Path:
        """The app's little data."""
        if app not in self.data:
            make = digits if app == "digits" else DATA[app]
            self.data[app] = make(self.folder / "data" / app)
        return self.data[app]

    def reference(self, app: str) -> Path:
        """A run of the app that was left alone."""
        folder = self.folder / "runs" / app
        if not folder.exists():
            (self.folder / "runs").mkdir(exist_ok=True)
            ended = command(app, train_arguments(self, app, folder), self.folder)
            if ended.status != 0:
                raise RuntimeError(f"{app}: the reference cannot be trained: {ended.err}")
            self.seconds[f"train {app}"] = ended.seconds
            self.known[f"train {app}"] = contents(folder)
        return folder

    def exported(self, app: str) -> Path:
        """A copy of that run with the file through which it answers without PyTorch."""
        folder = self.folder / "exported" / app
        if not folder.exists():
            shutil.copytree(self.reference(app), folder)
            ended = command(
                app, ["export", folder, "--out", folder / "model.onnx", "--check", 3, "--json"], self.folder
            )
            if ended.status != 0:
                raise RuntimeError(f"{app}: the reference cannot be exported: {ended.err}")
        return folder


def digits(folder: Path) -> Path:
    """Pictures of bars and discs that pass for digits: two classes."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(0)
    for label in "17":
        (folder / label).mkdir(parents=True)
        for number in range(30):
            picture = np.zeros((28, 28), np.uint8)
            row, column = generator.integers(3, 8, 2)
            height, width = generator.integers(12, 20), generator.integers(2, 6)
            picture[row : row + height, column + 4 : column + 4 + width] = 255
            if label == "7":
                picture[row : row + width, column : column + height - 3] = 255
            Image.fromarray(picture).save(folder / label / f"{number}.png")
    return folder


def app_of(name: str) -> Any:
    """The app's description."""
    return importlib.import_module(f"apps.{name}.app").APP


def command(app: str, arguments: Arguments, folder: Path, kill_after: float | None = None) -> Ended:
    """A verb in a forked process."""
    from cnn_core.cli import run as answer

    return run(lambda: answer(app_of(app), [*map(str, arguments)]), folder, kill_after, limit=240.0)


@cache
def strace() -> str | None:
    """The path of strace, where it is installed and tracing is allowed."""
    path = shutil.which("strace")
    if path is None:
        return None
    tried = subprocess.run([path, "-qq", "-o", os.devnull, "true"], capture_output=True, check=False)
    return path if tried.returncode == 0 else None


def _by_clock(app: str, arguments: Arguments, folder: Path, random_: random.Random, seconds: float) -> Ended:
    """Killed after a part of the time that it needs."""
    return command(app, arguments, folder, random_.uniform(0, 1.1 * seconds))


def _by_call(app: str, arguments: Arguments, folder: Path, random_: random.Random, seconds: float) -> Ended:
    """Killed in the system call of some kind and number; a process of its own, since strace starts it."""
    call = random_.choice([*CALLS, *WRITING])
    return _traced(app, arguments, folder, call, "signal=SIGKILL", random_.randint(1, CALLS.get(call, 14)))


def _by_error(app: str, arguments: Arguments, folder: Path, random_: random.Random, seconds: float) -> Ended:
    """A system call that writes fails, from some number on or once: disk full, quota, failing disk, read-only."""
    call, error = random_.choice(WRITING), random_.choice(["ENOSPC", "EDQUOT", "EIO", "EROFS"])
    number, more = random_.randint(1, CALLS.get(call, 14)), random_.choice(["", "+"])
    return _traced(app, arguments, folder, call, f"error={error}", f"{number}{more}")


def _traced(app: str, arguments: Arguments, folder: Path, call: str, what: str, when: int | str) -> Ended:
    path = strace()
    assert path is not None
    asked = [path, "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={when}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*asked, sys.executable, "-m", f"apps.{app}", *map(str, arguments)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    status = -signal.SIGKILL if done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL) else done.returncode
    mute = call == "write" and str(when).endswith("+")
    ended = Ended(status, 0.0, done.stdout, done.stderr, mute)
    return replace(ended, err=f"{call} {what} {when}: {done.stderr}") if ended.fault else ended


def train_arguments(bench: Bench, app: str, folder: Path) -> list[str]:
    """A training of seconds."""
    return ["train", "--data", str(bench.data_of(app)), "--out", str(folder), "--threads", "1", *SMALL[app], "--json"]


def train(bench: Bench, app: str, way: Any, folder: Path, random_: random.Random, tally: Tally) -> None:
    """Killed up to some times and resumed each time; the weights are those of a training that was left alone."""
    name = f"train {app} by {way.__name__.removeprefix('_by_')}"
    bench.reference(app)
    data = digest_of_tree(bench.data_of(app))
    out, killed = folder / "run", 0
    for attempt in range(MOST_KILLS + 1):
        begun = (out / "config.json").exists()
        arguments = (
            ["train", "--resume", str(out), "--threads", "1", "--json"] if begun else train_arguments(bench, app, out)
        )
        if not begun and out.exists():
            arguments.append("--overwrite")
        last = attempt == MOST_KILLS
        if last:
            ended = command(app, arguments, folder)
        else:
            ended = way(app, arguments, folder, random_, bench.seconds[f"train {app}"])
        if ended.fault:
            tally.fault(name, f"{arguments[:3]}: {ended.fault}")
            return
        if ended.status == 0:
            break
        if last or (ended.status != -signal.SIGKILL and way is not _by_error):
            tally.fault(name, f"{arguments[:3]}: status {ended.status}: {ended.err}")
            return
        killed += 1
    wrong = differences(bench.known[f"train {app}"], contents(out))
    if wrong:
        tally.fault(name, f"stopped {killed} times: {wrong}")
    elif digest_of_tree(bench.data_of(app)) != data:
        tally.fault(name, "the user's data were changed")
    else:
        check_strays(folder, {"run"}, name, tally) or tally.count(name, "resumed" if killed else "unhurt")


def again(verb: str, bench: Bench, app: str, way: Any, folder: Path, random_: random.Random, tally: Tally) -> None:
    """Killed and run again; the answer is that of a process that was left alone, the run and the data are as before."""
    name = f"{verb} {app} by {way.__name__.removeprefix('_by_')}"
    reference, data = bench.reference(app), bench.data_of(app)
    out = folder / {"page": "page.html", "review": "labels.csv"}.get(verb, "net.onnx")
    asked = folder / "run"
    if verb == "review":  # it keeps the answers of its folds in the run
        shutil.copytree(reference, asked)
    arguments = {
        "evaluate": ["evaluate", reference, "--json"],
        "prepare": ["prepare", "--sgf" if app == "go" else "--data", data, "--json"],
        "export": ["export", reference, "--out", out, "--check", 3, "--overwrite", "--json"],
        "page": ["export", reference, "--page", out, "--overwrite", "--json"],
        "review": ["review", asked, "--folds", "2", "--out", out, "--threads", "1", "--json"],
    }[verb]
    before = str(contents(reference)) + digest_of_tree(data)
    known = f"{verb} {app}"
    if known not in bench.known:
        ended = command(app, arguments, folder)
        if ended.status != 0:
            tally.fault(name, f"undisturbed: {ended.status} {ended.err}")
            return
        bench.known[known] = answer_of(ended, out)
        bench.seconds[known] = ended.seconds
        out.unlink(missing_ok=True)
        if verb == "review":
            shutil.rmtree(asked)
            shutil.copytree(reference, asked)
    with _cache(folder / ".cache" if verb == "prepare" else None):
        first = way(app, arguments, folder, random_, bench.seconds[known])
        second = command(app, arguments, folder)
    for ended in (first, second):
        if ended.fault:
            tally.fault(name, ended.fault)
            return
    if second.status != 0 or answer_of(second, out) != bench.known[known]:
        tally.fault(name, f"run again it ends otherwise: {second.status} {second.err or second.out[:300]}")
    elif str(contents(reference)) + digest_of_tree(data) != before or _changed(reference, asked):
        tally.fault(name, "the run or the data were changed")
    else:
        killed = first.status != 0
        check_strays(
            folder, {asked.name, out.name, *(f"net{end}" for end in (".predict.py", ".vocabulary.json"))}, name, tally
        ) or tally.count(name, "repeated" if killed else "unhurt")


def _changed(reference: Path, copy: Path) -> bool:
    """Whether a copy of a run has lost or changed what its answers depend on; it may have more."""
    kept = contents(copy) if copy.exists() else contents(reference)
    return any(kept.get(name) != digest for name, digest in contents(reference).items())


@contextmanager
def _cache(folder: Path | None) -> Iterator[None]:
    """A cache of its own, where `folder` is given: a prepare with a full one has nothing to do."""
    before = os.environ["CNN_SUITE_CACHE"]
    os.environ["CNN_SUITE_CACHE"] = str(folder or before)
    try:
        yield
    finally:
        os.environ["CNN_SUITE_CACHE"] = before
