"""Independent trainings: one after another in this process, or side by side on Ray, over cores and machines.

A study, a search of settings and the folds of a review are dozens to hundreds of trainings that know nothing of each
other. Their results do not depend on where they were computed, and whoever asks for them keeps each as it comes.

Ray and not joblib, whose pool breaks when one worker is lost; and not Dask, which is lighter (62 MB beside 240) but
leaves cores and GPUs of each job to be counted by hand on every machine.
"""

from __future__ import annotations

import os
import platform
import re
import socket
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from cnn_core import version
from cnn_core.console import counted, note, quiet
from cnn_core.errors import UserError, first_line
from cnn_core.optional import require
from cnn_core.verbs.common import Common

T = TypeVar("T")
On = Literal["here", "ray"]
Job = tuple[str, tuple[Any, ...]]
"""A name for people, which no other job has, and the arguments."""
Results = Generator[tuple[str, Any], None, None]
RETRIES = 3
"""So often is a job begun again whose worker or machine was lost."""
TOKEN = Path("~/.ray/auth_token")  # that `ray start --head` makes and asks for
WAIT = 10.0  # seconds for a cluster to answer
STORE = 256 << 20  # bytes that Ray sets aside for results on this machine; more of them goes to its disk


class Engine(Protocol):
    """What computes jobs."""

    @property
    def device(self) -> str:
        """The device that a job is to compute on."""
        ...

    @property
    def slots(self) -> int:
        """How many it computes at a time."""
        ...

    def results(self, function: Callable[..., Any], jobs: Iterable[Job]) -> Results:
        """(name, function(*arguments)) of each job, as they end. Jobs are taken when there is room for them.

        Closed before its end, it ends the jobs that are being computed. Raises UserError as `function` does.
        """
        ...


class Here:
    """One job after another in this process."""

    slots = 1

    def __init__(self, device: str = "auto"):
        self.device = device

    def results(self, function: Callable[..., Any], jobs: Iterable[Job]) -> Results:
        """See `Engine`."""
        for name, arguments in jobs:
            yield name, function(*arguments)


@contextmanager
def engine(on: On, common: Common) -> Iterator[Engine]:
    """The engine for the block. With Ray each job has `--threads` cores, one where that is not given.

    Ray runs on this machine's cores for as long as the block lasts, or is the cluster that RAY_ADDRESS names.
    Raises UserError where Ray is missing or does not answer, and where no machine has so many cores.
    """
    if on == "here":
        yield Here(common.device)
        return
    from cnn_core.training import device

    if ":" in common.device:
        raise UserError(f"--device {common.device}: with --on ray say cuda; Ray deals the GPUs out")
    kind = device.choose(common.device, common.threads).type
    address = os.environ.get("RAY_ADDRESS", "")
    ray = _joined("" if address == "local" else address)
    try:
        found = OnRay(ray, max(common.threads, 1), kind)
        note(f"Ray {'at ' + address if address else 'on this machine'}: {counted(found.machines, 'machine')}, "
             f"{counted(found.slots, 'training')} at a time, {counted(found.threads, 'core')} each")  # fmt: skip
        with redirect_stdout(_Told()):  # type: ignore[type-var]
            yield found
    finally:
        ray.shutdown()


def _joined(address: str) -> Any:
    """The package ray, connected. Raises UserError."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # it would be told to do so on each start
    if address:
        _reached(address)
        if any(map(os.environ.get, ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))) or TOKEN.expanduser().is_file():
            os.environ.setdefault("RAY_AUTH_MODE", "token")
    else:  # its servers listen on 127.0.0.1 alone; read when it is imported
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    ray = require("ray", "--on ray")
    quietly: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address:
            ray.init(address=address, **quietly)
        else:
            ray.init(address="local", num_cpus=cores(), include_dashboard=False, object_store_memory=STORE, **quietly)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
        where = f"RAY_ADDRESS={address}: no Ray cluster answers there" if address else "Ray does not start here"
        raise UserError(f"{where} ({first_line(error)[:200]})") from error
    return ray


def _reached(address: str) -> None:
    """Raises UserError where nothing listens: Ray itself may wait for ever."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.strip("[]"), int(port)), WAIT).close()
        except (OSError, OverflowError) as error:
            raise UserError(f"RAY_ADDRESS={address}: nothing answers there ({first_line(error)})") from error


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class OnRay:
    """Jobs in the worker processes of a Ray cluster, `threads` cores each, and a GPU each where `device` is one."""

    ray: Any
    threads: int
    device: str

    def __post_init__(self) -> None:
        if not self.slots:
            most = max((node["Resources"].get("CPU", 0) for node in self._nodes()), default=0)
            lacking = "a GPU" if self._gpus and most >= self.threads else f"{self.threads} cores (the most: {most:.0f})"
            raise UserError(f"--on ray: no machine of the cluster has {lacking}")

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self.ray.nodes() if node["Alive"]]

    @property
    def _gpus(self) -> int:
        return int(self.device == "cuda")

    @property
    def machines(self) -> int:
        """How many there are now."""
        return len(self._nodes())

    @property
    def slots(self) -> int:
        """See `Engine`; machines come and go."""
        places = 0
        for node in self._nodes():
            room = int(node["Resources"].get("CPU", 0) // self.threads)
            places += min(room, int(node["Resources"].get("GPU", 0))) if self._gpus else room
        return places

    def results(self, function: Callable[..., Any], jobs: Iterable[Job]) -> Results:
        """See `Engine`. One job more than there is room for waits, so that no core does."""
        work = self.ray.remote(num_cpus=self.threads, num_gpus=self._gpus, max_retries=RETRIES)(_work)
        waiting, running = iter(jobs), {}
        try:
            while True:
                for name, arguments in islice(waiting, max(self.slots + 1 - len(running), 0)):
                    asked = (function, arguments, self.device, self.threads, _versions())
                    running[work.remote(*asked)] = name
                if not running:
                    return
                (ended, *_), _ = self.ray.wait([*running])
                yield running[ended], self._result(ended, running[ended])
                del running[ended]
        finally:
            for each in running:
                self.ray.cancel(each, force=True)

    def _result(self, ended: Any, name: str) -> Any:
        errors = self.ray.exceptions
        try:
            kind, value = self.ray.get(ended)
        except errors.RayTaskError as error:
            if "No module named" in str(error):
                raise UserError(f"--on ray: a machine lacks what this one has ({_last_line(error)})") from error
            raise
        except errors.RayError as error:
            raise UserError(
                f"{name}: its worker was lost {RETRIES + 1} times ({first_line(error)[:120]}); what has ended is kept,"
                " and the same command goes on there"
            ) from error
        if kind == "told":
            raise UserError(value)
        return value


class _Told:
    """What Ray prints, where results are expected, as notes: the first sentence, once, and no dump."""

    def __init__(self):
        self.said: set[str] = set()

    def write(self, text: str) -> int:
        for line in _COLOUR.sub("", text).splitlines():
            sentence = line.removeprefix("(raylet) ").partition(". ")[0]
            if sentence[:1].isalpha() and sentence not in self.said:
                self.said.add(sentence)
                note(f"Ray: {sentence[:200]}")
        return len(text)

    def flush(self) -> None:
        """Notes are written at once."""


def _work(function: Callable[..., Any], arguments: Any, device: str, threads: int, versions: str) -> tuple[str, Any]:
    """In a worker: ("done", the result) or ("told", the line of a UserError)."""
    from cnn_core.training import device as devices

    try:
        if _versions() != versions:
            raise UserError(f"--on ray: {platform.node()} has {_versions()}, this machine {versions}; install the same")
        devices.choose(device, threads)
        with quiet():
            return "done", function(*arguments)
    except UserError as error:
        return "told", str(error)


def _versions() -> str:
    return version.line("cnn-suite")


def _last_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[-1][:200]


@dataclass
class Replicated(Generic[T]):
    """Data that are not sent to workers: each loads them for itself, once, by `load`, a function that can be sent.

    `key` names what is loaded; `here` are this process's own.
    """

    key: str
    load: Callable[[], T]
    here: T | None = field(default=None, repr=False)

    def __reduce__(self) -> Any:
        return Replicated, (self.key, self.load)

    def get(self) -> T:
        """The data."""
        if self.here is not None:
            return self.here
        if self.key not in _loaded:
            _loaded.clear()
            _loaded[self.key] = self.load()
        return _loaded[self.key]


_COLOUR = re.compile(r"\x1b\[\d+m")
_loaded: dict[str, Any] = {}
"""In a worker: what it loaded last."""
